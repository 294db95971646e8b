// Draws any chart of gatekit/compare/views, with a legend, zoom, and a readout for pointer and keys.
const BETTER = { "-1": " (better: left)", 0: "", 1: " (better: right)" };
const SIDE = { "-1": ", lower is better", 0: "", 1: ", higher is better" };
const letters = (texts, size = 7.2) => size * texts.reduce((most, text) => Math.max(most, text.length), 0);
let clips = 0;

// A chart with its marks' lists, and what Python leaves out because it is the default.
function unpacked(data, lists) {
  const list = (place_) => (place_ === undefined ? [] : lists[place_]);
  const axis = (one) => ({ title: "", scale: "linear", limits: null, names: [], places: [], better: 0, ...one });
  const mark = (one) => ({ side: 0, ...one, x: list(one.x), y: list(one.y), ends: list(one.ends), tips: list(one.tips) });
  const panel = (one) => ({
    title: "", name: "", note: "", rows: 0, ...one, x: axis(one.x), y: axis(one.y),
    tints: one.tints ? axis(one.tints) : null, marks: one.marks.map((m) => ({ series: null, ...mark(m) })),
  });
  return { series: data.series, notes: data.notes, panels: data.panels.map((row) => row.map(panel)) };
}

// The lines of a title that fit into a width.
function broken(title, width) {
  const lines = [""];
  for (const word of title.split(" ")) {
    const longer = `${lines[lines.length - 1]} ${word}`.trim();
    if (longer.length * 6.4 < width || !lines[lines.length - 1]) lines[lines.length - 1] = longer;
    else lines.push(word);
  }
  return lines.filter(Boolean);
}

// The ends of an axis; between `within` on the x axis, if it is given, from the marks alone.
function limits(panel, marks, way, log, within) {
  const axis = panel[way];
  if (axis.limits && !within) return axis.limits;
  if (axis.scale === "names") return [-0.5, axis.names.length - 0.5];
  const reach = { x: ["bar"], y: ["band", "pole"] }[way];
  let [low, high, exact] = [Infinity, -Infinity, false];
  const take = (value) => {
    if (log && !(value > 0)) return;
    if (value < low) low = value;
    if (value > high) high = value;
  };
  for (const mark of marks) {
    if (mark.kind === "text" || (within && mark.kind === "rule")) continue;
    const half = mark.kind === "cell" ? smallest(mark[way]) / 2 : 0;
    exact ||= half > 0;
    mark[way].forEach((value, k) => {
      if (within && (mark.x[k] < within[0] || mark.x[k] > within[1])) return;
      take(value - half);
      take(value + half);
      if (reach.includes(mark.kind) && !(log && within)) take(mark.ends[k]);
    });
  }
  if (low > high) return [0, 1];
  if (exact) return [low, high];
  if (log) return [low / (high / low) ** 0.05, high * (high / low) ** 0.05];
  const flat = way === "x" && marks.some((mark) => mark.kind === "line" && mark.series !== null) && !panel.beside;
  const pad = flat && high > low ? 0 : (high - low) * 0.05 || Math.abs(high) * 0.05 || 0.5;
  return [low - pad, high + pad];
}

function chart(holder) {
  const { of, part } = holder.dataset;
  const { charts, lists } = page[of];
  const all = charts[part];
  const choices = all.choices || [];
  const seen = memory.get(`${of}${part}`, {});
  const state = { logX: false, logY: null, seeds: true, bands: true, zoom: {}, ...seen };
  const frames = make("div", { class: "frames" });
  const canvas = make("div", { class: "canvas" }, frames);
  const bubble = tip(canvas);
  const heard = make("p", { class: "heard", "aria-live": "polite" });
  const notes = make("div", {});
  const tools = make("div", { class: "tools" });
  const legend = make("div", { class: "chooser" });
  let [figure, views, place_] = [null, [], null];
  let press = null;
  const hidden = (mark) => mark.series !== null && choice.hidden.has(figure.series[mark.series].name);
  const change = (next) => {
    Object.assign(state, next);
    memory.set(`${of}${part}`, state);
    again();
  };

  const chosen = () => choices.reduce((sum, [name, texts, first]) => (
    sum * texts.length + choice.picked(name, texts, first)), 0);

  function build() {
    place_ = chosen();
    const data = choices.length ? all.charts[place_] : all;
    figure = unpacked(data || { series: [], notes: [], panels: [] }, lists);
    views = figure.panels.map((row, r) => row.map((panel, c) => view(panel, row[0].title, c === 0, `${place_}.${r}.${c}`)));
    frames.replaceChildren(...views.map((row) => make("div", { class: row[0].panel.rows && row.length > 2 ? "row small" : "row" }, ...row.map((one) => one.node))));
    // Many tasks are beside each other, and below other charts.
    const many = figure.panels.length > 2 && figure.panels.every((row) => row.length < 3 && !row[0].tints);
    frames.className = many ? `frames many across${figure.panels[0].length}` : "frames";
    holder.parentElement.classList.toggle("wide", many);
    notes.replaceChildren(...figure.notes.map((text) => make("p", { class: "caption" }, text)));
    if (!data) frames.append(make("p", { class: "caption" }, "No run has recorded this."));
    legend.replaceChildren(...named());
    toolbar();
  }

  // The legend; if there are many series, a search field finds them by name.
  function named() {
    const every = figure.panels.flat().flatMap((one) => (
      one.y.scale === "names" ? [] : one.marks.map((mark) => mark.series)));
    const drawn = figure.series.filter((_, index) => every.includes(index));
    const names = drawn.map((one) => one.name);
    const buttons = drawn.map((one) => make("button", {
      type: "button", class: "group", title: "click: show or hide; double-click: show alone",
      click: () => choice.toggle(one.name), dblclick: () => choice.hide(names.filter((name) => name !== one.name)),
    }, swatch(one.look), one.name, one.note ? make("span", { class: "shares" }, one.note) : null));
    press = () => buttons.forEach((one, k) => one.setAttribute("aria-pressed", String(!choice.hidden.has(names[k]))));
    const list = make("div", { class: "chosen", role: "group", "aria-label": "groups" }, ...buttons);
    if (names.length < 2) return names.length ? [list] : [];
    const find = names.length > 12 ? make("input", {
      type: "search", placeholder: "find a group", "aria-label": "find a group",
      input: () => buttons.forEach((one, k) => { one.hidden = !names[k].toLowerCase().includes(find.value.toLowerCase()); }),
    }) : null;
    return [list, names.length > 5 ? make(
      "div", { class: "tools" }, find,
      button("all", "show all groups", () => choice.hide([])),
      button("none", "hide all groups", () => choice.hide(names)),
      button("first", "show the baseline and the best", () => choice.reset()),
    ) : null].filter(Boolean);
  }

  function toolbar() {
    if (!choices.length) return;
    const every = views.flat();
    const has = (test) => every.some((one) => one.panel.marks.some(test));
    tools.replaceChildren(...[
      ...choices.map(([name, texts, first]) => {
        const at = choice.picked(name, texts, first);
        if (texts.length === 1) return make("span", { class: "what" }, texts[0]);
        const select = make("select", { "aria-label": name, change: () => choice.pick(name, texts[select.selectedIndex]) },
          ...texts.map((text, k) => make("option", { selected: k === at }, text)));
        return select;
      }),
      box("log y", state.logY ?? every.some((one) => one.panel.y.scale === "log"), (on) => change({ logY: on, zoom: {} })),
      box("log x", state.logX, (on) => change({ logX: on, zoom: {} })),
      has((mark) => mark.kind === "band") ? box("bands", state.bands, (on) => change({ bands: on })) : null,
      has(isSeed) ? box("seeds", state.seeds, (on) => change({ seeds: on })) : null,
      make(
        "span", { class: "buttons" },
        button("+", "zoom in", () => every.forEach((one) => one.zoom(0.5))),
        button("\u2212", "zoom out", () => every.forEach((one) => one.zoom(2))),
        button("all", "show everything", () => change({ zoom: {} })),
      ),
    ].filter(Boolean));
  }

  function paint() {
    bubble.hide();
    if (place_ !== chosen()) {
      state.zoom = {};
      state.logY = null;
      build();
    }
    press();
    for (const one of views.flat()) one.paint();
  }

  // One panel: its node, and how it is painted again.
  function view(panel, heading, first, key) {
    const svg = draw("svg", { class: "chart", tabindex: 0, role: "application" });
    const node = make("div", {}, svg);
    const rows = panel.y.scale === "names" ? panel.y.names.length : 0;
    const free = panel.tints !== null;
    const curves = panel.marks.some((mark) => mark.kind === "line" && mark.strong) && !panel.beside;
    const what = panel.tints ? panel.tints.title : panel.name;
    const id = `clip${clips += 1}`;
    let now = null;
    let cursor = null;
    let held = null;  // the label of what the pointer, or the cursor, is at

    function measure(marks, width) {
      const said = free ? [] : marks.filter((mark) => mark.kind === "text" && !mark.x.length).flatMap((mark) => mark.tips);
      // On a phone, names and numbers are above their rows.
      const above = rows > 0 && !panel.tints && letters(panel.y.names) + letters(said) > width * 0.55;
      const high = above ? 46 : 30;
      const head = (heading ? 22 : 0) + (what || panel.note ? 18 : 0);
      const titles = broken(panel.x.title && panel.x.title + BETTER[panel.x.title.includes("better") ? 0 : panel.x.better], width);
      const turned = panel.x.scale === "names" && letters(panel.x.names) > 0.7 * (width / panel.x.names.length);
      const foot = (turned ? 86 : 20) + (titles.length ? 12 : 0) + 14 * titles.length;
      const top = head + (rows || !panel.y.title ? 6 : 26);
      const tall = rows ? high * rows : panel.rows ? 18 * panel.rows : Math.round(Math.min(330, Math.max(210, width * 0.4)));
      const left = !rows ? (panel.y.title ? 58 : 34) : above ? 8 : Math.min(width * 0.4, letters(panel.y.names) + 14);
      const right = width - (said.length && !above ? letters(said) + 16 : rows || !panel.y.title ? 14 : 28);
      return { area: { left, right, top, bottom: top + tall }, height: top + tall + foot, head, above, each: high, turned, titles };
    }

    const isShown = (mark) => rows > 0 || !(hidden(mark) || (mark.kind === "band" && !state.bands) || (isSeed(mark) && !state.seeds));

    function one() {
      const marks = panel.marks.filter(isShown);
      const width = Math.max(240, node.clientWidth);
      const size = measure(marks, width);
      const { area } = size;
      const zoom = state.zoom[key] || {};
      const log = {
        x: panel.x.scale === "log" || state.logX,
        y: choices.length && state.logY !== null ? state.logY : panel.y.scale === "log",
      };
      const own = log.y === (panel.y.scale === "log") && !(choices.length && choice.changed);
      const within = zoom.x || (own ? null : [-Infinity, Infinity]);
      const whole = limits(panel, marks, "x", log.x, log.x && panel.x.scale !== "log" ? [-Infinity, Infinity] : null);
      const x = scale(...(zoom.x || whole), area.left, area.right, log.x);
      const y = rows
        ? { at: (row) => area.top + (row + (size.above ? 0.7 : 0.5)) * size.each }
        : scale(...(zoom.y || limits(panel, marks, "y", log.y, within)), area.bottom, area.top, log.y);
      return { ...size, marks, width, x, y, whole, zoomed: Boolean(zoom.x) };
    }

    function shapes() {
      const { marks, x, y, area } = now;
      const drawn = [...new Set(marks.map((mark) => mark.series))].filter((index) => index !== null);
      const [inner, outer] = [[], []];
      now.spots = [];
      for (const mark of marks) {
        const beside = (drawn.indexOf(mark.series) - (drawn.length - 1) / 2) * Math.min(7, 60 / drawn.length);
        const shift = panel.beside && mark.series !== null ? beside : 0;
        const px = mark.x.map((value) => x.at(value) + shift);
        const py = mark.y.map((value) => y.at(value));
        const look = mark.series === null ? "plain" : figure.series[mark.series].look;
        const to = mark.kind === "text" ? outer : inner;
        to.push(...DRAWN[mark.kind]({ ...now, mark, px, py, panel, rows, look }));
        if (curves || !["mean", "dots", "cell"].includes(mark.kind)) continue;
        px.forEach((left, k) => {
          if (!now.zoomed || (left >= area.left && left <= area.right)) now.spots.push({ left, top: py[k], mark, k, look });
        });
      }
      return [draw("g", { "clip-path": free ? null : `url(#${id})` }, ...inner), ...outer];
    }

    function paint_() {
      now = one();
      now.bands = new Map(now.marks.filter((mark) => mark.kind === "band").map((mark) => [mark.series, mark]));
      const { area, head, width, height } = now;
      const label = [panel.title, what || panel.y.title || "groups", "over", panel.x.title].filter(Boolean).join(" ");
      filled(svg, {
        viewBox: `0 0 ${width} ${height}`, height,
        "aria-label": `${label}; arrow keys move, plus and minus zoom, 0 shows everything`,
      }, []);
      const empty = figure.series.length > 0 && !now.marks.some((mark) => mark.series !== null);
      node.hidden = empty && panel.marks.some((mark) => mark.kind === "cell");
      const room = panel.marks.some((mark) => mark.kind === "mean") ? 6 : 1;
      const clip = draw("clipPath", { id }, draw("rect", {
        x: area.left - room, y: area.top - 8, width: area.right - area.left + 2 * room, height: area.bottom - area.top + 9,
      }));
      now.over = draw("g", {});
      const parts = [draw("defs", {}, clip), ...axes(), ...shapes(), now.over];
      if (heading && first) parts.push(draw("text", { x: 0, y: 14, class: "heading" }, heading));
      if (what) parts.push(draw("text", { x: area.left, y: head - 4, class: "title" }, what));
      if (panel.note) parts.push(draw("text", { x: area.right, y: head - 4, class: "end" }, panel.note));
      if (empty) {
        parts.push(draw("text", { x: width / 2, y: (area.top + area.bottom) / 2, class: "title middle" }, "no group is selected"));
      }
      svg.replaceChildren(...parts);
    }

    function axes() {
      const { area, x, y, above, each: high, turned, width, titles } = now;
      const parts = titles.map((text, k) => {
        const middle = Math.max(3.2 * text.length, Math.min(width - 3.2 * text.length, (area.left + area.right) / 2));
        return draw("text", { x: middle, y: area.bottom + (turned ? 88 : 34) + 14 * k, class: "title middle" }, text);
      });
      const ready = (axis) => (axis.scale === "names" ? axis.names.map((text, k) => [k, text]) : axis.places.map((value, k) => [value, axis.names[k]]));
      const at = ready(panel.x).filter(([value]) => rows || (value >= x.low && value <= x.high));
      const known = at.length ? at : ticks(x, Math.max(2, (area.right - area.left) / 90))
        .filter((value) => !panel.x.whole || Number.isInteger(value)).map((value) => [value, shown(value)]);
      for (const [value, text] of known) {
        const left = x.at(value);
        const [from, to] = rows ? [area.top, area.bottom] : [area.bottom, area.bottom + 4];
        if (!panel.tints) parts.push(draw("line", { x1: left, x2: left, y1: from, y2: to, class: rows ? "grid" : "axis" }));
        const foot = { x: left, y: area.bottom + 16, class: turned ? "tick end" : "tick middle" };
        parts.push(draw("text", turned ? { ...foot, transform: `rotate(-30 ${left} ${foot.y})` } : foot, text));
      }
      panel.y.names.forEach((name, row) => {
        if (!rows) return;
        const spot = above ? { x: area.left, y: area.top + row * high + 12 } : { x: area.left - 8, y: y.at(row) + 4 };
        parts.push(draw("text", { ...spot, class: above ? "name" : "name end" }, name));
      });
      if (rows) return parts;
      const levels = ready(panel.y).length ? ready(panel.y) : ticks(y, Math.max(3, (area.bottom - area.top) / 55)).map((value) => [value, shown(value)]);
      for (const [value, text] of levels) {
        const top = y.at(value);
        if (top < area.top - 1 || top > area.bottom + 1) continue;
        parts.push(draw("line", { x1: area.left, x2: area.right, y1: top, y2: top, class: "grid" }));
        parts.push(draw("text", { x: area.left - 7, y: top + 3.5, class: "tick end" }, text));
      }
      parts.push(draw("line", { x1: area.left, x2: area.right, y1: area.bottom, y2: area.bottom, class: "axis" }));
      if (panel.y.title) parts.push(draw("text", { x: area.left - 46, y: area.top - 10, class: "title" }, panel.y.title + SIDE[panel.y.better]));
      return parts;
    }

    const zoom = (factor, around) => {
      if (!now || free) return;
      const { area, x, whole } = now;
      const at = around ?? (area.left + area.right) / 2;
      const left = at - (at - area.left) * factor;
      const range = [x.of(left), x.of(left + (area.right - area.left) * factor)];
      const [low, high] = whole;
      const wide = range[0] <= low && range[1] >= high;
      focus(wide ? null : [Math.max(low, range[0]), Math.min(high, range[1])], null);
    };
    const focus = (x, y) => change({ zoom: { ...state.zoom, [key]: x || y ? { x, y } : undefined } });

    // The lines at a place of the x axis. A line has no value between evaluations; over other axes
    // it is interpolated, and beyond its end, which may be early, its last value is shown.
    function lines(value) {
      const found = [];
      for (const line of now.marks) {
        if (line.kind !== "line" || !line.strong || !line.x.length) continue;
        const last = line.x.length - 1;
        const ended = !panel.x.whole && value > line.x[last];
        const k = ended ? last : fraction(line.x, value);
        if (k === null || (panel.x.whole && !Number.isInteger(k))) continue;
        const height = between(line.y, k);
        const band = now.bands.get(line.series);
        const b = band ? fraction(band.x, line.x[last] < value ? line.x[last] : value) : null;
        const ends = b === null ? "" : ` [${[band.y, band.ends].map((edge) => shown(between(edge, b))).join(", ")}]`;
        const end = ended ? ` at ${shown(line.x[last])}, where it ends` : "";
        const own = line.series === null ? { name: panel.name, look: null } : figure.series[line.series];
        const said = line.tips.length > 1 ? line.tips[k] : null;
        found.push({ look: own.look, label: own.name, value: height, ended, said, text: shown(height) + ends + end });
      }
      const sign = panel.y.better > 0 ? -1 : 1;
      return found.sort((a, b) => sign * (a.value - b.value));
    }

    // The places of the cursor: those of points, or evenly spaced where they differ by line.
    function places() {
      const { area, x } = now;
      if (!panel.x.whole) {
        const wide = (area.right - area.left) / 40;
        return Array.from({ length: 41 }, (_, k) => rounded(x.of(area.left + k * wide)));
      }
      if (!now.places) {
        const lists_ = new Set(now.marks.filter((mark) => mark.kind === "line" && mark.strong).map((mark) => mark.x));
        const every = new Set([...lists_].flat().filter((value) => value >= x.low && value <= x.high));
        now.places = [...every].sort((a, b) => a - b);
      }
      return now.places;
    }

    // A value under the pointer is rounded to about a pixel, so you can point at 60 s.
    function rounded(value) {
      const { area, x } = now;
      const pixel = (x.high - x.low) / (area.right - area.left);
      const power = 10 ** Math.ceil(Math.log10(pixel));
      const size = [0.5, 1].map((share) => share * power).find((step) => step >= pixel);
      return Number((Math.round(value / size) * size).toPrecision(12));
    }

    // The single run that the pointer is at.
    function near([left, top]) {
      let best = null;
      for (const mark of now.marks) {
        if (!isSeed(mark) && !mark.dotted) continue;
        if (!mark.tips.length) continue;
        const k = fraction(mark.x, now.x.of(left));
        for (const at of k === null ? [0, mark.x.length - 1] : [Math.floor(k), Math.ceil(k)]) {
          const away = Math.hypot(now.x.at(mark.x[at]) - left, now.y.at(mark.y[at]) - top);
          if (!best || away < best.away) best = { away, mark, value: mark.y[at] };
        }
      }
      return best && best.away < 24 ? best : null;
    }

    function readLines(value, point, aloud) {
      const { area } = now;
      const at = now.x.at(value);
      const found = lines(value).slice(0, 12);
      const rule = draw("line", { x1: at, x2: at, y1: area.top, y2: area.bottom, class: "cursor" });
      const inside = found.map((line) => [line, now.y.at(line.value)])
        .filter(([line, cy]) => !line.ended && cy >= area.top && cy <= area.bottom);
      now.over.replaceChildren(rule, ...inside.map(([line, cy]) => draw("circle", { cx: at, cy, r: 3, class: `dot ${line.look || "plain"}` })));
      const title = found[0]?.said || `${panel.x.title} ${shown(value)}`;
      const texts = found.map((line) => [line.look, line.label, line.text]);
      const run = point && near(point);
      held = run && run.mark.tips[0];
      if (run) {
        const { look, name } = figure.series[run.mark.series];
        const points = run.mark.x.map((left, k) => [now.x.at(left), now.y.at(run.mark.y[k])]);
        now.over.append(draw("path", { d: path(points), class: `near ${look}`, "clip-path": `url(#${id})` }));
        texts.unshift([look, `${name}, ${run.mark.tips[0]}`, shown(run.value), true]);
      }
      tell(point ? point : [at, area.top + 20], title, texts, aloud);
    }

    function readSpot(spot, aloud) {
      const [title, texts] = told(spot, panel);
      held = spot.mark.tips[spot.k];
      now.over.replaceChildren(draw("circle", { r: 8, class: "cursor ring", cx: spot.left, cy: spot.top }));
      tell([spot.left, spot.top], title, texts, aloud);
    }

    function tell([left, top], title, texts, aloud) {
      const [outer, inner] = [canvas.getBoundingClientRect(), svg.getBoundingClientRect()];
      bubble.show(inner.left - outer.left + left, inner.top - outer.top + top, title, texts);
      if (aloud) heard.textContent = `${title}: ${texts.map((row) => row.slice(1, 3).filter(Boolean).join(" ")).join("; ")}`;
    }

    const hide = () => { held = null; bubble.hide(); now?.over.replaceChildren(); };

    function point(event) {
      const at = place(svg, event);
      if (curves) {
        const known = places();
        if (!known.length || at[0] < now.area.left - 8) { hide(); return; }
        const value = now.x.of(Math.max(at[0], now.area.left));
        cursor = panel.x.whole
          ? known.reduce((a, b) => (Math.abs(now.x.at(b) - at[0]) < Math.abs(now.x.at(a) - at[0]) ? b : a)) : rounded(value);
        readLines(cursor, at, false);
        return;
      }
      const away = (spot) => Math.hypot(spot.left - at[0], spot.top - at[1]);
      const best = now.spots.reduce((a, b) => (a && away(a) <= away(b) ? a : b), null);
      if (best && away(best) < 30) readSpot(best, false); else hide();
    }

    let drag = null;
    const brush = draw("rect", { class: "brush" });
    svg.addEventListener("pointerdown", (event) => {
      if (event.button !== 0 || !now || free) return;
      drag = { from: place(svg, event), to: null };
      svg.setPointerCapture(event.pointerId);
    });
    svg.addEventListener("pointermove", (event) => {
      if (!now) return;
      if (!drag) { point(event); return; }
      const [[a, b], [c, d]] = [drag.from, place(svg, event)];
      if (!drag.to && Math.hypot(c - a, d - b) < 4) return;
      drag.to = [c, d];
      const flat = rows > 0 || Math.abs(d - b) < 14;
      const { area } = now;
      filled(brush, {
        x: Math.min(a, c), width: Math.abs(c - a), y: flat ? area.top : Math.min(b, d), height: flat ? area.bottom - area.top : Math.abs(d - b),
      }, []);
      svg.append(brush);
      hide();
    });
    svg.addEventListener("pointerup", () => {
      const done = drag;
      drag = null;
      brush.remove();
      if (done && !done.to) follow(held);
      if (!done?.to) return;
      const [[a, b], [c, d]] = [done.from, done.to];
      if (Math.abs(c - a) < 6) return;
      const [low, high] = now.whole;
      const x = [Math.max(low, now.x.of(Math.min(a, c))), Math.min(high, now.x.of(Math.max(a, c)))];
      const flat = rows > 0 || Math.abs(d - b) < 14;
      focus(x, flat ? null : [now.y.of(Math.max(b, d)), now.y.of(Math.min(b, d))]);
    });
    svg.addEventListener("pointercancel", () => { drag = null; brush.remove(); });
    svg.addEventListener("pointerleave", hide);
    svg.addEventListener("blur", hide);
    svg.addEventListener("dblclick", () => focus(null, null));
    svg.addEventListener("wheel", (event) => {
      if (!event.ctrlKey) return;
      event.preventDefault();
      zoom(event.deltaY > 0 ? 1.25 : 0.8, place(svg, event)[0]);
    }, { passive: false });
    svg.addEventListener("keydown", (event) => {
      if (!now) return;
      const known = curves ? places() : now.spots;
      const last = known.length - 1;
      const at = cursor === null ? -1 : curves ? known.findLastIndex((one_) => one_ <= cursor) : Math.min(cursor, last);
      const to = {
        ArrowRight: Math.min(last, at + 1), ArrowLeft: Math.max(0, (at < 0 ? last + 1 : at) - 1), Home: 0, End: last,
      }[event.key];
      if (to !== undefined && last >= 0) {
        cursor = curves ? known[to] : to;
        if (curves) readLines(cursor, null, true); else readSpot(known[to], true);
      } else if (event.key === "+" || event.key === "=") {
        zoom(0.5, cursor === null ? null : curves ? now.x.at(cursor) : now.spots[cursor]?.left);
      } else if (event.key === "-") zoom(2, null);
      else if (event.key === "Enter") follow(held);
      else if (event.key === "0" || event.key === "Escape") { hide(); focus(null, null); } else return;
      event.preventDefault();
    });
    return { panel, node, zoom, paint: paint_ };
  }

  // What is said of a mark: a title, and rows of [look, name, value, strong].
  function told({ mark, k }, panel) {
    const at = (axis, value) => (axis.scale === "names" ? axis.names[value] : shown(value));
    if (panel.y.scale === "names" && !panel.tints) {
      const texts = [];
      const text = panel.marks.find((other) => other.kind === "text" && other.y[0] === mark.y[k]);
      if (text) texts.push([null, "", text.tips[0], true]);
      if (mark.kind === "dots" || !text) texts.push([null, mark.tips[k] || panel.name, shown(mark.x[k])]);
      return [panel.y.names[mark.y[k]], texts];
    }
    const texts = [];
    texts.push([null, panel.x.title, at(panel.x, mark.x[k])], [null, panel.y.title, at(panel.y, mark.y[k])]);
    if (mark.kind === "cell") texts.push([null, panel.tints.title, mark.tips[k], true]);
    const name = mark.series === null ? "" : figure.series[mark.series].name;
    return [[name, mark.kind === "cell" ? "" : mark.tips[k]].filter(Boolean).join(", "), texts];
  }

  holder.append(tools, legend, canvas, heard, notes);
  build();
  const again = painted(canvas, paint);
}

// A thin line of a single run with an outcome.
function isSeed(mark) {
  return mark.kind === "line" && !mark.strong && !mark.dotted && mark.series !== null;
}
