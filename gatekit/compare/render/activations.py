"""Draw one run's gates and states at every step of a sequence, as heat maps of units over time."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from gatekit.cell.errors import RunError, listed
from gatekit.cell.schema import gate_of, gates_and_roles
from gatekit.compare.gates.behaviour import GatesReport, ProbedVariant
from gatekit.compare.gates.probes import ProbedRun, read_activations
from gatekit.compare.views.gates import chosen_layer

from .files import about, check_formats, write_figure
from .matplotlib import empty
from .style import styled
from .text import plottable, shortened

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

_SEQUENCES = 2
_LOW, _HIGH, _BETWEEN = "#0072B2", "#D55E00", "#FFFFFF"
_NOTHING = "#DDDDDD"
_HEAD, _INPUT, _PANEL = 0.55, 0.42, 0.62

Signals = Mapping[str, NDArray[Any]]


def draw_activations(
    report: GatesReport,
    run: str,
    stem: Path | str,
    *,
    command: str,
    formats: Sequence[str] = ("png", "svg"),
    layer: str | None = None,
) -> list[Path]:
    """Draw two sequences of a run after its last epoch, two paper columns wide.

    The top panel shows the input; below it is a heat map per gate and state, with a row per unit
    and a column per step. All heat maps sort units by their mean in the gate with the role
    ``forget``, or else in the first gate. Masked steps are grey.

    ``run`` is the run's id, or the start of it; the other arguments are those of `draw_gates`.

    Raises:
        RunError: ``run`` does not name exactly one probed run, or its activations are missing.
        ConfigError: the layer or a format does not exist.
    """
    variant, probed = _probed_run(report, run)
    shown = chosen_layer(report, layer)
    arrays = read_activations(probed.run)
    signals = {
        n.removeprefix(f"{shown}/"): a for n, a in arrays.items() if n.startswith(f"{shown}/")
    }
    if not signals:
        raise RunError(
            f"run {probed.run.id} has no readable probe.npz for {shown}; a run writes this file"
            " after its last epoch if it did not diverge"
        )

    label = shortened(variant.group.label)
    heading = f"{label}, seed {probed.run.seed}, run {probed.run.id[:8]}, {shown}"
    check_formats(formats)
    with styled():
        figure = empty(columns=2)
        _paint(figure, heading, _order(probed, signals), signals, arrays)
    title = f"Activations of run {probed.run.id}, {shown}, of study {report.study.name}"
    description = about(command, report.level, [probed.run.id])
    return write_figure(figure, stem, formats, title, description)


def _probed_run(report: GatesReport, text: str) -> tuple[ProbedVariant, ProbedRun]:
    every = [(variant, probed) for variant in report.variants for probed in variant.probed]
    matches = [(variant, probed) for variant, probed in every if probed.run.id.startswith(text)]
    if len(matches) != 1 or not text:
        ids = listed([probed.run.id for _, probed in (matches or every)], 8)
        problem = "matches several" if matches else "is not one"
        raise RunError(f"--run {text} {problem} of the probed runs: {ids}")
    return matches[0]


def _paint(
    figure: Figure, about: str, order: NDArray[Any], signals: Signals, arrays: Signals
) -> None:
    names = list(signals)
    count = min(_SEQUENCES, *(len(array) for array in signals.values()))
    heights = [_INPUT, *([_PANEL] * len(names))]
    figure.set_figheight(_HEAD + sum(heights) * 1.06)
    panels = figure.subplots(
        len(heights), count, squeeze=False, sharex="col", height_ratios=heights
    )
    looks = {name: _look(signals[name][:count]) for name in names}
    mask = arrays.get("mask")
    for column in range(count):
        valid = None if mask is None else np.asarray(mask[column], bool)
        _input(panels[0][column], arrays.get("input"), column, valid)
        panels[0][column].set_title(f"sequence {column + 1}", fontsize=7, loc="left", pad=2)
        for axes, name in zip(panels[1:, column], names, strict=True):
            values = signals[name][column]
            values = values[:, order] if values.shape[1] == len(order) else values
            image = _heat(axes, values, valid, looks[name])
            if column == count - 1:
                bar = figure.colorbar(image, ax=axes, pad=0.015)
                bar.outline.set_visible(False)  # type: ignore[operator, unused-ignore]
                bar.ax.tick_params(labelsize=5.5, length=1.5)
        panels[-1][column].set_xlabel("step")
    for axes, name in zip(panels[1:, 0], names, strict=True):
        axes.set_ylabel(shortened(name.partition("/")[2]), rotation=0, ha="right", va="center")
    figure.suptitle(plottable(about), fontsize=7.5, x=0.01, ha="left", fontweight="bold")


def _order(probed: ProbedRun, signals: Signals) -> NDArray[Any]:
    """Return the units by descending mean in the forget gate, or else in the first signal."""
    cell = (probed.run.config or {}).get("cell")
    forget = gate_of("forget", *gates_and_roles(cell if isinstance(cell, Mapping) else {}))
    gate = signals.get(f"gate/{forget}")
    chosen = gate if gate is not None else next(iter(signals.values()))
    means = np.nan_to_num(chosen.astype(np.float64)).mean(axis=(0, 1))
    return np.argsort(-means, kind="stable")


def _input(axes: Axes, inputs: Any, column: int, valid: Any) -> None:
    _without_frame(axes)
    if inputs is None:
        return
    x = np.asarray(inputs[column], dtype=np.float64)
    table = x[:, None] if x.ndim == 1 else x
    table = table if valid is None else np.where(valid[:, None], table, np.nan)
    _image(axes, table, cmap="Greys")
    axes.tick_params(length=0)
    if column == 0:
        axes.set_ylabel("x", rotation=0, ha="right", va="center")


def _heat(axes: Axes, values: NDArray[Any], valid: Any, look: Mapping[str, Any]) -> Any:
    table = values.astype(np.float64)
    _without_frame(axes)
    axes.tick_params(length=2)
    return _image(axes, table if valid is None else np.where(valid[:, None], table, np.nan), **look)


def _without_frame(axes: Axes) -> None:
    axes.set_yticks([])
    axes.grid(visible=False)
    axes.spines[:].set_visible(False)


def _look(values: NDArray[Any]) -> dict[str, Any]:
    """Return the colours of a signal; all of its sequences share them."""
    from matplotlib import colormaps
    from matplotlib.colors import Colormap, LinearSegmentedColormap, Normalize

    finite = values[np.isfinite(values)].astype(np.float64)
    low, high = float(finite.min(initial=0.0)), float(finite.max(initial=0.0))
    tones: Colormap = colormaps["cividis"]
    norm = Normalize(0, 1)
    if low < 0 or high > 1:
        size = max(-low, high)
        tones = LinearSegmentedColormap.from_list("signed", [_LOW, _BETWEEN, _HIGH])
        norm = Normalize(-size, size)
    return {"cmap": tones.with_extremes(bad=_NOTHING), "norm": norm}


def _image(axes: Axes, table: NDArray[Any], **look: Any) -> Any:
    """Draw ``steps x units``: steps, from 1, to the right, and the first unit on top."""
    steps, units = table.shape
    extent = (0.5, steps + 0.5, units, 0)
    return axes.imshow(table.T, aspect="auto", interpolation="nearest", extent=extent, **look)
