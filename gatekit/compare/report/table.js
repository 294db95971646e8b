// The table of runs: a click on a heading sorts it; words and conditions filter it.
function runs(holder) {
  const { columns, rows } = page.runs;
  const keys = columns.map((column) => column.key);
  const places = new Map(keys.map((key, index) => [key, index]));
  const [runAt, stateAt, groupAt] = ["run", "state", "group"].map((key) => places.get(key));
  const STEP = 500;
  const seen = memory.get("runs", {});
  const state = {
    text: typeof seen.text === "string" ? seen.text : "",
    column: places.has(seen.column) ? seen.column : null, down: Boolean(seen.down),
    hidden: new Set(Array.isArray(seen.hidden) ? seen.hidden : []), most: STEP,
  };
  // All numbers of a column have the same number of decimals, so that digits align.
  const decimals = columns.map((column, k) => {
    const known = rows.map((row) => row[k]).filter((value) => value !== null);
    if (!column.numeric || known.some((value) => shown(value).includes("e"))) return null;
    return Math.max(0, ...known.map((value) => (shown(value).split(".")[1] || "").length));
  });
  const written = (value, k) => (
    value === null || decimals[k] === null ? shown(value) : value.toFixed(decimals[k]));
  const texts = rows.map((row) => row.map((value, k) => (
    k === groupAt ? (value === null ? "" : groups[value].label) : written(value, k))));
  const whole = texts.map((cells) => cells.join(" ").toLowerCase());
  const made = new Map();

  // word, -word, column:word, column=value, column<number, column>number
  function conditions(text) {
    return text.split(/\s+/).filter(Boolean).map((word) => {
      const match = /^(-?)([^<>=:]+)([<>]=?|=|:)(.+)$/.exec(word);
      const column = match && keys.find((key) => key === match[2])
        || match && keys.find((key) => key.endsWith(`.${match[2]}`));
      if (!column) {
        const out = word.startsWith("-") && word.length > 1;
        const wanted = (out ? word.slice(1) : word).toLowerCase();
        return (k) => whole[k].includes(wanted) !== out;
      }
      const [, minus, , sign, value] = match;
      const at = places.get(column);
      const size = Number(value);
      const tests = {
        "<": (v) => v < size, ">": (v) => v > size, "<=": (v) => v <= size, ">=": (v) => v >= size,
        "=": (v, t) => t.toLowerCase() === value.toLowerCase() || (typeof v === "number" && v === size),
        ":": (v, t) => t.toLowerCase().includes(value.toLowerCase()),
      };
      const holds = (k) => {
        const cell = rows[k][at];
        if (sign !== ":" && sign !== "=" && typeof cell !== "number") return false;
        return tests[sign](cell, texts[k][at]);
      };
      return (k) => holds(k) !== (minus === "-");
    });
  }

  function order() {
    const tests = conditions(state.text);
    const indices = rows.map((_, k) => k).filter((k) => (
      !state.hidden.has(rows[k][stateAt])
      && tests.every((test) => test(k))));
    if (state.column === null) return indices;
    const at = places.get(state.column);
    const way = state.down ? -1 : 1;
    // Unknown values are last in both directions.
    return indices.sort((a, b) => {
      const [one, other] = [rows[a][at], rows[b][at]];
      if (one === null || other === null) return (one === null) - (other === null);
      if (typeof one === "number" && typeof other === "number" && at !== groupAt) return way * (one - other);
      return way * texts[a][at].localeCompare(texts[b][at], "en", { numeric: true });
    });
  }

  function row(k) {
    if (!made.has(k)) {
      const cells = rows[k].map((value, at) => {
        if (at === groupAt) {
          return make("td", { class: "group" }, value === null ? "" : swatch(groups[value].look), texts[k][at]);
        }
        if (at === runAt) return make("td", {}, make("code", {}, texts[k][at]));
        if (at === stateAt) {
          const look = `state ${texts[k][at].toLowerCase()}`;
          return make("td", {}, make("span", { class: look }, texts[k][at]));
        }
        return make("td", { class: columns[at].numeric ? "number" : null }, texts[k][at]);
      });
      made.set(k, make("tr", {}, ...cells));
    }
    return made.get(k);
  }

  const heads = columns.map((column) => {
    const sort = make("button", { type: "button", click: () => sorted(column.key) });
    // Long keys may break after dots and underscores.
    for (const piece of column.key.split(/(?<=[._])/)) sort.append(piece, make("wbr"));
    return make("th", { scope: "col", class: column.numeric ? "number" : null }, sort);
  });
  const body = make("tbody");
  const counted = make("p", { class: "count", role: "status" });
  const more = button("show more", "show more runs", () => { state.most += 4 * STEP; show(); });
  const field = make("input", {
    type: "search", class: "filter", placeholder: "lstm  seed:3  test<0.1  -FAILED",
    "aria-label": "filter the runs", value: state.text,
    input: () => { state.text = field.value; state.most = STEP; show(); },
  });
  const states = [...new Set(rows.map((r) => r[stateAt]))].sort();
  const chips = states.map((name) => {
    const count = rows.filter((r) => r[stateAt] === name).length;
    const chip = make("button", {
      type: "button", class: `state ${name.toLowerCase()}`,
      click: () => {
        if (!state.hidden.delete(name)) state.hidden.add(name);
        show();
      },
    }, `${count} ${name}`);
    return [name, chip];
  });
  holder.append(
    make("div", { class: "tools" }, field, ...(states.length > 1 ? chips.map(([, chip]) => chip) : []), counted),
    make(
      "div", { class: "scroll tall", tabindex: 0, role: "region", "aria-label": "runs" },
      make("table", { class: "all" }, make("thead", {}, make("tr", {}, ...heads)), body),
    ),
    more,
  );

  function sorted(key) {
    if (state.column !== key) Object.assign(state, { column: key, down: false });
    else if (!state.down) state.down = true;
    else Object.assign(state, { column: null, down: false });
    show();
  }

  function show() {
    const indices = order();
    body.replaceChildren(...indices.slice(0, state.most).map(row));
    more.hidden = indices.length <= state.most;
    counted.textContent = `${indices.length} of ${rows.length} runs`;
    columns.forEach((column, k) => {
      const way = column.key !== state.column ? "none" : state.down ? "descending" : "ascending";
      heads[k].setAttribute("aria-sort", way);
    });
    for (const [name, chip] of chips) chip.setAttribute("aria-pressed", String(!state.hidden.has(name)));
    const { text, column, down, hidden } = state;
    memory.set("runs", { text, column, down, hidden: [...hidden] });
  }

  document.addEventListener("run", (event) => {
    Object.assign(state, { text: event.detail, most: STEP });
    field.value = state.text;
    show();
    holder.scrollIntoView();
    field.focus({ preventScroll: true });
  });
  document.addEventListener("keydown", (event) => {
    const typing = /^(INPUT|SELECT|TEXTAREA)$/.test(event.target.tagName);
    if (event.key === "/" && !typing) { event.preventDefault(); field.focus(); }
  });
  show();
}
