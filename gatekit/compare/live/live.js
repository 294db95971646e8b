"use strict";
(() => {
  // Shows runs in progress: on the overview of all studies, and at the top of a study's report.
  // Every string from the server becomes a text node or an attribute, never markup.
  const STATES = ["COMPLETED", "DIVERGED", "RUNNING", "FAILED", "CORRUPT", "INTERRUPTED", "LOST", "PLANNED"];
  const WORDS = { PLANNED: "waiting" };
  const MOST = 50;
  const $ = (id) => document.getElementById(id);
  const name = location.pathname.startsWith("/study/") ? location.pathname.slice("/study/".length) : null;
  const shown = document.querySelector("meta[name=report]")?.content || "";

  function el(tag, attributes, ...children) {
    const made = document.createElementNS(`http://www.w3.org/${["svg", "line"].includes(tag) ? "2000/svg" : "1999/xhtml"}`, tag);
    for (const [key, value] of Object.entries(attributes || {})) {
      if (value !== null && value !== undefined) made.setAttribute(key, value);
    }
    made.append(...children.filter((child) => child !== null && child !== undefined && child !== ""));
    return made;
  }

  function duration(seconds) {
    if (seconds === null || seconds === undefined) return "";
    if (seconds < 90) return `${Math.round(seconds)} s`;
    return seconds < 5400 ? `${Math.round(seconds / 60)} min` : `${(seconds / 3600).toFixed(1)} h`;
  }

  const count = (number, one, many) => `${number} ${number === 1 ? one : many}`;
  const digits = (value) => (value === null || value === undefined ? "" : String(Number(value.toPrecision(4))));
  const left = (seconds) => (seconds === null || seconds === undefined ? null : `about ${duration(seconds)} left`);
  const facts = (texts) => el("p", { class: "facts" }, texts.filter(Boolean).join(", "));

  function counts(states) {
    return STATES.filter((state) => states[state])
      .map((state) => `${states[state]} ${WORDS[state] || state.toLowerCase()}`);
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

  function progress(run) {
    if (!run.epoch && !run.step) return [run.phase || "no epoch yet"];
    const place = run.steps ? `step ${run.step}/${run.steps}` : `epoch ${run.epoch}${run.epochs ? `/${run.epochs}` : ""}`;
    return run.fraction === null ? [place] : [place, el("progress", { max: 1, value: run.fraction, "aria-label": place })];
  }

  // The colour and the dashes of a run's group, as in the charts of its report.
  function swatch(look) {
    if (!look) return null;
    return el("svg", { viewBox: "0 0 22 10", class: `swatch ${look}`, "aria-hidden": "true" }, el("line", { x1: 1, y1: 5, x2: 21, y2: 5, class: "key" }));
  }

  function cells(run) {
    const seed = run.seed === null ? "" : ` seed=${run.seed}`;
    const origin = run.origin ? ` (from ${run.origin})` : "";
    const score = run.metric ? `${run.metric} ${run.validation === null ? "nan" : digits(run.validation)}` : "";
    return [
      el("td", { class: "label", title: run.id }, swatch(run.look), `${run.label}${seed}${origin}${run.stale ? " (stale)" : ""}`),
      el("td", { class: "number" }, ...progress(run)),
      el("td", { class: "number" }, score),
      el("td", { class: "number" }, run.seconds_left === null ? "" : `${duration(run.seconds_left)} left`),
      el("td", { class: "reason" }, run.host ? `${run.host}, process ${run.pid}${run.device ? `, ${run.device}` : ""}` : ""),
    ];
  }

  // The states of a study, and its runs in progress.
  function now(study, most) {
    const heads = ["running now", "progress", "validation", "time", "where"];
    const rows = study.running.slice(0, most).map((run) => el("tr", { "data-run": run.id }, ...cells(run)));
    const more = study.running.length - rows.length;
    return [
      study.error ? el("p", { class: "warning" }, study.error) : null,
      bar(study.states),
      facts([...counts(study.states), left(study.seconds_left)]),
      rows.length ? el("table", { class: "live-table" },
        el("thead", {}, el("tr", {}, ...heads.map((text) => el("th", { scope: "col" }, text)))),
        el("tbody", {}, ...rows)) : null,
      more > 0 ? facts([`and ${more} more in progress`]) : null,
    ].filter(Boolean);
  }

  function overview(data) {
    document.body.dataset.page = "all";
    $("title").textContent = "Studies";
    const running = data.studies.reduce((sum, study) => sum + study.running.length, 0);
    const sections = data.studies.map((study) => el("section", { class: "study" },
      el("h2", {}, el("a", { href: `/study/${encodeURIComponent(study.study)}` }, study.study)),
      study.answer ? el("p", { class: "best" }, study.answer) : null,
      study.report_error ? el("p", { class: "reason" }, study.report_error) : null,
      facts([study.score ? `${study.best}: ${study.score}` : null,
        study.changed ? `changed ${study.changed.slice(0, 16).replace("T", " ")} UTC` : null]),
      ...now(study, 12)));
    $("main").replaceChildren(facts([`in ${data.root}`, count(data.studies.length, "study", "studies"),
      `${count(running, "run", "runs")} in progress`]), ...sections);
    if (!sections.length) $("main").append(el("p", {}, "There are no studies yet; gatekit train starts one."));
  }

  function study(data) {
    if (data.report && data.report !== shown) {
      location.reload();
      return;
    }
    if (!shown) {
      document.title = `${data.study} - gatekit`;
      $("title").textContent = data.study;
    }
    const waiting = shown ? null : el("p", { class: "facts" }, "The report is being written ...");
    const failed = data.report_error ? el("p", { class: "warning" }, data.report_error) : waiting;
    $(shown ? "now" : "main").replaceChildren(...now(data, MOST), ...(failed ? [failed] : []));
  }

  function trouble(text) {
    if (!$("trouble")) document.querySelector("header").append(el("p", { class: "warning", id: "trouble", role: "status" }));
    $("trouble").hidden = !text;
    $("trouble").textContent = text || "";
  }

  async function turn() {
    if (!document.hidden) {
      try {
        const answer = await fetch(name === null ? "/api/studies" : `/api/study/${name}`, { cache: "no-store" });
        if (!answer.ok) throw new Error(`the server answers ${answer.status}`);
        const data = await answer.json();
        trouble("");
        (name === null ? overview : study)(data);
        document.documentElement.dataset.live = "";
      } catch (error) {
        const gone = error instanceof TypeError ? "gatekit serve does not answer; it may have ended" : error.message;
        trouble(`${gone}. The page shows what it had.`);
      }
    }
    setTimeout(turn, 2000);
  }

  turn();
})();
