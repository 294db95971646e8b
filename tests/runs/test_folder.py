"""A run's folder: one writer, nothing overwritten, complete only if it verifies."""

import errno
import json
import os
import subprocess
import sys
from pathlib import Path

import numpy
import processes
import pytest
import seams
from disks import CountingDisk
from seams import (
    SMALL,
    AlteredError,
    Checkpoint,
    ClaimedError,
    RunFolder,
    RunReader,
    RunState,
    checkpoint,
    durable,
    result,
)
from seams import run_process as process

from gatekit import RunError

RESULT = {"state": "COMPLETED", "fingerprint": "0" * 16}


@pytest.fixture
def folder(tmp_path):
    return RunFolder(tmp_path / "study" / "runs" / "00")


def dead_owner(folder):
    """Rewrite the latest claim as if a process that is gone had made it."""
    with processes.started([sys.executable, "-c", ""]) as done:
        pass
    path = folder.path / "attempts" / f"{folder.attempt}.claim"
    owner = json.loads(path.read_text())
    path.write_text(json.dumps({**owner, "pid": done.pid}))


def finished(folder):
    folder.claim()
    folder.write_config({"units": 3})
    folder.log({"epoch": 1, "split": "validation", "value": 0.5})
    folder.write_weights(b"weights")
    folder.finish(RESULT)


def test_a_run_goes_from_planned_to_completed(folder):
    assert folder.state().name == "PLANNED"
    assert folder.claim() == 1
    assert folder.state().name == "RUNNING"
    folder.write_config({"units": 3})
    folder.finish(RESULT)
    assert folder.state().name == "COMPLETED"
    assert json.loads((folder.path / "status.json").read_text())["state"] == "COMPLETED"


def test_a_living_claim_is_respected(folder):
    folder.claim()
    with pytest.raises(ClaimedError, match=r"process \d+ on .* is working on"):
        RunFolder(folder.path).claim()


def test_a_claim_of_another_machine_is_respected(folder):
    folder.claim()
    claim = folder.path / "attempts" / "1.claim"
    claim.write_text(claim.read_text().replace(json.loads(claim.read_text())["host"], "elsewhere"))
    with pytest.raises(ClaimedError, match=r"elsewhere.*delete"):
        RunFolder(folder.path).claim()


def test_a_dead_claim_is_taken_over_and_its_files_are_kept(folder):
    folder.claim()
    folder.write_config({"units": 3})
    folder.log({"epoch": 1})
    dead_owner(folder)
    assert folder.state().name == "LOST"
    again = RunFolder(folder.path)
    assert again.claim() == 2
    kept = folder.path / "attempts" / "1"
    assert (kept / "metrics.jsonl").exists()
    assert (kept / "config.yaml").read_text() == "units: 3\n"
    assert not (folder.path / "metrics.jsonl").exists()
    assert again.state().name == "RUNNING"


def test_a_reused_process_id_is_not_the_owner(folder):
    folder.claim()
    claim = folder.path / "attempts" / "1.claim"
    claim.write_text(json.dumps({**json.loads(claim.read_text()), "born": "1"}))
    assert folder.state().name == "LOST"


def test_a_process_of_another_container_of_this_name_may_be_alive(folder):
    folder.claim()
    dead_owner(folder)
    claim = folder.path / "attempts" / "1.claim"
    record = json.loads(claim.read_text())
    assert (folder.state().name, folder.is_near()) == ("LOST", True)
    claim.write_text(json.dumps({**record, "space": "pid:[1]"}))
    assert (folder.state().name, folder.is_near()) == ("RUNNING", False)
    with pytest.raises(ClaimedError):
        RunFolder(folder.path).claim()
    # An older gatekit did not record it.
    claim.write_text(json.dumps({**record, "space": None}))
    assert folder.state().name == "LOST"


def test_a_process_of_another_machine_of_this_name_may_be_alive(folder, monkeypatch):
    monkeypatch.setattr(process, "machine", lambda: "1" * 16)
    folder.claim()
    dead_owner(folder)
    assert (folder.state().name, folder.is_near()) == ("LOST", True)
    monkeypatch.setattr(process, "machine", lambda: "2" * 16)
    assert (folder.state().name, folder.is_near()) == ("RUNNING", False)
    with pytest.raises(ClaimedError):
        RunFolder(folder.path).claim()
    # Nor does a machine without an id know it.
    monkeypatch.setattr(process, "machine", lambda: None)
    assert folder.state().name == "RUNNING"


CONTAINER = """
import json, sys, time
from pathlib import Path
from gatekit.runs.folder import RunFolder
folder = RunFolder(Path(sys.argv[1]))
folder.claim()
claim = folder.claim_path(1)
claim.write_text(json.dumps({**json.loads(claim.read_text()), "space": "pid:[1]"}))
print(flush=True)
time.sleep(60)
"""


@pytest.mark.skipif(process.lock_table(Path()) is None, reason="this kernel names no boot")
def test_a_container_that_is_gone_frees_its_run_at_once(folder):
    command = [sys.executable, "-c", CONTAINER, str(folder.path)]
    with processes.started(command, stdout=subprocess.PIPE) as other:
        other.stdout.readline()
        assert (folder.state().name, folder.is_near()) == ("RUNNING", False)
        other.kill()
        other.wait()
        assert folder.state().name == "LOST"
        status = folder.path / "status.json"
        record = json.loads(status.read_text())
        # of another machine or mount, an older gatekit, or a disk without locks nothing is known
        boot, device = record["locks"].split()
        for locks in ("another", f"{boot} {int(device) + 1}", f"another {device}", None):
            status.write_text(json.dumps({**record, "locks": locks}))
            assert folder.state().name == "RUNNING"
        status.write_text(json.dumps({key: record[key] for key in record if key != "locks"}))
        assert folder.state().name == "RUNNING"
        status.write_text(json.dumps(record))
        assert folder.claim() == 2
        assert RunFolder(folder.path).state().name == "RUNNING"


@pytest.mark.skipif(process.lock_table(Path()) is None, reason="this kernel names no boot")
def test_a_run_that_ends_while_it_is_looked_at_is_complete(folder, monkeypatch):
    folder.claim()
    folder.write_config({"units": 1})
    claim = folder.claim_path(1)
    claim.write_text(json.dumps({**json.loads(claim.read_text()), "space": "pid:[1]"}))
    look = RunReader._is_let_go

    def end_first(reader, attempt):
        status = (folder.path / "status.json").read_text()
        folder.finish(RESULT)
        (folder.path / "status.json").write_text(status)  # as it was when the look began
        return look(reader, attempt)

    monkeypatch.setattr(RunReader, "_is_let_go", end_first)
    assert RunReader(folder.path).state().name == "COMPLETED"
    assert (folder.path / "result.json").is_file()


@pytest.mark.skipif(process.lock_table(Path()) is None, reason="this kernel names no boot")
def test_two_readers_find_a_container_gone_at_the_same_time(folder):
    folder.claim()
    claim, status = folder.claim_path(1), folder.path / "status.json"
    claim.write_text(json.dumps({**json.loads(claim.read_text()), "space": "pid:[1]"}))
    running = status.read_text()
    folder.status("INTERRUPTED")
    status.write_text(running)
    other = process.lock(claim, shared=True)
    assert other is not None
    assert RunReader(folder.path).state().name == "LOST"
    os.close(other)


@pytest.mark.parametrize("state", ["COMPLETED", "FAILED"])
def test_a_run_that_has_ended_keeps_no_file_open(folder, state):
    folder.claim()
    assert process.lock(folder.claim_path(1)) is None
    folder.write_config({"units": 1})
    folder.finish(RESULT) if state == "COMPLETED" else folder.status(state)
    number = process.lock(folder.claim_path(1))
    assert number is not None
    os.close(number)


def test_a_claim_lost_in_a_race_is_refused(folder, monkeypatch):
    monkeypatch.setattr(durable, "create", lambda *_: False)
    with pytest.raises(ClaimedError, match="a moment ago"):
        folder.claim()


@pytest.mark.parametrize("state", ["FAILED", "INTERRUPTED"])
def test_an_ended_attempt_frees_the_run(folder, state):
    folder.claim()
    folder.status(state, "because")
    assert folder.state() == type(folder.state())(state, "because", 1)
    assert RunFolder(folder.path).claim() == 2


def test_a_complete_run_is_not_claimed_again(folder):
    finished(folder)
    with pytest.raises(ClaimedError, match="already COMPLETED"):
        RunFolder(folder.path).claim()


@pytest.mark.parametrize("name", ["metrics.jsonl", "config.yaml", "weights.npz"])
@pytest.mark.parametrize("change", [lambda data: data + b" ", lambda data: data[:-1] + b"?"])
def test_a_changed_file_makes_the_run_corrupt(folder, name, change):
    finished(folder)
    (folder.path / name).write_bytes(change((folder.path / name).read_bytes()))
    state = folder.state()
    assert state.name == "CORRUPT"
    assert name in state.reason


def test_large_weights_are_hashed_unless_the_check_is_quick(folder):
    folder.claim()
    folder.write_config({"units": 3})
    folder.write_weights(bytes(SMALL + 1))
    folder.finish(RESULT)
    (folder.path / "weights.npz").write_bytes(bytes(SMALL) + b"?")
    assert folder.state(quick=True).name == "COMPLETED"
    assert folder.result(quick=True)["state"] == "COMPLETED"
    assert folder.state().name == "CORRUPT"
    with pytest.raises(RunError, match=r"weights\.npz"):
        folder.result()


@pytest.mark.parametrize("text", ["", "{", "[]", '{"state": "COMPLETED"}', "\x00\x00"])
def test_half_a_result_is_corrupt(folder, text):
    finished(folder)
    (folder.path / "result.json").write_text(text)
    assert folder.state().name == "CORRUPT"
    with pytest.raises(RunError):
        folder.result()


def test_a_corrupt_run_is_made_again_and_kept(folder):
    finished(folder)
    (folder.path / "result.json").write_text("{")
    assert RunFolder(folder.path).claim() == 2
    assert (folder.path / "attempts" / "1" / "result.json").read_text() == "{"


def test_a_result_of_a_newer_format_is_not_guessed(folder, monkeypatch):
    with monkeypatch.context() as patch:
        patch.setattr(result, "SCHEMA", 4)
        finished(folder)
    with pytest.raises(result.NewerError, match=r"format 4, .* this one reads format 3"):
        folder.result()


@pytest.mark.parametrize("text", ["", "{", "[]", "{}", '{"state": 3}', '{"state": "GLORIOUS"}'])
def test_a_status_that_names_no_state_is_corrupt(folder, text):
    folder.path.mkdir(parents=True)
    (folder.path / "status.json").write_text(text)
    assert folder.state() == RunState("CORRUPT", "status.json names no state", 0)
    assert folder.claim() == 1
    (folder.path / "status.json").write_text(text)
    assert folder.state().name == "RUNNING"
    dead_owner(folder)
    assert folder.state().name == "CORRUPT"


@pytest.mark.parametrize("state", ["FAILED", "PLANNED", "LOST"])
def test_a_copied_folder_without_claims_says_what_its_status_says(folder, state):
    folder.path.mkdir(parents=True)
    folder.status(state, "because")
    assert folder.state() == RunState(state, "because", 0)


@pytest.mark.parametrize("claims", [True, False])
def test_a_finished_status_without_a_result_is_corrupt_with_or_without_claims(folder, claims):
    if claims:
        folder.claim()
    folder.path.mkdir(parents=True, exist_ok=True)
    folder.status("COMPLETED")
    assert folder.state().name == "CORRUPT"


def test_a_finished_status_without_result_is_corrupt(folder):
    finished(folder)
    os.unlink(folder.path / "result.json")
    assert folder.state().name == "CORRUPT"


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write anywhere")
def test_a_read_only_place_is_named(tmp_path):
    tmp_path.chmod(0o500)
    with pytest.raises(RunError, match=r"input or output failed at .*"):
        RunFolder(tmp_path / "x").claim()


def test_a_file_in_the_way_is_named(tmp_path):
    (tmp_path / "runs").write_text("")
    with pytest.raises(RunError, match=r"input or output failed at .*"):
        RunFolder(tmp_path / "runs" / "00").claim()


def test_an_earlier_attempt_survives_a_failure_at_any_call(tmp_path, monkeypatch):
    for k in range(1, 60):
        folder = RunFolder(tmp_path / str(k))
        folder.claim()
        folder.log({"epoch": 1})
        folder.status("FAILED", "because")
        with monkeypatch.context() as patch:
            seams.disk(patch, CountingDisk(k, errno.EIO))
            try:
                RunFolder(folder.path).claim()
                failed = False
            except RunError:
                failed = True
            except OSError:
                failed = True
        lines = list(folder.path.rglob("metrics.jsonl"))
        assert len(lines) == 1
        assert "epoch" in lines[0].read_text()
        if not failed:
            return
    pytest.fail("claim makes more calls than this test expects")


def test_the_log_tail_is_the_end_of_the_log(folder):
    folder.claim()
    (folder.path / "log.txt").write_text("a\nb\r50%\rc\n\n")
    assert folder.log_tail(2) == ["50%", "c"]
    assert RunFolder(folder.path.parent / "none").log_tail() == []


def test_each_reader_finds_what_was_written(folder):
    """No two values are equal, so that none can stand in for another."""
    assert (folder.stale(), folder.marked_by(), folder.updated()) == (None, None, None)
    assert (folder.environment(), folder.sources(), folder.owner()) == ({}, ({}, None), None)
    assert not folder.is_near()
    finished(folder)
    folder.outdate("0123", "a plugin changed")
    (folder.path / "env.json").write_text(json.dumps({"plugins": {"forget": "ab"}}))
    status = json.loads((folder.path / "status.json").read_text())
    assert folder.stale() == "a plugin changed"
    assert folder.marked_by() == "0123"
    assert folder.updated() == status["updated"]
    assert folder.environment() == {"plugins": {"forget": "ab"}}
    assert folder.owner() == (status["host"], os.getpid())
    assert folder.is_near()
    record = {"plugins": {"gru": "cd"}, "data_hash": "ef"}
    (folder.path / "result.json").write_text(json.dumps(record))
    assert folder.sources() == ({"gru": "cd"}, "ef")
    folder.renew()
    assert (folder.stale(), folder.marked_by()) == (None, None)


def test_a_checkpoint_without_a_checksum_is_refused_unread(folder):
    folder.claim()
    with (folder.path / "checkpoint.bin").open("wb") as file:
        file.truncate(2**42)  # no memory holds it
    with pytest.raises(checkpoint.DamagedError):
        folder.checkpoint()


def test_a_checkpoint_belongs_to_the_lines_before_it(folder):
    folder.claim()
    for epoch in (1, 2):
        folder.log({"epoch": epoch, "split": "validation", "value": 0.5 / epoch})
        folder.log_probe({"epoch": epoch, "step": epoch, "layers": {}})
        if epoch == 1:
            lines = (folder.path / "metrics.jsonl").read_bytes()
            made = checkpoint.Checkpoint({"w": numpy.arange(3.0)}, {"epoch": 1}, {"numpy": "2"})
            folder.write_checkpoint(made)
    found = folder.checkpoint()
    assert (found.arrays["w"].tolist(), found.position["epoch"]) == ([0.0, 1.0, 2.0], 1)
    folder.go_back(found)
    assert (folder.path / "metrics.jsonl").read_bytes() == lines
    assert len((folder.path / "probe.jsonl").read_text().splitlines()) == 1
    (folder.path / "metrics.jsonl").write_bytes(lines.replace(b"0.5", b"0.6"))
    with pytest.raises(checkpoint.DamagedError):
        folder.checkpoint()


def test_a_checkpoint_before_any_line_keeps_none(folder):
    folder.claim()
    folder.write_checkpoint(checkpoint.Checkpoint({"w": numpy.arange(3.0)}, {}, {"numpy": "2"}))
    folder.log({"epoch": 1, "split": "validation", "value": 0.5})
    folder.log_probe({"epoch": 1, "step": 1, "layers": {}})
    folder.go_back(folder.checkpoint())
    assert (folder.path / "metrics.jsonl").read_bytes() == b""
    assert (folder.path / "probe.jsonl").read_bytes() == b""


def _delete(path):
    path.unlink()


def _cut(path):
    os.truncate(path, path.stat().st_size // 2)


def _grow(path):
    path.write_bytes(path.read_bytes() * 2)


def _exchange(path):
    other = path.with_name("other")
    other.write_bytes(path.read_bytes()[::-1])
    other.replace(path)


def _folder(path):
    path.unlink()
    path.mkdir()


DAMAGES = [_delete, _cut, _grow, _exchange, _folder]


def begun(folder):
    """Claim a run and write each of its files."""
    folder.claim()
    folder.write_config({"units": 3})
    folder.write_env({"python": "3.11"})
    folder.log({"epoch": 1, "split": "validation", "value": 0.5})
    folder.write_weights(b"weights")


@pytest.mark.parametrize("name", ["config.yaml", "env.json", "metrics.jsonl", "weights.npz"])
@pytest.mark.parametrize("damage", DAMAGES)
def test_a_result_is_sealed_only_if_its_files_are_what_the_run_wrote(folder, damage, name):
    begun(folder)
    damage(folder.path / name)
    if damage is not _folder:
        folder.log({"epoch": 2, "value": 0.25})
    with pytest.raises(AlteredError, match=f"{name} was changed"):
        folder.finish(RESULT)
    assert not (folder.path / "result.json").exists()
    folder.status("CORRUPT", "it was changed")
    assert folder.state() == RunState("CORRUPT", "it was changed", 1)
    again = RunFolder(folder.path)
    assert again.claim() == 2
    again.write_config({"units": 3})
    again.finish(RESULT)
    assert again.state().name == "COMPLETED"


def test_a_result_without_a_config_is_not_sealed(folder):
    folder.claim()
    with pytest.raises(RunError, match=r"config\.yaml"):
        folder.finish(RESULT)
    assert not (folder.path / "result.json").exists()


@pytest.mark.parametrize("damage", DAMAGES)
def test_metrics_are_compared_with_what_all_attempts_wrote(folder, damage):
    begun(folder)
    folder.write_checkpoint(Checkpoint({}, {"step": 1}, {}))
    folder.log({"epoch": 2, "value": 0.75})
    folder.status("INTERRUPTED")
    again = RunFolder(folder.path)
    again.claim()
    again.write_config({"units": 3})
    again.go_back(again.checkpoint())
    again.log({"epoch": 2, "value": 0.75})
    damage(folder.path / "metrics.jsonl")
    with pytest.raises(AlteredError, match=r"metrics\.jsonl"):
        again.write_checkpoint(Checkpoint({}, {"step": 2}, {}))
    with pytest.raises(AlteredError, match=r"metrics\.jsonl"):
        again.finish(RESULT)


def test_metrics_that_nothing_damaged_are_sealed_after_a_resumption(folder):
    begun(folder)
    folder.write_checkpoint(Checkpoint({}, {"step": 1}, {}))
    folder.log({"epoch": 2, "value": 0.75})
    folder.status("INTERRUPTED")
    again = RunFolder(folder.path)
    again.claim()
    again.write_config({"units": 3})
    again.go_back(again.checkpoint())
    again.log({"epoch": 2, "value": 0.5})
    again.write_checkpoint(Checkpoint({}, {"step": 2}, {}))
    again.finish(RESULT)
    assert again.state().name == "COMPLETED"
    assert again.result()["files"]["metrics.jsonl"] == durable.sha256(again.path / "metrics.jsonl")
