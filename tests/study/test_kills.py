"""After a kill of any process, at any moment, the one next command completes the study."""

import os
import random
import signal
import subprocess
import sys
import time
from pathlib import Path

import processes
import pytest
from test_worker import SCRIPT, WORDS
from twice import told

pytestmark = pytest.mark.slow
COMMAND = [*WORDS, "-m", "trainer.steps=400", "seed=0,1", "n_jobs=2"]
PIPES = {"stdout": subprocess.PIPE, "stderr": subprocess.STDOUT, "text": True}


def command(place):
    """Return the command, to be run in a place."""
    (place / "script.py").write_text(SCRIPT)
    return [sys.executable, "script.py", *COMMAND]


def results(place):
    """Return what each run says, by its id."""
    return {path.name: told(path) for path in place.glob("experiments/default/runs/*")}


@pytest.fixture(scope="module")
def undisturbed(tmp_path_factory):
    """What the runs say when nothing is killed."""
    place = tmp_path_factory.mktemp("undisturbed")
    processes.run(command(place), cwd=place, check=True, capture_output=True)
    return results(place)


def children(pid):
    """Return the numbers of a process's children; none if it is gone."""
    try:
        return [int(n) for n in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]
    except OSError:
        return []


def server(launcher):
    """Return the number of the fork server, None before it is there."""
    for pid in children(launcher):
        if b"multiprocessing.forkserver" in Path(f"/proc/{pid}/cmdline").read_bytes():
            return pid
    return None


def kill(target, launcher):
    """Kill one of the processes, or the group of all."""
    if target == "group":
        os.killpg(launcher, signal.SIGKILL)
    else:
        at = server(launcher)
        numbers = {"launcher": launcher, "server": at, "worker": next(iter(children(at)), None)}
        if numbers[target] is not None:
            os.kill(numbers[target], signal.SIGKILL)


@pytest.mark.one_in(1, slow=2)
@pytest.mark.parametrize(
    ("target", "moment"),
    [
        ("launcher", "importing"),
        ("server", "importing"),
        ("launcher", "training"),
        ("server", "training"),
        ("worker", "training"),
        ("group", "training"),
    ],
)
def test_the_next_command_completes_the_study(tmp_path, undisturbed, target, moment):
    wait = random.Random(f"{target} {moment}").random()
    with processes.started(command(tmp_path), cwd=tmp_path, **PIPES) as process:
        processes.until(lambda: server(process.pid), process)
        if moment == "training":
            training = "experiments/default/runs/*/metrics.jsonl"
            processes.until(lambda: list(tmp_path.glob(training)), process)
        time.sleep(wait)
        kill(target, process.pid)
        if target in ("launcher", "group"):
            # At once: workers may still be at their last batch.
            process.wait(processes.PATIENCE)
        else:
            said, _ = process.communicate(timeout=processes.PATIENCE)
            assert process.returncode == 0, said
        again = processes.run(command(tmp_path), cwd=tmp_path, capture_output=True, text=True)
    assert again.returncode == 0, again.stdout + again.stderr
    assert "Traceback" not in again.stderr
    after = results(tmp_path)
    assert after.keys() == undisturbed.keys()
    for name, run in after.items():
        for part, value in run.items():
            assert value == undisturbed[name][part], (name, part)


def test_ctrl_c_while_tensorflow_is_imported(tmp_path):
    with processes.started(command(tmp_path), cwd=tmp_path, **PIPES) as process:
        processes.until(lambda: server(process.pid), process)
        time.sleep(random.Random("Ctrl-C").random())
        os.killpg(process.pid, signal.SIGINT)
        said, _ = process.communicate(timeout=processes.PATIENCE)
    assert process.returncode == 130
    assert "Traceback" not in said
    assert "Interrupted, 2 runs left" in said


def test_a_killed_command_that_writes_is_typed_again():
    """Some trials that train nothing; all of them: python tests/study/kill_trials.py."""
    trials = [sys.executable, Path(__file__).with_name("kill_trials.py")]
    only = ["--only", "bundle", "publish"]
    done = processes.run([*trials, "--seed", "14", *only], capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + done.stderr
    assert "5 kills, 0 faults" in done.stdout
