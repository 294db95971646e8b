"""A user's own script: the same folder, the same states."""

import inspect
import json
import math
import os
import re
import tracemalloc
import types
from pathlib import Path

import numpy
import pytest
from refused import at, saying
from seams import ClaimedError, KeptRuns, Place, RunFolder, directions, metrics, read_curves
from seams import script as record

import gatekit
from gatekit import ConfigError, RunError


@pytest.fixture(autouse=True)
def place(tmp_path, monkeypatch):
    """An empty working folder."""
    monkeypatch.chdir(tmp_path)


def test_a_script_makes_a_complete_run():
    with gatekit.run("mine", {"cell": "gru", "width": 3}, seed=1, metric="mse") as run:
        run.log(1, train=0.9, val=0.5, test=0.6)
        run.log(2, val=0.4, test=0.7)
        run.log(3, val=0.45, test=0.5)
    result = run.folder.result()
    assert result["best"] == {"epoch": 2, "validation": 0.4, "test": 0.7}
    assert result["last"] == {"epoch": 3, "validation": 0.45, "test": 0.5}
    measured = metrics.read(run.folder.path / "metrics.jsonl")
    assert measured.lost == ()
    assert {(line.split, line.metric) for line in measured.lines} == {
        ("train", "loss"),
        ("validation", "mse"),
        ("test", "mse"),
    }
    assert run.folder.state().name == "COMPLETED"


def test_a_run_counts_what_its_block_uses(monkeypatch):
    passed = iter([5.0, 7.5])
    monkeypatch.setattr("gatekit.runs.used.time.process_time", lambda: next(passed))
    with gatekit.run("mine", {}, seed=0) as run:
        run.log(1, val=1.0)
    used = run.folder.result()["used"]
    assert used["processor_seconds"] == 2.5
    assert used["peak_bytes"] > 2**20


def test_the_same_run_again_is_done_and_another_seed_is_not():
    with gatekit.run("mine", {"a": 1}, seed=0) as run:
        run.log(1, val=1.0)
    again = gatekit.run("mine", {"a": 1}, seed=0)
    assert again.done
    with again, pytest.raises(RunError, match="is complete"):
        again.log(2, val=0.0)
    assert not gatekit.run("mine", {"a": 1}, seed=1).done
    assert not gatekit.run("mine", {"a": 2}, seed=0).done


def test_larger_may_be_better():
    with gatekit.run("mine", {}, seed=0, metric="accuracy", direction="max") as run:
        run.log(1, val=0.2)
        run.log(2, val=0.9)
    assert run.folder.result()["best"]["epoch"] == 2


def test_nan_is_diverged():
    with gatekit.run("mine", {}, seed=0) as run:
        run.log(1, val=1.0)
        run.log(2, val=math.nan)
    assert run.folder.state().name == "DIVERGED"
    assert run.folder.result()["best"]["epoch"] == 1


def test_an_exception_is_failed_and_the_next_attempt_keeps_it():
    def script():
        with gatekit.run("mine", {}, seed=0) as run:
            run.log(1, val=1.0)
            raise ZeroDivisionError("division by zero")

    run = gatekit.run("mine", {}, seed=0)
    with pytest.raises(ZeroDivisionError):
        script()
    assert run.folder.state().reason == "ZeroDivisionError: division by zero"
    with gatekit.run("mine", {}, seed=0) as again:
        again.log(1, val=2.0)
    kept = again.folder.path / "attempts" / "1"
    assert json.loads((kept / "status.json").read_text())["state"] == "FAILED"


def test_a_run_without_a_score_is_failed():
    with pytest.raises(RunError, match="no validation score"), gatekit.run("mine", {}, seed=0):
        pass


def test_two_at_once_are_refused():
    with gatekit.run("mine", {}, seed=0) as run:
        with pytest.raises(ClaimedError):
            RunFolder(run.folder.path).claim()
        run.log(1, val=1.0)


@pytest.mark.parametrize(
    ("arguments", "check"),
    [
        (("../x", {}), at("study")),
        (("mine", {"a": object()}), saying("not plain data")),
        (("mine", {"a": math.nan}), saying("not plain data")),
    ],
)
def test_what_cannot_be_kept_is_refused(arguments, check):
    with pytest.raises(ConfigError, check=check):
        gatekit.run(*arguments, seed=0)


@pytest.mark.parametrize(
    ("metric", "direction"),
    [
        ("accuracy", "max"),
        ("val_acc", "max"),
        ("Test-Accuracy", "max"),
        ("R2", "max"),
        ("validation/f1", "max"),
        ("loss", "min"),
        ("val_loss", "min"),
        ("RMSE", "min"),
        ("Perplexity", "min"),
        ("bits", "min"),
    ],
)
def test_well_known_metrics_have_their_direction(metric, direction):
    with gatekit.run("mine", {}, seed=0, metric=metric) as run:
        run.log(1, val=0.2)
        run.log(2, val=0.9)
    result = run.folder.result()
    assert result["metric"]["direction"] == direction
    assert result["best"]["epoch"] == (2 if direction == "max" else 1)


@pytest.mark.parametrize(
    ("options", "check"),
    [
        (
            {"metric": "score"},
            saying("direction='max' or 'min' is expected"),
        ),
        ({"metric": "acuracy"}, saying("did you mean 'accuracy'")),
        ({"metric": "score", "direction": "down"}, at("direction")),
        (
            {"metric": "val_accuracy", "direction": "min"},
            saying("larger value is better"),
        ),
        ({"direction": "max"}, saying("smaller value is better")),
        ({"metric": " "}, saying("is not a name")),
        ({"metric": None}, at("metric")),
    ],
)
def test_a_direction_that_is_missing_or_wrong_is_refused(options, check):
    with pytest.raises(ConfigError, check=check):
        gatekit.run("mine", {}, seed=0, **options)


def test_one_run_is_not_recorded_in_both_directions(monkeypatch):
    with gatekit.run("mine", {}, seed=0, metric="score", direction="min") as run:
        run.log(1, val=1.0)
    with pytest.raises(ConfigError, match=f"direction='min'.*{run.name}"):
        gatekit.run("mine", {}, seed=0, metric="score", direction="max")
    assert gatekit.run("mine", {}, seed=0, metric="score", direction="min").done


def test_every_option_stands_in_the_signature():
    own, shared = (inspect.signature(f).parameters for f in (record.Run, gatekit.run))
    assert dict(own) == dict(shared)
    for function in (gatekit.run, record.Run.log):
        parameters = inspect.signature(function).parameters.values()
        # any further number has a name of its own
        kinds = {p.kind for p in parameters if p.name != "further"}
        assert not kinds & {inspect.Parameter.VAR_KEYWORD, inspect.Parameter.VAR_POSITIONAL}


def test_the_page_lists_every_well_known_metric():
    page = (Path(__file__).parents[2] / "docs" / "studies.md").read_text(encoding="utf-8")
    rows = re.findall(r"^\| `(min|max)` \|[^|]*\| ([^|]*) \|$", page, re.MULTILINE)
    listed = {name: way for way, names in rows for name in re.findall(r"`(\w+)`", names)}
    assert listed == directions.DIRECTIONS


def test_any_number_of_metrics_notes_and_the_parameters_are_kept():
    with gatekit.run("mine", {"cell": "gru"}, seed=1, metric="mse") as run:
        run.parameters(1_234, recurrent=1_000)
        run.note("the second batch was empty")
        run.log(1, train=0.9, val=0.5, test=0.6, lr=1e-3, val_f1=0.25, test_f1=0.5)
        with pytest.raises(ConfigError, match=r"val_mse=0\.1: .* val$"):
            run.log(2, val_mse=0.1)
        with pytest.raises(ConfigError, match=r"loss=0\.1: .* train$"):
            run.log(2, train=0.1, loss=0.1)
    measured = metrics.read(run.folder.path / "metrics.jsonl")
    assert measured.lost == ()
    assert {(line.split, line.metric, line.value) for line in measured.lines} == {
        *(("train", "loss", 0.9), ("validation", "mse", 0.5), ("test", "mse", 0.6)),
        *(("train", "lr", 1e-3), ("validation", "f1", 0.25), ("test", "f1", 0.5)),
    }
    (loaded,) = gatekit.load("mine").runs
    assert (loaded.result.parameters, loaded.result.recurrent_parameters) == (1_234, 1_000)
    assert loaded.result.notes == ("the second batch was empty",)
    assert (run.folder.path / "log.txt").read_text() == "the second batch was empty\n"
    assert read_curves(loaded)[("train", "lr")].values.tolist() == [1e-3]
    assert gatekit.compare("mine").exit_code == 0


def test_what_a_run_without_further_numbers_writes():
    with gatekit.run("mine", {"cell": "gru"}, seed=1, metric="mse") as run:
        run.log(1, train=0.9, val=0.5, test=0.6)
    assert run.folder.path.name == "da92a571c84027a2"
    files = ("attempts", "beat", "config.yaml", "env.json", "metrics.jsonl", "result.json")
    assert {path.name for path in run.folder.path.iterdir()} == {*files, "status.json"}
    assert set(run.folder.result()) == {
        *("best", "data_hash", "executor", "files", "fingerprint", "last", "metric"),
        *("parameters", "plugins", "schema", "seconds", "sha256", "sizes", "state", "steps"),
        *("task", "used"),
    }
    first = (run.folder.path / "metrics.jsonl").read_text().splitlines()[0]
    assert first.startswith('{"epoch": 1, "step": 1, "split": "train", "metric": "loss", "value"')


def test_a_kept_run_is_read_again_only_when_its_folder_has_changed(tmp_path):
    folder = RunFolder(tmp_path / ("a" * 16))
    folder.claim()
    folder.write_config({"seed": 1})
    kept = KeptRuns()
    first = kept.read(folder.path)
    assert first.state == "RUNNING"
    assert kept.read(folder.path) is first, "equal to what was read before"
    claim = folder.claim_path(1)
    owner = json.loads(claim.read_text())
    before = claim.stat()
    claim.write_text(json.dumps({**owner, "born": owner["born"][::-1] + "0"}))
    os.utime(claim, ns=(before.st_atime_ns, before.st_mtime_ns))
    lost = kept.read(folder.path)
    assert lost.state == "LOST", "whether a process is alive is asked anew"
    folder.status("FAILED", "why")
    assert kept.read(folder.path).reason == "why"


@pytest.mark.parametrize("value", ["high", "0.5", [1, 2], b"1"])
def test_what_is_logged_is_a_number(value):
    with (
        pytest.raises(ConfigError) as error,
        gatekit.run("mine", {"cell": "gru"}, seed=0, metric="mse") as run,
    ):
        run.log(1, val=value)
    assert error.value.fault.place == Place(("val",))


def test_a_seed_is_an_integer():
    with pytest.raises(ConfigError) as error:
        gatekit.run("mine", {"cell": "gru"}, seed="a", metric="mse")
    assert error.value.fault.place == Place(("seed",))
    assert (
        gatekit.run("mine", {"cell": "gru"}, seed=numpy.int64(3), metric="mse").config["seed"] == 3
    )


def test_a_script_whose_metrics_are_exchanged_has_no_result_and_runs_again():
    def once(harm):
        with gatekit.run("mine", {"cell": "gru"}, seed=4, metric="mse") as run:
            run.log(1, val=0.5)
            if harm:
                path = run.folder.path / "metrics.jsonl"
                path.write_text(path.read_text().replace("0.5", "0.4"))
            run.log(2, val=0.25)
        return run.folder

    with pytest.raises(RunError, match=r"metrics\.jsonl was changed"):
        once(True)
    folder = gatekit.run("mine", {"cell": "gru"}, seed=4, metric="mse").folder
    assert folder.state().name == "CORRUPT"
    assert once(False).state().name == "COMPLETED"


def _lines(place, numbers):
    place.mkdir(exist_ok=True)
    about = {"split": "validation", "metric": "nll", "seconds": 1.5}
    text = [metrics.line({"epoch": e, "step": e, "value": v, **about}) for e, v in numbers]
    (place / "metrics.jsonl").write_text("\n".join(text) + "\n")
    return types.SimpleNamespace(result=None, path=place, id="x", state="COMPLETED", seed=0)


def test_of_an_epoch_that_occurs_twice_the_later_line_counts(tmp_path):
    run = _lines(
        tmp_path / "run", [(1, 4.0), (2, 3.0), (3, 2.0), (2, 2.5), (3, math.nan), (4, 1.0)]
    )
    (curve,) = read_curves(run).values()
    assert (curve.epochs.tolist(), curve.values.tolist()) == ([1, 2, 4], [4.0, 2.5, 1.0])
    assert curve.costs["steps"].tolist() == [1, 2, 4]


def test_a_curve_of_many_lines_takes_little_more_memory_than_its_file(tmp_path):
    count = 20_000
    run = _lines(tmp_path / "run", [(epoch, 1 / epoch) for epoch in range(1, count + 1)])
    read_curves(_lines(tmp_path / "few", [(1, 1.0)]))
    tracemalloc.start()
    try:
        (curve,) = read_curves(run).values()
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert len(curve.values) == count
    assert peak - (run.path / "metrics.jsonl").stat().st_size < 250 * count
