"""Whatever lies in a study's folder is read as what it is, or named."""

from __future__ import annotations

import json
import math
from pathlib import Path

import pytest
from refused import at
from seams import RunFolder, RunRecord, survey
from seams import load_runs as load

from gatekit import RunError

from .synthetic import configuration, line, sealed, write_run, write_study


def only(root: Path) -> RunRecord:
    (run,) = load("demo", root).runs
    return run


@pytest.fixture
def runs(tmp_path: Path) -> Path:
    return tmp_path / "demo" / "runs"


def test_a_complete_run_is_read_field_by_field(tmp_path: Path, runs: Path) -> None:
    folder = write_run(runs, configuration("gru", 3), 8.65)
    run = only(tmp_path)
    assert (run.id, run.state, run.seed, run.reason) == (folder.name, "COMPLETED", 3, None)
    assert run.config == configuration("gru", 3)
    with pytest.raises(AttributeError, match="no attribute 'history'"):
        _ = run.history
    assert run.result is not None
    assert run.result.best is not None
    assert run.result.best.test == 8.65
    assert run.result.metric.unit == "nats/frame"
    assert (run.result.parameters, run.result.step_seconds) == (100488, 0.021)


def test_a_folder_that_study_wrote_is_read(tmp_path: Path, runs: Path) -> None:
    folder = RunFolder(runs / "0123456789abcdef")
    folder.claim()
    folder.write_config(configuration("lstm", 1))
    record = {"epoch": 1, "step": 14, "split": "validation", "metric": "nll", "value": 8.7}
    folder.log({**record, "seconds": 0.5})
    made = write_run(runs, configuration("lstm", 0))
    result = json.loads((made / "result.json").read_text())
    score = {"epoch": 1, "validation": 8.7, "test": 8.6}
    folder.finish({**result, "fingerprint": folder.path.name, "best": score, "last": score})
    states = {run.id: (run.state, run.reason) for run in load("demo", tmp_path).runs}
    assert states == {folder.path.name: ("COMPLETED", None), made.name: ("COMPLETED", None)}


@pytest.mark.parametrize("size", [0, 1, 40, 400])
def test_a_half_result_is_corrupt(tmp_path: Path, runs: Path, size: int) -> None:
    path = write_run(runs, configuration()) / "result.json"
    path.write_bytes(path.read_bytes()[:size])
    run = only(tmp_path)
    assert run.state == "CORRUPT"
    assert run.result is None
    assert run.reason is not None
    assert run.reason.startswith("result.json")
    assert run.config == configuration()


@pytest.mark.parametrize(
    ("key", "value", "says"),
    [
        ("state", "RUNNING", "RUNNING"),
        ("best", None, "no metric at the best epoch"),
        ("best", {"epoch": 9, "validation": 8.7, "test": None}, "no metric"),
        ("best", {"epoch": 9, "validation": "8.7", "test": 8.6}, "validation is '8.7'"),
        ("best", {"epoch": 1.5, "validation": 8.7, "test": 8.6}, "epoch is 1.5"),
        ("metric", {"name": "nll", "direction": "down", "unit": ""}, "not min or max"),
        ("metric", None, "metric is missing"),
        ("parameters", {"total": True}, "total is True"),
        ("schema", "1", "schema is '1'"),
        ("fingerprint", "f" * 16, "belongs to run ffff"),
        ("plugins", {"power_law": 3}, "plugins"),
    ],
)
def test_a_result_that_breaks_the_contract_is_corrupt(
    tmp_path: Path, runs: Path, key: str, value: object, says: str
) -> None:
    path = write_run(runs, configuration()) / "result.json"
    record = json.loads(path.read_text())
    record[key] = value
    path.write_text(sealed(record))
    run = only(tmp_path)
    assert run.state == "CORRUPT"
    assert says in str(run.reason)


def test_a_nan_result_is_corrupt(tmp_path: Path, runs: Path) -> None:
    path = write_run(runs, configuration(), 8.65) / "result.json"
    path.write_text(sealed(json.loads(path.read_text()) | {"steps": math.nan}))
    assert only(tmp_path).state == "CORRUPT"


def test_a_result_that_its_own_metrics_deny_is_corrupt(tmp_path: Path, runs: Path) -> None:
    path = write_run(runs, configuration(), 8.65) / "result.json"
    record = json.loads(path.read_text())
    record["best"]["validation"] -= 1
    path.write_text(sealed(record))
    run = only(tmp_path)
    assert run.state == "CORRUPT"
    assert "disagree on validation nll at epoch 10" in str(run.reason)
    (status,) = survey(tmp_path / "demo", as_compared=True)
    assert (status.state, status.reason) == (run.state, run.reason)


def test_the_last_line_of_an_epoch_counts_after_a_resume(tmp_path: Path, runs: Path) -> None:
    folder = write_run(runs, configuration(), 8.65)
    record = json.loads((folder / "result.json").read_text())
    del record["files"]["metrics.jsonl"]
    (folder / "result.json").write_text(sealed(record))
    metrics = folder / "metrics.jsonl"
    stale = line(epoch=10, step=140, split="validation", metric="nll", value=3.0, seconds=1)
    metrics.write_text(stale + metrics.read_text())
    assert only(tmp_path).state == "COMPLETED"
    metrics.write_text(metrics.read_text() + stale)
    assert only(tmp_path).state == "CORRUPT"


def test_an_altered_config_is_corrupt_and_not_believed(tmp_path: Path, runs: Path) -> None:
    path = write_run(runs, configuration("lstm", 1)) / "config.yaml"
    path.write_text(path.read_text().replace("seed: 1", "seed: 3"))
    run = only(tmp_path)
    assert (run.state, run.config, run.seed) == ("CORRUPT", None, None)
    assert "config.yaml was altered" in str(run.reason)


@pytest.mark.parametrize("content", [None, b"", b"\0" * 100, b"a: [", b"\xff\xfe"])
def test_a_config_that_cannot_be_read_is_corrupt(
    tmp_path: Path, runs: Path, content: bytes | None
) -> None:
    path = write_run(runs, configuration()) / "config.yaml"
    path.unlink() if content is None else path.write_bytes(content)
    assert only(tmp_path).state == "CORRUPT"


def test_damaged_metrics_are_corrupt_here_and_in_the_study(tmp_path: Path, runs: Path) -> None:
    path = write_run(runs, configuration()) / "metrics.jsonl"
    path.write_bytes(path.read_bytes()[:-10])
    run = only(tmp_path)
    assert run.state == RunFolder(path.parent).state().name == "CORRUPT"
    assert run.reason == "metrics.jsonl: lost line 20 (torn or altered); 19 good lines kept"
    path.unlink()
    assert only(tmp_path).state == RunFolder(path.parent).state().name == "CORRUPT"
    assert only(tmp_path).reason == "metrics.jsonl cannot be read: it is missing"


@pytest.mark.parametrize("state", ["PLANNED", "FAILED", "INTERRUPTED", "LOST"])
def test_an_unfinished_run_keeps_its_state(tmp_path: Path, runs: Path, state: str) -> None:
    write_run(runs, configuration(), state=state, reason="out of memory")
    run = only(tmp_path)
    assert (run.state, run.reason, run.counts) == (state, "out of memory", False)


def test_running_without_a_claim_is_lost_except_in_a_bundle(tmp_path: Path, runs: Path) -> None:
    path = write_run(runs, configuration(), state="RUNNING") / "status.json"
    assert only(tmp_path).state == "RUNNING"
    path.write_text(json.dumps({"state": "RUNNING", "attempt": 1, "reason": None}))
    assert only(tmp_path).state == "LOST"


def test_running_without_its_process_is_lost(tmp_path: Path, runs: Path) -> None:
    folder = RunFolder(runs / "0123456789abcdef")
    folder.claim()
    folder.write_config(configuration())
    assert only(tmp_path).state == "RUNNING"
    claim = folder.path / "attempts" / "1.claim"
    claim.write_text(json.dumps({**json.loads(claim.read_text()), "born": "never"}))
    assert only(tmp_path).state == "LOST"


@pytest.mark.parametrize("text", ["", "{", "[]", '{"state": 3}', '{"state": "GLORIOUS"}', "{}"])
def test_a_broken_status_is_corrupt_unless_a_result_stands(
    tmp_path: Path, runs: Path, text: str
) -> None:
    done = write_run(runs, configuration("lstm", 0))
    open_ = write_run(runs, configuration("lstm", 1), state="RUNNING")
    for folder in (done, open_):
        (folder / "status.json").write_text(text)
    states = {run.id: run.state for run in load("demo", tmp_path).runs}
    assert states == {done.name: "COMPLETED", open_.name: "CORRUPT"}


def test_completed_without_a_result_is_corrupt(tmp_path: Path, runs: Path) -> None:
    folder = write_run(runs, configuration())
    (folder / "result.json").unlink()
    run = only(tmp_path)
    assert run.state == "CORRUPT"
    assert "result.json is missing" in str(run.reason)


def test_status_corrupt_outweighs_a_result(tmp_path: Path, runs: Path) -> None:
    folder = write_run(runs, configuration())
    status = {"state": "CORRUPT", "reason": "weights.npz: wrong sha256"}
    (folder / "status.json").write_text(json.dumps(status))
    run = only(tmp_path)
    assert (run.state, run.reason) == ("CORRUPT", "weights.npz: wrong sha256")


def test_foreign_files_are_ignored_and_listed(tmp_path: Path, runs: Path) -> None:
    folder = write_run(runs, configuration())
    (runs / ".DS_Store").write_bytes(b"\0")
    (runs / "notes.txt").write_text("hello")
    (runs / "loop").symlink_to(runs / "loop")
    (runs / "up").symlink_to(tmp_path)
    (runs / "nested" / "runs" / folder.name).mkdir(parents=True)
    (folder / "Thumbs.db").write_bytes(b"\0")
    study = load("demo", tmp_path)
    assert [run.id for run in study.runs] == [folder.name]
    assert study.ignored == (".DS_Store", "loop", "nested", "notes.txt", "up")


def test_a_renamed_run_works_and_a_copy_is_left_out(tmp_path: Path, runs: Path) -> None:
    import shutil

    folder = write_run(runs, configuration())
    shutil.copytree(folder, runs / f"{folder.name} (copy)")
    study = load("demo", tmp_path)
    assert [run.id for run in study.runs] == [folder.name]
    assert study.copies == (f"{folder.name} (copy)",)
    shutil.rmtree(folder)
    (moved,) = load("demo", tmp_path).runs
    assert (moved.id, moved.state) == (folder.name, "COMPLETED")


def test_a_newer_schema_needs_a_newer_gatekit(tmp_path: Path, runs: Path) -> None:
    folder = write_run(runs, configuration(), schema=4)
    with pytest.raises(RunError, match="needs a newer gatekit") as error:
        load("demo", tmp_path)
    assert folder.name in str(error.value)


@pytest.mark.parametrize("name", ["deno", "", "..", "/", "demo\0"])
def test_an_unknown_study_is_an_error_that_lists_the_known(tmp_path: Path, name: str) -> None:
    write_study(tmp_path / "root", {"lstm": [8.6]})
    write_study(tmp_path, {"lstm": [8.6]})
    with pytest.raises(RunError, check=at("")) as error:
        load(name, tmp_path / "root")
    assert "demo" in error.value.fault.known


def test_a_path_to_a_study_is_answered_with_its_name(tmp_path: Path) -> None:
    write_study(tmp_path / "root", {"lstm": [8.6]})
    with pytest.raises(RunError, check=at("", names=("../demo",))):
        load("../demo", tmp_path / "root")


def test_the_nearest_study_is_named(tmp_path: Path) -> None:
    write_study(tmp_path, {"lstm": [8.6]})
    with pytest.raises(RunError, check=at("")):
        load("deno", tmp_path)


def test_a_study_without_runs_is_empty(tmp_path: Path) -> None:
    (tmp_path / "demo").mkdir()
    assert load("demo", tmp_path).runs == ()
