// Shared by all parts of the page: data, elements, numbers, and the visible groups and runs.
// Strings become text nodes; they are never parsed as HTML.
const page = JSON.parse(document.getElementById("data").textContent);
const groups = (page.curves || page.runs || { groups: [] }).groups;

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

// The groups that are drawn.
const choice = (() => {
  const known = new Map(groups.map((group, index) => [group.label, index]));
  const first = groups.filter((group) => group.shown).map((group) => group.label);
  const asked = memory.get("groups", first);
  const labels = Array.isArray(asked) ? asked : first;
  const listeners = [];
  const state = {
    groups: new Set(labels.filter((label) => known.has(label)).map((label) => known.get(label))),
    listen(listener) { listeners.push(listener); },
    tell() { for (const listener of listeners) listener(); },
    set(indices) {
      state.groups = new Set(indices);
      memory.set("groups", [...state.groups].map((index) => groups[index].label));
      state.tell();
    },
    toggle(index, alone) {
      if (alone) return state.set([index]);
      const next = new Set(state.groups);
      if (!next.delete(index)) next.add(index);
      return state.set([...next].sort((a, b) => a - b));
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

// Buttons that choose groups; if there are many, a search field finds them by name.
// A group for which `has` is false has nothing in the chart, so it gets no button.
function chooser(has = () => true) {
  const buttons = groups.map((group, index) => make(
    "button",
    {
      type: "button", class: "group", title: "click: show or hide; double-click: show alone",
      click: () => choice.toggle(index), dblclick: () => choice.toggle(index, true),
    },
    swatch(group.look), group.variant,
  ));
  const list = make("div", { class: "chosen", role: "group", "aria-label": "groups" }, ...buttons);
  const show = () => buttons.forEach((one, index) => {
    one.setAttribute("aria-pressed", String(choice.groups.has(index)));
  });
  choice.listen(show);
  show();
  let sought = "";
  const update = () => buttons.forEach((one, index) => {
    one.hidden = !has(index) || !groups[index].label.toLowerCase().includes(sought);
  });
  update();
  const everything = groups.map((_, index) => index);
  const tools = make(
    "div", { class: "tools" },
    button("all", "show all groups", () => choice.set(everything)),
    button("none", "hide all groups", () => choice.set([])),
    button("first", "show the baseline and the best", () => (
      choice.set(everything.filter((index) => groups[index].shown)))),
  );
  if (groups.length > 12) {
    const find = make("input", {
      type: "search", placeholder: "find a group", "aria-label": "find a group",
      input: () => { sought = find.value.toLowerCase(); update(); },
    });
    tools.prepend(find);
  }
  const node = make("div", { class: "chooser" }, list, groups.length > 5 ? tools : null);
  node.update = update;
  return node;
}
