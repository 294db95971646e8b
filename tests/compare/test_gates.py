"""What gates did, compared over seeds, from files that may be damaged."""

import json
import math

import numpy as np
import pytest
from refused import at
from seams import (
    count_text,
    densities,
    gate_table,
    gates_report,
    geometric_mean,
    gradient,
    gradient_share,
    kept_shares,
    layers,
    longest_sequence,
    mean_interval,
    memory,
    memory_text,
    probe_line,
    read_probe,
    slope,
    state_table,
    time_at,
    to_data,
)
from seams import load_runs as load

from compare.probing import STEPS, probe_run, probe_study
from compare.synthetic import configuration, write_run, write_study
from gatekit import ConfigError, RunError


@pytest.fixture
def root(tmp_path):
    """Two cells with three seeds each, probed; the GRU remembers longer."""
    for cell, share in (("lstm", 0.8), ("gru", 0.95)):
        runs = write_study(tmp_path / cell, {cell: [8.6, 8.7, 8.65]})
        probe_study(runs, share)
        target = tmp_path / "demo" / "runs"
        target.mkdir(parents=True, exist_ok=True)
        for folder in runs.iterdir():
            folder.rename(target / folder.name)
    return tmp_path


def test_numbers_over_seeds(root):
    report = gates_report("demo", root)
    assert [v.group.label for v in report.variants] == ["lstm", "gru"]
    lstm, gru = report.variants
    assert lstm.is_baseline
    assert not gru.is_baseline
    forget = next(row for row in lstm.gates if row.name == "forget")
    assert forget.n == 3
    assert forget.numbers["mean"].mean == pytest.approx(0.8, abs=0.01)
    assert len(forget.numbers["mean"].values) == 3
    assert forget.numbers["mean"].interval.method == "Student t"
    assert forget.numbers["open_time"].mean == STEPS
    query = next(row for row in lstm.gates if row.name == "query")
    assert query.numbers["low"] is query.numbers["open_time"] is None
    h, c = gru.states
    assert h.memory is h.start is None
    assert c.memory[1] == pytest.approx(-1 / math.log(0.95), rel=0.05)
    assert c.memory[0] <= c.memory[1] <= c.memory[2]
    assert c.start == pytest.approx(-1 / math.log(0.5), rel=0.05)
    assert c.reach == pytest.approx(0.95 ** (STEPS - 1), rel=1e-3)
    assert report.notes == ()


def test_quartiles_keep_their_places(tmp_path):
    """Each of the three numbers of a memory is where its name says, in the table and in JSON."""
    folder = write_run(tmp_path / "demo" / "runs", configuration())
    probe_run(folder, [0.9])
    path = folder / "probe.jsonl"
    record = json.loads(path.read_text())
    record.pop("crc")
    record["layers"]["rnn_0"]["states"]["c"]["kept"] = list(np.linspace(0.5, 0.98, 33))
    path.write_text(probe_line(record) + "\n")
    report = gates_report("demo", tmp_path)
    wanted = [-1 / math.log(kept) for kept in (0.62, 0.74, 0.86)]
    state = to_data(report)["variants"][0]["states"][1]
    found = [state[name] for name in ("memory_low", "memory", "memory_high")]
    assert found == pytest.approx(wanted)
    low, middle, high = (f"{steps:.3g}" for steps in wanted)
    assert memory_text(report.variants[0].states[1]) == f"{middle} ({low} to {high})"


def test_the_best_epoch_is_what_counts(tmp_path):
    runs = tmp_path / "demo" / "runs"
    folder = write_run(runs, configuration(), validation=[9.0, 8.0, 8.5, 8.6])
    probe_run(folder, [0.5, 0.6, 0.7, 0.8, 0.9])
    (probed,) = gates_report("demo", tmp_path).variants[0].probed
    assert probed.best.epoch == 2
    assert probed.first.epoch == 0
    assert [look.epoch for look in probed.looks()] == [0, 1, 2, 3, 4]
    # Short epochs are not all looked at: then it is the latest look before.
    lines = (folder / "probe.jsonl").read_text().splitlines()
    (folder / "probe.jsonl").write_text("\n".join([lines[1], lines[4]]))
    again = read_probe(probed.run)
    assert (again.first.epoch, again.best.epoch) == (1, 1)


def test_runs_without_a_probe_are_counted_and_told(root):
    some = sorted((root / "demo" / "runs").iterdir())[0]
    (some / "probe.jsonl").unlink()
    report = gates_report("demo", root)
    assert sum(len(variant.probed) for variant in report.variants) == 5
    assert len(report.notes) == 1
    assert report.notes[0].endswith("2 of 3 runs were probed")
    assert sorted(map(count_text, report.variants)) == ["2/3", "3"]


def test_memory_through_stop_is_that_of_the_gradient(tmp_path):
    for seed in (0, 1):
        config = configuration("lstm", seed)
        config["cell"]["equations"] = {"c": "forget*c_prev+stop(input)*candidate", "h": "c"}
        probe_run(write_run(tmp_path / "demo" / "runs", config), [0.9])
    assert gates_report("demo", tmp_path).notes == (
        "lstm: memory is that of the gradient, which stop(...) ends",
    )


def test_without_any_probe_it_is_said_what_to_type(tmp_path):
    write_study(tmp_path, {"lstm": [8.6]})
    with pytest.raises(RunError, match="probe=true"):
        gates_report("demo", tmp_path)


def test_by_an_unknown_key(root):
    with pytest.raises(ConfigError, check=at("by")):
        gates_report("demo", root, by=["cel"])


@pytest.mark.parametrize(
    "damage",
    [
        b'{"epoch":99,"layers":{},"crc":"00000000"}\n',
        b"\x00\xff\n",
        b'{"epoch":4,"step',
    ],
)
def test_a_damaged_line_is_left_out_and_told(root, damage):
    folder = sorted((root / "demo" / "runs").iterdir())[0]
    path = folder / "probe.jsonl"
    path.write_bytes(path.read_bytes() + damage)
    report = gates_report("demo", root)
    assert any("skipped 1 damaged line of probe.jsonl" in note for note in report.notes)


@pytest.mark.parametrize(
    "layers",
    [
        3,
        {"rnn_0": 3},
        {"rnn_0": {"gates": 3, "states": {}}},
        {"rnn_0": {"gates": {}}},
    ],
)
def test_a_record_of_another_shape_is_damage(tmp_path, layers):
    folder = write_run(tmp_path / "demo" / "runs", configuration())
    (folder / "probe.jsonl").write_text(probe_line({"epoch": 0, "layers": layers}))
    (run,) = load("demo", tmp_path).runs
    assert read_probe(run) is None


@pytest.mark.parametrize(
    "facts", [{}, {"kept": 3}, {"kept": []}, {"kept": ["a"]}, {"kept": [True]}, {"kept": None}]
)
def test_shares_that_are_none(facts):
    assert kept_shares(facts) is None
    assert time_at(facts, 0.5) is None


@pytest.mark.parametrize(
    "found",
    [None, 3, {}, {"steps": 3, "norms": None}, {"steps": "x", "norms": [1]}, {"steps": 0}],
)
def test_gradients_that_are_none(found):
    assert gradient({"gradient": found}) is None
    assert gradient_share({"gradient": found}, "rnn_0") is None


def test_a_gradient_without_some_steps():
    facts = {"gradient": {"steps": 3, "norms": [None, 0.5, 2.0]}}
    assert gradient(facts) == ([2.0, 3.0], [0.5, 2.0])
    assert gradient_share(facts, "rnn_0") == 0.25
    assert gradient_share(facts, "backward_0") == 1
    assert gradient_share({"gradient": {"steps": 1, "norms": [0.0]}}, "rnn_0") is None
    assert geometric_mean([0.0, 1.0]) == 0
    assert geometric_mean([0.1, 10.0]) == pytest.approx(1)


def test_endless_memory(tmp_path):
    folder = write_run(tmp_path / "demo" / "runs", configuration())
    probe_run(folder, [1.0])
    path = folder / "probe.jsonl"
    record = json.loads(path.read_text())
    record.pop("crc")
    record["layers"]["rnn_0"]["states"]["c"]["kept"] = [1.0] * 33
    path.write_text(probe_line(record) + "\n")
    report = gates_report("demo", tmp_path)
    state = report.variants[0].states[1]
    assert memory_text(state) == "endless (endless to endless)"
    data = to_data(report)
    assert data["variants"][0]["states"][1]["endless"] is True
    json.dumps(data, allow_nan=False)


def test_the_rows_of_the_tables(root):
    report = gates_report("demo", root)
    rows = list(gate_table(report).records())
    assert [row["variant"] for row in rows] == ["lstm", "", "", "", "gru", "", "", ""]
    assert rows[1]["gate"] == "forget"
    assert rows[1]["mean"].startswith("0.80")
    assert rows[1]["low"] == "0.0 ± 0.0 %"
    assert rows[3]["high"] == "-"
    states = list(state_table(report).records())
    assert [row["state"] for row in states] == ["h", "c", "h", "c"]
    assert states[0]["memory (steps)"] == "-"
    assert states[3]["memory (steps)"].startswith("19.")


def test_several_layers_are_named(tmp_path):
    runs = write_study(tmp_path, {"lstm": [8.6]})
    probe_study(runs, layers=("forward_0", "backward_0"))
    report = gates_report("demo", tmp_path)
    assert layers(report) == ["forward_0", "backward_0"]
    assert gate_table(report).rows[0][1] == "forward_0.input"


def test_what_is_drawn(root):
    lstm = gates_report("demo", root).variants[0]
    found = densities(lstm, "rnn_0")
    assert [d.gate for d in found] == ["input", "forget", "candidate", "query"]
    assert [d.bounded for d in found] == [True, True, True, False]
    for density in found:
        assert density.epochs == tuple(range(11))
        assert density.shares.shape == (11, 20)
        assert density.shares.sum(axis=1) == pytest.approx(np.ones(11), abs=1e-2)
    lasting = memory(lstm, "rnn_0")
    assert lasting.state == "c"
    assert len(lasting.best) == len(lasting.before) == 3
    assert (np.diff(lasting.best[0]) >= 0).all()
    back = slope(lstm, "rnn_0")
    assert back.norms[0].max() == 1
    assert longest_sequence([lstm]) == STEPS


def test_intervals_of_pooled_runs_are_over_seeds(tmp_path):
    runs = tmp_path / "demo" / "runs"
    for seed in range(3):
        for units in (8, 16):
            folder = write_run(runs, configuration("lstm", seed, units=units), 8.6)
            # The sizes hardly differ, the seeds do.
            probe_run(folder, [0.5 + seed / 10 + units / 1e4], seed)
    (variant,) = gates_report("demo", tmp_path, by=["cell"]).variants
    mean = next(row for row in variant.gates if row.name == "forget").numbers["mean"]
    assert mean is not None
    assert mean.interval is not None
    assert len(mean.values) == 6
    seeds = mean_interval([sum(mean.values[k : k + 2]) / 2 for k in (0, 2, 4)])
    assert seeds is not None
    assert (mean.interval.low, mean.interval.high) == pytest.approx((seeds.low, seeds.high))
