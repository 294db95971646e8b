// Draws the charts of gatekit/compare/views: rows of panels with marks in units of the data.
const TINTS = [[0, 34, 78], [53, 69, 108], [102, 105, 112], [148, 142, 119], [200, 182, 97], [254, 232, 56]];

function tint(share) {
  const at = Math.max(0, Math.min(1, share)) * (TINTS.length - 1);
  const below = Math.min(TINTS.length - 2, Math.floor(at));
  const mixed = TINTS[below].map((tone, k) => tone + (at - below) * (TINTS[below + 1][k] - tone));
  const light = mixed[0] * 0.21 + mixed[1] * 0.72 + mixed[2] * 0.07 > 110;
  return { fill: `rgb(${mixed.map(Math.round).join(",")})`, ink: light ? "dark" : "light" };
}

const BETTER = { "-1": " (better: left)", 0: "", 1: " (better: right)" };

// The lines of a title that fit into a width.
function broken(title, width) {
  const lines = [""];
  for (const word of title.split(" ")) {
    const longer = `${lines[lines.length - 1]} ${word}`.trim();
    if (longer.length * 6.4 < width || !lines[lines.length - 1]) lines[lines.length - 1] = longer;
    else lines.push(word);
  }
  return lines;
}

function panels(holder) {
  const figure = page[holder.dataset.of].charts[Number(holder.dataset.part)];
  const { series } = figure;
  const hidden = new Set();
  const frames = make("div", { class: "frames" });
  const canvas = make("div", { class: "canvas top" }, frames);
  const bubble = tip(canvas);
  const heard = make("p", { class: "heard", "aria-live": "polite" });
  const every = figure.panels.flat();
  const named = every.every((one) => one.y.scale === "names");
  const legend = named ? [] : series.map((one, index) => make("button", {
    type: "button", class: "group", "aria-pressed": "true", title: "show or hide",
    click: (event) => {
      if (!hidden.delete(index)) hidden.add(index);
      event.currentTarget.setAttribute("aria-pressed", String(!hidden.has(index)));
      again();
    },
  }, swatch(one.look), one.note ? `${one.name} (${one.note})` : one.name));
  const chosen = make("div", { class: "chosen", role: "group", "aria-label": "groups" }, ...legend);
  holder.append(
    legend.length ? make("div", { class: "chooser" }, chosen) : "", canvas, heard,
    ...figure.notes.map((text) => make("p", { class: "caption" }, text)),
  );

  function paint() {
    bubble.hide();
    const cells = figure.panels.map((row) => row.map((panel) => [panel, make("div", {})]));
    frames.replaceChildren(...cells.map((row) => make("div", { class: "row" }, ...row.map(([, cell]) => cell))));
    for (const row of cells) {
      for (const [panel, cell] of row) cell.append(one(panel, Math.max(260, cell.clientWidth), panel === row[0][0]));
    }
  }

  function limits(axis, marks, way) {
    if (axis.limits) return axis.limits;
    if (axis.scale === "names") return [-0.5, axis.names.length - 0.5];
    const reach = { x: ["bar"], y: ["band", "pole"] }[way];
    const values = marks.filter((mark) => mark.kind !== "text")
      .flatMap((mark) => [...mark[way], ...(reach.includes(mark.kind) ? mark.ends : [])])
      .filter((value) => axis.scale !== "log" || value > 0);
    const low = values.reduce((a, b) => Math.min(a, b), Infinity);
    const high = values.reduce((a, b) => Math.max(a, b), -Infinity);
    if (low > high) return [0, 1];
    if (axis.scale === "log") return [low / (high / low) ** 0.05, high * (high / low) ** 0.05];
    const pad = (high - low) * 0.05 || Math.abs(high) * 0.05 || 0.5;
    return [low - pad, high + pad];
  }

  function one(panel, width, first) {
    const marks = panel.marks.filter((mark) => mark.series === null || !hidden.has(mark.series));
    const rows = panel.y.scale === "names" ? panel.y.names.length : 0;
    const letters = (texts) => 7.2 * texts.reduce((most, text) => Math.max(most, text.length), 0);
    const said = panel.tints ? [] : marks.filter((mark) => mark.kind === "text").flatMap((mark) => mark.tips);
    // On a phone, names and numbers stand above their rows.
    const above = rows > 0 && !panel.tints && letters(panel.y.names) + letters(said) > width * 0.55;
    const each = above ? 46 : 30;
    const what = panel.tints ? panel.tints.title : panel.name;
    const head = (panel.title ? 22 : 0) + (what ? 18 : 0);
    const titles = broken(panel.x.title + BETTER[panel.x.title.includes("better") ? 0 : panel.x.better], width);
    const turned = panel.x.scale === "names" && letters(panel.x.names) > 0.7 * (width / panel.x.names.length);
    const foot = (turned ? 86 : 32) + 14 * titles.length;
    const top = head + (rows ? 6 : 26);
    const height = rows ? top + each * rows + foot : Math.round(Math.min(380, Math.max(250, width * 0.45))) + head;
    const area = {
      left: !rows ? 58 : above ? 8 : Math.min(width * 0.4, letters(panel.y.names) + 14),
      right: width - (said.length && !above ? letters(said) + 16 : rows ? 14 : 28), top, bottom: height - foot,
    };
    const x = scale(...limits(panel.x, marks, "x"), area.left, area.right, panel.x.scale === "log");
    const y = rows
      ? { at: (row) => area.top + (row + (above ? 0.7 : 0.5)) * each }
      : scale(...limits(panel.y, marks, "y"), area.bottom, area.top, panel.y.scale === "log");
    const parts = axes(panel, area, x, y, { rows, above, each, turned, width, titles });
    if (panel.title && first) parts.push(draw("text", { x: 0, y: 14, class: "heading" }, panel.title));
    if (what) parts.push(draw("text", { x: area.left, y: head - 4, class: "title" }, what));
    const spots = [];
    const drawn = [...new Set(marks.map((mark) => mark.series))].filter((index) => index !== null);
    for (const mark of marks) {
      const place = (drawn.indexOf(mark.series) - (drawn.length - 1) / 2) * Math.min(7, 60 / drawn.length);
      const shift = panel.beside && mark.series !== null ? place : 0;
      const px = mark.x.map((value) => x.at(value) + shift);
      const py = mark.y.map((value) => y.at(value));
      const look = mark.series === null ? "plain" : series[mark.series].look;
      parts.push(...DRAWN[mark.kind]({ mark, px, py, x, y, area, panel, rows, above, each, look }));
      if (!["mean", "dots", "cell"].includes(mark.kind)) continue;
      px.forEach((left, k) => spots.push({ left, top: py[k], mark, k, look }));
    }
    const label = [panel.title, what || panel.y.title || "groups", "over", panel.x.title];
    const svg = draw("svg", {
      class: "chart", viewBox: `0 0 ${width} ${height}`, height, tabindex: 0, role: "application",
      "aria-label": `${label.filter(Boolean).join(" ")}; arrow keys move between the marks`,
    }, ...parts);
    listen(svg, panel, spots);
    return svg;
  }

  function axes(panel, area, x, y, { rows, above, each, turned, width, titles }) {
    const { names, places } = panel.x;
    const at = panel.x.scale === "names" ? names.map((text, k) => [k, text]) : places.map((value, k) => [value, names[k]]);
    const side = { "-1": ", lower is better", 0: "", 1: ", higher is better" }[panel.y.better];
    const below = titles.map((text, k) => {
      const middle = Math.max(3.2 * text.length, Math.min(width - 3.2 * text.length, (area.left + area.right) / 2));
      return draw("text", { x: middle, y: area.bottom + (turned ? 88 : 34) + 14 * k, class: "title middle" }, text);
    });
    if (!rows) {
      const labels = { x: "", y: panel.y.title + side, whole: panel.x.whole, places: at.length ? at : null };
      return [...frame(area, x, y, labels), ...below];
    }
    const parts = [];
    const known = at.length ? at : ticks(x, Math.max(2, (area.right - area.left) / 90)).map((value) => [value, shown(value)]);
    for (const [value, text] of known) {
      const left = x.at(value);
      if (!panel.tints) parts.push(draw("line", { x1: left, x2: left, y1: area.top, y2: area.bottom, class: "grid" }));
      const foot = { x: left, y: area.bottom + 16, class: turned ? "tick end" : "tick middle" };
      parts.push(draw("text", turned ? { ...foot, transform: `rotate(-30 ${left} ${foot.y})` } : foot, text));
    }
    panel.y.names.forEach((name, row) => {
      const place = above ? { x: area.left, y: area.top + row * each + 12 } : { x: area.left - 8, y: y.at(row) + 4 };
      parts.push(draw("text", { ...place, class: above ? "name" : "name end" }, name));
    });
    parts.push(...below);
    return parts;
  }

  function told({ mark, k }, panel) {
    const rows = [];
    const at = (axis, value) => (axis.scale === "names" ? axis.names[value] : shown(value));
    if (panel.y.scale === "names" && !panel.tints) {
      const text = panel.marks.find((other) => other.kind === "text" && other.y[0] === mark.y[k]);
      if (text) rows.push([null, "", text.tips[0], true]);
      if (mark.kind === "dots" || !text) rows.push([null, mark.tips[k] || panel.name, shown(mark.x[k])]);
      return [panel.y.names[mark.y[k]], rows];
    }
    rows.push([null, panel.x.title, at(panel.x, mark.x[k])], [null, panel.y.title, at(panel.y, mark.y[k])]);
    if (mark.kind === "cell") rows.push([null, panel.tints.title, mark.tips[k], true]);
    const name = mark.series === null ? "" : series[mark.series].name;
    return [[name, mark.kind === "cell" ? "" : mark.tips[k]].filter(Boolean).join(", "), rows];
  }

  function listen(svg, panel, spots) {
    let chosen = -1;
    const ring = draw("circle", { r: 8, class: "cursor ring" });
    const show = (spot, aloud) => {
      const [title, rows] = told(spot, panel);
      filled(ring, { cx: spot.left, cy: spot.top }, []);
      svg.append(ring);
      const [outer, inner] = [canvas.getBoundingClientRect(), svg.getBoundingClientRect()];
      bubble.show(inner.left - outer.left + spot.left, inner.top - outer.top + spot.top, title, rows);
      if (aloud) heard.textContent = `${title}: ${rows.map((row) => row.slice(1, 3).filter(Boolean).join(" ")).join("; ")}`;
    };
    const hide = () => { bubble.hide(); ring.remove(); };
    svg.addEventListener("pointermove", (event) => {
      const [left, top] = place(svg, event);
      const away = (spot) => Math.hypot(spot.left - left, spot.top - top);
      const near = spots.reduce((best, spot) => (best && away(best) <= away(spot) ? best : spot), null);
      if (near && away(near) < 30) show(near, false); else hide();
    });
    svg.addEventListener("pointerleave", hide);
    svg.addEventListener("blur", hide);
    svg.addEventListener("keydown", (event) => {
      const last = spots.length - 1;
      const to = { ArrowRight: Math.min(last, chosen + 1), ArrowLeft: Math.max(0, chosen - 1), Home: 0, End: last }[event.key];
      if (to === undefined || last < 0) return;
      chosen = to;
      show(spots[chosen], true);
      event.preventDefault();
    });
  }
  const again = painted(canvas, paint);
}

// How each kind of mark is drawn; `c` has the mark, its places in pixels, and its panel.
const each = (c, drawn) => c.px.map((left, k) => drawn(left, c.py[k], k));
const diamond = (x, y) => `M${x - 5} ${y}L${x} ${y - 5}L${x + 5} ${y}L${x} ${y + 5}Z`;
const stepped = (points) => points.flatMap(([x, y], k) => (k ? [[x, points[k - 1][1]], [x, y]] : [[x, y]]));
const DRAWN = {
  line(c) {
    const points = each(c, (x, y) => [x, y]);
    const kind = c.mark.dotted ? "before" : c.mark.strong ? "curve" : "seed";
    return [draw("path", { d: path(c.mark.steps ? stepped(points) : points), class: `${kind} ${c.look}` })];
  },
  band(c) {
    const [one, other] = [each(c, (x, y) => [x, y]), each(c, (x, _, k) => [x, c.y.at(c.mark.ends[k])])];
    const [above, below] = c.mark.steps ? [stepped(one), stepped(other)] : [one, other];
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
    ...c.mark.tips.map((text, k) => draw("text", { x: c.area.right - 4, y: c.py[k] - 4, class: "halo end" }, text)),
  ],
  text: (c) => c.py.map((y, k) => {
    if (c.px.length) return draw("text", { x: c.px[k], y: y + 4, class: "tick middle" }, c.mark.tips[k].replace("\n", " "));
    const place = c.above ? { x: c.area.right, y: y - 0.7 * c.each + 12, class: "end" } : { x: c.area.right + 8, y: y + 4 };
    return draw("text", place, c.mark.tips[k]);
  }),
  cell(c) {
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
