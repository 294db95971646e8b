"""The learning-curve figure: what is drawn, what its files say, and that they repeat."""

from __future__ import annotations

import json
import struct
import zlib
from pathlib import Path
from xml.etree import ElementTree

import matplotlib
import numpy as np
import pytest
from seams import Curve, Mark, Panel, band, figure, mean_interval, read_curve, sha256
from seams import compare_runs as compare
from seams import draw_figure as draw
from seams import load_runs as load
from seams import over_training_curves as curves

from gatekit import ConfigError

from .synthetic import METRIC, configuration, curve, line, sealed, write_run, write_study
from .test_comparison import GRU, LSTM, RNN, diverged
from .test_table import HOSTILE

MSE = {"name": "mse", "direction": "min", "unit": "", "chance": None}


def panel(root: Path) -> Panel:
    """Return the one panel of the curves of study ``demo``."""
    chart = curves(compare("demo", root))
    assert chart is not None
    ((only,),) = chart.panels
    return only


def marks(panel: Panel, kind: str) -> list[Mark]:
    return [mark for mark in panel.marks if mark.kind == kind]


def png_texts(path: Path) -> dict[str, str]:
    data = path.read_bytes()[8:]
    texts = {}
    while data:
        (length,) = struct.unpack(">I", data[:4])
        kind, body = data[4:8], data[8 : 8 + length]
        if kind == b"tEXt":
            key, _, value = body.partition(b"\0")
            texts[key.decode()] = value.decode("latin-1")
        if kind == b"zTXt":
            key, _, value = body.partition(b"\0")
            texts[key.decode()] = zlib.decompress(value[1:]).decode("latin-1")
        data = data[12 + length :]
    return texts


def test_files_hold_the_command_and_the_runs(tmp_path: Path) -> None:
    runs = write_study(tmp_path, {"lstm": LSTM, "rnn": RNN})
    paths = draw(
        "curves",
        compare("demo", tmp_path),
        tmp_path / "figures" / "curves",
        command="gatekit compare demo",
        formats=("png", "svg", "pdf"),
    )
    assert [path.name for path in paths] == ["curves.png", "curves.svg", "curves.pdf"]
    said = png_texts(paths[0])["Description"]
    svg = paths[1].read_text()
    for text in (said, svg):
        assert "command: gatekit compare demo" in text
        for folder in runs.iterdir():
            assert folder.name in text
    assert "dc:date" not in svg


def test_the_same_comparison_gives_the_same_bytes(tmp_path: Path) -> None:
    write_study(tmp_path, {"lstm": LSTM, "rnn": RNN})
    formats = ("png", "svg", "pdf")
    with matplotlib.rc_context({"lines.linewidth": 9, "font.size": 30, "svg.fonttype": "none"}):
        first = draw(
            "curves", compare("demo", tmp_path), tmp_path / "a", command="x", formats=formats
        )
    second = draw("curves", compare("demo", tmp_path), tmp_path / "b", command="x", formats=formats)
    for one, two in zip(first, second, strict=True):
        assert one.read_bytes() == two.read_bytes()


def test_fonts_are_embedded(tmp_path: Path) -> None:
    write_study(tmp_path, {"lstm": LSTM})
    svg, pdf = draw(
        "curves", compare("demo", tmp_path), tmp_path / "a", command="x", formats=("svg", "pdf")
    )
    assert not list(ElementTree.parse(svg).iter("{http://www.w3.org/2000/svg}text"))
    assert b"/FontFile2" in pdf.read_bytes()
    assert b"/Type3" not in pdf.read_bytes()


def test_the_figure_is_one_column_wide(tmp_path: Path) -> None:
    write_study(tmp_path, {"lstm": LSTM})
    found = compare("demo", tmp_path)
    (path,) = draw("curves", found, tmp_path / "a", command="", formats=["svg"])
    points = float(ElementTree.parse(path).getroot().attrib["width"].removesuffix("pt"))
    assert points == pytest.approx(72 * 3.4, abs=0.1)


def test_no_global_state_is_left(tmp_path: Path) -> None:
    before = dict(matplotlib.rcParams)
    write_study(tmp_path, {"lstm": LSTM})
    draw("curves", compare("demo", tmp_path), tmp_path / "a", command="x")
    assert dict(matplotlib.rcParams) == before


def test_axes_and_legend_say_what_they_show(tmp_path: Path) -> None:
    runs = write_study(tmp_path, {"lstm": LSTM, "gru": GRU})
    diverged(runs, "gru", range(3, 5))
    drawn = figure("curves", compare("demo", tmp_path))
    assert drawn is not None
    (axes,), (legend,) = drawn.axes, drawn.legends
    assert (axes.get_xlabel(), axes.get_ylabel()) == ("epoch", "validation nll (nats/frame)")
    assert [text.get_text() for text in legend.get_texts()] == [
        "lstm (n = 3)",
        "gru (n = 5, 2 diverged)",
    ]
    assert len([line for line in axes.lines if line.get_marker() == "x"]) == 2


def test_groups_differ_in_colour_and_in_line_style(tmp_path: Path) -> None:
    write_study(tmp_path, {"lstm": LSTM, "gru": GRU, "rnn": RNN})
    drawn = figure("curves", compare("demo", tmp_path))
    assert drawn is not None
    means = [line for line in drawn.axes[0].lines if line.get_linewidth() == 1.3]
    assert len({line.get_color() for line in means}) == 3
    assert len({str(line._dash_pattern) for line in means}) == 3


@pytest.mark.parametrize(("chance", "drawn"), [(12.0, True), (60.0, False), (None, False)])
def test_chance_is_drawn_where_it_is_within_reach(
    tmp_path: Path, chance: float | None, drawn: bool
) -> None:
    metric = {**METRIC, "chance": chance}
    values = [11.5, 11.0, 10.0, 9.0]
    write_run(tmp_path / "demo" / "runs", configuration(), 9.0, validation=values, metric=metric)
    found = panel(tmp_path)
    assert bool(marks(found, "rule")) is drawn
    low, high = found.y.limits or (0, 0)
    assert bool(chance is not None and low < chance < high) is drawn


def test_one_run_keeps_its_points_and_has_no_band(tmp_path: Path) -> None:
    write_study(tmp_path, {"lstm": [8.6]})
    found = panel(tmp_path)
    assert [mark.kind for mark in found.marks if mark.kind != "rule"] == ["dots", "line"]
    assert [len(mark.x) for mark in found.marks if mark.kind != "rule"] == [10, 10]


def test_values_over_decades_are_drawn_on_a_log_scale(tmp_path: Path) -> None:
    metric = {"name": "mse", "direction": "min", "unit": "", "chance": 0.2}
    values = [0.17, 0.02, 0.001]
    write_run(tmp_path / "demo" / "runs", configuration(), 0.001, validation=values, metric=metric)
    found = panel(tmp_path)
    assert found.y.scale == "log"
    assert found.y.limits is not None
    assert found.y.limits[1] > 0.2


def test_constant_values_can_be_drawn(tmp_path: Path) -> None:
    for seed in range(2):
        write_run(tmp_path / "demo" / "runs", configuration("lstm", seed), validation=[9.0] * 5)
    low, high = panel(tmp_path).y.limits or (0, 0)
    assert low < 9 < high


@pytest.mark.parametrize("last", [8.6, 9.4])
def test_curves_that_may_not_have_ended_are_said_to_be(tmp_path: Path, last: float) -> None:
    """A run that was best at its last epoch might have become better."""
    for seed in range(2):
        values = [9.0, 8.7, last + seed / 100]
        write_run(tmp_path / "demo" / "runs", configuration("lstm", seed), 8.6, validation=values)
    chart = curves(compare("demo", tmp_path))
    assert chart is not None
    said = "2 of 2 runs on jsb_music21 are best at their last epoch" in " ".join(chart.notes)
    assert said is (last < 8.7)


@pytest.mark.one_in(4)
@pytest.mark.parametrize("label", HOSTILE)
def test_any_label_can_be_drawn(tmp_path: Path, label: str) -> None:
    runs = write_study(tmp_path, {"lstm": [8.6]})
    write_run(runs, configuration("lstm", 0, cell__name=label), 9.5)
    _, svg = draw("curves", compare("demo", tmp_path), tmp_path / "a", command=label)
    ElementTree.parse(svg)
    assert "<script" not in svg.read_text()


def test_many_groups_show_the_best_and_the_baseline(tmp_path: Path) -> None:
    for units in range(1, 20):
        test = 9.5 if units == 1 else 8 + units / 30
        write_run(tmp_path / "demo" / "runs", configuration(units=units), test)
    chart = curves(compare("demo", tmp_path))
    assert chart is not None
    assert chart.notes[0] == "13 of 19 groups"
    assert len(chart.series) == 13
    assert (chart.series[-1].name, chart.series[-1].note) == ("units=1", "n = 1")


def test_a_study_without_curves_draws_nothing(tmp_path: Path) -> None:
    runs = write_study(tmp_path, {"lstm": [8.6]})
    for folder in runs.iterdir():
        (folder / "metrics.jsonl").unlink()
    (tmp_path / "empty").mkdir()
    for study in ("demo", "empty"):
        with pytest.raises(ConfigError, match="curves has nothing to draw"):
            draw("curves", compare(study, tmp_path), tmp_path / "a", command="")


def test_an_unknown_format_lists_the_known(tmp_path: Path) -> None:
    write_study(tmp_path, {"lstm": [8.6]})
    with pytest.raises(ConfigError, match="formats: pdf, png, svg"):
        draw("curves", compare("demo", tmp_path), tmp_path / "a", command="", formats=["gif"])


def made(values: list[float], epochs: list[int] | None = None, seed: int | None = None) -> Curve:
    places = np.array(epochs or range(1, len(values) + 1), float)
    return Curve("x", places, np.array(values), False, seed=seed)


def test_a_band_is_mean_and_t_interval_where_every_run_goes_on() -> None:
    found = band([made([9.0, 8.0, 7.0]), made([9.2, 8.4]), made([9.4, 8.5, 7.1])])
    assert found is not None
    assert found.epochs.tolist() == [1, 2]
    assert found.mean == pytest.approx([9.2, 8.3])
    second = mean_interval([8.0, 8.4, 8.5])
    assert second is not None
    assert (found.low[1], found.high[1]) == pytest.approx((second.low, second.high))


def test_a_band_of_pooled_runs_has_the_spread_of_their_seeds() -> None:
    pairs = [made([8.0 + seed + size / 10], seed=seed) for seed in range(3) for size in range(2)]
    found, seeds = band(pairs), mean_interval([8.05, 9.05, 10.05])
    assert found is not None
    assert seeds is not None
    assert (found.low[0], found.high[0]) == pytest.approx((seeds.low, seeds.high))
    assert band(pairs[:2]) is None


def test_a_lost_epoch_is_left_out_and_not_invented() -> None:
    found = band([made([9.0, 7.0], [1, 3]), made([9.2, 8.4, 7.2])])
    assert found is not None
    assert found.epochs.tolist() == [1, 3]
    assert band([made([9.0], [1]), made([8.0], [2])]) is None
    assert band([made([9.0])]) is None


def test_a_curve_takes_the_last_line_of_an_epoch_and_the_task_s_metric(tmp_path: Path) -> None:
    runs = tmp_path / "demo" / "runs"
    folder = write_run(runs, configuration(), validation=[*curve(8.7, 4), None])
    more = {"split": "validation", "seconds": 1}
    with open(folder / "metrics.jsonl", "a") as file:
        file.write(line(epoch=2, step=28, metric="accuracy", value=0.1, **more))
        file.write(line(epoch=2, step=28, metric="nll", value=5.5, **more))
    record = json.loads((folder / "result.json").read_text())
    record["files"]["metrics.jsonl"] = sha256(folder / "metrics.jsonl")
    (folder / "result.json").write_text(sealed(record))
    (run,) = load("demo", tmp_path).runs
    found = read_curve(run)
    assert found is not None
    assert found.epochs.tolist() == [1, 2, 3, 4]
    assert found.values[1] == 5.5


def test_a_band_on_a_log_axis_ends_at_the_lowest_seed(tmp_path: Path) -> None:
    runs = tmp_path / "demo" / "runs"
    for seed, last in enumerate((0.004, 0.005, 0.16)):
        values = [0.17, 0.1, last]
        write_run(runs, configuration(seed=seed), last, validation=values, metric=MSE)
    chart = curves(compare("demo", tmp_path))
    assert chart is not None
    ((found,),) = chart.panels
    assert found.y.scale == "log"
    (band,) = marks(found, "band")
    assert min(band.y) == pytest.approx(0.004)
    assert "bands that reach 0 end at the lowest seed" in chart.notes


def test_a_band_ends_where_the_metric_does(tmp_path: Path) -> None:
    runs = tmp_path / "demo" / "runs"
    metric = {"name": "accuracy", "direction": "max", "unit": "", "chance": 0.5}
    for seed, last in enumerate((0.5, 0.6, 0.99)):
        config = configuration(seed=seed, trainer__steps=9, trainer__epochs=None)
        write_run(runs, config, last, validation=[0.5, 0.55, last], metric=metric)
    found = panel(tmp_path)
    (band,) = marks(found, "band")
    assert max(band.ends) == 1.0
    # Steps were asked for, and no epoch.
    assert found.x.title == "evaluation"
