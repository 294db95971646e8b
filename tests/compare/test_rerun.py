"""A bundled run made again: refused where it would not be the same, compared where it is."""

from __future__ import annotations

import json
import os
import sys
import zipfile
from pathlib import Path
from typing import Any

import processes
import pytest
from seams import ConfigReader, compose, read_run, write_bundle
from seams import hashes_file_hash as file_hash
from seams import load_runs as load
from seams import plan_jobs as plan
from seams import rerun as module
from seams import rerun_rerun as rerun

from gatekit import RunError

from .synthetic import configuration, write_run

WORDS = ["study=tiny", "cell=lstm", "task=adding", "task.length=5", "trainer.steps=10"]


def bundle(root: Path, size: str = "units=4", **result: Any) -> Path:
    """Write a bundle of one run that could be made here, with results as given."""
    (run,) = plan(compose([*WORDS, size, "trainer.epochs=null"])).runs
    known = {"data_hash": run.data_hash, "plugins": dict(run.plugins), **result}
    write_run(root / "tiny" / "runs", run.config, 1.0, name=run.fingerprint, **known)
    write_bundle(load("tiny", root), root / "tiny.zip")
    return root / "tiny.zip"


@pytest.mark.parametrize("size", ["units=4", "match=state:8"])
def test_a_plugin_of_another_source_is_refused(tmp_path: Path, size: str) -> None:
    with pytest.raises(
        RunError,
        match=r"mine\. mine: ",
    ):
        rerun(bundle(tmp_path, size, plugins={"mine": "1" * 64}))


@pytest.mark.parametrize("task", ["adding", "drift"])
def test_all_missing_plugins_and_where_their_sources_are_is_told_at_once(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, task: str
) -> None:
    monkeypatch.chdir(tmp_path)
    stored = tmp_path / "tiny" / "plugins"
    stored.mkdir(parents=True)
    digests = {}
    for name in ("warm", "drift"):
        (tmp_path / "source.py").write_text(f"name = {name!r}\n")
        digests[name] = file_hash(tmp_path / "source.py", f"{name}.py")
        (tmp_path / "source.py").rename(stored / f"{digests[name]}.py")
    # A task of the missing plugin is an unknown name, too.
    (run,) = plan(compose([*WORDS, "units=4", "trainer.epochs=null"])).runs
    config = {**run.config, "task": {**run.config["task"], "name": task}}
    plugins = {**run.plugins, **digests}
    folder = tmp_path / "tiny" / "runs"
    write_run(folder, config, data_hash=run.data_hash, plugins=plugins)
    write_bundle(load("tiny", tmp_path), tmp_path / "tiny.zip")
    # Another plugin of this name is moved aside, and not replaced.
    (tmp_path / "plugins").mkdir()
    (tmp_path / "plugins" / "warm.py").write_text("import nonesuch\n")
    with pytest.raises(RunError, match="have another source: drift, warm") as caught:
        rerun(Path("tiny.zip"))
    shell = [line.strip() for line in str(caught.value).splitlines() if line.startswith("  ")]
    assert "mv plugins/warm.py plugins/_warm.py" in shell
    with zipfile.ZipFile("tiny.zip") as archive:
        shown = archive.read("REPRODUCE.md").decode().splitlines()
    assert {line for line in shell if line.startswith("cp ")} < {*shown}
    shell[0] = shell[0].replace("python", sys.executable, 1)
    for line in shell:
        processes.run(line.split(), cwd=tmp_path, check=True)
    for name in digests:
        assert (tmp_path / "plugins" / f"{name}.py").read_text() == f"name = {name!r}\n"


def test_other_data_are_refused(tmp_path: Path) -> None:
    with pytest.raises(RunError, match="the data of task adding differ here"):
        rerun(bundle(tmp_path, data_hash="0" * 64))


def test_only_a_completed_run_of_gatekit_can_be_made_again(tmp_path: Path) -> None:
    write_run(tmp_path / "demo" / "runs", configuration("lstm", 0), executor="own")
    write_bundle(load("demo", tmp_path), tmp_path / "own.zip")
    with pytest.raises(RunError, match="no completed run"):
        rerun(tmp_path / "own.zip")
    with pytest.raises(RunError, match="run ffff"):
        rerun(bundle(tmp_path), "ffff")


@pytest.mark.parametrize(
    ("shift", "verdict"), [(0.0, "bitwise"), (1e-9, "close"), (0.01, "different")]
)
def test_the_verdict_is_that_of_the_numbers(tmp_path: Path, shift: float, verdict: str) -> None:
    score = {"epoch": 1, "validation": 8.7, "test": 8.6}
    other = {"epoch": 1, "validation": 8.7, "test": 8.6 + shift}
    values = [8.7]
    folders = [
        write_run(
            tmp_path / name, configuration(), validation=values, name="a" * 16, best=one, last=one
        )
        for name, one in (("a", score), ("b", other))
    ]
    for folder, version in zip(folders, ("2.20", "2.21"), strict=True):
        (folder / "env.json").write_text(json.dumps({"versions": {"tensorflow": version}}))
    found = module._compared(read_run(folders[0], ConfigReader()), folders[1])
    assert found.verdict == verdict
    assert [(c.key, c.first, c.second) for c in found.changes] == [("tensorflow", "2.20", "2.21")]


@pytest.mark.slow
def test_a_run_repeats_on_the_machine_that_made_it(tmp_path: Path) -> None:
    gatekit = [sys.executable, "-c", "from gatekit.cli.main import main; raise SystemExit(main())"]
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(p for p in sys.path if p)}

    def typed(*words: str) -> str:
        done = processes.run(
            [*gatekit, *words],
            cwd=tmp_path,
            capture_output=True,
            text=True,
            check=True,
            env=environment,
        )
        return done.stdout

    typed("train", *WORDS, "units=4", "trainer.epochs=null", "seed=0")
    typed("bundle", "tiny")
    data = json.loads(typed("rerun", "tiny.zip", "--one", "--json"))
    assert (data["verdict"], data["changes"]) == ("bitwise", [])
    assert data["before"] == data["after"]
    assert [path.name for path in tmp_path.iterdir() if path.name.startswith("gatekit-")] == []
