"""Whole runs, each in the process of its own that a user's runs have."""

import contextlib
import json
import os
import re
import signal
import subprocess
import sys
import threading
from unittest.mock import Mock

import keras
import processes
import pytest
from seams import RunFolder, components, durable, worker
from seams import read_config as read
from seams import train_run as train

SCRIPT = """
import sys
from gatekit.study.command import train
if __name__ == "__main__":
    code = train(sys.argv[1:])
    assert "tensorflow" not in sys.modules, "the parent imported TensorFlow"
    assert "keras" not in sys.modules, "the parent imported Keras"
    sys.exit(code)
"""
WORDS = ["task=adding", "task.length=10", "units=4", "trainer.steps=6", "trainer.batch=8"]


def command(place, *words):
    (place / "script.py").write_text(SCRIPT)
    return processes.run(
        [sys.executable, "script.py", *WORDS, *words], cwd=place, capture_output=True, text=True
    )


def folders(place, study="default"):
    runs = place / "experiments" / study / "runs"
    return [RunFolder(runs / name) for name in sorted(os.listdir(runs))]


def digest_here(path, made):
    """Return the digest of the weights that a run has when this process trains it."""
    config = read(made.path / "config.yaml")
    folder = RunFolder(path)
    folder.claim()
    before = keras.config.dtype_policy()
    try:
        train(config, components.load().task(config["task"]), folder, threading.Event(), verbose=0)
    finally:
        keras.config.set_dtype_policy(before)
    return durable.sha256(path / "weights.npz")


def test_a_folder_named_gatekit_is_not_the_package(tmp_path):
    """A clone in the working folder would be imported in place of an editable installation."""
    (tmp_path / "gatekit").mkdir()
    start = "import sys; from gatekit.study.command import train; sys.exit(train(sys.argv[1:]))"
    done = processes.run(
        [sys.executable, "-P", "-c", start, *WORDS], cwd=tmp_path, capture_output=True, text=True
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert [folder.state().name for folder in folders(tmp_path)] == ["COMPLETED"]


def test_a_sweep_makes_its_folders_and_again_does_nothing(tmp_path):
    done = command(tmp_path, "-m", "cell=lstm,gru", "seed=0")
    assert done.returncode == 0, done.stdout + done.stderr
    assert done.stderr == ""
    assert "study default: 2 completed." in done.stdout
    assert "gatekit compare default" in done.stdout
    runs = folders(tmp_path)
    assert sorted(os.listdir(tmp_path)) == ["experiments", "script.py"]
    sources = tmp_path / "experiments" / "default" / "plugins"
    named = {d for folder in runs for d in folder.result()["plugins"].values()}
    assert {path.stem for path in sources.iterdir()} == named
    assert any(b"class Adding(" in path.read_bytes() for path in sources.iterdir())
    for folder in runs:
        result = folder.result()
        assert (result["state"], result["steps"]) == ("COMPLETED", 6)
        assert result["fingerprint"] == folder.path.name
        assert set(result["files"]) == {
            "config.yaml",
            "env.json",
            "metrics.jsonl",
            "weights.npz",
        }
        env = json.loads((folder.path / "env.json").read_text())
        assert env["threads"] == 1
        assert env["executor"] == result["executor"]
        assert "Epoch 1/" in (folder.path / "log.txt").read_text()
    digests = {f.path: durable.sha256(f.path / "result.json") for f in runs}
    first = next(folder for folder in runs if read(folder.path / "config.yaml")["seed"] == 0)
    assert digest_here(tmp_path / "here", first) == durable.sha256(first.path / "weights.npz")

    again = command(tmp_path, "-m", "cell=lstm,gru,gru", "seed=0")
    assert again.returncode == 0
    assert "1 listed twice, run once" in again.stdout
    assert "2 complete already, skipped" in again.stdout
    assert {f.path: durable.sha256(f.path / "result.json") for f in runs} == digests


ERASER = """
from pathlib import Path

from gatekit import hookimpl


def erase(event, **facts):
    for path in Path("experiments").glob("*/runs/*/metrics.jsonl"):
        if event == "epoch" and Path("harm").exists():
            Path("harm").unlink()
            path.unlink()


@hookimpl
def gatekit_callbacks():
    return [erase]
"""


@pytest.mark.slow
def test_metrics_that_are_deleted_under_a_run_are_not_sealed(tmp_path):
    (tmp_path / "eraser.py").write_text(ERASER)
    (tmp_path / "harm").touch()
    words = ["plugins=[eraser.py]", "trainer.steps=null", "trainer.epochs=3", "task.length=11"]
    done = command(tmp_path, *words)
    assert done.returncode == 1, done.stdout + done.stderr
    assert "CORRUPT" in done.stdout
    assert "metrics.jsonl was changed while the run was working" in done.stdout
    (folder,) = folders(tmp_path)
    assert folder.state().name == "CORRUPT"
    again = command(tmp_path, *words)
    assert again.returncode == 0, again.stdout + again.stderr
    assert folder.state().name == "COMPLETED"


@pytest.mark.slow
def test_a_run_whose_data_are_wrong_fails_alone(tmp_path):
    (tmp_path / "plugins").mkdir()
    (tmp_path / "plugins" / "broken_task.py").write_text(BROKEN)
    done = command(tmp_path, "-m", "task=broken", "task.good=true,false")
    assert done.returncode == 1, done.stdout + done.stderr
    states = sorted(f.state().name for f in folders(tmp_path))
    assert states == ["COMPLETED", "FAILED"]
    assert "FAILED" in done.stdout
    assert "a finite number is expected" in " ".join(done.stdout.split())


BROKEN = '''
import numpy
from gatekit import Batch, Metric, Signature, Task, hookimpl


class Broken(Task):
    """Data that may hold NaN."""

    good: bool = True
    length: int = 3
    metric = Metric("mse", direction="min", unit="squared error")

    def chance(self):
        return 1.0

    def signature(self):
        return Signature(features=1, vocabulary=None, outputs=1, loss="mse")

    def data_hash(self):
        return "broken"

    def splits(self, rng):
        def make():
            x = rng.random((8, 3, 1)).astype("float32")
            y = x[:, 0].copy()
            if not self.good:
                x[2, 1] = numpy.nan
            return Batch(x, y)

        return {"train": make(), "validation": make(), "test": make()}


@hookimpl
def gatekit_tasks():
    return {"broken": Broken}
'''

CHATTER = """
import os, sys, threading, time
from pathlib import Path
from gatekit.training import worker
worker.LOG_LIMIT = 1000
worker._redirect(Path("log.txt"), False, threading.Event())
for _ in range(60):
    os.write(1, b"x" * 999 + b"\\n")
    time.sleep(0.02)
"""


@pytest.mark.slow
def test_the_log_is_capped(tmp_path):
    processes.run([sys.executable, "-c", CHATTER], cwd=tmp_path, check=True)
    text = (tmp_path / "log.txt").read_text()
    assert len(text) < 1100
    assert text.endswith("[gatekit: the log is cut at 1,000 bytes]\n")


def test_a_run_with_a_bar_outlives_its_terminal(tmp_path):
    reader, writer = os.pipe()
    os.close(reader)
    child = os.fork()
    if not child:
        with contextlib.suppress(BaseException):
            os.dup2(writer, 1)
            worker._redirect(tmp_path / "log.txt", True, threading.Event())
            for epoch in (1, 2):
                sys.stdout.write(f"epoch {epoch}\n")
                sys.stdout.flush()
        os._exit(0)
    os.close(writer)
    os.waitpid(child, 0)
    assert (tmp_path / "log.txt").read_text() == "epoch 1\nepoch 2\n"


@pytest.mark.parametrize("word", ["executor=fast", "units=0"])
def test_what_is_refused_starts_no_process(tmp_path, word):
    done = command(tmp_path, word)
    assert done.returncode == 2
    assert "Traceback" not in done.stderr
    assert os.listdir(tmp_path) == ["script.py"]


LONG = ["trainer.steps=null", "trainer.epochs=1000", "task.validation_size=64"]


@contextlib.contextmanager
def begun(place, *words, runs=1):
    """Start a long run; give the process once training writes."""
    (place / "script.py").write_text(SCRIPT)
    command = [sys.executable, "script.py", *WORDS, *LONG, *words]
    pipes = {"stdout": subprocess.PIPE, "stderr": subprocess.STDOUT, "text": True}
    with processes.started(command, cwd=place, **pipes) as process:
        training = "experiments/default/runs/*/metrics.jsonl"
        processes.until(lambda: len(list(place.glob(training))) == runs, process)
        yield process


@pytest.mark.parametrize(
    ("number", "code"),
    [
        (signal.SIGINT, 130),
        pytest.param(signal.SIGTERM, 143, marks=pytest.mark.slow),
        pytest.param(signal.SIGHUP, 129, marks=pytest.mark.weekly),
    ],
)
def test_a_signal_stops_after_the_batch(tmp_path, number, code):
    with begun(tmp_path) as process:
        process.send_signal(number)
        said, _ = process.communicate(timeout=processes.PATIENCE)
    assert process.returncode == code
    (folder,) = folders(tmp_path)
    state = folder.state()
    assert (state.name, state.reason) == (
        "INTERRUPTED",
        "stopped by SIGTERM; the same command continues",
    )
    assert folder.checkpoint().position["step"] > 0
    assert "repeat the command" in said


@pytest.mark.slow
@pytest.mark.one_in(1, slow=3)
@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGHUP, signal.SIGUSR1])
def test_a_signal_to_all_processes_of_a_group_stops_each_run(tmp_path, number):
    with begun(tmp_path, "-m", "seed=0,1", "n_jobs=2", runs=2) as process:
        os.killpg(process.pid, number)
        said, _ = process.communicate(timeout=processes.PATIENCE)
    assert process.returncode == 128 + number
    assert [f.state().name for f in folders(tmp_path)] == ["INTERRUPTED"] * 2
    assert all(f.checkpoint().position["step"] > 0 for f in folders(tmp_path))
    assert "Interrupted, 2 runs left" in said


def test_a_run_whose_launcher_ended_stops_and_ends(monkeypatch):
    seen, stop, before = [], threading.Event(), set(threading.enumerate())

    class Launcher:
        def join(self):
            seen.append("the launcher ended")
            begun.wait()

    begun = threading.Event()
    monkeypatch.setattr(worker, "multiprocessing", Mock(parent_process=Launcher))
    sleep = Mock(side_effect=lambda seconds: seen.append((seconds, stop.is_set())))
    monkeypatch.setattr(worker, "time", Mock(sleep=sleep))
    monkeypatch.setattr(worker, "os", Mock(_exit=seen.append))
    worker._follow_parent(stop)
    (thread,) = set(threading.enumerate()) - before
    begun.set()
    thread.join()  # at once: no process could end while a thread waits that is no daemon
    assert thread.daemon
    assert seen == ["the launcher ended", (worker.ORPHANED, True), 1]


ACTS = {
    "memory": "raise MemoryError('no')",
    "gpu": "raise worker.tf.errors.ResourceExhaustedError(None, None, 'OOM when allocating')",
    "disk": "raise OSError(28, 'No space left on device', 'run/metrics.jsonl')",
    "full": "worker.durable.disk.open = full; raise OSError(28, 'No space left on device', 'log')",
    "error": "1 / 0",
    "crash": "os.kill(os.getpid(), signal.SIGSEGV)",
    **{
        name: f"os.kill(os.getpid(), signal.{name}); assert _[0].stop.is_set(); "
        "raise worker.InterruptedRunError"
        for name in ("SIGTERM", "SIGHUP", "SIGUSR1", "SIGUSR2")
    },
}
"""What may happen in place of training, by name."""
RARE = ("gpu", "disk", "error")
"""Those of which no test asks but with ``--slow`` or ``--weekly``."""

FORKS = """
import json, os, signal, sys
from pathlib import Path
from gatekit.training import worker
config = {"seed": 0, "executor": "auto", "jit": False, "plugins": [], "task": {"name": "adding"}}
codes = {}
for name, act in json.loads(sys.argv[1]).items():
    number = os.fork()
    if not number:
        def train(*_):
            exec(act)
        def full(path, flags):
            raise OSError(28, "No space left on device", str(path))
        worker.train = train
        try:
            worker.work(worker.Request(Path(name), config, "d", {}, 1, False))
        except worker.RunError as error:
            Path(name + ".txt").write_text(str(error))
            os._exit(1)
        os._exit(0)
    codes[name] = os.waitstatus_to_exitcode(os.waitpid(number, 0)[1])
sys.stdout.write(json.dumps(codes))
"""


@pytest.fixture(scope="module")
def ended(tmp_path_factory, request):
    """The folder of a run for each of ``ACTS``, and the exit code of its process."""
    place = tmp_path_factory.mktemp("ended")
    some = not (request.config.getoption("--slow") or request.config.getoption("--weekly"))
    acts = {name: act for name, act in ACTS.items() if not (some and name in RARE)}
    done = processes.run(
        [sys.executable, "-c", FORKS, json.dumps(acts)], cwd=place, capture_output=True, text=True
    )
    codes = json.loads(done.stdout)
    return {name: (RunFolder(place / name), code) for name, code in codes.items()}


@pytest.mark.one_in(4)
@pytest.mark.parametrize(
    ("name", "reason"),
    [
        ("memory", r"out of memory: no \(at most [\d.]+ GiB were in use\)"),
        ("gpu", "out of memory: OOM when allocating"),
        (
            "disk",
            r"input or output failed at run/metrics.jsonl: No space left on device; [\d,]+ MiB "
            r"are free there. Free some space, or choose another folder with root=FOLDER",
        ),
        ("error", "ZeroDivisionError: division by zero"),
    ],
)
def test_the_reason_is_in_the_folder(ended, name, reason):
    folder, code = ended[name]
    assert code == 0
    state = folder.state()
    assert state.name == "FAILED"
    assert re.match(reason, state.reason)
    assert "Traceback" in (folder.path / "log.txt").read_text()


def test_what_a_full_disk_keeps_from_the_folder_is_raised(ended):
    folder, code = ended["full"]
    assert code == 1
    assert folder.state().name == "LOST"
    text = folder.path.with_suffix(".txt").read_text()
    assert text.startswith("input or output failed at log: No space left on device")


def test_a_crash_in_native_code_leaves_its_trace_in_the_log(ended):
    folder, code = ended["crash"]
    assert code == -signal.SIGSEGV
    assert "Segmentation fault" in (folder.path / "log.txt").read_text()
    assert folder.state().name == "LOST"


@pytest.mark.parametrize("name", ["SIGTERM", "SIGHUP", "SIGUSR1", "SIGUSR2"])
def test_the_signals_of_a_cluster_stop_a_run(ended, name):
    folder, code = ended[name]
    assert code == 0
    assert folder.state().name == "INTERRUPTED"
    assert folder.state().reason == f"stopped by {name}; the same command continues"
