"""A study as one file: nothing private goes along, nothing strange comes in."""

from __future__ import annotations

import json
import os
import platform
import zipfile
from collections.abc import Mapping
from pathlib import Path

import pytest
import yaml
from refused import at, saying
from seams import compare_runs as compare
from seams import (
    gates_report,
    import_bundle,
    line_with_location,
    scrub,
    without_paths,
    write_bundle,
)
from seams import load_runs as load

from gatekit import ConfigError, RunError

from .probing import probe_study
from .synthetic import configuration, write_run, write_study
from .test_comparison import LSTM, RNN

PRIVATE = os.sep + os.path.join("home", "alice", "secret", "own.py")


def bundled(root: Path, name: str = "lab.zip") -> Path:
    path = root / name
    write_bundle(load("demo", root), path)
    return path


def rewritten(path: Path, changes: Mapping[str, bytes | None], more: str | None = None) -> Path:
    """Return a copy of a bundle in which entries are replaced, or left out where None."""
    copy = path.with_name(f"x{path.name}")
    with zipfile.ZipFile(path) as old, zipfile.ZipFile(copy, "w") as new:
        for name in old.namelist():
            data = changes.get(name, old.read(name))
            if data is not None:
                new.writestr(name, data)
        if more is not None:
            new.writestr(more, b"x")
    return copy


def test_what_goes_in_comes_out_as_another_origin(tmp_path: Path) -> None:
    runs = write_study(tmp_path, {"lstm": LSTM, "rnn": RNN})
    write_run(runs, configuration("rnn", 3), state="FAILED", reason="killed")
    path = bundled(tmp_path)
    place = import_bundle(path, tmp_path / "there")
    assert place == tmp_path / "there" / "demo" / "imported" / "lab"
    ours = {run.id: run for run in load("demo", tmp_path).runs}
    theirs = {run.id: run for run in load("demo", tmp_path / "there").runs if run.origin == "lab"}
    assert ours.keys() == theirs.keys()
    for name, run in theirs.items():
        assert (run.state, run.reason, run.config) == (
            ours[name].state,
            ours[name].reason,
            ours[name].config,
        )
        if run.result is not None:
            assert run.result.outcome == ours[name].result.outcome  # type: ignore[union-attr]


def test_copies_of_a_run_count_once(tmp_path: Path) -> None:
    runs = write_study(tmp_path, {"lstm": LSTM, "rnn": RNN})
    path = bundled(tmp_path)
    import_bundle(path, tmp_path)
    import_bundle(path, tmp_path, "again")
    write_run(runs, configuration("rnn", len(RNN)), RNN[0])
    found = compare("demo", tmp_path, by=["cell"])
    counts = {row.group.label: len(row.group.runs) for row in found.rows}
    assert counts == {"lstm": len(LSTM), "rnn": len(RNN) + 1}
    # A run that was made again, elsewhere, has another result and is another run.
    write_study(tmp_path / "lab", {"lstm": [LSTM[0] + 1]})
    import_bundle(bundled(tmp_path / "lab", "other.zip"), tmp_path)
    found = compare("demo", tmp_path, by=["cell"])
    assert {row.group.label: len(row.group.runs) for row in found.rows}["lstm"] == len(LSTM) + 1


def test_what_probes_saw_goes_along(tmp_path: Path) -> None:
    runs = write_study(tmp_path, {"lstm": LSTM, "rnn": RNN})
    probe_study(runs)
    damaged = sorted(runs.iterdir())[0] / "probe.jsonl"
    damaged.write_text(damaged.read_text() + f'{{"epoch": "{PRIVATE}"')
    path = bundled(tmp_path)
    import_bundle(path, tmp_path / "there")
    variants = gates_report("demo", tmp_path / "there").variants
    assert len(variants) == 2
    assert {len(v.probed) for v in variants} == {len(LSTM), len(RNN)}


def test_the_same_study_gives_the_same_bytes(tmp_path: Path) -> None:
    write_study(tmp_path, {"lstm": LSTM})
    first = bundled(tmp_path).read_bytes()
    assert bundled(tmp_path).read_bytes() == first


def test_no_path_host_or_user_goes_along(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(platform, "node", lambda: "secrethost")
    monkeypatch.setenv("LOGNAME", "alice")
    config = configuration("lstm", 0, plugins=[PRIVATE], data=PRIVATE)
    runs = tmp_path / "demo" / "runs"
    folder = write_run(runs, config, 8.6, warnings=[f"read {PRIVATE} on secrethost"])
    environment = {"python": "3.11.2", "cpu": "a cpu", "path": PRIVATE, "by": "alice"}
    (folder / "env.json").write_text(json.dumps(environment))
    write_run(
        runs, configuration("rnn", 1), state="FAILED", reason=f"alice: no {PRIVATE} on secrethost"
    )
    with zipfile.ZipFile(bundled(tmp_path)) as archive:
        everything = {name: archive.read(name).decode() for name in archive.namelist()}
    for name, text in everything.items():
        for word in ("alice", "secrethost", "secret" + os.sep, str(tmp_path)):
            assert word not in text, name
    shared = yaml.safe_load(everything[f"runs/{folder.name}/config.yaml"])
    assert (shared["plugins"], shared["data"]) == (["own.py"], "own.py")
    place = import_bundle(tmp_path / "lab.zip", tmp_path / "elsewhere")
    (run,) = [r for r in load("demo", tmp_path / "elsewhere").runs if r.id == folder.name]
    assert (run.state, run.origin) == ("COMPLETED", place.name)


def test_a_source_that_tells_this_machine_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(platform, "node", lambda: "secrethost")
    stored = tmp_path / "demo" / "plugins"
    stored.mkdir(parents=True)
    (stored / f"{'1' * 64}.py").write_text("a = 0\nserver = 'secrethost'\n")
    write_run(tmp_path / "demo" / "runs", configuration(), plugins={"steep": "1" * 64})
    with pytest.raises(RunError, match=r"plugins/1+\.py, line 2"):
        bundled(tmp_path)


def test_sources_constraints_and_commands_go_along(tmp_path: Path) -> None:
    stored = tmp_path / "demo" / "plugins"
    stored.mkdir(parents=True)
    (stored / f"{'1' * 64}.py").write_text("slope = 1\n")
    for seed, version in enumerate(("2.20", "2.21", "2.21")):
        config = configuration("lstm", seed)
        folder = write_run(tmp_path / "demo" / "runs", config, plugins={"steep": "1" * 64})
        versions = {"tensorflow": version, "keras": "3.15.1", "gatekit": "0.1.0"}
        environment = {"versions": versions, "git": {"commit": "c0ffee", "dirty": False}}
        (folder / "env.json").write_text(json.dumps(environment))
    (tmp_path / "demo" / "plan-1.json").write_text('{"command": "gatekit train cell=lstm"}')
    with zipfile.ZipFile(bundled(tmp_path)) as archive:
        assert archive.read(f"plugins/{'1' * 64}.py") == b"slope = 1\n"
        assert archive.read("constraints.txt").decode() == (
            "# gatekit 0.1.0: install it from its source\n"
            "keras==3.15.1\ntensorflow==2.21  # some runs: 2.20\n"
        )
        text = archive.read("REPRODUCE.md").decode()
    for line in (
        "python -m zipfile -e lab.zip lab",
        "pip install -c lab/constraints.txt PATH/TO/gatekit",
        "gatekit import lab.zip",
        "gatekit train cell=lstm",
    ):
        assert line in text.splitlines()
    assert "The runs were made with gatekit 0.1.0." in text
    assert "sha256:" + "ab" * 32 in text


def test_the_command_that_gets_the_data_stands_there(tmp_path: Path) -> None:
    for seed, name in enumerate(("adding", "jsb_music21", "jsb")):
        write_run(tmp_path / "demo" / "runs", configuration("lstm", seed, task__name=name))
    with zipfile.ZipFile(bundled(tmp_path)) as archive:
        lines = archive.read("REPRODUCE.md").decode().splitlines()
    data = dict(line[2:].split(": ", 1) for line in lines if line.startswith("- "))
    assert "; none" in data["adding"]
    assert "; gatekit data get " in data["jsb_music21"]
    assert "; provide the file yourself, with task.path=PATH: JSB_Chorales.mat" in data["jsb"]


def test_importing_twice_is_once_and_another_bundle_needs_another_name(tmp_path: Path) -> None:
    runs = write_study(tmp_path, {"lstm": LSTM})
    path = bundled(tmp_path)
    there = tmp_path / "there"
    assert import_bundle(path, there) == import_bundle(path, there)
    write_run(runs, configuration("lstm", 9))
    bundled(tmp_path)
    with pytest.raises(ConfigError, match="type --as NAME"):
        import_bundle(path, there)
    import_bundle(path, there, "later")
    assert {run.origin for run in load("demo", there).runs} == {"lab", "later"}
    with pytest.raises(ConfigError, match="must be a name"):
        import_bundle(path, there, "../up")
    assert not [p for p in (there / "demo").iterdir() if p.name.startswith(".")]


@pytest.mark.parametrize(
    "name",
    ["../evil.py", "runs/../../evil", "/evil", "plugins/evil.py", "runs/x/config.yaml", "evil.sh"],
)
def test_strange_names_are_refused(tmp_path: Path, name: str) -> None:
    write_study(tmp_path, {"lstm": LSTM})
    changed = rewritten(bundled(tmp_path), {}, name)
    with pytest.raises(RunError, match="is not a bundle of gatekit"):
        import_bundle(changed, tmp_path)
    with zipfile.ZipFile(changed) as archive:
        manifest = json.loads(archive.read("bundle.json"))
    manifest["files"][name] = "0" * 64
    listed = rewritten(changed, {"bundle.json": json.dumps(manifest).encode()})
    with pytest.raises(RunError, match="is not a bundle of gatekit"):
        import_bundle(listed, tmp_path)
    assert not list((tmp_path / "demo").glob("imported/*"))


def test_damage_is_said_and_nothing_is_left(tmp_path: Path) -> None:
    write_study(tmp_path, {"lstm": LSTM})
    path = bundled(tmp_path)
    with zipfile.ZipFile(path) as archive:
        name = next(n for n in archive.namelist() if n.endswith("metrics.jsonl"))
        elsewhere = {**json.loads(archive.read("bundle.json")), "study": "../x"}
    for changes, check in (
        ({name: b"{}"}, saying("is damaged")),
        ({name: None}, saying("its files are not those")),
        ({"bundle.json": b"{"}, saying("bundle.json cannot be read")),
        ({"bundle.json": b'{"schema": 9, "study": "demo", "files": {}}'}, saying("reads up to 1")),
        ({"bundle.json": json.dumps(elsewhere).encode()}, at("study")),
        ({"bundle.json": None}, saying("it has no bundle.json")),
    ):
        with pytest.raises((RunError, ConfigError), check=check):
            import_bundle(rewritten(path, changes), tmp_path)
    path.write_bytes(path.read_bytes()[:300])
    with pytest.raises(RunError, match=r"is cut off or damaged; copy it again"):
        import_bundle(path, tmp_path)
    path.write_bytes(b"seeds: 3")
    with pytest.raises(RunError, match="is not a bundle"):
        import_bundle(path, tmp_path)
    with pytest.raises(RunError, match=r"nothing\.zip; `gatekit bundle"):
        import_bundle(tmp_path / "nothing.zip", tmp_path)
    assert not list(tmp_path.glob("demo/imported/*"))


def test_an_empty_study_is_not_shared(tmp_path: Path) -> None:
    (tmp_path / "demo" / "runs").mkdir(parents=True)
    with pytest.raises(RunError, match="no runs of its own"):
        bundled(tmp_path)


def test_scrubbing_leaves_what_is_no_path() -> None:
    assert scrub("8.6 nats/frame, 1/2, http://example.org/a/b") == (
        "8.6 nats/frame, 1/2, http://example.org/a/b"
    )
    assert scrub(f"no file {PRIVATE}: gone") == "no file own.py: gone"
    assert without_paths({"a": [PRIVATE, "c * h", "x/y"]}) == {"a": ["own.py", "c * h", "x/y"]}
    assert line_with_location(f"a\n{os.getcwd()}/b") == 2
    assert line_with_location("nothing") is None
