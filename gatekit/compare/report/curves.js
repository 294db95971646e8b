// Learning curves: bands over seeds, single seeds, zoom, a cursor for pointer and keyboard.
function curves(holder) {
  const part = holder.dataset.part;
  const { axes, budget, over, charts } = page.curves;
  const all = charts[part];
  across.cost ??= memory.get("over", over);
  const cost = () => (all.costs.includes(across.cost) ? across.cost : "epochs");
  const seen = memory.get(`curves${part}`, {});
  const state = {
    series: Number.isInteger(seen.series) && seen.series < all.series.length ? seen.series : 0,
    logX: Boolean(seen.logX), logY: seen.logY ?? null,
    seeds: seen.seeds ?? true, bands: seen.bands ?? true,
    x: seen.x || null, y: seen.y || null, cursor: null,
  };
  const svg = draw("svg", {
    class: "chart", tabindex: 0, role: "application",
    "aria-label": "learning curves; arrow keys move the cursor, plus and minus zoom, 0 shows everything",
  });
  const canvas = make("div", { class: "canvas" }, svg);
  const bubble = tip(canvas);
  const announcement = make("p", { class: "heard", "aria-live": "polite" });
  let view = null;

  const change = (next) => {
    Object.assign(state, next);
    const { cursor, ...kept } = state;
    memory.set(`curves${part}`, kept);
    choosing.update();
    again();
  };
  const zoom = (factor, around) => {
    if (!view) return;
    const at = around ?? (view.area.left + view.area.right) / 2;
    const wide = (view.area.right - view.area.left) * factor;
    const left = at - (at - view.area.left) * factor;
    const range = [view.x.of(left), view.x.of(left + wide)];
    const [low, high] = view.whole;
    if (range[1] - range[0] >= high - low) change({ x: null, y: null });
    else change({ x: [Math.max(low, range[0]), Math.min(high, range[1])], y: null });
  };
  const reset = () => change({ x: null, y: null });

  // Only groups with curves of the chosen split and metric can be shown.
  const choosing = chooser((index) => {
    const one = all.curves[state.series][index];
    return one !== undefined && (one.runs.length > 0 || one.bands !== null);
  });
  const overs = make("select", {
    "aria-label": "x axis", change: () => across.choose(all.costs[overs.selectedIndex]),
  }, ...all.costs.map((one) => make("option", { selected: one === cost() }, `over ${axes[one]}`)));
  across.listeners.push(() => {
    overs.selectedIndex = all.costs.indexOf(cost());
    state.cursor = null;
    change({ x: null, y: null });
  });
  const select = make("select", {
    "aria-label": "split and metric",
    change: () => change({ series: select.selectedIndex, x: null, y: null, logY: null }),
  }, ...all.series.map((one, index) => (
    make("option", { selected: index === state.series }, one.label))));
  const logBox = box("log y", false, (on) => change({ logY: on, y: null }));
  holder.append(
    make(
      "div", { class: "tools" },
      all.series.length > 1 ? select : make("span", { class: "what" }, all.series[0].label),
      all.costs.length > 1 ? overs : null, logBox,
      box("log x", state.logX, (on) => change({ logX: on, x: null })),
      box("bands", state.bands, (on) => change({ bands: on })),
      box("seeds", state.seeds, (on) => change({ seeds: on })),
      make(
        "span", { class: "buttons" },
        button("+", "zoom in", () => zoom(0.5)),
        button("\u2212", "zoom out", () => zoom(2)),
        button("all", "show everything", reset),
      ),
    ),
    choosing, canvas, announcement,
  );

  function visible() {
    const entries = all.curves[state.series];
    const drawn = [];
    for (const index of [...choice.groups].sort((a, b) => a - b)) {
      if (!entries[index]) continue;
      const { runs, band } = placed(entries[index], cost());
      if (runs.length || band) drawn.push({ index, look: groups[index].look, runs, band });
    }
    return drawn;
  }

  function ranges(drawn) {
    const xs = [];
    let low = Infinity;
    let high = -Infinity;
    const inside = (epoch) => !state.x || (epoch >= state.x[0] && epoch <= state.x[1]);
    const take = (epochs, values) => epochs.forEach((epoch, k) => {
      if (epoch === undefined || !inside(epoch)) return;
      const value = values[k];
      if (state.log && value <= 0) return;
      if (value < low) low = value;
      if (value > high) high = value;
    });
    for (const one of drawn) {
      for (const run of one.runs) {
        const epochs = run.x;
        xs.push(epochs[0], epochs[epochs.length - 1]);
        if (state.seeds || !one.band) take(epochs, run.y);
      }
      if (one.band) {
        const epochs = one.band.x;
        xs.push(epochs[0], epochs[epochs.length - 1]);
        take(epochs, one.band.mean);
        if (state.bands && !state.log) {
          take(one.band.x, one.band.low);
          take(one.band.x, one.band.high);
        }
      }
    }
    if (low > high) [low, high] = [0, 1];
    return { whole: xs.length ? [Math.min(...xs), Math.max(...xs)] : [0, 1], low, high };
  }

  function isWide(drawn) {
    let [low, high] = [Infinity, 0];
    for (const one of drawn) {
      for (const values of [...one.runs.map((run) => run.y), one.band ? one.band.mean : []]) {
        for (const value of values) {
          if (value < low) low = value;
          if (value > high) high = value;
        }
      }
    }
    return low > 0 && high / low > 30;
  }

  function paint() {
    const width = Math.max(320, canvas.clientWidth);
    const height = Math.round(Math.min(460, Math.max(300, width * 0.42)));
    const area = { left: 58, right: width - 12, top: 26, bottom: height - 42 };
    const drawn = visible();
    state.log = state.logY ?? isWide(drawn);
    logBox.firstChild.checked = state.log;
    const limits = ranges(drawn);
    const [first, last] = state.x || limits.whole;
    let [low, high] = state.y || [limits.low, limits.high];
    if (!state.y) {
      const pad = state.log ? (high / low) ** 0.04 : (high - low) * 0.04;
      [low, high] = state.log ? [low / pad, high * pad] : [low - pad, high + pad];
    }
    const x = scale(first, last, area.left, area.right, state.logX && first > 0);
    const y = scale(low, high, area.bottom, area.top, state.log);
    view = { x, y, area, drawn, whole: limits.whole };
    const series = all.series[state.series];
    const inside = draw("g", { "clip-path": `url(#curves-area${part})` });
    const at = (epochs, values) => epochs.map((epoch, k) => (
      state.log && values[k] <= 0 ? null : [x.at(epoch), y.at(values[k])]));
    if (series.chance !== null && series.chance >= y.low && series.chance <= y.high) {
      const level = y.at(series.chance);
      inside.append(
        draw("line", { x1: area.left, x2: area.right, y1: level, y2: level, class: "chance" }),
        draw("text", { x: area.right - 4, y: level + (level < area.top + 14 ? 13 : -4), class: "tick end" }, "chance"),
      );
    }
    if (budget && budget.cost === cost()) {
      const limit = x.at(budget.amount);
      const line = { x1: limit, x2: limit, y1: area.top, y2: area.bottom, class: "budget" };
      inside.append(draw("line", line));
    }
    for (const one of drawn) {
      if (one.band && state.bands) {
        const epochs = one.band.x;
        const floor = state.log ? y.low : -Infinity;
        const bottom = state.log && one.band.floor ? one.band.floor : one.band.low;
        const above = at(epochs, one.band.high.map((v) => Math.max(v, floor)));
        const below = at(epochs, bottom.map((v) => Math.max(v, floor))).reverse();
        inside.append(draw("path", { d: `${path([...above, ...below])}Z`, class: `band ${one.look}` }));
      }
    }
    for (const one of drawn) {
      for (const run of one.runs) {
        const done = run.state === "COMPLETED" || run.state === "DIVERGED";
        if (!state.seeds && one.band && done) continue;
        const points = at(run.x, run.y);
        const kind = done ? "seed" : "seed unfinished";
        inside.append(draw("path", {
          d: path(points), class: `${one.band ? kind : `${kind} alone`} ${one.look}`, "data-run": run.run,
        }));
        const end = points[points.length - 1];
        if (run.state === "DIVERGED" && end) {
          const [a, b] = end;
          const cross = `M${a - 4} ${b - 4}L${a + 4} ${b + 4}M${a - 4} ${b + 4}L${a + 4} ${b - 4}`;
          inside.append(draw("path", { d: cross, class: `cross ${one.look}` }));
        }
      }
    }
    for (const one of drawn) {
      if (one.band) {
        const points = at(one.band.x, one.band.mean);
        inside.append(draw("path", { d: path(points), class: `curve ${one.look}` }));
      }
    }
    const clip = draw("clipPath", { id: `curves-area${part}` }, draw("rect", {
      x: area.left, y: area.top, width: area.right - area.left, height: area.bottom - area.top,
    }));
    const marks = draw("g", { class: "marks" });
    svg.setAttribute("viewBox", `0 0 ${width} ${height}`);
    svg.setAttribute("height", height);
    svg.replaceChildren(
      draw("defs", {}, clip), ...frame(area, x, y, { x: axes[cost()], y: series.label, whole: exact() }), inside, marks,
    );
    view.marks = marks;
    if (!drawn.length) {
      const middle = { x: width / 2, y: height / 2, class: "title middle" };
      svg.append(draw("text", middle, "no group is selected"));
    }
  }

  function values(epoch) {
    const rows = [];
    for (const one of view.drawn) {
      const source = one.band || one.runs[0];
      // A line has no value between epochs. Over other costs it is interpolated, and beyond its
      // end, which may be early, its last value is shown.
      const last = source.x.length - 1;
      const ended = cost() !== "epochs" && epoch > source.x[last];
      const k = ended ? last : fraction(source.x, epoch);
      if (k === null || (cost() === "epochs" && !Number.isInteger(k))) continue;
      const value = between(one.band ? one.band.mean : one.runs[0].y, k);
      const ends = one.band ? [one.band.low, one.band.high].map((end) => shown(between(end, k))) : null;
      const range = ends ? ` [${ends.join(", ")}]` : "";
      const end = ended ? ` at ${shown(source.x[last])}, where ${one.band ? "the mean" : "it"} ends` : "";
      const label = groups[one.index].variant;
      rows.push({ look: one.look, label, value, ended, text: shown(value) + range + end });
    }
    const sign = all.series[state.series].better === "max" ? -1 : 1;
    return rows.sort((a, b) => sign * (a.value - b.value));
  }

  const exact = () => cost() === "epochs" || cost() === "steps";

  // The positions of the cursor: the evaluations, or evenly spaced over seconds and FLOPs.
  function epochs() {
    if (!exact() && view.drawn.length) {
      const wide = (view.area.right - view.area.left) / 40;
      return Array.from({ length: 41 }, (_, k) => rounded(view.x.of(view.area.left + k * wide)));
    }
    const inside = new Set();
    for (const one of view.drawn) {
      for (const epoch of (one.band || one.runs[0]).x) {
        if (epoch >= view.x.low && epoch <= view.x.high) inside.add(epoch);
      }
    }
    return [...inside].sort((a, b) => a - b);
  }

  // Seconds and FLOPs under the pointer are rounded to about a pixel, so you can point at 60 s.
  function rounded(value) {
    const pixel = (view.x.high - view.x.low) / (view.area.right - view.area.left);
    const power = 10 ** Math.ceil(Math.log10(pixel));
    const size = [0.5, 1].map((share) => share * power).find((one) => one >= pixel);
    return Number((Math.round(value / size) * size).toPrecision(12));
  }

  function nearest(left, top) {
    let best = null;
    for (const one of view.drawn) {
      for (const run of one.runs) {
        const known = run.x;
        const epoch = known.reduce((a, b) => (
          Math.abs(view.x.at(b) - left) < Math.abs(view.x.at(a) - left) ? b : a));
        const k = known.indexOf(epoch);
        const away = Math.hypot(view.x.at(epoch) - left, view.y.at(run.y[k]) - top);
        if (!best || away < best.away) best = { away, one, run, epoch, value: run.y[k] };
      }
    }
    return best && best.away < 24 && (state.seeds || !best.one.band) ? best : null;
  }

  function show(epoch, left, top, near, heard) {
    const at = view.x.at(epoch);
    const lines = values(epoch).slice(0, 12);
    const rule = { x1: at, x2: at, y1: view.area.top, y2: view.area.bottom, class: "cursor" };
    view.marks.replaceChildren(draw("line", rule));
    for (const line of lines) {
      const dot = { cx: at, cy: view.y.at(line.value), r: 3, class: `dot ${line.look}` };
      if (!line.ended && dot.cy >= view.area.top && dot.cy <= view.area.bottom) view.marks.append(draw("circle", dot));
    }
    const rows = lines.map((line) => [line.look, line.label, line.text]);
    if (near) {
      const seedLine = [...svg.querySelectorAll("path.seed")].find((p) => p.dataset.run === near.run.run);
      if (seedLine) view.marks.append(draw("path", { d: seedLine.getAttribute("d"), class: `near ${near.one.look}` }));
      const seed = near.run.seed === null ? "" : `, seed ${near.run.seed}`;
      rows.unshift([near.one.look, `run ${near.run.run}${seed}`, shown(near.value), true]);
    }
    bubble.show(left ?? at, top ?? view.area.top + 20, `${axes[cost()]} ${shown(epoch)}`, rows);
    if (heard) {
      announcement.textContent = `${axes[cost()]} ${shown(epoch)}: ${lines.map((l) => `${l.label} ${l.text}`).join("; ")}`;
    }
  }

  let drag = null;
  const brush = draw("rect", { class: "brush" });
  svg.addEventListener("pointerdown", (event) => {
    if (event.button !== 0 || !view) return;
    drag = { from: place(svg, event), to: null };
    svg.setPointerCapture(event.pointerId);
  });
  svg.addEventListener("pointermove", (event) => {
    if (!view) return;
    const [left, top] = place(svg, event);
    if (drag) {
      const [a, b] = drag.from;
      drag.to = [left, top];
      const flat = Math.abs(top - b) < 14;
      const shape = {
        x: Math.min(a, left), width: Math.abs(left - a),
        y: flat ? view.area.top : Math.min(b, top),
        height: flat ? view.area.bottom - view.area.top : Math.abs(top - b),
      };
      filled(brush, shape, []);
      svg.append(brush);
      bubble.hide();
      return;
    }
    const known = epochs();
    if (!known.length || left < view.area.left - 8) { bubble.hide(); return; }
    const epoch = exact()
      ? known.reduce((a, b) => (Math.abs(view.x.at(b) - left) < Math.abs(view.x.at(a) - left) ? b : a))
      : rounded(view.x.of(Math.max(left, view.area.left)));
    state.cursor = epoch;
    show(epoch, left, top, nearest(left, top), false);
  });
  svg.addEventListener("pointerup", () => {
    const done = drag;
    drag = null;
    brush.remove();
    if (!done || !done.to) return;
    const [[a, b], [c, d]] = [done.from, done.to];
    if (Math.abs(c - a) < 6) return;
    const x = [view.x.of(Math.min(a, c)), view.x.of(Math.max(a, c))];
    const [low, high] = view.whole;
    const y = Math.abs(d - b) < 14 ? null : [view.y.of(Math.max(b, d)), view.y.of(Math.min(b, d))];
    change({ x: [Math.max(low, x[0]), Math.min(high, x[1])], y });
  });
  svg.addEventListener("pointerleave", () => {
    bubble.hide();
    if (view) view.marks.replaceChildren();
  });
  svg.addEventListener("dblclick", reset);
  svg.addEventListener("wheel", (event) => {
    if (!event.ctrlKey) return;
    event.preventDefault();
    zoom(event.deltaY > 0 ? 1.25 : 0.8, place(svg, event)[0]);
  }, { passive: false });
  svg.addEventListener("blur", () => bubble.hide());
  svg.addEventListener("keydown", (event) => {
    const known = view ? epochs() : [];
    const at = state.cursor === null ? -1 : known.findLastIndex((one) => one <= state.cursor);
    const moves = {
      ArrowRight: () => known[Math.min(known.length - 1, at + 1)],
      ArrowLeft: () => known[Math.max(0, (at < 0 ? known.length : at) - 1)],
      Home: () => known[0],
      End: () => known[known.length - 1],
    };
    if (event.key in moves && known.length) {
      state.cursor = moves[event.key]();
      show(state.cursor, null, null, null, true);
    } else if (event.key === "+" || event.key === "=") {
      zoom(0.5, state.cursor === null ? null : view.x.at(state.cursor));
    } else if (event.key === "-") zoom(2, null);
    else if (event.key === "0" || event.key === "Escape") { bubble.hide(); reset(); } else return;
    event.preventDefault();
  });
  const again = painted(canvas, paint);
}
