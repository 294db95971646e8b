// Shared by all parts of the page: data, elements, numbers, and what is chosen.
// Strings become text nodes; they are never parsed as HTML.
const page = JSON.parse(document.getElementById("data").textContent);
const { groups } = page;

function filled(node, attributes, children) {
  for (const [key, value] of Object.entries(attributes || {})) {
    if (value === null || value === undefined || value === false) continue;
    if (typeof value === "function") node.addEventListener(key, value);
    else node.setAttribute(key, value === true ? "" : String(value));
  }
  for (const child of children) if (child !== null && child !== undefined) node.append(child);
  return node;
}

function make(tag, attributes, ...children) {
  return filled(document.createElement(tag), attributes, children);
}

function draw(tag, attributes, ...children) {
  return filled(document.createElementNS("http://www.w3.org/2000/svg", tag), attributes, children);
}

function swatch(look) {
  const line = draw("line", { x1: 1, y1: 5, x2: 21, y2: 5, class: "key" });
  return draw("svg", { viewBox: "0 0 22 10", class: `swatch ${look}`, "aria-hidden": "true" }, line);
}

function shown(value) {
  if (value === null || value === undefined) return "";
  if (typeof value !== "number") return String(value);
  const size = Math.abs(value);
  if (Number.isInteger(value) && size < 1e7) return String(value);
  if (size < 1e-3 || size >= 1e7) return value.toExponential(2).replace(/\.?0+e/, "e");
  return String(Number(value.toPrecision(4)));
}

// When the page reloads itself, the user's choices are kept if the browser has storage.
const memory = (() => {
  const key = `gatekit:${page.study}`;
  let known = {};
  try {
    const stored = JSON.parse(sessionStorage.getItem(key) || "{}");
    if (stored && typeof stored === "object") known = stored;
  } catch { /* a page from disk may have no storage */ }
  return {
    get: (name, otherwise) => (name in known ? known[name] : otherwise),
    set(name, value) {
      known[name] = value;
      try { sessionStorage.setItem(key, JSON.stringify(known)); } catch { /* as above */ }
    },
  };
})();

// What all charts share: which variants are hidden, by name, and what is chosen, such as the x axis.
const choice = (() => {
  const shown_ = new Set(groups.filter((group) => group.shown).map((group) => group.variant));
  const first = groups.map((group) => group.variant).filter((name) => !shown_.has(name));
  const asked = memory.get("hidden", first);
  const picked = memory.get("picked", {});
  const listeners = [];
  const state = {
    hidden: new Set(Array.isArray(asked) ? asked : first),
    get changed() {
      return state.hidden.size !== new Set(first).size || first.some((name) => !state.hidden.has(name));
    },
    listen(listener) { listeners.push(listener); },
    tell() { for (const listener of listeners) listener(); },
    hide(names) {
      state.hidden = new Set(names);
      memory.set("hidden", [...state.hidden]);
      state.tell();
    },
    toggle(name) {
      const next = new Set(state.hidden);
      if (!next.delete(name)) next.add(name);
      state.hide(next);
    },
    reset() { state.hide(first); },
    picked: (name, texts, otherwise) => (texts.includes(picked[name]) ? texts.indexOf(picked[name]) : otherwise),
    pick(name, text) {
      picked[name] = text;
      memory.set("picked", picked);
      state.tell();
    },
  };
  return state;
})();

function button(text, title, act) {
  return make("button", { type: "button", title, "aria-label": title, click: act }, text);
}

function box(text, checked, change) {
  const input = make("input", { type: "checkbox", checked, change: () => change(input.checked) });
  return make("label", { class: "box" }, input, text);
}
