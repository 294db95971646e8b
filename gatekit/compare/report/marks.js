// How each kind of mark is drawn; `c` has the mark, its places in pixels, and its panel.
const TINTS = [[0, 34, 78], [53, 69, 108], [102, 105, 112], [148, 142, 119], [200, 182, 97], [254, 232, 56]];
const LEVELS = 6;

function tint(share) {
  const at = Math.max(0, Math.min(1, share)) * (TINTS.length - 1);
  const below = Math.min(TINTS.length - 2, Math.floor(at));
  const mixed = TINTS[below].map((tone, k) => tone + (at - below) * (TINTS[below + 1][k] - tone));
  const light = mixed[0] * 0.21 + mixed[1] * 0.72 + mixed[2] * 0.07 > 110;
  return { fill: `rgb(${mixed.map(Math.round).join(",")})`, ink: light ? "dark" : "light" };
}

const each = (c, drawn) => c.px.map((left, k) => drawn(left, c.py[k], k));
const diamond = (x, y) => `M${x - 5} ${y}L${x} ${y - 5}L${x + 5} ${y}L${x} ${y + 5}Z`;
const smallest = (values) => {
  const known = [...new Set(values)].sort((a, b) => a - b);
  return known.length > 1 ? known[1] - known[0] : 1;
};

const DRAWN = {
  line(c) {
    const points = each(c, (x, y) => (Number.isFinite(x) && Number.isFinite(y) ? [x, y] : null));
    const kind = c.mark.strong ? "curve" : c.mark.dotted ? "dotted" : "seed";
    const d = path(points);
    const line = draw("path", { d, class: `${kind} ${c.look}` });
    // Over tints, a line has a margin.
    return c.mark.series === null && c.mark.strong ? [draw("path", { d, class: "margin" }), line] : [line];
  },
  band(c) {
    const edge = (values) => values.map((value) => c.y.at(c.y.log ? Math.max(value, c.y.low) : value));
    const [above, below] = [edge(c.mark.y), edge(c.mark.ends)].map((ys) => ys.map((y, k) => [c.px[k], y]));
    return [draw("path", { d: `${path([...above, ...below.reverse()])}Z`, class: `band ${c.look}` })];
  },
  dots: (c) => each(c, (cx, cy) => (
    draw("circle", { cx: cx + (c.panel.beside ? 4 : 0), cy: cy + (c.rows ? 8 : 0), r: c.rows ? 2 : 2.4, class: `seed-dot ${c.look}` }))),
  bar: (c) => each(c, (x1, y, k) => (
    draw("line", { x1, x2: c.x.at(c.mark.ends[k]), y1: y, y2: y, class: `whisker ${c.mark.strong ? "heavy" : ""} ${c.look}` }))),
  pole: (c) => each(c, (x, y1, k) => (
    draw("line", { x1: x, x2: x, y1, y2: c.y.at(c.mark.ends[k]), class: `whisker ${c.look}` }))),
  mean: (c) => each(c, (x, y) => {
    const to = x > c.area.right ? [c.area.right, 1] : [c.area.left, -1];
    const far = c.rows && (x > c.area.right || x < c.area.left);
    const arrow = `M${to[0] - 8 * to[1]} ${y - 5}L${to[0]} ${y}L${to[0] - 8 * to[1]} ${y + 5}Z`;
    return draw("path", { d: far ? arrow : diamond(x, y), class: `point ${c.mark.strong ? "" : "open"} ${c.look}` });
  }),
  cross: (c) => c.py.map((y, k) => {
    const x = c.px.length ? c.px[k] : c.mark.side > 0 ? c.area.right - 5 : c.area.left + 5;
    return draw("path", { d: `M${x - 4} ${y - 4}L${x + 4} ${y + 4}M${x - 4} ${y + 4}L${x + 4} ${y - 4}`, class: `cross ${c.look}` });
  }),
  tick: (c) => each(c, (x, y) => draw("line", { x1: x, x2: x, y1: y - 4, y2: y + 4, class: `whisker ${c.look}` })),
  rule: (c) => [
    ...c.px.map((x) => draw("line", { x1: x, x2: x, y1: c.area.top, y2: c.area.bottom, class: c.mark.strong ? "zero" : "budget" })),
    ...c.py.map((y) => draw("line", { x1: c.area.left, x2: c.area.right, y1: y, y2: y, class: "chance" })),
    ...c.mark.tips.map((text, k) => {
      const y = c.py[k] + (c.py[k] < c.area.top + 14 ? 13 : -4);
      return draw("text", { x: c.area.right - 4, y, class: "halo end" }, text);
    }),
  ],
  text: (c) => c.py.map((y, k) => {
    const text = c.mark.tips[k];
    if (c.px.length) {
      const anchor = { "-1": "end", 0: "middle", 1: "" }[c.mark.side];
      const cut = c.mark.side > 0 && c.px[k] + 6.4 * text.length > c.area.right + 20 ? "end" : anchor;
      return draw("text", { x: c.px[k] + 4 * c.mark.side, y: y + 4, class: `tick ${cut}` }, text);
    }
    const place_ = c.above ? { x: c.area.right, y: y - 0.7 * c.each + 12, class: "halo end" } : { x: c.area.right + 8, y: y + 4 };
    return draw("text", place_, text);
  }),
  cell(c) {
    if (!c.panel.tints) return tones(c);
    const [low, high] = [Math.min(...c.mark.ends), Math.max(...c.mark.ends)];
    const wide = c.x.at(1) - c.x.at(0);
    return each(c, (x, y, k) => [x, y, k]).flatMap(([x, y, k]) => {
      const share = high > low ? (c.mark.ends[k] - low) / (high - low) : 0.5;
      const { fill, ink } = tint(c.panel.tints.better < 0 ? 1 - share : share);
      return [
        draw("rect", { x: x - wide / 2 + 1, y: y - c.each / 2 + 1, width: wide - 2, height: c.each - 2, fill }),
        wide > 44 ? draw("text", { x, y: y + 4, class: `middle ${ink}` }, c.mark.tips[k]) : "",
      ].filter(Boolean);
    });
  },
  frame(c) {
    const wide = c.x.at(1) - c.x.at(0);
    return each(c, (x, y) => (
      draw("rect", { x: x - wide / 2 + 1, y: y - c.each / 2 + 1, width: wide - 2, height: c.each - 2, class: "best" })));
  },
};

// Shares as shades of the series' colour: one path for each shade.
function tones(c) {
  const most = c.mark.ends.reduce((a, b) => Math.max(a, b), 1e-9);
  const wide = Math.abs(c.x.at(smallest(c.mark.x)) - c.x.at(0));
  const high = Math.abs(c.y.at(smallest(c.mark.y)) - c.y.at(0));
  const paths = Array(LEVELS).fill("");
  each(c, (x, y, k) => {
    const share = c.mark.ends[k];
    if (share < 0.002) return;
    // A square root makes shades of small values easier to distinguish.
    const level = Math.ceil(Math.sqrt(share / most) * LEVELS) - 1;
    const [left, top, w, h] = [x - wide / 2, y - high / 2, wide, high].map((one) => one.toFixed(1));
    paths[level] += `M${left} ${top}h${w}v${h}h-${w}z`;
  });
  return paths.map((d, level) => d && draw("path", { d, class: `tone l${level + 1} ${c.look}` })).filter(Boolean);
}
