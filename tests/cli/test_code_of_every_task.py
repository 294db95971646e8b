"""A trained run of every bundled task is written as code, whose script prints the run's score."""

from __future__ import annotations

import runpy
import sys
import threading

import keras
import numpy
import processes
import pytest
from reference.peers import library
from seams import RunFolder, components, main, plan
from seams import train_run as train

from gatekit import ConfigError, DataError
from gatekit.registry import tasks

pytestmark = pytest.mark.filterwarnings("ignore::gatekit.tasks.validate.DataWarning")
TASKS = tasks()
SMALL = {"length": 12, "validation_size": 6, "test_size": 6, "train_size": 8, "max_length": 12}
RUN = ["cell=gru", "units=3", "trainer.batch=4", "trainer.steps=2", "study=s"]


def file_of(name, folder):
    """Write the file that a task of one's own needs, and return its path."""
    if name == "file":
        path, split = folder / "own.npz", ["train"] * 8 + ["validation"] * 4 + ["test"] * 6
        labels = numpy.arange(18) % 3
        numpy.savez(path, inputs=labels[:, None] + numpy.arange(5) % 2, targets=labels, split=split)
        return path
    path = folder / "own.txt"
    path.write_text("\n".join("the cat sat on a mat " * 4 for _ in range(100)))
    return path


def words_of(name, folder):
    """Return the words that train a small run of a task."""
    kind = TASKS[name]
    options = set(kind.option_names())
    words = [f"task={name}", *RUN]
    words += [f"task.{key}={value}" for key, value in SMALL.items() if key in options - {"length"}]
    if "length" in options and kind.source is None:
        words.append(f"task.length={SMALL['length']}")
    if kind.own_file and name in ("file", "char_lm", "token_lm"):
        words.append(f"task.path={file_of(name, folder)}")
    return words


def planned(words):
    """Return the run of these words; a task that has no such short sequences keeps its length."""
    try:
        (run,) = plan(words).runs
    except ConfigError:
        own = [word for word in words if not word.startswith("task.length=")]
        (run,) = plan(own).runs
    return run


def trained(name, folder, *more):
    """Return the fingerprint and the result of a small run of a task, which is trained here."""
    try:
        run = planned([*words_of(name, folder), *more])
        task = components.load().task(run.config["task"])
        task.require()
    except DataError as error:
        pytest.skip(f"the data are not on this machine: {error}")
    run.path.parent.mkdir(parents=True)
    stored = RunFolder(run.path)
    stored.claim()
    stored.write_config(run.config)
    before = keras.config.dtype_policy()
    try:
        result = train(run.config, task, stored, threading.Event(), verbose=0)
    finally:
        keras.config.set_dtype_policy(before)
    facts = {"fingerprint": run.fingerprint, "data_hash": run.data_hash, "plugins": {}}
    stored.finish({**result, **facts})
    return run.fingerprint, result["best"], task.metric.name


@pytest.mark.parametrize("name", TASKS)
def test_a_trained_run_is_written_and_its_script_prints_its_score(
    name, tmp_path, monkeypatch, capsys
):
    library("torch")
    monkeypatch.chdir(tmp_path)
    run, best, metric = trained(name, tmp_path)
    assert main(["code", run, "-o", "model"]) == 0, capsys.readouterr()
    capsys.readouterr()
    monkeypatch.syspath_prepend(tmp_path / "model")
    try:
        runpy.run_path("model/score.py", run_name="__main__")
    finally:
        sys.modules.pop("model", None)
    printed = [line.split() for line in capsys.readouterr().out.splitlines()]
    expected = {"test": best["test"], **best.get("splits", {})}
    assert [(name, of) for name, of, _ in printed] == [(name, metric) for name in expected]
    for name, _, value in printed:
        assert float(value) == pytest.approx(expected[name], rel=2e-3, abs=1e-6)


@pytest.mark.parametrize("to", ["torch", "jax", "keras"])
def test_a_script_computes_in_the_precision_of_the_run_without_warnings(to, tmp_path, monkeypatch):
    library(to)
    monkeypatch.chdir(tmp_path)
    run, best, metric = trained("adding", tmp_path, "precision=float64")
    assert main(["code", run, "--to", to, "-o", "model"]) == 0
    seen = "print(str(logits.dtype))"
    script = (tmp_path / "model" / "score.py").read_text()
    (tmp_path / "model" / "score.py").write_text(
        script.replace("            total +=", f"            {seen}\n            total +=")
    )
    command = [sys.executable, "-W", "error::UserWarning", "score.py"]
    done = processes.run(command, cwd=tmp_path / "model", capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    *types, last = done.stdout.splitlines()
    assert types
    assert all("float64" in name for name in types)
    assert last.split()[:2] == ["test", metric]
    assert float(last.split()[2]) == pytest.approx(best["test"], rel=2e-3)
