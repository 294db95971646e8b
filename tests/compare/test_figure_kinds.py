"""Every kind of figure: what is drawn, metadata, sizes, and bytes that repeat."""

from __future__ import annotations

import dataclasses
from pathlib import Path
from xml.etree import ElementTree

import numpy as np
import pytest
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure

from gatekit.cell.errors import ConfigError
from gatekit.cli.compare.compare import FIGURES
from gatekit.compare import compare
from gatekit.compare.compared import Comparison
from gatekit.compare.figures.axis import draw_axis
from gatekit.compare.figures.forest import draw_forest
from gatekit.compare.figures.heatmap import draw_heatmap
from gatekit.compare.figures.kinds import KINDS, draw
from gatekit.compare.figures.over_tasks import draw_critical_difference, draw_profile
from gatekit.compare.figures.page import shortened, shown_rows
from gatekit.compare.figures.scatter import draw_scatter
from gatekit.compare.figures.style import style_of
from gatekit.compare.grouping.best import Chosen, Trial

from .synthetic import METRIC, configuration, write_run, write_study
from .test_comparison import GRU, LSTM, RNN, diverged
from .test_several import write_task
from .test_table import HOSTILE


def texts(figure: Figure) -> str:
    found = [text.get_text() for axes in figure.axes for text in axes.texts]
    found += [axes.get_xlabel() + axes.get_ylabel() for axes in figure.axes]
    found += [label.get_text() for axes in figure.axes for label in axes.get_xticklabels()]
    found += [text.get_text() for legend in figure.legends for text in legend.get_texts()]
    return "\n".join(found)


def page(width: float = 7.0) -> Figure:
    figure = Figure(figsize=(width, 2.4), layout="constrained")
    FigureCanvasAgg(figure)
    return figure


def write_everything(root: Path) -> Comparison:
    """Write a study of which every kind of figure can be drawn: five tasks, three cells."""
    for place, name in enumerate("abcde"):
        cells = {"lstm": LSTM, "gru": GRU, "rnn": RNN}
        write_task(root, name, {c: [v + place / 9 for v in values] for c, values in cells.items()})
    found = compare("demo", root, within=["task.name"])
    # As if each group were the best of two learning rates.
    trials = (Trial(9.0, 9.1, False, False), Trial(8.9, 8.8, False, False))
    chosen = [
        Chosen({}, 2, row.group.label, "nll", 8.9, tuple(run.id for run in row.group.runs), trials)
        for row in found.rows
    ]
    return dataclasses.replace(found, chosen=tuple(chosen))


def test_the_command_line_offers_every_kind() -> None:
    assert FIGURES == KINDS


@pytest.mark.slow
@pytest.mark.one_in(1, slow=3)
@pytest.mark.parametrize(
    "kind",
    [k if k in ("forest", "curves") else pytest.param(k, marks=pytest.mark.slow) for k in KINDS],
)
def test_every_kind_names_command_settings_and_runs_and_repeats(tmp_path: Path, kind: str) -> None:
    comparison = write_everything(tmp_path)
    how = {"command": "gatekit compare demo", "formats": ("svg", "pdf"), "x": "task.name"}
    how |= {"reach": 9.0, "over": "steps"}
    svg, pdf = draw(kind, comparison, tmp_path / "one", **how)
    for first, second in zip(
        (svg, pdf), draw(kind, comparison, tmp_path / "two", **how), strict=True
    ):
        assert first.read_bytes() == second.read_bytes()
    said = svg.read_text()
    assert "command: gatekit compare demo; settings: level 0.95; runs: " in said
    assert sum(run.id in said for run in comparison.study.runs) == 45
    assert not list(ElementTree.parse(svg).iter("{http://www.w3.org/2000/svg}text"))
    assert b"/FontFile2" in pdf.read_bytes()
    for columns, width in ((1, 3.4), (2, 7.0)):
        (path,) = draw(
            kind, comparison, tmp_path / "w", columns=columns, **{**how, "formats": ["svg"]}
        )
        points = float(ElementTree.parse(path).getroot().attrib["width"].removesuffix("pt"))
        assert points == pytest.approx(72 * width, abs=0.1)


@pytest.mark.parametrize("kind", ["forest", "heatmap", "scatter", "axis"])
def test_a_study_without_outcomes_draws_nothing(tmp_path: Path, kind: str) -> None:
    write_run(tmp_path / "demo" / "runs", configuration(), state="FAILED")
    assert draw(kind, compare("demo", tmp_path), tmp_path / "a", command="", x="cell") == []
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
    with pytest.raises(ConfigError, match="did you mean 'forest'"):
        draw("forrest", comparison, tmp_path / "a", command="")
    with pytest.raises(ConfigError, match="type --x KEY"):
        draw("axis", comparison, tmp_path / "a", command="")
    with pytest.raises(ConfigError, match="do not differ in this"):
        draw_axis(page(), comparison, "units")


@pytest.mark.parametrize("width", [3.4, 7.0])
def test_a_forest_draws_every_pair_and_says_what_diverged(tmp_path: Path, width: float) -> None:
    runs = write_study(tmp_path, {"lstm": [*LSTM, 8.61, 8.66], "rnn": RNN, "gru": GRU})
    diverged(runs, "gru", range(3, 5))
    figure = page(width)
    draw_forest(figure, compare("demo", tmp_path))
    shown = texts(figure)
    assert "\N{MINUS SIGN}" not in shown.split("rnn")[1].split("n =")[0]
    assert "+0.313 [+0.275, +0.351]   n = 3" in shown
    assert "2 of 5 diverged   n = 5" in shown
    assert "difference in nll (nats/frame)\nfrom lstm, better to the left" in shown
    dots = [line for line in figure.axes[0].lines if len(np.atleast_1d(line.get_xdata())) == 3]
    assert [line.get_xdata() for line in dots] == [
        pytest.approx([b - a for a, b in zip(LSTM, RNN, strict=True)])
    ]


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
    figure = page()
    draw_forest(figure, compare("demo", tmp_path, baseline="lstm"))
    (mark,) = [line for line in figure.axes[0].lines if line.get_marker() == "x"]
    # The better side is the right one if larger is better. A diverged baseline makes gru better.
    right = (direction == "max") == (cell == "lstm")
    assert (np.atleast_1d(mark.get_xdata())[0] > 0.5) == right


def test_what_a_margin_decides_is_filled_and_never_left_out(tmp_path: Path) -> None:
    """The mark, the table and the report call the same groups decided."""
    base = 2 * [8.6, 8.63, 8.61, 8.64, 8.62, 8.65]
    gru = [v + e for v, e in zip(base, 2 * (0.01, -0.01, 0.02, -0.01, 0.0, -0.02), strict=True)]
    write_study(tmp_path, {"lstm": base, "gru": gru})
    for margin, filled in ((0.1, True), (None, False)):
        found = compare("demo", tmp_path, margin=margin)
        row = next(row for row in found.rows if not row.is_baseline)
        assert row.difference is not None
        assert row.difference.decision == ("equivalent" if filled else "open")
        figure = page()
        draw_forest(figure, found)
        (mark,) = [line for line in figure.axes[0].lines if line.get_marker() == "D"]
        assert (mark.get_markerfacecolor() != "white") == filled
        assert (row in shown_rows(found.rows, 0)) == filled


def test_a_difference_far_beyond_the_others_is_an_arrow(tmp_path: Path) -> None:
    for study in ("near", "far"):
        runs = write_study(tmp_path / study, {"lstm": LSTM, "rnn": RNN, "gru": GRU})
    for seed, value in enumerate(RNN):
        write_run(runs, configuration("rnn", seed, cell__name="noaf"), value + 12500)
    limits, arrows = {}, {}
    for study in ("near", "far"):
        figure = page()
        draw_forest(figure, compare("demo", tmp_path / study))
        (axes,) = figure.axes
        limits[study] = axes.get_xlim()
        arrows[study] = [line.get_xdata()[0] for line in axes.lines if line.get_marker() == ">"]
    assert arrows == {"near": [], "far": [0.99]}
    assert limits["far"] == pytest.approx(limits["near"], abs=0.05)
    assert "+12500.313 [" in texts(figure)


def test_where_most_do_not_differ_no_difference_is_far(tmp_path: Path) -> None:
    runs = write_study(tmp_path, {"lstm": LSTM, "rnn": RNN})
    for name in ("same", "alike", "equal"):
        for seed, value in enumerate(LSTM):
            write_run(runs, configuration("lstm", seed, cell__name=name), value)
    figure = page()
    draw_forest(figure, compare("demo", tmp_path))
    low, high = figure.axes[0].get_xlim()
    assert low < 0 < max(b - a for a, b in zip(LSTM, RNN, strict=True)) < high
    assert not [line for line in figure.axes[0].lines if line.get_marker() in "<>"]


def test_a_long_block_heading_is_wrapped(tmp_path: Path) -> None:
    names = ["word " * 12 + str(number) for number in range(2)]
    for name in names:
        for cell in ("lstm", "rnn"):
            for seed, value in enumerate(LSTM):
                config = configuration(cell, seed, trainer__name=name)
                write_run(tmp_path / "demo" / "runs", config, value)
    figure = page()
    draw_forest(figure, compare("demo", tmp_path, baseline="lstm", within=["trainer"]))
    written = [text.get_text() for text in figure.axes[0].texts]
    assert max(map(len, written)) < 60
    assert [text for text in written if text in ("0", "1")] == ["0", "1"]


def test_an_axis_draws_means_over_the_swept_key(tmp_path: Path) -> None:
    for length in (10, 100, 1000):
        for cell in ("lstm", "rnn"):
            for seed, value in enumerate(LSTM):
                task = {"name": "adding", "length": length}
                config = configuration(cell, seed, task=task)
                write_run(tmp_path / "demo" / "runs", config, value + length / 1000)
    figure = page()
    draw_axis(figure, compare("demo", tmp_path, within=["task.length"]), "task.length")
    (axes,) = figure.axes
    assert axes.get_xscale() == "log"
    named = [line for line in axes.lines if not str(line.get_label()).startswith("_")]
    assert {str(line.get_label()) for line in named} == {"lstm (n = 3)", "rnn (n = 3)"}
    assert named[0].get_ydata() == pytest.approx([8.66, 8.75, 9.65])


def test_a_heat_map_holds_the_means_and_frames_the_best(tmp_path: Path) -> None:
    runs = tmp_path / "demo" / "runs"
    for units in (8, 16, 128):
        for rate in (0.1, 0.01):
            for seed in range(2):
                config = configuration("lstm", seed, units=units, optimizer__learning_rate=rate)
                worst = units == 8 and rate == 0.1
                state = "DIVERGED" if worst else "COMPLETED"
                write_run(runs, config, 9 - units / 100 + rate + seed / 10, state=state)
    figure = page()
    draw_heatmap(figure, compare("demo", tmp_path, baseline="learning_rate=0.01 units=16"))
    table = figure.axes[0].images[0].get_array()
    assert table is not None
    assert table.filled(np.nan)[0] == pytest.approx([8.98, 8.9, 7.78])
    assert np.isnan(table.filled(np.nan)[1, 0])
    assert "2/2\ndiv." in texts(figure)
    (frame,) = figure.axes[0].patches
    assert frame.get_xy() == pytest.approx((1.53, -0.46))  # type: ignore[attr-defined]


def test_a_heat_map_needs_two_keys(tmp_path: Path) -> None:
    write_study(tmp_path, {"lstm": LSTM, "rnn": RNN})
    with pytest.raises(ConfigError, match="choose two with --by KEY,KEY"):
        draw_heatmap(page(), compare("demo", tmp_path))


def test_a_scatter_has_parameters_and_time(tmp_path: Path) -> None:
    runs = write_study(tmp_path, {"lstm": LSTM})
    small = {"recurrent": 10, "total": 2000}
    for seed, value in enumerate(RNN):
        seconds = {"total": 3.0, "step": 0.004}
        write_run(runs, configuration("rnn", seed), value, parameters=small, seconds=seconds)
    figure = page()
    draw_scatter(figure, compare("demo", tmp_path))
    parameters, time = figure.axes
    assert (parameters.get_xlabel(), time.get_xlabel()) == ("parameters", "ms per training step")
    means = [line for line in time.lines if str(line.get_label()).startswith("rnn")]
    assert (means[0].get_xdata()[0], means[0].get_ydata()[0]) == pytest.approx((4.0, np.mean(RNN)))
    assert parameters.get_xscale() == "log"


def test_a_scatter_has_what_match_equalised(tmp_path: Path) -> None:
    for seed, value in enumerate(LSTM):
        config = configuration("lstm", seed)
        config["match"] = {"to": "state:64", "target": 64, "reached": 64}
        write_run(tmp_path / "demo" / "runs", config, value, state_size=64)
    figure = page()
    draw_scatter(figure, compare("demo", tmp_path))
    names = [axes.get_xlabel() for axes in figure.axes]
    assert names == ["parameters", "numbers\nof state", "ms\nper training step"]


def test_long_labels_of_a_heat_map_do_not_overlap(tmp_path: Path) -> None:
    for cell in ("gated_delta_net", "linear_attention", "gla", "lstm", "mamba2", "mlstm", "slstm"):
        for units in (8, 16):
            write_run(
                tmp_path / "demo" / "runs",
                configuration("lstm", 0, cell__name=cell, units=units),
                0.5,
            )
    figure = page()
    draw_heatmap(figure, compare("demo", tmp_path))
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


def test_a_critical_difference_needs_five_tasks(tmp_path: Path) -> None:
    write_task(tmp_path, "a", {"lstm": LSTM, "rnn": RNN})
    with pytest.raises(ConfigError, match=r"5 tasks.*has 1 task and 2 such variants"):
        draw_critical_difference(page(), compare("demo", tmp_path))
    with pytest.raises(ConfigError, match="needs at least two tasks"):
        draw_profile(page(), compare("demo", tmp_path))
    comparison = write_everything(tmp_path / "more")
    figure = page()
    draw_critical_difference(figure, comparison)
    shown = texts(figure)
    assert "3.00" in shown
    assert "critical difference 1.48 (5 tasks, Nemenyi at 0.05)" in shown


def test_a_profile_names_its_scale(tmp_path: Path) -> None:
    figure = page()
    draw_profile(figure, write_everything(tmp_path))
    assert "normalised score (0 chance, 1 baseline; 5 tasks)" in texts(figure)
    assert "lstm (n = 3 per task)" in texts(figure)


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
    figure = comparison.figure(kind, x="optimizer.learning_rate" if kind == "axis" else None)
    titles = [axes.get_title(loc="left") for axes in figure.axes if axes.get_title(loc="left")]
    assert titles == ["task=adding", "task=recall"]
    shown = texts(figure) + "".join(
        text.get_text()
        for part in figure.subfigs
        for legend in part.legends
        for text in legend.get_texts()
    )
    assert "nll" in shown
    assert "accuracy" in shown
    assert kind == "forest" or "task=" not in shown
    (path,) = draw(
        kind,
        comparison,
        tmp_path / "a",
        command="",
        formats=["svg"],
        x="optimizer.learning_rate",
    )
    runs = comparison.study.runs
    assert sum(run.id in path.read_text() for run in runs) == len(runs)


def test_a_variant_has_one_colour_in_all_panels(tmp_path: Path) -> None:
    figure = write_two_tasks(tmp_path).figure("curves")
    first, second = (
        {
            text.get_text(): (line.get_color(), line.get_linestyle())
            for text, line in zip(legend.get_texts(), legend.get_lines(), strict=True)
        }
        for part in figure.subfigs
        for legend in part.legends
    )
    assert first == second
    assert len(first) == len(set(first.values())) == 4


def test_a_decided_group_is_in_every_figure(tmp_path: Path) -> None:
    for units in range(20):
        for seed in range(8):
            # The last of twenty groups is far worse than the baseline.
            value = 8.6 + 0.001 * units + 0.01 * (seed * (units + 3) % 7) + (units == 19)
            write_run(tmp_path / "demo" / "runs", configuration(seed=seed, units=units + 1), value)
    comparison = compare("demo", tmp_path, baseline="units=1")
    assert comparison.rows[-1].difference.decision == "worse"
    for kind in ("curves", "scatter"):
        (legend,) = comparison.figure(kind).legends
        shown = [text.get_text() for text in legend.get_texts()]
        assert "units=20 (n = 8)" in shown
        assert "units=1 (n = 8)" in shown
        assert len(shown) < 20


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


def test_profiles_are_steps_and_a_heat_map_has_room_for_its_label(tmp_path: Path) -> None:
    comparison = write_two_tasks(tmp_path)
    lines = comparison.figure("profile").axes[0].lines
    assert {line.get_drawstyle() for line in lines} == {"steps-post"}
    figure = comparison.figure("heatmap", columns=2)
    figure.draw_without_rendering()
    for axes in figure.axes:
        box = axes.yaxis.label.get_window_extent()
        assert box.y0 >= 0
        assert box.y1 <= figure.bbox.y1


def test_a_heat_map_of_cells_and_tasks_has_every_task(tmp_path: Path) -> None:
    write_two_tasks(tmp_path)
    comparison = compare("demo", tmp_path, best_of=["optimizer.learning_rate"])
    figure = comparison.figure("heatmap")
    ticks = [label.get_text() for axes in figure.axes for label in axes.get_yticklabels()]
    ticks += [label.get_text() for axes in figure.axes for label in axes.get_xticklabels()]
    assert {"adding", "recall"} <= set(ticks)
    assert "test accuracy\n(share)" in [axes.get_ylabel() for axes in figure.axes]


def test_whiskers_end_where_the_metric_does(tmp_path: Path) -> None:
    metric = {"name": "accuracy", "direction": "max", "unit": "", "chance": 0.1}
    for units in (1, 2):
        for seed, value in enumerate((0.2, 0.5, 0.99)):
            config = configuration(seed=seed, units=units)
            write_run(tmp_path / "demo" / "runs", config, value, metric=metric, validation=[value])
    comparison = compare("demo", tmp_path)
    figure = page()
    draw_axis(figure, comparison, "units")
    heights = [y for line in figure.axes[0].lines for y in line.get_ydata()]
    assert (min(heights), max(heights)) == (0.0, 1.0)


@pytest.mark.parametrize("long", ["a_gate_with_a_very_long_name", "slow"])
def test_a_long_label_is_whole_in_a_forest(tmp_path: Path, long: str) -> None:
    for value, gate in enumerate(({"kind": long, "stretch": n} for n in (4, 16, "x")), start=8):
        for seed in range(3):
            config = configuration(seed=seed, swap={"forget": gate if value < 10 else "sigmoid"})
            write_run(tmp_path / "demo" / "runs", config, value)
    comparison = compare("demo", tmp_path, baseline=f"forget={long} stretch=4")
    figure = page(3.4)
    draw_forest(figure, comparison)
    assert f"forget={long} stretch=16" in texts(figure).replace("\n", " ")
    assert f"forget={long} stretch=4" in figure.axes[0].get_xlabel().replace("\n", " ")


def test_a_figure_that_is_empty_is_none(tmp_path: Path) -> None:
    write_run(tmp_path / "demo" / "runs", configuration(), state="FAILED")
    assert compare("demo", tmp_path).figure("forest") is None
