// Learning curves: bands over seeds, single seeds, zoom, a cursor for pointer and keyboard.
function curves(holder) {
  const part = holder.dataset.part;
  const { epochs: known_, step, charts } = page.curves;
  const all = { epochs: known_, step, ...charts[part] };
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

  // Only the groups with curves of the chosen split and metric can be chosen.
  const choosing = chooser((index) => {
    const one = all.curves[state.series][index];
    return one !== undefined && (one.runs.length > 0 || one.band !== null);
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
      logBox,
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
      const { runs, band } = entries[index] || { runs: [], band: null };
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
        const epochs = all.epochs[run.at];
        xs.push(epochs[0], epochs[epochs.length - 1]);
        if (state.seeds || !one.band) take(epochs, run.y);
      }
      if (one.band) {
        const epochs = all.epochs[one.band.at];
        xs.push(epochs[0], epochs[epochs.length - 1]);
        take(epochs, one.band.mean);
        if (state.bands && !state.log) {
          take(all.epochs[one.band.at], one.band.low);
          take(all.epochs[one.band.at], one.band.high);
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
        draw("text", { x: area.right - 4, y: level - 4, class: "tick end" }, "chance"),
      );
    }
    for (const one of drawn) {
      if (one.band && state.bands) {
        const epochs = all.epochs[one.band.at];
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
        const points = at(all.epochs[run.at], run.y);
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
        const points = at(all.epochs[one.band.at], one.band.mean);
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
      draw("defs", {}, clip), ...frame(area, x, y, { x: all.step, y: series.label, whole: true }), inside, marks,
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
      const k = all.epochs[source.at].indexOf(epoch);
      if (k < 0) continue;
      const value = one.band ? one.band.mean[k] : one.runs[0].y[k];
      const range = one.band ? ` [${shown(one.band.low[k])}, ${shown(one.band.high[k])}]` : "";
      rows.push({ look: one.look, label: groups[one.index].variant, value, text: shown(value) + range });
    }
    const sign = all.series[state.series].better === "max" ? -1 : 1;
    return rows.sort((a, b) => sign * (a.value - b.value));
  }

  function epochs() {
    const inside = new Set();
    for (const one of view.drawn) {
      for (const epoch of all.epochs[(one.band || one.runs[0]).at]) {
        if (epoch >= view.x.low && epoch <= view.x.high) inside.add(epoch);
      }
    }
    return [...inside].sort((a, b) => a - b);
  }

  function nearest(left, top) {
    let best = null;
    for (const one of view.drawn) {
      for (const run of one.runs) {
        const known = all.epochs[run.at];
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
      if (dot.cy >= view.area.top && dot.cy <= view.area.bottom) view.marks.append(draw("circle", dot));
    }
    const rows = lines.map((line) => [line.look, line.label, line.text]);
    if (near) {
      const seedLine = [...svg.querySelectorAll("path.seed")].find((p) => p.dataset.run === near.run.run);
      if (seedLine) view.marks.append(draw("path", { d: seedLine.getAttribute("d"), class: `near ${near.one.look}` }));
      const seed = near.run.seed === null ? "" : `, seed ${near.run.seed}`;
      rows.unshift([near.one.look, `run ${near.run.run}${seed}`, shown(near.value), true]);
    }
    bubble.show(left ?? at, top ?? view.area.top + 20, `${all.step} ${shown(epoch)}`, rows);
    if (heard) {
      announcement.textContent = `${all.step} ${shown(epoch)}: ${lines.map((l) => `${l.label} ${l.text}`).join("; ")}`;
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
    const epoch = known.reduce((a, b) => (
      Math.abs(view.x.at(b) - left) < Math.abs(view.x.at(a) - left) ? b : a));
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
    const at = known.indexOf(state.cursor);
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
