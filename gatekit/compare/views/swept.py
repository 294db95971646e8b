"""The chart of the metric over a swept key, one line per variant."""

from __future__ import annotations

from collections.abc import Sequence

from gatekit.compare.comparison import Comparison
from gatekit.compare.deciding.row import Row
from gatekit.compare.grouping.keys import not_differing
from gatekit.compare.grouping.label import value_text
from gatekit.compare.numbers import is_number

from .chart import Axis, Chart, Mark, Panel, numbers
from .rows import (
    Legend,
    by_task,
    counted_together,
    is_geometric,
    metric_axis,
    run_ids,
    shown_rows,
    some_of,
)

_MOST_LINES = 12
_MOST_TICKS = 8
_PAD = 0.06


def swept(comparison: Comparison, key: str) -> Chart | None:
    """Return each variant's mean and t interval over a swept key, with every seed as a dot.

    Args:
        comparison: the comparison.
        key: the swept key; values that are not numbers are spaced evenly.

    Raises:
        ConfigError: the runs do not differ in this key.
    """
    legend = Legend(_counted)
    panels = []
    drawn: list[Row] = []
    left_out = 0
    for title, one in by_task(comparison, key):
        known = {name: None for row in one.rows for name in row.group.values}
        if one.rows and key not in known:
            raise not_differing("x", key, known)
        lines: dict[str, list[Row]] = {}
        for row in one.rows:
            rest = [name for name in row.group.values if name != key]
            lines.setdefault(row.group.part(rest, row.group.fallback), []).append(row)
        always = {id(row) for row in shown_rows(one.rows, 0)}
        shown = [
            (name, style, line)
            for place, ((name, line), style) in enumerate(
                zip(lines.items(), line_styles(list(lines.values())), strict=True)
            )
            if place < _MOST_LINES or any(id(row) in always for row in line)
        ]
        left_out = max(left_out, len(lines) - len(shown))
        if shown:
            panels.append((_panel(title, key, shown, legend),))
            drawn += [row for _, _, line in shown for row in line]
    if not panels:
        return None
    total = len(legend.series) + left_out
    notes = tuple(some_of(len(legend.series), total, "variants"))
    return Chart(f"Metric over {key}", tuple(panels), legend.series, notes, run_ids(drawn))


def _counted(lines: list[list[Row]]) -> str:
    return counted_together([row for line in lines for row in line])


def line_styles(lines: Sequence[Sequence[Row]]) -> list[int]:
    """Return the ``style_index`` of each line, which joins the groups of a variant over the key.

    A line has the style of its variant. If the swept key is part of the variants' names, a line
    joins several variants; lines then get styles in the order of their first variants.
    """
    if all(len({row.style_index for row in line}) == 1 for line in lines):
        return [line[0].style_index for line in lines]
    order = sorted(range(len(lines)), key=lambda k: min(abs(row.style_index) for row in lines[k]))
    inked = [k for k in order if any(row.is_baseline for row in lines[k])]
    others = [k for k in order if k not in inked]
    return [-1 - inked.index(k) if k in inked else others.index(k) for k in range(len(lines))]


def _panel(
    title: str, key: str, lines: list[tuple[str, int, list[Row]]], legend: Legend[list[Row]]
) -> Panel:
    rows = [row for _, _, line in lines for row in line]
    texts = {value_text(row.group.values[key]): row.group.values[key] for row in rows}
    places = {text: float(value) for text, value in texts.items() if is_number(value)}
    if len(places) < len(texts):
        places = {text: float(place) for place, text in enumerate(sorted(texts))}
    ordered = sorted(places, key=places.__getitem__)
    marks: list[Mark] = []
    values: list[float] = []
    for name, style, line in lines:
        series = legend.add(name, style, line)
        means = []
        for x, row in sorted(
            ((places[value_text(row.group.values[key])], row) for row in line),
            key=lambda pair: pair[0],
        ):
            assert row.summary is not None
            dots = row.summary.values
            values += dots
            marks.append(Mark("dots", series, (x,) * len(dots), dots))
            if row.summary.mean is not None:
                means.append((x, row.summary.mean))
                if interval := row.summary.interval:
                    marks.append(Mark("pole", series, (x,), (interval.low,), (interval.high,)))
        line_of_means = numbers(x for x, _ in means), numbers(y for _, y in means)
        marks.append(Mark("line", series, *line_of_means, strong=True))
        marks.append(Mark("mean", series, *line_of_means, strong=True))
    few = len(ordered) <= _MOST_TICKS
    log = is_geometric(list(places.values()))
    low, high = places[ordered[0]], places[ordered[-1]]
    pad = (high / low) ** _PAD if log else _PAD * (high - low) or 0.5
    return Panel(
        Axis(
            key,
            "log" if log else "linear",
            (low / pad, high * pad) if log else (low - pad, high + pad),
            names=tuple(ordered) if few else (),
            places=numbers(places[text] for text in ordered) if few else (),
        ),
        metric_axis(rows, values),
        tuple(marks),
        title,
        beside=True,
    )
