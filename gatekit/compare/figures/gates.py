"""Draw the behaviour of gates: values over training, memory of units, gradients over time."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from gatekit.cell.errors import ConfigError, listed, nearest
from gatekit.compare.gates.behaviour import GatesReport, ProbedVariant
from gatekit.compare.gates.densities import (
    FLOOR,
    Density,
    densities,
    layers,
    longest_sequence,
    memory,
    memory_limits,
    slope,
)

from .page import legend_layout, plottable, shortened, write_figure
from .style import INKS, TWO_COLUMNS, style_of

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

_MOST_VARIANTS, _MOST_GATES = 12, 6
_ROW, _CURVES, _HEAD = 1.12, 2.15, 0.2
_SEEDS_SHOWN = 10
_GREY = "#777777"
_TITLE = 100
_AXIS, _LETTER, _SHARES = 0.35, 0.06, 0.55
"""Widths, in inches, of a panel's axis, a letter of its name, and its saturation."""


def draw_gates(
    report: GatesReport,
    stem: Path | str,
    *,
    command: str,
    formats: Sequence[str] = ("png", "svg"),
    layer: str | None = None,
) -> list[Path]:
    """Draw the behaviour of each variant's gates, two paper columns wide.

    The upper part has a row per variant: the density of each gate's values over training, their
    mean, and the saturated shares at the best epoch. The lower left panel shows the memory of the
    units, shortest first; the lower right panel shows the gradient of the loss with respect to the
    memory, over the steps.

    Args:
        report: the result of ``gates_report``.
        stem: path of the files without their suffix.
        command: the command line to store in the files.
        formats: any of png, svg and pdf.
        layer: the recurrent layer; None means the lowest.

    Returns:
        The files, in the order of the formats.

    Raises:
        ConfigError: the layer or a format does not exist.
    """
    shown_layer = chosen_layer(report, layer)
    shown = [v for v in report.variants if any(row.layer == shown_layer for row in v.gates)]

    def paint(figure: Figure) -> list[str]:
        _paint(figure, shown[:_MOST_VARIANTS], shown_layer, len(shown))
        return [probed.run.id for v in shown[:_MOST_VARIANTS] for probed in v.probed]

    return write_figure(
        paint,
        report,
        stem,
        title=f"Gates of {shown_layer}",
        command=command,
        formats=formats,
        columns=2,
    )


def chosen_layer(report: GatesReport, layer: str | None) -> str:
    """Return a layer of the report; None selects the lowest.

    Raises:
        ConfigError: the layer does not exist.
    """
    known = layers(report)
    if layer is None:
        return known[0]
    if layer not in known:
        raise ConfigError(
            f"there is no recurrent layer {layer!r}{nearest(layer, known) or '.'} "
            f"Layers: {listed(known)}."
        )
    return layer


def _paint(figure: Figure, variants: Sequence[ProbedVariant], layer: str, total: int) -> None:
    from matplotlib.lines import Line2D

    rows = _HEAD + _ROW * len(variants)
    labels = [plottable(_named(variant, layer)) for variant in variants]
    labels, legend_columns, legend = legend_layout(labels, TWO_COLUMNS)
    curves = _CURVES + legend
    figure.set_figheight(rows + curves)
    halves: Any = figure.subfigures(2, 1, height_ratios=(rows, curves), hspace=0.03)
    above, below = halves
    looks = [style_of(variant.style_index) for variant in variants]
    styles = [(look.tone, look.line) for look in looks]
    rows_of_densities = [densities(variant, layer)[:_MOST_GATES] for variant in variants]
    columns = max(2, *map(len, rows_of_densities))
    panels = above.subplots(len(variants), columns, squeeze=False)
    for place, variant in enumerate(variants):
        last = place + 1 == len(variants)
        _row(panels[place], variant, rows_of_densities[place], styles[place][0], last=last)
    left, right = below.subplots(1, 2)
    _memory(left, variants, layer, styles)
    _gradient(right, variants, layer, styles)
    lines = [Line2D([], [], color=tone, ls=style, lw=1.5) for tone, style in styles]
    below.legend(lines, labels, loc="outside lower center", ncols=legend_columns)
    if total > len(variants):
        title = f"the first {len(variants)} of {total} variants"
        above.suptitle(title, fontsize=7, color=_GREY, x=0.99, ha="right")


def _named(variant: ProbedVariant, layer: str) -> str:
    """Return the label of a variant in the legend, with the state whose memory is shown."""
    lasting = memory(variant, layer)
    return variant.group.label + ("" if lasting is None else f": {lasting.state}")


def _row(
    panels: Any, variant: ProbedVariant, gates: Sequence[Density], tone: str, *, last: bool
) -> None:
    # The title may be as wide as the figure, but must not widen the first column.
    title = panels[0].annotate(
        f"{shortened(variant.group.label, _TITLE)}   n = {len(variant.probed)}",
        (0, 1),
        xycoords="axes fraction",
        xytext=(-20, 14),
        textcoords="offset points",
        fontsize=7.5,
        color=tone,
        fontweight="bold",
    )
    title.set_in_layout(False)
    room = TWO_COLUMNS / len(panels) - _AXIS
    for axes, density in zip(panels, gates, strict=False):
        _density(axes, density, tone)
        if _LETTER * len(shortened(density.gate)) + _SHARES < room:
            axes.set_title(density.saturation, fontsize=6, loc="right", pad=2, color="#555555")
        if last:
            axes.set_xlabel("epoch", labelpad=1)
    # Blank lines make room for the title of the row.
    name = panels[0].get_title(loc="left")
    panels[0].set_title(f"\n\n{name}", fontsize=7, loc="left", pad=2)
    for axes in panels[len(gates) :]:
        axes.set_axis_off()


def _density(axes: Axes, density: Density, tone: str) -> None:
    from matplotlib.colors import LinearSegmentedColormap, PowerNorm
    from matplotlib.patheffects import withStroke

    tones = LinearSegmentedColormap.from_list("tone", ["#FFFFFF", tone])
    looks = len(density.epochs)
    axes.imshow(
        density.shares.T,
        origin="lower",
        aspect="auto",
        interpolation="nearest",
        extent=(-0.5, looks - 0.5, density.low, density.high),
        cmap=tones,
        norm=PowerNorm(0.6, vmin=0, vmax=max(float(density.shares.max()), 1e-6)),
    )
    ink = "#111111" if tone not in INKS else "#D55E00"
    halo = [withStroke(linewidth=2.2, foreground="white")]
    axes.plot(range(looks), density.means, color=ink, lw=1.0, path_effects=halo)
    if density.bounded:
        edge = 0.1 * (density.high - density.low)
        for height in (density.low + edge, density.high - edge):
            axes.axhline(height, color=_GREY, lw=0.5, ls=(0, (1, 2)))
        axes.set_yticks([density.low, (density.low + density.high) / 2, density.high])
    else:
        axes.set_yticks([density.low, density.high])
    axes.yaxis.set_major_formatter("{x:.2g}")
    places = sorted({0, (looks - 1) // 2, looks - 1})
    axes.set_xticks(places, [str(density.epochs[place]) for place in places])
    axes.set_ylim(density.low, density.high)
    axes.grid(visible=False)
    for side in ("top", "right"):
        axes.spines[side].set_visible(True)
    axes.spines[:].set_color("#BBBBBB")
    axes.set_title(shortened(density.gate), fontsize=7, loc="left", pad=2)


def _memory(
    axes: Axes, variants: Sequence[ProbedVariant], layer: str, styles: Sequence[tuple[str, Any]]
) -> None:
    drawn = [(look, memory(v, layer)) for look, v in zip(styles, variants, strict=True)]
    known = [(look, lasting) for look, lasting in drawn if lasting is not None]
    length = longest_sequence(variants)
    bottom, top = memory_limits((lasting for _, lasting in known), length)
    axes.set_yscale("log")
    axes.set_ylim(bottom, top)
    for (tone, style), lasting in known:
        x = np.linspace(0, 100, len(lasting.best[0]))

        def within(scales: Any) -> Any:
            return np.clip(np.median(scales, axis=0), bottom, top)

        if lasting.before:
            axes.plot(x, within(lasting.before), color=tone, lw=0.9, ls=(0, (1, 1.6)))
        if 1 < len(lasting.best) < _SEEDS_SHOWN:
            for scales in lasting.best:
                axes.plot(x, np.clip(scales, bottom, top), color=tone, lw=0.5, alpha=0.4)
        axes.plot(x, within(lasting.best), color=tone, lw=1.5, ls=style)
    if length is not None:
        axes.axhline(length, color=_GREY, lw=0.6, ls=(0, (5, 2)))
        axes.annotate(
            f"sequence ({length:g})",
            (0, length),
            xytext=(2, 1.5),
            textcoords="offset points",
            fontsize=6,
            color=_GREY,
        )
    axes.set_xlim(0, 100)
    axes.set_xlabel("units, shortest memory first (%)")
    axes.set_ylabel("memory (steps)")
    axes.set_title("memory of the units; dotted: before training", fontsize=7, loc="left")
    if not known:
        axes.text(50, (bottom * top) ** 0.5, "no unit has a time scale", ha="center", color=_GREY)


def _gradient(
    axes: Axes, variants: Sequence[ProbedVariant], layer: str, styles: Sequence[tuple[str, object]]
) -> None:
    lowest = 1.0
    for (tone, style), variant in zip(styles, variants, strict=True):
        gradients = slope(variant, layer)
        if gradients is None:
            continue
        table = gradients.table
        lowest = min(lowest, float(table.min()))
        if 1 < len(table) < _SEEDS_SHOWN:
            for norms in table:
                axes.plot(gradients.steps, norms, color=tone, lw=0.5, alpha=0.4)
        axes.plot(gradients.steps, gradients.mean, color=tone, lw=1.5, ls=style)
    axes.set_yscale("log")
    axes.set_ylim(max(0.6 * lowest, FLOOR), 1.6)
    axes.margins(x=0.02)
    axes.set_xlabel("step t")
    axes.set_ylabel(r"$\Vert \partial L / \partial s_t \Vert$, largest = 1")
    axes.set_title("gradient of the loss with respect to the memory", fontsize=7, loc="left")
