// Scales, ticks, paths, places in lists; a tooltip beside the pointer.
function scale(low, high, from, to, log) {
  if (high === low) {
    const pad = log ? 1.1 : Math.abs(low) * 0.05 || 0.5;
    [low, high] = log ? [low / pad, low * pad] : [low - pad, low + pad];
  }
  const size = log ? Math.log : (value) => value;
  const back = log ? Math.exp : (value) => value;
  const [a, b] = [size(low), size(high)];
  return {
    low, high, log,
    at: (value) => from + ((size(value) - a) / (b - a)) * (to - from),
    of: (place) => back(a + ((place - from) / (to - from)) * (b - a)),
  };
}

function ticks(one, count) {
  const { low, high, log } = one;
  if (log && high / low > 8) {
    const decades = Math.log10(high / low);
    const factors = decades > 4 ? [1] : decades > 1.6 ? [1, 3] : [1, 2, 5];
    const every = Math.max(1, Math.ceil(decades / count));
    const values = [];
    for (let power = Math.floor(Math.log10(low)); power <= Math.log10(high); power += every) {
      for (const factor of factors) {
        const value = Number((factor * 10 ** power).toPrecision(3));
        if (value >= low && value <= high) values.push(value);
      }
    }
    return values;
  }
  const rough = (high - low) / Math.max(1, count);
  const power = 10 ** Math.floor(Math.log10(rough));
  const step = [1, 2, 2.5, 5, 10].map((factor) => factor * power).find((size) => size >= rough);
  const values = [];
  for (let k = Math.ceil(low / step); k * step <= high + step * 1e-9; k += 1) {
    values.push(Number((k * step).toPrecision(12)));
  }
  return values;
}

// The place of a value in an ascending list; null if it is outside.
function fraction(numbers, value) {
  const last = numbers.length - 1;
  if (!(value >= numbers[0] && value <= numbers[last])) return null;
  let [below, above] = [0, last];
  while (above - below > 1) {
    const middle = (below + above) >> 1;
    if (numbers[middle] <= value) below = middle; else above = middle;
  }
  if (numbers[above] === value) return above;
  return below + (above > below ? (value - numbers[below]) / (numbers[above] - numbers[below]) : 0);
}

function between(values, place_) {
  const below = Math.floor(place_);
  if (below === place_) return values[below];
  return values[below] + (place_ - below) * (values[below + 1] - values[below]);
}

function path(points) {
  let text = "";
  let joined = false;
  for (const point of points) {
    if (point === null) { joined = false; continue; }
    text += `${joined ? "L" : "M"}${point[0].toFixed(1)} ${point[1].toFixed(1)}`;
    joined = true;
  }
  return text;
}

// A tooltip at a position in its holder; a line is [look, text, value, strong].
function tip(holder) {
  const node = make("div", { class: "tip", hidden: true });
  holder.append(node);
  return {
    hide() { node.hidden = true; },
    show(left, top, title, lines) {
      const rows = lines.map(([look, text, value, strong]) => make(
        "tr", { class: strong ? "strong" : null },
        make("td", {}, look ? swatch(look) : ""), make("td", {}, text), make("td", {}, value),
      ));
      node.replaceChildren(make("p", {}, title), make("table", {}, make("tbody", {}, ...rows)));
      node.hidden = false;
      const room = holder.clientWidth;
      const wide = node.offsetWidth;
      const beside = left + 16 + wide > room ? left - 16 - wide : left + 16;
      node.style.left = `${Math.max(0, Math.min(beside, room - wide))}px`;
      node.style.top = `${Math.max(0, top - 12)}px`;
    },
  };
}

// Shows a run in the table of runs, if a label names one.
function follow(label) {
  const run = /^run (\w+)/.exec(label || "");
  if (run) document.dispatchEvent(new CustomEvent("run", { detail: run[1] }));
}

// Calls paint now and when the holder's width changes, at most once per frame.
function painted(holder, paint) {
  let asked = false;
  let width = 0;
  const again = () => {
    if (asked) return;
    asked = true;
    requestAnimationFrame(() => { asked = false; paint(); });
  };
  new ResizeObserver(() => {
    if (holder.clientWidth !== width) { width = holder.clientWidth; again(); }
  }).observe(holder);
  choice.listen(again);
  return again;
}

function place(svg, event) {
  const frame_ = svg.getBoundingClientRect();
  return [event.clientX - frame_.left, event.clientY - frame_.top];
}
