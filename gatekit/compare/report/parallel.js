// Parallel coordinates: a line is a run; a range on an axis selects the runs within it.
function parallel(holder) {
  const all = page.parallel;
  const count = all.run.length;
  const NONE = -0.09;
  const axes = all.axes.map((axis) => {
    const known = axis.values.filter((value) => value !== null);
    if (!axis.numeric) {
      const names = [...new Set(axis.values.map((v) => (v === null ? "none" : String(v))))].sort();
      const share = (value) => (names.indexOf(value === null ? "none" : String(value)) + 0.5) / names.length;
      const every = Math.ceil(names.length / 12);
      const marks = names.map((name, k) => [name, (k + 0.5) / names.length]);
      return { ...axis, share, marks: marks.filter((_, k) => k % every === 0), range: null };
    }
    const [low, high] = [Math.min(...known), Math.max(...known)];
    const log = low > 0 && high >= 8 * low;
    const one = scale(low, high, 0, 1, log);
    const distinct = [...new Set(known)].sort((a, b) => a - b);
    const values = distinct.length <= 6 ? distinct : [low, ...ticks(one, 4).filter((v) => {
      const at = one.at(v);
      return at > 0.07 && at < 0.93;
    }), high];
    const marks = values.map((value) => [shown(value), one.at(value)]);
    if (known.length < count) marks.push(["none", NONE]);
    return { ...axis, share: (v) => (v === null ? NONE : one.at(v)), marks, one, range: null };
  });
  const shares = axes.map((axis) => axis.values.map(axis.share));
  const svg = draw("svg", { class: "chart parallel", role: "group", "aria-label": "parallel coordinates" });
  const canvas = make("div", { class: "canvas" }, svg);
  const bubble = tip(canvas);
  const message = make("p", { class: "kept", "aria-live": "polite" });
  const held = make(
    "div", { class: "tools held" },
    button("clear", "clear all ranges", () => { for (const a of axes) a.range = null; keep(); }),
    message,
  );
  holder.append(chooser(), held, canvas);
  let view = null;

  function within(run) {
    return axes.every((axis, k) => (
      !axis.range || (shares[k][run] >= axis.range[0] && shares[k][run] <= axis.range[1])));
  }

  function keep() {
    const some = axes.some((axis) => axis.range);
    const runs = some ? new Set(all.run.filter((_, run) => within(run))) : null;
    // Hidden but not removed, so that the chart does not move during a drag.
    held.classList.toggle("some", some);
    message.textContent = some ? `${runs.size} of ${count} runs are selected` : "";
    choice.keep(runs);
  }

  function paint() {
    const width = Math.max(320, canvas.clientWidth);
    const height = 340;
    const [top, bottom] = [44, height - 34];
    const gap = (width - 130) / Math.max(1, axes.length - 1);
    const at = (k) => 50 + gap * k;
    const up = (share) => bottom - share * (bottom - top);
    view = { at, up, gap, top, bottom };
    const lines = [];
    const dimmed = [];
    for (let run = 0; run < count; run += 1) {
      const group = all.group[run];
      if (group !== null && !choice.groups.has(group)) continue;
      const points = shares.map((share, k) => [at(k), up(share[run])]);
      const look = group === null ? "ink" : groups[group].look;
      const kept = within(run);
      const line = draw("path", { d: path(points), class: `${kept ? "run" : "run dim"} ${look}`, "data-run": all.run[run] });
      (kept ? lines : dimmed).push(line);
    }
    const drawn = axes.map((axis, k) => {
      const marks = axis.marks.map(([text, share]) => (
        draw("text", { x: at(k) + 6, y: up(share) + 3.5, class: "tick halo" }, text.length > 18 ? `${text.slice(0, 17)}\u2026` : text)));
      const parts = axis.key.split(".");
      const name = parts.length > 2 ? parts.slice(-2).join(".") : axis.key;
      const node = draw(
        "g", {
          class: "ruler", tabindex: 0, role: "slider", "aria-label": axis.key,
          "aria-valuemin": 0, "aria-valuemax": 100,
          "aria-valuenow": axis.range ? Math.round(100 * axis.range[0]) : 0,
          "aria-valuetext": axis.range ? `from ${bound(axis, 0)} to ${bound(axis, 1)}` : "all",
          "data-axis": k, keydown: (event) => typed(event, k),
        },
        draw("title", {}, axis.key),
        draw("text", { x: at(k), y: k % 2 && gap < 90 ? 12 : 26, class: "title middle" }, name),
        draw("rect", { x: at(k) - 14, y: top - 12, width: 28, height: bottom - top + 36, class: "reach" }),
        draw("line", { x1: at(k), x2: at(k), y1: top, y2: bottom, class: "axis" }),
        ...marks,
      );
      if (axis.range) {
        node.append(draw("rect", {
          x: at(k) - 6, y: up(axis.range[1]), width: 12, class: "range",
          height: Math.max(2, up(axis.range[0]) - up(axis.range[1])),
        }));
      }
      return node;
    });
    const focused = document.activeElement && document.activeElement.dataset
      ? document.activeElement.dataset.axis : undefined;
    svg.setAttribute("viewBox", `0 0 ${width} ${height}`);
    svg.setAttribute("height", height);
    svg.replaceChildren(draw("g", {}, ...dimmed, ...lines), draw("g", { class: "marks" }), ...drawn);
    if (focused !== undefined && svg.contains(drawn[focused])) drawn[focused].focus();
  }

  function bound(axis, end) {
    const share = axis.range[end];
    if (axis.one) return shown(axis.one.of(Math.max(0, Math.min(1, share))));
    const best = axis.marks.reduce((a, b) => (Math.abs(b[1] - share) < Math.abs(a[1] - share) ? b : a));
    return best[0];
  }

  function typed(event, k) {
    const axis = axes[k];
    const step = 0.05;
    if (event.key === "Escape") axis.range = null;
    else if (event.key === "ArrowUp" || event.key === "ArrowDown") {
      const way = event.key === "ArrowUp" ? step : -step;
      if (!axis.range) axis.range = way > 0 ? [0.5, 1.02] : [-0.02, 0.5];
      else if (event.shiftKey) axis.range = [axis.range[0], Math.max(axis.range[0] + step, axis.range[1] + way)];
      else axis.range = axis.range.map((share) => share + way);
    } else return;
    event.preventDefault();
    keep();
  }

  function nearest(left, top) {
    let best = null;
    const k = Math.max(0, Math.min(axes.length - 2, Math.floor((left - view.at(0)) / view.gap)));
    const part = (left - view.at(k)) / view.gap;
    for (const line of svg.querySelectorAll("path.run:not(.dim)")) {
      const run = all.run.indexOf(line.dataset.run);
      const height = view.up(shares[k][run] + (shares[k + 1][run] - shares[k][run]) * part);
      const away = Math.abs(height - top);
      if (!best || away < best.away) best = { away, run, line };
    }
    return best && best.away < 12 ? best : null;
  }

  let drag = null;
  svg.addEventListener("pointerdown", (event) => {
    const axis = event.target.closest && event.target.closest("[data-axis]");
    if (!axis || event.button !== 0) return;
    drag = { axis: Number(axis.dataset.axis), from: place(svg, event)[1], moved: false };
    svg.setPointerCapture(event.pointerId);
  });
  svg.addEventListener("pointermove", (event) => {
    const [left, top] = place(svg, event);
    if (drag) {
      if (Math.abs(top - drag.from) < 4 && !drag.moved) return;
      drag.moved = true;
      const share = (height) => (view.bottom - height) / (view.bottom - view.top);
      axes[drag.axis].range = [share(Math.max(drag.from, top)), share(Math.min(drag.from, top))];
      keep();
      return;
    }
    const marks = svg.querySelector(".marks");
    const near = view && marks ? nearest(left, top) : null;
    if (!near) { bubble.hide(); if (marks) marks.replaceChildren(); return; }
    const group = all.group[near.run];
    const look = group === null ? "ink" : groups[group].look;
    marks.replaceChildren(draw("path", { d: near.line.getAttribute("d"), class: `near ${look}` }));
    const rows = axes.map((axis) => [null, axis.key, axis.values[near.run] === null ? "none" : shown(axis.values[near.run])]);
    rows.unshift([look, group === null ? "no group" : groups[group].label, "", true]);
    bubble.show(left, top, `run ${all.run[near.run]}`, rows);
  });
  svg.addEventListener("pointerup", () => {
    if (drag && !drag.moved) { axes[drag.axis].range = null; keep(); }
    drag = null;
  });
  svg.addEventListener("pointerleave", () => {
    bubble.hide();
    const marks = svg.querySelector(".marks");
    if (marks) marks.replaceChildren();
  });
  const again = painted(canvas, paint);
}
