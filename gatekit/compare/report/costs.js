// Learning curves over epochs, steps, seconds or FLOPs, and values between their points.
// The x axis of all learning curves: epochs, steps, seconds or FLOPs.
const across = {
  cost: null, listeners: [],
  choose(cost) {
    across.cost = cost;
    memory.set("over", cost);
    for (const listener of across.listeners) listener();
  },
};

// The runs and the band of a group over a cost, without runs whose cost is unknown.
function placed(group, cost) {
  const { lists } = page.curves;
  const list = { epochs: "at", flops: "steps" }[cost] || cost;
  const runs = group.runs
    .filter((run) => run[list] !== undefined && (cost !== "flops" || run.flops !== null))
    .map((run) => ({
      ...run,
      x: cost === "flops" ? lists[run[list]].map((steps) => steps * run.flops) : lists[run[list]],
    }));
  const own = group.bands && group.bands[cost];
  const band = own ? { ...group.bands.epochs, ...own } : null;
  return { runs, band: band && { ...band, x: lists[band.at] } };
}

// The fractional index of a value in an ascending list; null if the value is outside.
function fraction(numbers, value) {
  const last = numbers.length - 1;
  if (!(value >= numbers[0] && value <= numbers[last])) return null;
  const above = numbers.findIndex((number) => number >= value);
  if (numbers[above] === value) return above;
  return above - (numbers[above] - value) / (numbers[above] - numbers[above - 1]);
}

function between(values, index) {
  const below = Math.floor(index);
  if (below === index) return values[below];
  return values[below] + (index - below) * (values[below + 1] - values[below]);
}
