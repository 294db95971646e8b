// The metric over a swept key: a line per variant, with intervals and seeds.
function axis(holder) {
  const all = page.axis.charts[holder.dataset.part];
  const hidden = new Set();
  let logY = null;
  const svg = draw("svg", { class: "chart", role: "img", "aria-label": `${all.label} over ${all.key}` });
  const canvas = make("div", { class: "canvas" }, svg);
  const bubble = tip(canvas);
  const legend = all.lines.map((line, index) => make("button", {
    type: "button", class: "group", "aria-pressed": "true",
    click: (event) => {
      if (!hidden.delete(index)) hidden.add(index);
      event.currentTarget.setAttribute("aria-pressed", String(!hidden.has(index)));
      again();
    },
  }, swatch(line.look), line.name));
  const logBox = box("log y", false, (on) => { logY = on; again(); });
  holder.append(
    make("div", { class: "tools" }, logBox),
    make("div", { class: "chooser" }, make("div", { class: "chosen" }, ...legend)), canvas,
  );

  function paint() {
    const width = Math.max(320, canvas.clientWidth);
    const height = Math.round(Math.min(420, Math.max(280, width * 0.36)));
    const area = { left: 58, right: width - 24, top: 26, bottom: height - 42 };
    const lines = all.lines.filter((_, index) => !hidden.has(index));
    const values = lines.flatMap((line) => line.points.flatMap((p) => [...p.values, ...(p.ends || [])]));
    const known = lines.flatMap((line) => line.points.flatMap((p) => p.values));
    const wide = known.length > 0 && Math.min(...known) > 0 && Math.max(...known) / Math.min(...known) > 30;
    const log = (logY ?? wide) && Math.min(...known) > 0;
    logBox.firstChild.checked = log;
    const taken = log ? values.filter((value) => value > 0) : values;
    const [low, high] = taken.length ? [Math.min(...taken), Math.max(...taken)] : [0, 1];
    const pad = (high - low) * 0.05;
    const y = log
      ? scale(low / 1.1, high * 1.1, area.bottom, area.top, true)
      : scale(low - pad, high + pad, area.bottom, area.top, false);
    const ends = [all.places[0][0], all.places[all.places.length - 1][0]];
    const x = scale(ends[0], ends[1], area.left + 24, area.right - 24, all.log);
    const every = Math.ceil(all.places.length / Math.max(2, width / 70));
    const parts = frame(area, x, y, {
      x: all.key, y: all.label, places: all.places.filter((_, k) => k % every === 0),
    });
    const marks = [];
    lines.forEach((line, k) => {
      const shift = (k - (lines.length - 1) / 2) * Math.min(7, 60 / lines.length);
      const points = line.points.map((p) => (
        p.mean === null || (log && p.mean <= 0) ? null : [x.at(p.at) + shift, y.at(p.mean)]));
      parts.push(draw("path", { d: path(points), class: `curve ${line.look}` }));
      line.points.forEach((p, index) => {
        const at = x.at(p.at) + shift;
        for (const value of p.values) {
          if (log && value <= 0) continue;
          parts.push(draw("circle", { cx: at + 4, cy: y.at(value), r: 1.7, class: `seed-dot ${line.look}` }));
        }
        if (p.ends && points[index]) {
          const from = log ? Math.max(p.ends[0], y.low) : p.ends[0];
          parts.push(draw("line", { x1: at, x2: at, y1: y.at(from), y2: y.at(p.ends[1]), class: `whisker ${line.look}` }));
        }
        if (points[index]) {
          parts.push(draw("circle", { cx: at, cy: points[index][1], r: 3.4, class: `dot ${line.look}` }));
          marks.push([at, points[index][1], line, p]);
        }
      });
    });
    svg.setAttribute("viewBox", `0 0 ${width} ${height}`);
    svg.setAttribute("height", height);
    svg.replaceChildren(...parts);
    svg.onpointermove = (event) => {
      const [left, top] = place(svg, event);
      let best = null;
      for (const mark of marks) {
        const away = Math.hypot(mark[0] - left, mark[1] - top);
        if (!best || away < best.away) best = { away, mark };
      }
      if (!best || best.away > 30) { bubble.hide(); return; }
      const [, , line, p] = best.mark;
      const name = all.places.find(([value]) => value === p.at);
      const range = p.ends ? ` [${shown(p.ends[0])}, ${shown(p.ends[1])}]` : "";
      const rows = [[line.look, line.name, shown(p.mean) + range, true], [null, "n", String(p.n)]];
      if (p.diverged) rows.push([null, "diverged", String(p.diverged)]);
      bubble.show(left, top, `${all.key} = ${name ? name[1] : shown(p.at)}`, rows);
    };
    svg.onpointerleave = () => bubble.hide();
  }
  const again = painted(canvas, paint);
}
