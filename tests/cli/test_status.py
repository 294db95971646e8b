"""``gatekit status``, ``failures``, ``logs`` and ``prune``, on folders alone."""

import json
import os
import shlex
import sys
import time
from collections import Counter
from pathlib import Path

import processes
import pytest
from compare.synthetic import configuration, sealed, write_run
from seams import RunFolder, main

RUNS = 200


@pytest.fixture
def study(tmp_path, monkeypatch):
    """Write a study of three runs: one is done, two failed for one reason."""
    monkeypatch.chdir(tmp_path)
    runs = tmp_path / "experiments" / "demo" / "runs"
    write_run(runs, configuration("lstm", 0), name="a" * 16)
    for seed in (1, 2):
        reason = f"no GPU of {seed} GiB"
        path = write_run(
            runs, configuration("lstm", seed), state="FAILED", reason=reason, name=f"{seed}" * 16
        )
        (path / "log.txt").write_text("".join(f"line {k}\n" for k in range(30)) + "the end\n")
    entries = [
        {"id": n * 16, "label": f"seed={n}", "words": [f"seed={n}"], "origin": n} for n in "12"
    ]
    plan = {"schema": 1, "command": "gatekit train -m seed=1,2", "runs": entries}
    (runs.parent / "plan-0.json").write_text(json.dumps(plan))
    return runs


def status(capsys, *argv):
    code = main(list(argv))
    out = capsys.readouterr().out
    assert all(len(line) <= 100 for line in out.splitlines())
    return code, out


def test_status_counts_states_and_names_the_next_command(study, capsys):
    code, out = status(capsys, "status", "demo")
    assert code == 1
    assert "2 FAILED, 1 COMPLETED" in out
    assert "1111111111111111" in out
    assert "why: gatekit failures demo" in out
    assert "command: gatekit train -m seed=1,2" in out


def test_a_run_that_compare_calls_corrupt_is_not_completed(study, capsys):
    path = study / ("a" * 16) / "result.json"
    record = json.loads(path.read_text())
    record["best"]["validation"] -= 1
    path.write_text(sealed(record))
    main(["status", "demo", "--json"])
    assert json.loads(capsys.readouterr().out)["states"] == {"FAILED": 2, "CORRUPT": 1}


def test_status_as_json(study, capsys):
    _, out = status(capsys, "status", "demo", "--json")
    data = json.loads(out)
    assert data["states"] == {"FAILED": 2, "COMPLETED": 1}
    assert data["runs"][0]["command"] == "gatekit train seed=1"
    assert data["commands"] == ["gatekit train -m seed=1,2"]


@pytest.mark.parametrize(("ago", "told"), [(500, False), (7200, True)])
def test_a_writer_that_is_silent_for_long_is_told(study, capsys, monkeypatch, ago, told):
    monkeypatch.setenv("COLUMNS", "80")
    folder = RunFolder(study / ("c" * 16))
    folder.claim()  # by this process, which lives
    (folder.path / "beat").write_text("\n")
    heard = time.time() - ago
    os.utime(folder.path / "beat", (heard, heard))
    runs = json.loads(status(capsys, "status", "demo", "--json")[1])["runs"]
    (found,) = [run for run in runs if run["id"] == "c" * 16]
    assert found["state"] == "RUNNING"
    when = time.strftime("%Y-%m-%d %H:%M UTC", time.gmtime(heard))
    reason = f"no heartbeat since {when}; the next sweep decides if it is dead"
    assert found["reason"] == (reason if told else None)
    shown = status(capsys, "status", "demo")[1]
    assert ("no heartbeat" in shown) == told


def test_failures_show_the_log_and_what_to_type(study, capsys):
    code, out = status(capsys, "failures", "demo", "--lines", "2")
    assert code == 1
    assert out.startswith("2 FAILED: no GPU of 1 GiB")
    assert "    line 29\n    the end\n" in out
    assert "line 28" not in out
    assert "gatekit train seed=1 retry=failed" in out
    _, out = status(capsys, "failures", "demo", "--json")
    (cause,) = json.loads(out)["causes"]
    assert (cause["count"], cause["last_lines"][-1]) == (2, "the end")


@pytest.mark.parametrize("columns", ["60", "80", "100"])
def test_failures_fit_the_width_and_the_command_can_be_copied(study, capsys, monkeypatch, columns):
    monkeypatch.setenv("COLUMNS", columns)
    path = write_run(
        study, configuration("gru", 3), state="FAILED", reason="x" * 40 + " y" * 90, name="3" * 16
    )
    (path / "log.txt").write_text(f"  File {'long/' * 40}module.py, line 3\n")
    words = ["seed=3", "swap.forget={kind:slow,stretch:4}", "note=two words", *["task=adding"] * 9]
    entry = {"id": "3" * 16, "label": "seed=3", "words": words, "origin": 3}
    plan = {"schema": 1, "command": "gatekit train", "runs": [entry]}
    (study.parent / "plan-1.json").write_text(json.dumps(plan))
    _, out = status(capsys, "failures", "demo")
    assert max(map(len, out.splitlines())) <= int(columns)
    command = out[out.index("gatekit train seed=3") :].split("\n\n")[0]
    assert shlex.split(command.replace("\\\n", "")) == [
        "gatekit", "train", *words, "retry=failed"
    ]  # fmt: skip


def test_logs_of_a_run(study, capsys):
    assert status(capsys, "logs", "111")[1].endswith("line 29\nthe end\n")
    assert "line 28" not in status(capsys, "logs", "111", "--lines", "2")[1]
    data = json.loads(status(capsys, "logs", "111", "--json")[1])
    assert (len(data["lines"]), data["state"]) == (31, "FAILED")
    assert main(["logs", "111", "--attempt", "7"]) == 2
    assert main(["logs", "111", "--lines", "0"]) == 2


def test_prune_only_shows_until_it_is_told(study, capsys):
    assert "0 folders to remove" in status(capsys, "prune", "demo")[1]
    _, out = status(capsys, "prune", "demo", "--failed")
    assert "2 folders to remove" in out
    assert "repeat the command with --yes" in out
    assert len(list(study.iterdir())) == 3
    data = json.loads(status(capsys, "prune", "demo", "--failed", "--yes", "--json")[1])
    assert data["removed"]
    assert [p.name for p in study.iterdir()] == ["a" * 16]
    assert RunFolder(study / ("a" * 16)).state().name == "COMPLETED"


def test_none_of_them_imports_tensorflow(study):
    script = (
        "import sys; from gatekit.cli.main import main\n"
        "for words in (['status','demo'],['failures','demo'],['logs','111'],['prune','demo']):\n"
        "    main(words)\n"
        "assert not {'tensorflow','keras','hydra'} & set(sys.modules), 'slow import'"
    )
    done = processes.run(
        [sys.executable, "-c", script], capture_output=True, text=True, cwd=study.parents[2]
    )
    assert done.returncode == 0, done.stderr


@pytest.fixture
def opened():
    """Count how often each file below a folder is opened while the test says so."""
    files, counting = Counter(), []

    def hook(event, args):
        if counting and event == "open":
            files[str(args[0])] += 1

    sys.addaudithook(hook)
    yield files, counting
    counting.clear()


def test_of_many_runs_no_file_is_read_again_and_again(tmp_path, monkeypatch, capsys, opened):
    monkeypatch.chdir(tmp_path)
    files, counting = opened
    runs = tmp_path / "experiments" / "demo" / "runs"
    for k in range(RUNS):
        state = "FAILED" if k % 10 == 0 else "COMPLETED"
        reason = f"broken at step {k}" if k % 10 == 0 else None
        write_run(runs, configuration("lstm", k), state=state, reason=reason, name=f"{k:016x}")
    for words in (["status", "demo", "--json"], ["failures", "demo"], ["prune", "demo"]):
        files.clear()
        counting.append(True)
        main(words)
        counting.clear()
        assert capsys.readouterr().out
        read = {Path(f): n for f, n in files.items() if "/demo/runs/" in f}
        assert {f.parent.name for f in read} == {f"{k:016x}" for k in range(RUNS)}, words
        # the reason of a failed run is looked up once more
        assert max(read.values()) <= 2, words


def test_status_shows_how_far_running_runs_are(study, capsys, monkeypatch):
    monkeypatch.setenv("COLUMNS", "80")
    folder = RunFolder(study / ("c" * 16))
    folder.claim()  # by this process, which lives
    folder.write_config(configuration("lstm", 7))
    for epoch in (1, 2):
        place = {"epoch": epoch, "step": epoch, "split": "validation", "metric": "nll"}
        folder.log({**place, "value": 3.0, "seconds": 60.0 * epoch})
    with monkeypatch.context() as clock:
        clock.setattr("time.monotonic", lambda: 1.0)  # both numbers are of one moment
        data = json.loads(status(capsys, "status", "demo", "--json")[1])
    (progress,) = [run["progress"] for run in data["runs"] if run["progress"]]
    assert (progress["epoch"], progress["epochs"], progress["validation"]) == (2, 40, 3.0)
    assert 2200 < progress["seconds_left"] <= 2280
    assert data["seconds_left"] == progress["seconds_left"]
    shown = status(capsys, "status", "demo")[1]
    assert "epoch 2/40, nll" in shown
    assert "about 38 min left, with 1 at a time" in shown
