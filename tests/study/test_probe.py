"""A probe changes no number, survives interruptions, and sees every layer and plugin."""

import io
import json

import keras
import numpy
import pytest
from seams import (
    InterruptedRunError,
    RunFolder,
    components,
    plan,
    projection_facts,
    resume,
    whole_lines,
)
from seams import train_run as train
from seams import training_probe as probe
from twice import StopAt, points, told

ECHO = ("task=echo", "units=4", "trainer.epochs=3", "trainer.batch=8")


@pytest.fixture(autouse=True)
def every_epoch(monkeypatch):
    """Look after every epoch, and leave Keras' policy as it was."""
    monkeypatch.setattr(probe, "LOOK_STEPS", 1)
    before = keras.config.dtype_policy()
    yield
    keras.config.set_dtype_policy(before)


def planned(*words):
    (run,) = plan(list(words)).runs
    return run


def attempt(run, path, stop=None):
    """Make one attempt of a run; return whether it is complete."""
    folder = RunFolder(path)
    folder.claim()
    folder.write_config({"seed": 0})
    task = components.load().task(run.config["task"])
    stop = stop or StopAt(10**9)
    try:
        result = train(
            run.config, task, folder, stop, verbose=0, checkpoint=resume.checkpoint_of(folder)
        )
    except InterruptedRunError:
        folder.status("INTERRUPTED", "stopped")
        return False
    folder.finish(result)
    return True


def records(path):
    lines, lost = whole_lines((path / "probe.jsonl").read_bytes())
    assert lost == 0
    assert len(lines) == len((path / "probe.jsonl").read_text().splitlines())
    return [json.loads(lines[epoch]) for epoch in sorted(lines)]


def test_it_is_off_by_default_and_outside_the_fingerprint(place):
    off, on = planned(*ECHO), planned(*ECHO, "probe=true")
    assert off.config["probe"] is False
    assert on.config["probe"] is True
    assert off.fingerprint == on.fingerprint


VARIANTS = {
    "few weights": [*ECHO, "cell=rnn", "dropout=0.2", "++cell.recurrent_dropout=0.3"],
    "masks, dropout": [*ECHO, "dropout=0.2", "++cell.recurrent_dropout=0.3"],
    "two directions": [*ECHO, "layers=2", "bidirectional=true", "trainer.patience=1"],
    "tokens, zoneout, float64": [
        *("task=odd", "units=4", "trainer.epochs=3", "trainer.batch=4", "precision=float64"),
        *("++cell.zoneout.c=0.2", "swap.forget=power_law"),
    ],
    "fresh data, affine": [
        *("task=sum", "cell=mingru", "units=4", "trainer.steps=9", "trainer.batch=4"),
        *("optimizer=sgd", "++cell.dropout=0.2"),
    ],
}
FIRST, *OTHERS = VARIANTS


@pytest.mark.one_in(1, slow=3)
@pytest.mark.parametrize(
    "variant", [FIRST, *(pytest.param(other, marks=pytest.mark.slow) for other in OTHERS)]
)
def test_it_changes_no_bit(place, variant):
    words = VARIANTS[variant]
    assert attempt(planned(*words), place / "off")
    assert attempt(planned(*words, "probe=true"), place / "on")
    off, on = told(place / "off"), told(place / "on")
    # The configuration is another one: it says that the run was probed.
    assert on["result"]["files"].keys() == off["result"]["files"].keys()
    for each in (off, on):
        each["result"]["files"].pop("config.yaml", None)
    assert on == off
    assert len(records(place / "on")) > 1
    assert not list((place / "off").glob("probe*"))


def test_what_is_recorded(place):
    run = planned(*ECHO, "probe=true", "bidirectional=true", "trainer.epochs=1")
    assert attempt(run, place / "run")
    found = records(place / "run")
    assert [(r["epoch"], r["step"]) for r in found] == [(0, 0), (1, 3)]
    layers = found[-1]["layers"]
    assert list(layers) == ["forward_0", "backward_0"]
    for layer in layers.values():
        assert list(layer["gates"]) == ["input", "forget", "output", "candidate"]
        assert layer["gates"]["candidate"]["range"] == [-1, 1]
        assert len(layer["states"]["c"]["kept"]) == 33
        assert layer["states"]["h"]["kept"] is None
        gradient = layer["states"]["h"]["gradient"]
        assert gradient["steps"] == len(gradient["norms"]) == 6
        assert all(norm > 0 for norm in gradient["norms"])
    # The unit forget bias is there to be seen before anything is learned.
    assert found[0]["layers"]["forward_0"]["gates"]["forget"]["mean"] > 0.65
    with numpy.load(place / "run" / "probe.npz") as archive:
        assert archive["input"].shape == (3, 6, 9)
        assert archive["forward_0/gate/forget"].shape == (3, 6, 4)
        mask, state = archive["mask"], archive["backward_0/state/h"]
    assert state.dtype == numpy.float16
    assert not mask.all()
    # In the order of the data: a backward layer meets padding first, with its state still zero.
    assert (state[~mask] == 0).all()
    assert (state[mask] != 0).any()


def test_what_a_gate_owns_is_recorded_apart_from_gates(place):
    forget = (
        "{kind: null, activation: 'sigmoid(pre / softplus(tau))',"
        " projections: {tau: {reads: ['(x - m_prev)**2'], first_bias: 1}},"
        " states: {m: {width: features, update: '0.9*m_prev + 0.1*x'}}}"
    )
    run = planned(*ECHO, f"++cell.gates.forget={forget}", "probe=true", "trainer.epochs=1")
    assert attempt(run, place / "run")
    (layer,) = records(place / "run")[0]["layers"].values()
    assert list(layer["gates"]) == ["input", "forget", "output", "candidate"]
    assert list(layer["projections"]) == ["forget.tau"]
    tau = layer["projections"]["forget.tau"]
    assert tau["lowest"] < tau["mean"] < tau["highest"]
    assert 0 < tau["deviation"] < tau["highest"] - tau["lowest"]
    assert layer["states"]["forget.m"]["gradient"]["norms"][0] > 0
    with numpy.load(place / "run" / "probe.npz") as archive:
        values = archive["rnn_0/projection/forget.tau"]
        assert archive["rnn_0/state/forget.m"].shape == (3, 6, 9)
    assert values.shape == (3, 6, 4)


def test_the_projections_of_an_output_unit_are_recorded(place):
    run = planned(*ECHO, "output_unit=glu", "probe=true", "trainer.epochs=1")
    assert attempt(run, place / "run")
    (layer,) = records(place / "run")[0]["layers"].values()
    assert list(layer["projections"]) == ["output_unit.value", "output_unit.gate"]
    with numpy.load(place / "run" / "probe.npz") as archive:
        found = [archive[f"rnn_0/projection/output_unit.{name}"] for name in ("value", "gate")]
        h = archive["rnn_0/state/h"]
    with numpy.load(place / "run" / "weights.npz") as saved:
        (kernel,) = (saved[n] for n in saved if n.endswith("output_unit.value.emitted"))
        (bias,) = (saved[n] for n in saved if n.endswith("output_unit.value.bias"))
    numpy.testing.assert_allclose(found[0], h.astype("float32") @ kernel + bias, atol=5e-3)
    assert abs(found[1] - found[0]).max() > 0.01


def test_the_numbers_of_a_projection():
    values = numpy.array([[[1.0, 3.0]], [[100.0, numpy.inf]]])
    mask = numpy.array([[True], [False]])
    wanted = {"mean": 2.0, "deviation": 1.0, "lowest": 1.0, "highest": 3.0}
    assert projection_facts(values, mask) == wanted
    assert set(projection_facts(values * numpy.inf, None).values()) == {None}


@pytest.mark.slow
def test_stopped_anywhere_no_record_is_doubled_or_lost(place, request):
    run = planned(*ECHO, "probe=true")
    whole = StopAt(10**9)
    assert attempt(run, place / "whole", whole)
    asked = 10**9 - whole.left
    count = 4 if request.config.getoption("--weekly") else 1
    for stop in points(count, asked - 10, seed=3):
        path = place / str(stop)
        assert not attempt(run, path, StopAt(stop))
        assert attempt(run, path)
        assert records(path) == records(place / "whole"), f"stopped at {stop} of {asked}"
        assert told(path) == told(place / "whole")


@pytest.mark.slow
def test_switched_on_for_a_run_that_goes_on(place):
    assert not attempt(planned(*ECHO), place / "run", StopAt(6))
    assert attempt(planned(*ECHO, "probe=true"), place / "run")
    epochs = [record["epoch"] for record in records(place / "run")]
    assert epochs[0] > 0
    assert epochs[-1] == 3


@pytest.mark.slow
def test_short_epochs_are_not_all_looked_at(place, monkeypatch):
    monkeypatch.setattr(probe, "LOOK_STEPS", 7)
    assert attempt(planned(*ECHO, "trainer.epochs=5", "probe=true"), place / "run")
    # Epochs of three steps: every third one, and the last.
    assert [record["epoch"] for record in records(place / "run")] == [0, 3, 5]


@pytest.mark.slow
def test_long_sequences_of_many_units_are_looked_at_in_smaller_numbers(place, monkeypatch):
    # Six steps of a layer with 4 units: x (9) and six signals, 33 values a step.
    monkeypatch.setattr(probe, "MOST_VALUES", 3 * 6 * 33 + 1)
    assert attempt(planned(*ECHO, "trainer.epochs=1", "probe=true"), place / "run")
    assert {record["sequences"] for record in records(place / "run")} == {3}


@pytest.mark.slow
def test_a_probe_that_fails_is_told_and_costs_nothing(place, monkeypatch):
    def fail(self):
        raise ValueError("no such thing\nand more")

    monkeypatch.setattr(probe.Probe, "record", fail)
    assert attempt(planned(*ECHO, "trainer.epochs=1", "probe=true"), place / "run")
    result = json.loads((place / "run" / "result.json").read_text())
    assert result["state"] == "COMPLETED"
    (warning,) = result["warnings"]
    assert warning.startswith("the probe failed after epoch 0 and was switched off: ValueError:")
    assert "\n" not in warning


def test_the_files_of_an_earlier_attempt_are_put_away(tmp_path):
    folder = RunFolder(tmp_path / "run")
    folder.claim()
    folder.log_probe({"epoch": 0})
    archive = io.BytesIO()
    numpy.savez(archive, input=numpy.zeros(1))
    folder.write_activations(archive.getvalue())
    folder.status("FAILED", "it did")
    again = RunFolder(tmp_path / "run")
    again.claim()
    kept = {path.name for path in (tmp_path / "run" / "attempts" / "1").iterdir()}
    assert {"probe.jsonl", "probe.npz"} <= kept
    assert not list((tmp_path / "run").glob("probe*"))
