"""Every kind of figure: what is drawn, metadata, sizes, and bytes that repeat."""

from __future__ import annotations

import dataclasses
import inspect
import itertools
import os
import re
import sys
from pathlib import Path
from types import SimpleNamespace
from typing import Any
from xml.etree import ElementTree

import numpy as np
import processes
import pytest
from refused import at
from seams import (
    FIGURES,
    GROUPING,
    OPTIONS,
    Asked,
    Chart,
    Mark,
    Panel,
    chart,
    log_ticks,
    matplotlib,
    shortened,
    shown_rows,
    style_of,
    write_figure,
)
from seams import compare_runs as plain
from seams import compared_Comparison as Comparison
from seams import draw_figure as draw
from seams import figure as figure_of

from gatekit import ConfigError
from gatekit.compare import compare

from .synthetic import METRIC, configuration, write_run, write_study
from .test_comparison import GRU, LSTM, RNN, diverged
from .test_several import write_task
from .test_table import HOSTILE


def made(kind: str, comparison: Comparison, x: str | None = None) -> Chart:
    """Return a chart that is not empty."""
    return chart(kind, comparison, Asked(x))


def only(shown: Chart) -> Panel:
    ((panel,),) = shown.panels
    return panel


def marks(panel: Panel, kind: str) -> list[Mark]:
    return [mark for mark in panel.marks if mark.kind == kind]


def texts(shown: Chart) -> str:
    """Return every text of a chart."""
    said = [*shown.notes, *(f"{s.name} ({s.note})" for s in shown.series)]
    for panel in itertools.chain(*shown.panels):
        said += [panel.title, panel.name, *panel.x.names, *panel.y.names]
        said += [panel.x.title, panel.y.title, "" if panel.tints is None else panel.tints.title]
        said += [tip for mark in panel.marks for tip in mark.tips]
    return "\n".join(said)


def write_everything(root: Path) -> Comparison:
    """Write a study of which every kind of figure can be drawn: five tasks, three cells."""
    for place, name in enumerate("abcde"):
        cells = {"lstm": LSTM, "gru": GRU, "rnn": RNN}
        write_task(root, name, {c: [v + place / 9 for v in values] for c, values in cells.items()})
    return compare("demo", root, within=["task.name"])


def test_the_arguments_of_a_comparison_are_the_options_with_their_defaults() -> None:
    arguments = [*inspect.signature(plain).parameters.values()][2:]
    assert {a.name: a.default for a in arguments} == {n: OPTIONS[n].default for n in GROUPING}


@pytest.mark.slow
@pytest.mark.one_in(1, slow=6)
@pytest.mark.parametrize(
    "kind",
    [k if k in ("forest", "curves") else pytest.param(k, marks=pytest.mark.slow) for k in FIGURES],
)
def test_every_kind_names_command_settings_and_runs_and_repeats(tmp_path: Path, kind: str) -> None:
    comparison = write_everything(tmp_path)
    how = {"command": "gatekit compare demo", "formats": ("svg", "pdf"), "x": "task.name"}
    how |= {"over": "steps"}
    svg, pdf = draw(kind, comparison, tmp_path / "one", **how)
    shown = chart(kind, comparison, Asked("task.name", "steps"))
    assert shown is not None
    two = dataclasses.replace(shown, panels=shown.panels[:2])
    written, moved = set(), []
    for _ in range(16):
        moved.append(bytearray(4096))  # the next figure is elsewhere in memory
        figure = matplotlib.figure(two)
        (path,) = write_figure(figure, tmp_path / "two", ["svg"], "two tasks", "about")
        written.add(path.read_bytes())
    assert len(written) == 1
    again = draw(kind, comparison, tmp_path / "again", **how)
    assert [path.read_bytes() for path in again] == [svg.read_bytes(), pdf.read_bytes()]
    text = svg.read_text()
    assert "command: gatekit compare demo; runs: " in text
    assert all(run.id in text for run in comparison.study.runs)
    assert not list(ElementTree.parse(svg).iter("{http://www.w3.org/2000/svg}text"))
    assert b"/FontFile2" in pdf.read_bytes()
    points = float(ElementTree.parse(svg).getroot().attrib["width"].removesuffix("pt"))
    assert points == pytest.approx(72 * 3.4, abs=0.1)


@pytest.mark.slow
@pytest.mark.one_in(1, slow=3)
def test_another_process_draws_the_same_bytes(tmp_path: Path) -> None:
    write_study(tmp_path, {"lstm": LSTM, "rnn": RNN, "gru": GRU})
    code = (
        "import sys; from gatekit.compare import compare; from gatekit.compare.figures import draw"
    )
    code += "; [draw(kind, compare('demo', sys.argv[1]), sys.argv[2] + kind, command='x',"
    code += " formats=('svg', 'pdf')) for kind in ('forest', 'curves', 'scatter')]"
    for seed in ("1", "2"):
        command = [sys.executable, "-c", code, str(tmp_path), str(tmp_path / seed)]
        processes.run(command, check=True, env={**os.environ, "PYTHONHASHSEED": seed})
    first, second = ([p.read_bytes() for p in sorted(tmp_path.glob(f"{n}*.*"))] for n in "12")
    assert first == second
    assert len(first) == 6


@pytest.mark.parametrize("kind", ["forest", "heatmap", "scatter", "axis"])
def test_a_study_without_outcomes_draws_nothing(tmp_path: Path, kind: str) -> None:
    write_run(tmp_path / "demo" / "runs", configuration(), state="FAILED")
    with pytest.raises(ConfigError, match="nothing to draw"):
        draw(kind, compare("demo", tmp_path), tmp_path / "a", command="", x="cell")
    assert not list(tmp_path.glob("a*"))


@pytest.mark.one_in(8)
@pytest.mark.parametrize("label", HOSTILE)
def test_any_label_can_be_drawn(tmp_path: Path, label: str) -> None:
    runs = write_study(tmp_path, {"lstm": LSTM})
    for seed in range(3):
        write_run(runs, configuration("lstm", seed, cell__name=label, units=1), 9.5)
    comparison = compare("demo", tmp_path)
    for kind in ("forest", "heatmap", "scatter", "axis"):
        (svg,) = draw(kind, comparison, tmp_path / "a", command=label, formats=["svg"], x="units")
        ElementTree.parse(svg)
        assert "<script" not in svg.read_text()


def test_an_unknown_kind_and_a_missing_axis_say_what_to_type(tmp_path: Path) -> None:
    write_study(tmp_path, {"lstm": LSTM, "rnn": RNN})
    comparison = compare("demo", tmp_path)
    with pytest.raises(ConfigError, check=at("kind")):
        draw("forrest", comparison, tmp_path / "a", command="")
    with pytest.raises(ConfigError, check=at("x")):
        draw("axis", comparison, tmp_path / "a", command="")
    with pytest.raises(ConfigError, check=at("x")):
        made("axis", comparison, "units")


def test_a_forest_has_every_pair_and_says_what_diverged(tmp_path: Path) -> None:
    runs = write_study(tmp_path, {"lstm": [*LSTM, 8.61, 8.66], "rnn": RNN, "gru": GRU})
    diverged(runs, "gru", range(3, 5))
    shown = made("forest", compare("demo", tmp_path))
    panel = only(shown)
    said = [mark.tips[0] for mark in marks(panel, "text")]
    assert said == ["+0.313 [+0.275, +0.351]   n = 3", "2 of 5 diverged   n = 5"]
    assert panel.x.title == "difference in nll (nats/frame)\nfrom lstm, better to the left"
    (dots,) = marks(panel, "dots")
    assert dots.x == pytest.approx([b - a for a, b in zip(LSTM, RNN, strict=True)])


@pytest.mark.parametrize("wide", [False, True])
def test_a_row_of_a_forest_is_drawn_with_its_name_and_its_numbers(
    tmp_path: Path, wide: bool
) -> None:
    write_study(tmp_path, {"lstm": LSTM, "rnn": RNN})
    figure = figure_of("forest", compare("demo", tmp_path), wide=wide)
    assert figure is not None
    (axes,) = figure.axes
    heights = {text.get_text(): text.xy[1] for text in axes.texts}
    assert heights["rnn"] == heights["+0.313 [+0.275, +0.351]   n = 3"]
    (mean,) = [line for line in axes.lines if line.get_marker() == "D"]
    # In one column the text is above the mark.
    assert (mean.get_ydata()[0] == heights["rnn"]) == wide


@pytest.mark.parametrize("cell", ["lstm", "gru"])
@pytest.mark.parametrize("direction", ["min", "max"])
def test_the_mark_of_a_diverged_group_is_on_the_worse_side(
    tmp_path: Path, direction: str, cell: str
) -> None:
    metric = {**METRIC, "direction": direction}
    for name, values in {"lstm": [8.6, 8.7, 8.65], "gru": [8.2, 8.45, 8.3]}.items():
        for seed, value in enumerate(values):
            state = "DIVERGED" if name == cell and seed else "COMPLETED"
            config = configuration(name, seed)
            write_run(tmp_path / "demo" / "runs", config, value, state=state, metric=metric)
    comparison = compare("demo", tmp_path, baseline="lstm")
    (mark,) = marks(only(made("forest", comparison)), "cross")
    # The better side is the right one if larger is better. A diverged baseline makes gru better.
    right = (direction == "max") == (cell == "lstm")
    assert mark.side == (1 if right else -1)
    figure = comparison.figure("forest")
    assert figure is not None
    (cross,) = [line for line in figure.axes[0].lines if line.get_marker() == "x"]
    assert (np.atleast_1d(cross.get_xdata())[0] > 0.5) == right


def test_what_a_margin_decides_is_filled_and_never_left_out(tmp_path: Path) -> None:
    """The mark, the table and the report call the same groups decided."""
    base = 2 * [8.6, 8.63, 8.61, 8.64, 8.62, 8.65]
    gru = [v + e for v, e in zip(base, 2 * (0.01, -0.01, 0.02, -0.01, 0.0, -0.02), strict=True)]
    write_study(tmp_path, {"lstm": base, "gru": gru})
    for margin, filled in ((0.1, True), (None, False)):
        comparison = compare("demo", tmp_path, margin=margin)
        row = next(row for row in comparison.rows if not row.is_baseline)
        assert row.difference is not None
        assert row.difference.decision == ("equivalent" if filled else "open")
        (mark,) = marks(only(made("forest", comparison)), "mean")
        assert mark.strong is filled
        figure = comparison.figure("forest")
        assert figure is not None
        (diamond,) = [line for line in figure.axes[0].lines if line.get_marker() == "D"]
        assert (diamond.get_markerfacecolor() != "white") == filled
        assert (row in shown_rows(comparison.rows, 0)) == filled


def test_a_difference_far_beyond_the_others_is_an_arrow(tmp_path: Path) -> None:
    for study in ("near", "far"):
        runs = write_study(tmp_path / study, {"lstm": LSTM, "rnn": RNN, "gru": GRU})
    for seed, value in enumerate(RNN):
        write_run(runs, configuration("rnn", seed, cell__name="noaf"), value + 12500)
    near, far = (compare("demo", tmp_path / study) for study in ("near", "far"))
    assert only(made("forest", near)).x.limits is None
    low, high = only(made("forest", far)).x.limits or (0, 0)
    assert -1 < low < 0 < high < 1
    assert "+12500.313 [" in texts(made("forest", far))
    figure = far.figure("forest")
    assert figure is not None
    arrows = [line for line in figure.axes[0].lines if line.get_marker() == ">"]
    assert [line.get_xdata()[0] for line in arrows] == [0.99]


def test_where_most_do_not_differ_no_difference_is_far(tmp_path: Path) -> None:
    runs = write_study(tmp_path, {"lstm": LSTM, "rnn": RNN})
    for name in ("same", "alike", "equal"):
        for seed, value in enumerate(LSTM):
            write_run(runs, configuration("lstm", seed, cell__name=name), value)
    assert only(made("forest", compare("demo", tmp_path))).x.limits is None


def test_a_long_block_heading_is_wrapped(tmp_path: Path) -> None:
    names = ["word " * 12 + str(number) for number in range(2)]
    for name in names:
        for cell in ("lstm", "rnn"):
            for seed, value in enumerate(LSTM):
                config = configuration(cell, seed, trainer__name=name)
                write_run(tmp_path / "demo" / "runs", config, value)
    comparison = compare("demo", tmp_path, baseline="lstm", within=["trainer"])
    figure = figure_of("forest", comparison, wide=True)
    assert figure is not None
    written = [text.get_text() for text in figure.axes[0].texts]
    assert max(map(len, written)) < 60
    assert [text for text in written if text in ("0", "1")] == ["0", "1"]


def test_an_axis_has_means_over_the_swept_key(tmp_path: Path) -> None:
    for length in (10, 100, 1000):
        for cell in ("lstm", "rnn"):
            for seed, value in enumerate(LSTM):
                task = {"name": "adding", "length": length}
                config = configuration(cell, seed, task=task)
                write_run(tmp_path / "demo" / "runs", config, value + length / 1000)
    shown = made("axis", compare("demo", tmp_path, within=["task.length"]), "task.length")
    panel = only(shown)
    assert (panel.x.scale, panel.x.names) == ("log", ("10", "100", "1000"))
    assert {(s.name, s.note) for s in shown.series} == {("lstm", "n = 3"), ("rnn", "n = 3")}
    assert marks(panel, "mean")[0].y == pytest.approx([8.66, 8.75, 9.65])


def test_a_heat_map_holds_the_means_and_frames_the_best(tmp_path: Path) -> None:
    runs = tmp_path / "demo" / "runs"
    for units in (8, 16, 128):
        for rate in (0.1, 0.01):
            for seed in range(2):
                config = configuration("lstm", seed, units=units, optimizer__learning_rate=rate)
                worst = units == 8 and rate == 0.1
                state = "DIVERGED" if worst else "COMPLETED"
                write_run(runs, config, 9 - units / 100 + rate + seed / 10, state=state)
    comparison = compare("demo", tmp_path, baseline="learning_rate=0.01 units=16")
    panel = only(made("heatmap", comparison))
    (cells,), (frame,) = marks(panel, "cell"), marks(panel, "frame")
    known = {(x, y): value for x, y, value in zip(cells.x, cells.y, cells.ends, strict=True)}
    assert [known[x, 0] for x in range(3)] == pytest.approx([8.98, 8.9, 7.78])
    (failed,) = marks(panel, "text")
    assert (failed.x, failed.y, failed.tips) == ((0.0,), (1.0,), ("2/2\ndiv.",))
    assert len(known) == 5
    assert (frame.x, frame.y) == ((2.0,), (0.0,))
    figure = comparison.figure("heatmap")
    assert figure is not None
    table = figure.axes[0].images[0].get_array()
    assert table is not None
    assert table.filled(np.nan)[0] == pytest.approx([8.98, 8.9, 7.78])


def test_a_heat_map_needs_two_keys(tmp_path: Path) -> None:
    write_study(tmp_path, {"lstm": LSTM, "rnn": RNN})
    with pytest.raises(ConfigError, match="choose two with --by KEY,KEY"):
        made("heatmap", compare("demo", tmp_path))


def test_a_scatter_has_parameters_and_time(tmp_path: Path) -> None:
    runs = write_study(tmp_path, {"lstm": LSTM})
    small = {"recurrent": 10, "total": 2000}
    for seed, value in enumerate(RNN):
        seconds = {"total": 3.0, "step": 0.004}
        write_run(runs, configuration("rnn", seed), value, parameters=small, seconds=seconds)
    shown = made("scatter", compare("demo", tmp_path))
    ((parameters, time),) = shown.panels
    assert (parameters.x.title, time.x.title) == ("parameters", "ms per training step")
    rnn = [series.name for series in shown.series].index("rnn")
    (mean,) = [mark for mark in marks(time, "mean") if mark.series == rnn]
    assert (mean.x[0], mean.y[0]) == pytest.approx((4.0, np.mean(RNN)))
    assert parameters.x.scale == "log"


def test_a_scatter_has_what_match_equalised(tmp_path: Path) -> None:
    for seed, value in enumerate(LSTM):
        config = configuration("lstm", seed)
        config["match"] = {"to": "state:64", "target": 64, "reached": 64}
        write_run(tmp_path / "demo" / "runs", config, value, state_size=64)
    (row,) = made("scatter", compare("demo", tmp_path)).panels
    names = ["parameters", "numbers of state", "ms per training step"]
    assert [panel.x.title for panel in row] == names


@pytest.mark.parametrize("wide", [False, True])
def test_labels_of_a_logarithmic_axis_stand_apart(tmp_path: Path, wide: bool) -> None:
    for seed, (size, step) in enumerate([(2000, 0.003), (90_000, 0.2), (700_000, 0.9)]):
        more = {
            "parameters": {"recurrent": 1, "total": size},
            "seconds": {"total": 3, "step": step},
        }
        write_run(tmp_path / "demo" / "runs", configuration(seed=seed), 8.0 + seed, **more)
    figure = figure_of("scatter", compare("demo", tmp_path), wide=wide)
    assert figure is not None
    figure.draw_without_rendering()
    for axes in figure.axes:
        assert axes.get_xscale() == "log"
        boxes = [tick.get_window_extent() for tick in axes.get_xticklabels()]
        assert len(boxes) > 1
        assert all(a.x1 < b.x0 for a, b in itertools.pairwise(boxes))


@pytest.mark.parametrize(
    ("low", "high", "ticks"),
    [(1.5, 60, [2, 5, 10, 20, 50]), (0.9, 2e4, [1, 10, 100, 1e3, 1e4]), (3, 4000, [10, 100, 1000])],
)
def test_a_logarithmic_axis_has_few_round_ticks(
    low: float, high: float, ticks: list[float]
) -> None:
    assert log_ticks(low, high, 5) == ticks


def test_long_labels_of_a_heat_map_do_not_overlap(tmp_path: Path) -> None:
    for cell in ("gated_delta_net", "linear_attention", "gla", "lstm", "mamba2", "mlstm", "slstm"):
        for units in (8, 16):
            write_run(
                tmp_path / "demo" / "runs",
                configuration("lstm", 0, cell__name=cell, units=units),
                0.5,
            )
    figure = figure_of("heatmap", compare("demo", tmp_path), wide=True)
    assert figure is not None
    figure.canvas.draw()
    axes, bar = figure.axes
    boxes = [tick.get_window_extent() for tick in axes.get_xticklabels()]
    labels = [tick for tick in axes.get_xticklabels() if tick.get_text()]
    assert len(boxes) == 7
    # A turned label ends below its own column, and its box begins beside that of the next.
    ends = [box.x1 for box in boxes]
    assert ends == sorted(ends)
    assert {(tick.get_ha(), tick.get_rotation()) for tick in labels} == {("right", 30.0)}
    title = bar.yaxis.label.get_window_extent()
    assert title.y0 >= 0
    assert title.y1 <= figure.bbox.height


def test_variants_of_one_cell_stay_apart_where_there_is_no_room() -> None:
    labels = [f"lstm forget=a_gate_with_a_long_name stretch={n}" for n in (4, 16)]
    shown = [shortened(label) for label in labels]
    assert [len(text) for text in shown] == [34, 34]
    assert all(text.startswith("lstm forget=") for text in shown)
    assert [text.rpartition("=")[2] for text in shown] == ["4", "16"]
    assert shortened("lstm forget=slow") == "lstm forget=slow"


def write_two_tasks(root: Path) -> Comparison:
    """Write a study with two tasks, two metrics and two rates; labels are long."""
    accuracy = {"name": "accuracy", "direction": "max", "unit": "share", "chance": 0.1}
    for task, metric, scale in (("adding", None, 1.0), ("recall", accuracy, 0.1)):
        for cell, best in (("lstm", 0), ("gru", 1)):
            for rate in (0.003, 0.02):
                for seed in range(3):
                    config = configuration(
                        cell, seed, task__name=task, optimizer__learning_rate=rate
                    )
                    value = scale * (5 + best + 10 * rate + 0.1 * seed)
                    more = {} if metric is None else {"metric": metric, "validation": [value]}
                    digest = {"data_hash": f"sha256:{task:a<32}"}
                    write_run(root / "demo" / "runs", config, value, **more, **digest)
    return compare("demo", root)


@pytest.mark.parametrize("kind", ["curves", "heatmap", "scatter", "axis", "forest"])
@pytest.mark.one_in(2)
def test_every_task_has_a_panel(tmp_path: Path, kind: str) -> None:
    comparison = write_two_tasks(tmp_path)
    shown = made(kind, comparison, "optimizer.learning_rate")
    assert [row[0].title for row in shown.panels] == ["task=adding", "task=recall"]
    text = texts(shown).replace("task=adding", "").replace("task=recall", "")
    assert "nll" in text
    assert "accuracy" in text
    assert "task=" not in text
    assert len(set(shown.runs)) == len(comparison.study.runs)
    figure = comparison.figure(kind, x="optimizer.learning_rate" if kind == "axis" else None)
    assert figure is not None
    titles = [axes.get_title(loc="left") for axes in figure.axes if axes.get_title(loc="left")]
    assert titles == ["task=adding", "task=recall"]


def test_a_variant_has_one_entry_in_the_legend_and_one_colour_on_all_tasks(tmp_path: Path) -> None:
    shown = made("curves", write_two_tasks(tmp_path))
    assert len(shown.series) == 4
    assert {series.note for series in shown.series} == {"n = 3 per task"}
    assert len({style_of(series.style).css for series in shown.series}) == 4
    for (panel,) in shown.panels:
        assert {mark.series for mark in marks(panel, "band")} == {0, 1, 2, 3}


def test_a_decided_group_is_in_every_figure(tmp_path: Path) -> None:
    for units in range(20):
        for seed in range(8):
            # The last of twenty groups is far worse than the baseline.
            value = 8.6 + 0.001 * units + 0.01 * (seed * (units + 3) % 7) + (units == 19)
            write_run(tmp_path / "demo" / "runs", configuration(seed=seed, units=units + 1), value)
    comparison = compare("demo", tmp_path, baseline="units=1")
    assert comparison.rows[-1].difference.decision == "worse"
    for kind in ("curves", "scatter"):
        shown = made(kind, comparison)
        assert {"units=20", "units=1"} <= {series.name for series in shown.series}
        assert len(shown.series) < 20
        assert f"{len(shown.series)} of 20 groups" in shown.notes[0]


def test_baselines_of_blocks_are_told_apart(tmp_path: Path) -> None:
    for cell in ("lstm", "gru", "rnn"):
        for swap in ({}, {"forget": "sigmoid"}):
            for seed in range(3):
                config = configuration(cell, seed, swap=swap, optimizer__learning_rate=0.01)
                value = 8.6 + 0.01 * seed + 0.1 * bool(swap)
                write_run(tmp_path / "demo" / "runs", config, value)
    comparison = compare("demo", tmp_path, within=["cell"])
    assert sum(row.is_baseline for row in comparison.rows) == 3
    (legend,) = comparison.figure("curves").legends
    looks = {(line.get_color(), str(line._dash_pattern)) for line in legend.get_lines()}
    assert len(looks) == 6
    inked = {style_of(row.style_index).line for row in comparison.rows if row.is_baseline}
    assert len(inked) == 3


def test_a_heat_map_of_cells_and_tasks_has_every_task(tmp_path: Path) -> None:
    write_two_tasks(tmp_path)
    comparison = compare("demo", tmp_path, best_of=["optimizer.learning_rate"])
    panels = [row[0] for row in made("heatmap", comparison).panels]
    assert {"adding", "recall"} <= {name for p in panels for name in (*p.x.names, *p.y.names)}
    assert "test accuracy (share)" in [p.tints.title for p in panels if p.tints]


def test_whiskers_end_where_the_metric_does(tmp_path: Path) -> None:
    metric = {"name": "accuracy", "direction": "max", "unit": "", "chance": 0.1}
    for units in (1, 2):
        for seed, value in enumerate((0.2, 0.5, 0.99)):
            config = configuration(seed=seed, units=units)
            write_run(tmp_path / "demo" / "runs", config, value, metric=metric, validation=[value])
    comparison = compare("demo", tmp_path)
    panel = only(made("axis", comparison, "units"))
    heights = [y for mark in panel.marks for y in (*mark.y, *mark.ends)]
    assert (min(heights), max(heights)) == (0.0, 1.0)


@pytest.mark.parametrize("long", ["a_gate_with_a_very_long_name", "slow"])
def test_a_long_label_is_whole_in_a_forest(tmp_path: Path, long: str) -> None:
    for value, gate in enumerate(({"kind": long, "stretch": n} for n in (4, 16, "x")), start=8):
        for seed in range(3):
            config = configuration(seed=seed, swap={"forget": gate if value < 10 else "sigmoid"})
            write_run(tmp_path / "demo" / "runs", config, value)
    comparison = compare("demo", tmp_path, baseline=f"forget={long} stretch=4")
    figure = comparison.figure("forest")
    assert figure is not None
    written = " ".join(text.get_text() for text in figure.axes[0].texts)
    assert f"forget={long} stretch=16" in written
    assert f"forget={long} stretch=4" in figure.axes[0].get_xlabel().replace("\n", " ")


def test_a_figure_that_is_empty_is_refused_with_the_reason(tmp_path: Path) -> None:
    write_run(tmp_path / "demo" / "runs", configuration(), state="FAILED")
    with pytest.raises(ConfigError, match="forest has nothing to draw: no run has an outcome"):
        compare("demo", tmp_path).figure("forest")


def test_few_of_many_decided_groups_are_shown(monkeypatch: pytest.MonkeyPatch) -> None:
    rows: Any = [SimpleNamespace(place=k, is_baseline=k == 90) for k in range(99)]
    monkeypatch.setattr("gatekit.compare.views.rows.is_answered", lambda row: True)
    shown = shown_rows(rows, 12)
    assert [row.place for row in shown] == [*range(12 + 24), 90]


def test_the_kind_that_the_docs_write_is_drawn(tmp_path: Path) -> None:
    docs = (Path(__file__).parents[2] / "docs/comparing.md").read_text(encoding="utf-8")
    (code,) = re.findall(r"```python\n(from gatekit.*?def sizes.*?)\n\n\nfrom", docs, re.DOTALL)
    names: dict[str, Any] = {}
    exec(code, names)
    write_study(tmp_path, {"lstm": LSTM, "rnn": RNN})
    shown = names["sizes"](compare("demo", tmp_path))
    assert {series.name for series in shown.series} == {"lstm", "rnn"}
    (axes,) = matplotlib.figure(shown).axes
    assert axes.get_xlabel() == "parameters"
