"""The learning-curve figure: what is drawn, what its files say, and that they repeat."""

from __future__ import annotations

import json
import struct
import zlib
from collections.abc import Callable
from pathlib import Path
from xml.etree import ElementTree

import matplotlib
import numpy as np
import pytest

from gatekit.cell.errors import ConfigError
from gatekit.compare.comparison import compare
from gatekit.compare.curves import Curve, band, read_curve
from gatekit.compare.figures import curves as module
from gatekit.compare.figures import kinds
from gatekit.compare.stats.intervals import mean_interval
from gatekit.compare.study import load
from gatekit.runs.durable import sha256

from .synthetic import METRIC, configuration, curve, line, sealed, write_run, write_study
from .test_comparison import GRU, LSTM, RNN, diverged
from .test_table import HOSTILE

MSE = {"name": "mse", "direction": "min", "unit": "", "chance": None}


@pytest.fixture
def axes(monkeypatch: pytest.MonkeyPatch) -> Callable[[Path], matplotlib.axes.Axes]:
    """Return a function that draws study ``demo`` and returns the axes that were drawn on."""
    drawn: list[matplotlib.axes.Axes] = []
    original = module._draw

    def spy(target: matplotlib.figure.Figure, *arguments: object) -> None:
        original(target, *arguments)  # type: ignore[arg-type]
        drawn.append(target.axes[0])

    monkeypatch.setattr(module, "_draw", spy)

    def draw(root: Path) -> matplotlib.axes.Axes:
        kinds.draw("curves", compare("demo", root), root / "out", command="x", formats=["svg"])
        return drawn[-1]

    return draw


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
    paths = kinds.draw(
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
        first = kinds.draw(
            "curves", compare("demo", tmp_path), tmp_path / "a", command="x", formats=formats
        )
    second = kinds.draw(
        "curves", compare("demo", tmp_path), tmp_path / "b", command="x", formats=formats
    )
    for one, two in zip(first, second, strict=True):
        assert one.read_bytes() == two.read_bytes()


def test_fonts_are_embedded(tmp_path: Path) -> None:
    write_study(tmp_path, {"lstm": LSTM})
    svg, pdf = kinds.draw(
        "curves", compare("demo", tmp_path), tmp_path / "a", command="x", formats=("svg", "pdf")
    )
    assert not list(ElementTree.parse(svg).iter("{http://www.w3.org/2000/svg}text"))
    assert b"/FontFile2" in pdf.read_bytes()
    assert b"/Type3" not in pdf.read_bytes()


def test_the_figure_is_one_column_wide(tmp_path: Path) -> None:
    write_study(tmp_path, {"lstm": LSTM})
    for columns, width in ((1, 3.4), (2, 7.0)):
        (path,) = kinds.draw(
            "curves",
            compare("demo", tmp_path),
            tmp_path / "a",
            command="",
            formats=["svg"],
            columns=columns,
        )
        points = float(ElementTree.parse(path).getroot().attrib["width"].removesuffix("pt"))
        assert points == pytest.approx(72 * width, abs=0.1)


def test_no_global_state_is_left(tmp_path: Path) -> None:
    before = dict(matplotlib.rcParams)
    write_study(tmp_path, {"lstm": LSTM})
    kinds.draw("curves", compare("demo", tmp_path), tmp_path / "a", command="x")
    assert dict(matplotlib.rcParams) == before


def test_axes_and_legend_say_what_they_show(
    tmp_path: Path, axes: Callable[[Path], matplotlib.axes.Axes]
) -> None:
    runs = write_study(tmp_path, {"lstm": LSTM, "gru": GRU})
    diverged(runs, "gru", range(3, 5))
    drawn = axes(tmp_path)
    assert drawn.get_ylabel() == "validation nll (nats/frame)"
    assert drawn.get_xlabel() == "epoch"
    (legend,) = drawn.figure.legends
    assert [text.get_text() for text in legend.get_texts()] == [
        "lstm (n = 3)",
        "gru (n = 5, 2 diverged)",
    ]


def test_groups_differ_in_colour_and_in_line_style(
    tmp_path: Path, axes: Callable[[Path], matplotlib.axes.Axes]
) -> None:
    write_study(tmp_path, {"lstm": LSTM, "gru": GRU, "rnn": RNN})
    named = [item for item in axes(tmp_path).lines if not str(item.get_label()).startswith("_")]
    assert len({item.get_color() for item in named}) == 3
    assert len({str(item._dash_pattern) for item in named}) == 3


@pytest.mark.parametrize(("chance", "drawn"), [(12.0, True), (60.0, False), (None, False)])
def test_chance_is_drawn_where_it_is_within_reach(
    tmp_path: Path,
    axes: Callable[[Path], matplotlib.axes.Axes],
    chance: float | None,
    drawn: bool,
) -> None:
    metric = {**METRIC, "chance": chance}
    values = [11.5, 11.0, 10.0, 9.0]
    write_run(tmp_path / "demo" / "runs", configuration(), 9.0, validation=values, metric=metric)
    found = axes(tmp_path)
    assert any(list(item.get_ydata()) == [chance, chance] for item in found.lines) is drawn
    low, high = found.get_ylim()
    assert bool(chance is not None and low < chance < high) is drawn


def test_one_run_keeps_its_points_and_has_no_band(
    tmp_path: Path, axes: Callable[[Path], matplotlib.axes.Axes]
) -> None:
    write_study(tmp_path, {"lstm": [8.6]})
    drawn = axes(tmp_path)
    (line2d,) = [item for item in drawn.lines if not str(item.get_label()).startswith("_")]
    assert line2d.get_marker() == "o"
    assert len(line2d.get_xdata()) == 10
    assert not drawn.collections


def test_values_over_decades_are_drawn_on_a_log_scale(
    tmp_path: Path, axes: Callable[[Path], matplotlib.axes.Axes]
) -> None:
    metric = {"name": "mse", "direction": "min", "unit": "", "chance": 0.2}
    values = [0.17, 0.02, 0.001]
    write_run(tmp_path / "demo" / "runs", configuration(), 0.001, validation=values, metric=metric)
    assert axes(tmp_path).get_yscale() == "log"


def test_constant_values_can_be_drawn(
    tmp_path: Path, axes: Callable[[Path], matplotlib.axes.Axes]
) -> None:
    for seed in range(2):
        write_run(tmp_path / "demo" / "runs", configuration("lstm", seed), validation=[9.0] * 5)
    low, high = axes(tmp_path).get_ylim()
    assert low < 9 < high


@pytest.mark.one_in(4)
@pytest.mark.parametrize("label", HOSTILE)
def test_any_label_can_be_drawn(tmp_path: Path, label: str) -> None:
    runs = write_study(tmp_path, {"lstm": [8.6]})
    write_run(runs, configuration("lstm", 0, cell__name=label), 9.5)
    _, svg = kinds.draw("curves", compare("demo", tmp_path), tmp_path / "a", command=label)
    ElementTree.parse(svg)
    assert "<script" not in svg.read_text()


def test_many_groups_show_the_best_and_the_baseline(
    tmp_path: Path, axes: Callable[[Path], matplotlib.axes.Axes]
) -> None:
    for units in range(1, 20):
        test = 9.5 if units == 1 else 8 + units / 30
        write_run(tmp_path / "demo" / "runs", configuration(units=units), test)
    legend = axes(tmp_path).figure.legends[0]
    labels = [text.get_text() for text in legend.get_texts()]
    assert legend.get_title().get_text() == "13 of 19 groups"
    assert len(labels) == 13
    assert labels[-1] == "units=1 (n = 1)"


def test_a_study_without_curves_draws_nothing(tmp_path: Path) -> None:
    runs = write_study(tmp_path, {"lstm": [8.6]})
    for folder in runs.iterdir():
        (folder / "metrics.jsonl").unlink()
    assert kinds.draw("curves", compare("demo", tmp_path), tmp_path / "a", command="") == []
    (tmp_path / "empty").mkdir()
    assert kinds.draw("curves", compare("empty", tmp_path), tmp_path / "a", command="") == []


def test_an_unknown_format_lists_the_known(tmp_path: Path) -> None:
    write_study(tmp_path, {"lstm": [8.6]})
    with pytest.raises(ConfigError, match="formats: pdf, png, svg"):
        kinds.draw("curves", compare("demo", tmp_path), tmp_path / "a", command="", formats=["gif"])


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


def test_a_band_on_a_log_axis_ends_at_the_lowest_seed(
    tmp_path: Path, axes: Callable[[Path], matplotlib.axes.Axes]
) -> None:
    runs = tmp_path / "demo" / "runs"
    for seed, last in enumerate((0.004, 0.005, 0.16)):
        values = [0.17, 0.1, last]
        write_run(runs, configuration(seed=seed), last, validation=values, metric=MSE)
    drawn = axes(tmp_path)
    assert drawn.get_yscale() == "log"
    (band,) = drawn.collections
    heights = band.get_paths()[0].vertices[:, 1]
    assert min(heights) == pytest.approx(0.004)
    said = [text.get_text() for text in drawn.texts]
    assert "bands that reach 0 end at the lowest seed" in said


def test_a_band_ends_where_the_metric_does(
    tmp_path: Path, axes: Callable[[Path], matplotlib.axes.Axes]
) -> None:
    runs = tmp_path / "demo" / "runs"
    metric = {"name": "accuracy", "direction": "max", "unit": "", "chance": 0.5}
    for seed, last in enumerate((0.5, 0.6, 0.99)):
        config = configuration(seed=seed, trainer__steps=9, trainer__epochs=None)
        write_run(runs, config, last, validation=[0.5, 0.55, last], metric=metric)
    drawn = axes(tmp_path)
    (band,) = drawn.collections
    heights = band.get_paths()[0].vertices[:, 1]
    assert max(heights) == 1.0
    # Steps were asked for, and no epoch.
    assert drawn.get_xlabel() == "evaluation"
