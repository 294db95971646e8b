"""Cells, fingerprints and plans of an earlier commit, kept as files that this tree is held against.

    python -m tests.frozen.freeze            # what differs; the exit code is 1 if anything does
    python -m tests.frozen.freeze --write    # writes the files again: say why in the commit

`cells.jsonl` has the canonical form of each bundled cell, and the fingerprint of its run with the
defaults of `gatekit train`. `documents.json` has what a few fingerprints hash. `plans.jsonl` has
the runs of each experiment, plain and with quick=true, and of the lines of `lines.txt`.

Fingerprints depend on the sources of plugins, whose hashes are kept beside them. What a line plans
is held whatever these sources are; its fingerprints are held while they are the same.
"""

from __future__ import annotations

import argparse
import contextlib
import functools
import hashlib
import json
import os
import shlex
import sys
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any
from unittest import mock

# To run as a module and in tests alike.
sys.path.insert(0, str(Path(__file__).parents[1]))

import seams

import gatekit
from gatekit import registry

HERE = Path(__file__).parent
ROOT = HERE.parents[1]
DOCUMENTED = ("rnn", "lstm", "gru", "gla", "lru", "mlstm", "hyper_lstm", "mamba2")
"""The cells whose runs' whole hashed documents are kept."""
DATA = ("chorales_printed", "task.path=chorales.json")
"""The experiment whose data may not be distributed, and the word that gives it a small file."""


@contextlib.contextmanager
def folder() -> Iterator[None]:
    """Work in an empty folder that has the plugins of the experiments, and a file of chorales."""
    before = os.getcwd()
    with tempfile.TemporaryDirectory(prefix="gatekit-frozen-") as empty:
        os.chdir(empty)
        Path("experiments").symlink_to(ROOT / "experiments")
        songs = [[[60, 64, 67], [62], [59, 65]] * 8, [[48, 55]] * 20]
        Path("chorales.json").write_text(
            json.dumps(dict.fromkeys(("train", "valid", "test"), songs))
        )
        try:
            yield
        finally:
            os.chdir(before)


def lines() -> list[str]:
    """Return the command lines: every experiment twice, and those of lines.txt."""
    names = sorted(path.stem for path in (ROOT / "conf/experiment").glob("*.yaml"))
    made = [
        " ".join(["train -m", f"experiment={name}", *quick, *[DATA[1]] * (name == DATA[0])])
        for name in names
        for quick in ((), ("quick=true",))
    ]
    return made + (HERE / "lines.txt").read_text(encoding="utf-8").splitlines()


def planned(words: Sequence[str]) -> tuple[Sequence[Any], list[str]]:
    """Return the runs that the words of a command plan, and the labels of those that it cannot.

    Raises:
        DataError: a data set is not on this machine.
    """
    plan, broken = seams.plan_or_errors(seams.compose([*words, "root=runs"]))
    for _, error in broken:
        if isinstance(error, gatekit.DataError):
            raise error
    return plan.runs, [label for label, _ in broken]


def short(data: object) -> str:
    """Return 16 digits of the SHA-256 of plain data, as JSON with sorted keys."""
    text = json.dumps(data, sort_keys=True, separators=(",", ":"))
    return hashlib.sha256(text.encode()).hexdigest()[:16]


def plan_of(line: str) -> dict[str, Any]:
    """Return what a command line plans, in a few lines; refused lines have the error's class."""
    record: dict[str, Any] = {"line": line}
    try:
        runs, broken = planned(shlex.split(line)[1:])
    except gatekit.DataError:
        return record | {"missing": True}
    except gatekit.GatekitError as error:
        return record | {"refused": type(error).__name__}
    parts = [
        [run.origin, run.label, list(run.words), run.data_hash, sorted(run.plugins)] for run in runs
    ]
    return record | {
        "count": len(runs),
        "broken": broken,
        "first": [[origin, label, words] for origin, label, words, *_ in parts[:2]],
        "runs": short(parts),
        "sources": short([sorted(run.plugins.items()) for run in runs]),
        "fingerprints": short([run.fingerprint for run in runs]),
    }


@functools.cache
def cell_runs() -> Mapping[str, Any]:
    """Return the run of each bundled cell with the defaults, by the cell's name."""
    names = sorted(registry.cell_names())
    runs, _ = planned(["-m", f"cell={','.join(names)}"])
    return {run.config["cell"]["name"]: run for run in runs}


def cells() -> dict[str, Any]:
    """Return the canonical form of each bundled cell, and the name of its run."""
    known, found = registry.catalogue(), {}
    for name in sorted(registry.cell_names()):
        form = registry.load_cell(name, known).canonical()
        found[name] = {"cell": name, "canonical": form, "hash": short(form)}
        if (run := cell_runs().get(name)) is not None:
            found[name] |= {"origin": run.origin, "fingerprint": run.fingerprint}
            found[name] |= {"plugins": dict(run.plugins)}
    return found


def documents() -> dict[str, Any]:
    """Return what the fingerprints of a few runs hash, by the words of the run."""
    names = seams.names
    hashed: list[str] = []

    def kept(data: object) -> str:
        hashed.append(json.dumps(data))
        return canonical(data)

    canonical = names.canonical_json
    made = {}
    with mock.patch.object(names, "canonical_json", kept):
        for name in DOCUMENTED:
            hashed.clear()
            (run,), _ = planned([f"cell={name}"])
            every = [json.loads(text) for text in hashed]
            made[f"cell={name}"] = next(e for e in every if short(e) == run.fingerprint)
    return made


def read(name: str) -> list[dict[str, Any]]:
    """Return the records of a file of this folder."""
    return [json.loads(line) for line in (HERE / name).read_text(encoding="utf-8").splitlines()]


def write() -> None:
    """Write the files again."""
    records = {"cells.jsonl": [*cells().values()], "plans.jsonl": [plan_of(x) for x in lines()]}
    for name, several in records.items():
        text = "".join(f"{json.dumps(record)}\n" for record in several)
        (HERE / name).write_text(text, encoding="utf-8")
    text = json.dumps(documents(), indent=1, sort_keys=True)
    (HERE / "documents.json").write_text(f"{text}\n", encoding="utf-8")


def differences(before: Mapping[str, Any], after: Mapping[str, Any]) -> list[str]:
    """Return the keys of a record that differ; those that need data only where the data are."""
    if after.get("missing"):
        return []
    keys = sorted({*before} | {*after})
    if before.get("sources") != after.get("sources"):
        keys = [key for key in keys if key not in ("sources", "fingerprints")]
    if before.get("plugins") != after.get("plugins"):
        keys = [key for key in keys if key not in ("plugins", "fingerprint")]
    return [key for key in keys if before.get(key) != after.get(key)]


def main() -> int:
    """Compare with the files, or write them; return the exit code."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--write", action="store_true", help="write the files again")
    asked = parser.parse_args()
    with folder():
        if asked.write:
            write()
            return 0
        now = cells()
        pairs = [(old["cell"], old, now.get(old["cell"], {})) for old in read("cells.jsonl")]
        pairs += [(old["line"], old, plan_of(old["line"])) for old in read("plans.jsonl")]
    wrong = {name: what for name, old, new in pairs if (what := differences(old, new))}
    for name, what in wrong.items():
        sys.stdout.write(f"{name}: other {', '.join(what)}\n")
    sys.stdout.write(f"{len(wrong)} of {len(pairs)} differ\n")
    return int(bool(wrong))


if __name__ == "__main__":
    os.environ["GATEKIT_LOAD_PLUGINS"] = ""
    sys.exit(main())
