"""The chart over all tasks: mean normalised scores with their intervals."""

from __future__ import annotations

from gatekit.cell.errors import ConfigError
from gatekit.compare.comparison import Comparison
from gatekit.compare.several import SeveralTasks, several_tasks

from .chart import Axis, Chart, Mark, Panel, Series
from .rows import run_ids


def intervals(comparison: Comparison) -> Chart:
    """Return the mean normalised score of each variant with its interval.

    Raises:
        ConfigError: there are fewer than two tasks, or no score can be normalised.
    """
    several = several_tasks(comparison)
    if several is None or not several.normalised:
        raise ConfigError(
            "intervals over tasks need at least two tasks with a known chance level, and two "
            "variants that are complete on all tasks. Add tasks: task=A,B"
        )
    series = _series(comparison, several)
    marks = []
    for k, variant in enumerate(several.variants):
        if variant.interval is not None:
            ends = variant.interval.low, variant.interval.high
            marks.append(Mark("bar", k, ends[:1], (float(k),), ends[1:], strong=True))
        if variant.mean is not None:
            marks.append(Mark("mean", k, (variant.mean,), (float(k),), strong=True))
    title = f"normalised score (0 chance, 1 baseline; {len(several.normalised)} tasks)"
    y = Axis(scale="names", names=tuple(one.name for one in series))
    panel = Panel(Axis(title, better=1), y, tuple(marks), name="mean", rows=len(series))
    runs = _run_ids(comparison, several)
    return Chart("Means over tasks", ((panel,),), series, runs=runs)


def _series(comparison: Comparison, several: SeveralTasks) -> tuple[Series, ...]:
    styles = {row.group.variant: row.style_index for row in comparison.rows}
    return tuple(Series(v.name, styles[v.name]) for v in several.variants)


def _run_ids(comparison: Comparison, several: SeveralTasks) -> tuple[str, ...]:
    names = {variant.name for variant in several.variants}
    return run_ids([row for row in comparison.rows if row.group.variant in names])
