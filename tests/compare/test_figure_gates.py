"""Figures of what gates did, drawn from written files."""

import pytest
from seams import (
    draw_gates,
    gates,
    gates_report,
    matplotlib,
    probe_line,
)

from compare.probing import look, probe_study
from compare.synthetic import configuration, write_run, write_study
from gatekit import ConfigError

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


def test_gates_are_drawn_for_every_variant(report):
    shown = gates(report)
    assert len(shown.runs) == 4
    lstm, gru, (memory, gradient) = shown.panels
    assert (lstm[0].title, gru[0].title) == ("lstm   n = 2", "gru   n = 2")
    assert [panel.name for panel in lstm[:2]] == ["input", "forget"]
    assert lstm[1].note.startswith("▾0 ▴")
    (cells,) = (mark for mark in lstm[1].marks if mark.kind == "cell")
    assert len(cells.x) == 20 * 11
    assert (memory.y.title, memory.y.scale) == ("memory (steps)", "log")
    assert (gradient.x.title, gradient.y.scale) == ("step t", "log")
    assert [mark.tips for mark in memory.marks if mark.kind == "rule"] == [("sequence (30)",)]
    assert [series.name for series in shown.series] == ["lstm: c", "gru: c"]
    figure = matplotlib.figure(shown, 2)
    *panels, left, right = figure.axes
    assert len(panels) == 8
    assert panels[1].images[0].get_array().shape == (20, 11)
    assert left.get_yscale() == right.get_yscale() == "log"
    # The legend covers no curve: it belongs to the figure.
    (legend,) = figure.legends
    styles = [(line.get_color(), line.get_linestyle()) for line in legend.get_lines()]
    assert len({tone for tone, _ in styles}) == len({style for _, style in styles}) == 2
    assert {"lstm   n = 2", "forget", "sequence (30)"} <= drawn(figure)


def test_two_tasks_of_one_gate_are_told_apart(tmp_path):
    """A variant has one colour, so each task has its own panels."""
    for task in ("adding", "copying"):
        for cell in ("lstm", "gru"):
            write_run(tmp_path / "demo" / "runs", configuration(cell, task__name=task), 8.6)
    probe_study(tmp_path / "demo" / "runs", 0.95)
    shown = gates(gates_report("demo", tmp_path))
    assert {series.name for series in shown.series} == {"lstm: c", "gru: c"}
    *densities, adding, copying = shown.panels
    assert len(densities) == 4
    for row, title in ((adding, "task=adding"), (copying, "task=copying")):
        assert [panel.title for panel in row] == [title, title]
        (means,) = [
            [mark.series for mark in panel.marks if mark.strong and mark.kind == "line"]
            for panel in row[:1]
        ]
        assert len(means) == len(set(means)) == 2


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
    with pytest.raises(ConfigError, match="Layers: rnn_0"):
        draw_gates(report, tmp_path / "f", command=COMMAND, layer="rnn_1")


def test_a_cell_without_any_time_scale_is_drawn(tmp_path):
    import json

    from seams import probe_line

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


def test_saturated_shares_are_those_of_the_layer_that_is_drawn(tmp_path):
    folder = write_run(tmp_path / "demo" / "runs", configuration("lstm", 0), 8.6)
    upper = {"rnn_1": look(0.97, layers=["rnn_1"])["rnn_1"]}
    record = {"epoch": 0, "step": 0, "sequences": 4, "layers": {**look(0.5), **upper}}
    (folder / "probe.jsonl").write_text(probe_line(record) + "\n")
    report = gates_report("demo", tmp_path)
    numbers = next(
        row.numbers
        for row in report.variants[0].gates
        if (row.layer, row.name) == ("rnn_1", "forget")
    )
    shown = gates(report, "rnn_1")
    (panel,) = (panel for row in shown.panels for panel in row if panel.name == "forget")
    assert panel.note.endswith(f"{100 * numbers['high'].mean:.0f} %")
    assert numbers["high"].mean > 0.9
