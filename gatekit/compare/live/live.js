"use strict";
(() => {
  // Every string from the server becomes a text node or an attribute, never markup.
  const STATES = ["COMPLETED", "DIVERGED", "RUNNING", "FAILED", "CORRUPT", "INTERRUPTED", "LOST", "PLANNED"];
  const ORDER = ["RUNNING", "FAILED", "CORRUPT", "LOST", "INTERRUPTED", "DIVERGED", "PLANNED", "COMPLETED"];
  const DASHES = [[], [7, 3], [2, 2], [7, 3, 2, 3]];
  const WORDS = { PLANNED: "waiting" };
  const SVG = "http://www.w3.org/2000/svg";
  const $ = (id) => document.getElementById(id);
  const name = location.pathname.startsWith("/study/") ? location.pathname.slice("/study/".length) : null;

  function el(tag, attributes, ...children) {
    const made = document.createElement(tag);
    for (const [key, value] of Object.entries(attributes || {})) {
      if (value !== null && value !== undefined) made.setAttribute(key, value);
    }
    made.append(...children.filter((child) => child !== null && child !== undefined && child !== ""));
    return made;
  }

  function svg(tag, attributes) {
    const made = document.createElementNS(SVG, tag);
    for (const [key, value] of Object.entries(attributes)) made.setAttribute(key, value);
    return made;
  }

  function duration(seconds) {
    if (seconds === null || seconds === undefined) return "";
    if (seconds < 90) return `${Math.round(seconds)} s`;
    return seconds < 5400 ? `${Math.round(seconds / 60)} min` : `${(seconds / 3600).toFixed(1)} h`;
  }

  const count = (number, one, many) => `${number} ${number === 1 ? one : many}`;
  const digits = (value) => (value === null || value === undefined ? "" : String(Number(value.toPrecision(4))));
  const colour = (property) => getComputedStyle(document.documentElement).getPropertyValue(property).trim();
  const left = (seconds) => (seconds === null || seconds === undefined ? null : `about ${duration(seconds)} left`);

  function counts(states) {
    return STATES.filter((state) => states[state])
      .map((state) => `${states[state]} ${WORDS[state] || state.toLowerCase()}`);
  }

  function facts(texts) {
    return texts.filter(Boolean).join(", ");
  }

  function bar(states) {
    const whole = el("div", { class: "bar", role: "img", "aria-label": counts(states).join(", ") });
    for (const state of STATES) {
      if (!states[state]) continue;
      const part = el("i", { class: `s-${state}`, title: `${states[state]} ${state}` });
      part.style.flexGrow = states[state];
      whole.append(part);
    }
    return whole;
  }

  function spark(points) {
    const box = svg("svg", { viewBox: "0 0 90 22", preserveAspectRatio: "none", "aria-hidden": "true" });
    if (points.length < 2) return box;
    const few = points.filter((_, k) => k % Math.ceil(points.length / 45) === 0 || k === points.length - 1);
    const values = few.map((point) => point[1]);
    const [low, high, first, last] = [Math.min(...values), Math.max(...values), few[0][0], few[few.length - 1][0]];
    const at = ([epoch, value]) => {
      const x = 1 + (88 * (epoch - first)) / (last - first || 1);
      const y = 20 - (18 * (value - low)) / (high - low || 1);
      return `${x.toFixed(1)},${y.toFixed(1)}`;
    };
    box.append(svg("polyline", { points: few.map(at).join(" ") }));
    return box;
  }

  function progress(run) {
    if (!run.epoch && !run.step) return run.state === "RUNNING" ? [run.phase || "no epoch yet"] : [];
    const place = run.steps ? `step ${run.step}/${run.steps}` : `epoch ${run.epoch}${run.epochs ? `/${run.epochs}` : ""}`;
    if (run.state !== "RUNNING" || run.fraction === null) return [place];
    return [place, el("progress", { max: 1, value: run.fraction, "aria-label": place })];
  }

  function cells(run) {
    const seed = run.seed === null ? "" : ` seed=${run.seed}`;
    const origin = run.origin ? ` (from ${run.origin})` : "";
    const place = run.host ? `${run.host}, process ${run.pid}${run.device ? `, ${run.device}` : ""}` : "";
    const score = run.metric ? `${run.metric} ${run.validation === null ? "nan" : digits(run.validation)}` : "";
    const stale = run.stale ? " stale" : "";
    return [
      el("td", { class: "label", title: run.id }, `${run.label}${seed}${origin}`),
      el("td", { class: "state", "data-state": run.state }, run.state + stale),
      el("td", { class: "number" }, ...progress(run)),
      el("td", { class: "number" }, score),
      el("td", {}, ...(run.drawn.length > 1 ? [spark(run.drawn)] : [])),
      el("td", { class: "number" }, run.seconds_left === null ? "" : `${duration(run.seconds_left)} left`),
      el("td", { class: "reason" }, place || run.reason || ""),
    ];
  }

  function table(rows) {
    const heads = ["run", "state", "progress", "validation", "curve", "time", "where, or why"];
    return el("table", { class: "live-table" },
      el("thead", {}, el("tr", {}, ...heads.map((text) => el("th", { scope: "col" }, text)))),
      el("tbody", {}, ...rows));
  }

  // -- all studies ---------------------------------------------------------------------------

  function overview(data) {
    document.body.dataset.page = "all";
    $("title").textContent = "Studies";
    const running = data.studies.reduce((sum, study) => sum + study.running.length, 0);
    $("facts").replaceChildren(facts([`in ${data.root}`, count(data.studies.length, "study", "studies"),
      `${count(running, "run", "runs")} in progress`]));
    const shown = data.studies.map((study) => {
      const runs = study.running.slice(0, 12).map((run) => el("tr", {}, ...cells({ ...run, drawn: run.points })));
      const more = study.running.length - runs.length;
      return el("section", { class: "study" },
        el("h2", {}, el("a", { href: `/study/${encodeURIComponent(study.study)}` }, study.study)),
        study.error ? el("p", { class: "warning" }, study.error) : null,
        bar(study.states),
        el("p", { class: "facts" }, facts([...counts(study.states), left(study.seconds_left)])),
        runs.length ? table(runs) : null,
        more > 0 ? el("p", { class: "facts" }, `and ${more} more in progress`) : null);
    });
    $("main").replaceChildren(...shown);
    if (!shown.length) $("main").append(el("p", {}, "There are no studies yet; gatekit train starts one."));
  }

  // -- one study -----------------------------------------------------------------------------

  const known = new Map();
  const rows = new Map();
  const hidden = new Set();
  const charts = new Map();
  let revision = "";
  let over = null;

  const key = (run) => `${run.origin || ""}/${run.id}`;

  function merge(data) {
    if (data.full) {
      known.clear();
      rows.clear();
    }
    for (const run of data.runs) {
      const before = known.get(key(run));
      run.drawn = before && !run.again ? before.drawn.concat(run.points) : run.points;
      delete run.points;
      known.set(key(run), run);
      const row = rows.get(key(run)) || el("tr", {});
      row.replaceChildren(...cells(run));
      if (!rows.has(key(run))) {
        row.addEventListener("mouseenter", () => { over = key(run); draw(); });
        row.addEventListener("mouseleave", () => { over = null; draw(); });
        rows.set(key(run), row);
      }
    }
  }

  function groups() {
    const found = new Map();
    for (const run of known.values()) {
      if (!found.has(run.label)) found.set(run.label, found.size);
    }
    return found;
  }

  function look(place) {
    return { colour: colour(`--c${place % 6}`), dash: DASHES[Math.floor(place / 6) % DASHES.length] };
  }

  function study(data) {
    merge(data);
    revision = data.revision;
    document.body.dataset.page = "study";
    document.title = `${data.study} - gatekit`;
    $("title").textContent = data.study;
    $("facts").replaceChildren(facts([...counts(data.states), left(data.seconds_left)]));
    if (data.error) trouble(data.error);
    if (!data.runs.length && !data.full) return;
    if (!$("runs")) {
      $("main").replaceChildren(
        el("div", { id: "bar" }), el("div", { class: "plots", id: "plots" }),
        el("ul", { class: "keys", id: "keys", "aria-label": "groups: press to show or hide" }),
        el("div", { id: "runs" }, table([])));
    }
    $("bar").replaceChildren(bar(data.states));
    const sorted = [...known.values()].sort((a, b) =>
      ORDER.indexOf(a.state) - ORDER.indexOf(b.state) || (a.label < b.label ? -1 : a.label > b.label ? 1 : 0)
      || (a.seed || 0) - (b.seed || 0));
    const body = $("runs").querySelector("tbody");
    const wanted = sorted.map((run) => rows.get(key(run)));
    if (wanted.length !== body.children.length || wanted.some((row, k) => row !== body.children[k])) {
      body.replaceChildren(...wanted);
    }
    keys();
    draw();
  }

  function keys() {
    const found = [...groups()];
    const label = found.map(([text]) => text).join("\n");
    if ($("keys").dataset.label === label) return;
    $("keys").dataset.label = label;
    $("keys").replaceChildren(...found.slice(0, 24).map(([text, place]) => {
      const { colour: stroke, dash } = look(place);
      const mark = svg("svg", { viewBox: "0 0 22 8", "aria-hidden": "true" });
      mark.append(svg("line", { x1: 0, x2: 22, y1: 4, y2: 4, stroke, "stroke-dasharray": dash.join(" ") }));
      const button = el("button", { type: "button", "aria-pressed": String(!hidden.has(text)) }, mark, text);
      button.addEventListener("click", () => {
        if (!hidden.delete(text)) hidden.add(text);
        button.setAttribute("aria-pressed", String(!hidden.has(text)));
        draw();
      });
      return el("li", {}, button);
    }));
  }

  function draw() {
    if (!$("plots")) return;
    const places = groups();
    const panels = new Map();
    for (const run of known.values()) {
      if (!run.metric || run.drawn.length < 1) continue;
      const over = run.epochs === null && run.steps !== null ? "evaluations" : "epochs";
      const title = `${run.task ? `${run.task}: ` : ""}validation ${run.metric} over ${over}`;
      if (!panels.has(title)) panels.set(title, []);
      panels.get(title).push(run);
    }
    for (const [title, { box }] of charts) {
      if (!panels.has(title)) {
        box.remove();
        charts.delete(title);
      }
    }
    for (const [title, runs] of panels) {
      if (!charts.has(title)) {
        const canvas = el("canvas", { role: "img", "aria-label": `${title}, one line per run` });
        const box = el("div", {}, el("h3", {}, title), canvas);
        $("plots").append(box);
        charts.set(title, { box, canvas });
      }
      paint(charts.get(title).canvas, runs.filter((run) => !hidden.has(run.label)), places);
    }
  }

  function ticks(low, high, most) {
    const rough = (high - low) / most || 1;
    const power = 10 ** Math.floor(Math.log10(rough));
    const step = [1, 2, 5, 10].map((one) => one * power).find((one) => one >= rough);
    const found = [];
    for (let at = Math.ceil(low / step) * step; at <= high + step * 1e-9; at += step) found.push(at);
    return found;
  }

  function paint(canvas, runs, places) {
    const ratio = window.devicePixelRatio || 1;
    const [width, height] = [canvas.clientWidth, canvas.clientHeight];
    canvas.width = width * ratio;
    canvas.height = height * ratio;
    const pen = canvas.getContext("2d");
    pen.scale(ratio, ratio);
    pen.font = "11px system-ui, sans-serif";
    let [x0, x1, y0, y1] = [Infinity, -Infinity, Infinity, -Infinity];
    for (const run of runs) {
      for (const [epoch, value] of run.drawn) {
        x0 = Math.min(x0, epoch); x1 = Math.max(x1, epoch); y0 = Math.min(y0, value); y1 = Math.max(y1, value);
      }
    }
    if (!(x1 >= x0)) return;
    if (x1 === x0) x1 += 1;
    const log = y0 > 0 && y1 / y0 > 50;
    const scale = log ? Math.log10 : (value) => value;
    let [low, high] = [scale(y0), scale(y1)];
    const room = (high - low) * 0.05 || Math.abs(high) * 0.05 || 1;
    low -= room; high += room;
    const [left_, right, top, bottom] = [56, width - 14, 8, height - 26];
    const px = (epoch) => left_ + ((right - left_) * (epoch - x0)) / (x1 - x0);
    const py = (value) => bottom - ((bottom - top) * (scale(value) - low)) / (high - low);
    const [rule, soft] = [colour("--rule"), colour("--soft")];
    pen.lineWidth = 1;
    pen.strokeStyle = rule;
    pen.fillStyle = soft;
    pen.textAlign = "right";
    pen.textBaseline = "middle";
    const marks = log
      ? ticks(Math.ceil(low), high, 5).map((one) => 10 ** one).filter((one) => scale(one) >= low)
      : ticks(low, high, 5);
    for (const value of marks.length ? marks : [y0, y1]) {
      const y = Math.round(py(value)) + 0.5;
      pen.beginPath(); pen.moveTo(left_, y); pen.lineTo(right, y); pen.stroke();
      pen.fillText(digits(value), left_ - 6, y);
    }
    pen.textAlign = "center";
    pen.textBaseline = "top";
    for (const epoch of ticks(x0, x1, 6)) {
      if (Number.isInteger(epoch)) pen.fillText(String(epoch), px(epoch), bottom + 6);
    }
    const dim = over !== null && runs.some((run) => key(run) === over);
    const many = runs.length > 60;
    const last = (run) => (key(run) === over ? 2 : run.state === "RUNNING" ? 1 : 0);
    for (const run of [...runs].sort((a, b) => last(a) - last(b))) {
      const { colour: stroke, dash } = look(places.get(run.label));
      pen.strokeStyle = stroke;
      pen.fillStyle = stroke;
      pen.setLineDash(dash);
      pen.globalAlpha = dim && key(run) !== over ? 0.12 : run.state === "RUNNING" || !many ? 0.9 : 0.35;
      pen.lineWidth = key(run) === over ? 2.5 : run.state === "RUNNING" ? 1.6 : 1;
      pen.beginPath();
      for (const [epoch, value] of run.drawn) pen.lineTo(px(epoch), py(value));
      pen.stroke();
      if (run.state === "RUNNING" || run.drawn.length === 1) {
        const [epoch, value] = run.drawn[run.drawn.length - 1];
        pen.beginPath(); pen.arc(px(epoch), py(value), 2.6, 0, 7); pen.fill();
      }
    }
    pen.globalAlpha = 1;
    pen.setLineDash([]);
  }

  // -- asking --------------------------------------------------------------------------------

  function trouble(text) {
    $("trouble").hidden = !text;
    $("trouble").textContent = text || "";
  }

  async function ask() {
    const url = name === null ? "/api/studies" : `/api/study/${name}?since=${revision}`;
    const answer = await fetch(url, { cache: "no-store" });
    if (!answer.ok) throw new Error(`the server answers ${answer.status}`);
    return answer.json();
  }

  async function turn() {
    if (!document.hidden) {
      try {
        const data = await ask();
        trouble("");
        (name === null ? overview : study)(data);
        document.documentElement.dataset.ready = "";
      } catch (error) {
        const gone = error instanceof TypeError ? "gatekit serve does not answer; it may have ended" : error.message;
        trouble(`${gone}. The page shows what it had.`);
      }
    }
    setTimeout(turn, name === null ? 3000 : 2000);
  }

  window.addEventListener("resize", draw);
  matchMedia("(prefers-color-scheme: dark)").addEventListener("change", () => {
    if ($("keys")) { $("keys").dataset.label = ""; keys(); }
    draw();
  });
  turn();
})();
