"""Figures of what gates did, drawn from written files."""

from pathlib import Path

import numpy as np
import pytest

from compare.probing import look, probe_study
from compare.synthetic import configuration, write_run, write_study
from gatekit.cell.errors import ConfigError, RunError
from gatekit.compare.figures.activations import draw_activations
from gatekit.compare.figures.gates import draw_gates
from gatekit.compare.gates.behaviour import gates_report
from gatekit.runs.probe import probe_line

COMMAND = "gatekit gates-report demo"


@pytest.fixture
def report(tmp_path):
    runs = write_study(tmp_path, {"lstm": [8.6, 8.7], "gru": [8.5, 8.4]})
    probe_study(runs, 0.95)
    return gates_report("demo", tmp_path)


def drawn(figure):
    """Return every text of a figure, those of its parts included."""
    import matplotlib.text

    return {text.get_text() for text in figure.findobj(matplotlib.text.Text)}


def painted(report, monkeypatch, draw, *arguments, **options):
    """Return the figure that is drawn, and the ids of the runs in it."""
    from matplotlib.figure import Figure

    from gatekit.compare.figures import activations, gates

    found = {}

    def keep(paint, report, stem, **options):
        figure = Figure(figsize=(7, 3), layout="constrained")
        found["runs"], found["figure"] = paint(figure), figure
        return [Path(f"{stem}.png")]

    monkeypatch.setattr(gates, "write_figure", keep)
    monkeypatch.setattr(activations, "write_figure", keep)
    draw(report, *arguments, command=COMMAND, **options)
    return found["figure"], found["runs"]


def test_gates_are_drawn_for_every_variant(report, monkeypatch):
    figure, runs = painted(report, monkeypatch, draw_gates, "stem")
    assert len(runs) == 4
    texts = drawn(figure)
    assert {"lstm   n = 2", "gru   n = 2", "forget", "memory (steps)", "step t"} <= texts
    assert "sequence (30)" in texts
    assert any(text.startswith("▾0 ▴") for text in texts)
    *panels, memory, gradient = figure.axes
    assert len(panels) == 8
    assert len(panels[1].images) == 1
    assert panels[1].images[0].get_array().shape == (20, 11)
    assert memory.get_yscale() == gradient.get_yscale() == "log"
    # The legend covers no curve: it is below both panels.
    assert memory.get_legend() is None
    (legend,) = memory.get_figure(root=False).legends
    assert [text.get_text() for text in legend.get_texts()] == ["lstm: c", "gru: c"]
    styles = [(line.get_color(), line.get_linestyle()) for line in legend.get_lines()]
    assert len({tone for tone, _ in styles}) == len({style for _, style in styles}) == 2


@pytest.mark.slow
def test_the_files_say_what_they_show(report, tmp_path):
    first = draw_gates(report, tmp_path / "a" / "one", command=COMMAND, formats=("svg", "pdf"))
    assert [path.name for path in first] == ["one.svg", "one.pdf"]
    text = first[0].read_text()
    assert COMMAND in text
    assert all(probed.run.id in text for v in report.variants for probed in v.probed)
    second = draw_gates(report, tmp_path / "two", command=COMMAND, formats=("svg",))
    assert second[0].read_bytes() == first[0].read_bytes()


def test_a_layer_is_chosen_or_refused(report, tmp_path):
    with pytest.raises(ConfigError, match="did you mean 'rnn_0'"):
        draw_gates(report, tmp_path / "f", command=COMMAND, layer="rnn_1")


def test_a_cell_without_any_time_scale_is_drawn(tmp_path):
    import json

    from gatekit.runs.probe import probe_line

    runs = write_study(tmp_path, {"lstm": [8.6]})
    probe_study(runs)
    (folder,) = runs.iterdir()
    path = folder / "probe.jsonl"
    records = [json.loads(line) for line in path.read_text().splitlines()]
    lines = []
    for record in records:
        del record["crc"]
        for state in record["layers"]["rnn_0"]["states"].values():
            state["kept"] = None
            state["gradient"]["norms"] = [0.0] * 30
        lines.append(probe_line(record))
    path.write_text("\n".join(lines) + "\n")
    report = gates_report("demo", tmp_path)
    (file,) = draw_gates(report, tmp_path / "f", command=COMMAND, formats=("png",))
    assert file.stat().st_size > 10_000


def test_a_label_is_text(tmp_path):
    config = configuration("lstm", 0)
    config["cell"]["name"] = "$\\evil$\n\x1b[31m"
    write_run(tmp_path / "demo" / "runs", config)
    probe_study(tmp_path / "demo" / "runs")
    report = gates_report("demo", tmp_path)
    (file,) = draw_gates(report, tmp_path / "f", command=COMMAND, formats=("svg",))
    assert file.exists()


def test_activations_are_heat_maps(report, monkeypatch):
    run = report.variants[0].probed[0].run
    figure, runs = painted(report, monkeypatch, draw_activations, run.id[:6], "stem")
    assert runs == [run.id]
    texts = drawn(figure)
    assert {"forget", "candidate", "h", "c", "x", "sequence 2", "step"} <= texts
    assert any(text.startswith(f"lstm, seed {run.seed}, run {run.id[:8]}") for text in texts)
    heat = [axes for axes in figure.axes if axes.images and len(axes.images[0].get_array()) == 8]
    assert len(heat) == 10
    first, second = (axes.images[0] for axes in heat[:2])
    # The second sequence has 20 of 30 steps; what is masked is no value.
    masked = np.ma.getmaskarray(second.get_array())
    assert masked[:, 20:].all()
    assert not masked[:, :20].any()
    # One signal has one scale.
    assert first.get_clim() == second.get_clim() == (0, 1)
    assert heat[4].images[0].get_clim() == heat[5].images[0].get_clim() != (0, 1)
    # Units stand by their mean in the forget gate.
    with np.load(run.path / "probe.npz") as archive:
        forget = archive["rnn_0/gate/forget"].astype(float)
    order = np.argsort(-forget.mean(axis=(0, 1)), kind="stable")
    np.testing.assert_array_equal(heat[2].images[0].get_array(), forget[0][:, order].T)


@pytest.mark.parametrize("text", ["zz", ""])
def test_a_run_that_is_not_there(report, tmp_path, text):
    with pytest.raises(RunError, match="of the probed runs"):
        draw_activations(report, text, tmp_path / "f", command=COMMAND)


def test_activations_that_are_not_there(report, tmp_path):
    run = report.variants[0].probed[0].run
    (run.path / "probe.npz").unlink()
    with pytest.raises(RunError, match=r"no readable probe\.npz"):
        draw_activations(report, run.id, tmp_path / "f", command=COMMAND)


def test_saturated_shares_are_those_of_the_layer_that_is_drawn(tmp_path, monkeypatch):
    folder = write_run(tmp_path / "demo" / "runs", configuration("lstm", 0), 8.6)
    upper = {"rnn_1": look(0.97, layers=["rnn_1"])["rnn_1"]}
    record = {"epoch": 0, "step": 0, "sequences": 4, "layers": {**look(0.5), **upper}}
    (folder / "probe.jsonl").write_text(probe_line(record) + "\n")
    report = gates_report("demo", tmp_path)
    figure, _ = painted(report, monkeypatch, draw_gates, "stem", layer="rnn_1")
    numbers = next(
        row.numbers
        for row in report.variants[0].gates
        if (row.layer, row.name) == ("rnn_1", "forget")
    )
    (panel,) = (axes for axes in figure.axes if axes.get_title(loc="left") == "forget")
    assert panel.get_title(loc="right").endswith(f"{100 * numbers['high'].mean:.0f} %")
    assert numbers["high"].mean > 0.9
