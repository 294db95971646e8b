"""Draw performance profiles: the share of runs above each normalised score, over all tasks."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from gatekit.compare.comparison import Comparison
from gatekit.compare.several import profiles, several_tasks

from .page import no_scores, plottable, put_legend, run_ids
from .style import look

if TYPE_CHECKING:
    from matplotlib.figure import Figure


def draw_profile(figure: Figure, comparison: Comparison) -> list[str]:
    """Draw the performance profile of each variant; higher and further right is better.

    Args:
        figure: the figure to draw on.
        comparison: a comparison over at least two tasks.

    Returns:
        The ids of the runs in the figure.

    Raises:
        ConfigError: there are fewer tasks, or no score can be normalised.
    """
    several = several_tasks(comparison)
    drawn = [] if several is None else profiles(several, comparison.level)
    if several is None or not drawn:
        raise no_scores("a performance profile needs")
    axes = figure.add_subplot()
    counts = {v.name: len(v.scores[0]) for v in several.variants}
    places = {row.group.variant: row.place for row in comparison.rows}
    for profile in drawn:
        own = look(places[profile.name])
        label = plottable(f"{profile.name} (n = {counts[profile.name]} per task)")
        if profile.low is not None and profile.high is not None:
            axes.fill_between(
                profile.scores,
                profile.low,
                profile.high,
                step="post",
                color=own.tone,
                alpha=0.15,
                lw=0,
            )
        style: Any = {"color": own.tone, "ls": own.line, "lw": 1.3, "label": label}
        # A share of runs jumps at a score; a line between two scores would slant.
        axes.plot(profile.scores, profile.share, drawstyle="steps-post", **style)
    axes.set_ylim(-0.02, 1.02)
    axes.set_xlabel(f"normalised score (0 chance, 1 baseline; {len(several.normalised)} tasks)")
    axes.set_ylabel("share of runs above")
    put_legend(figure, axes)
    return run_ids([row for row in comparison.rows if row.group.variant in counts])
