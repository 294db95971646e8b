"""The numbers of cells at an earlier commit, bit for bit: `python -m tests.frozen.same_bits`.

`same_bits.json` has the hashes of outputs, last states and gradients that `tests/bits.py` computes:
of every cell with `reference`, and of every cell that can with `affine`, `scan` and `chunk`. The
last bits depend on the processor and on the versions of libraries, which the file has, too. Where
they are others, the hashes of that commit are computed again, from git. ``--write COMMIT`` writes
the file. It takes about five minutes; ``--number N`` compares fewer cases.

The exit code is 1 if a hash differs, unless the version of the numbers differs, too.
"""

from __future__ import annotations

import argparse
import hashlib
import importlib.metadata
import json
import platform
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from tests import bits

FILE = Path(__file__).with_name("same_bits.json")
ALL_CALLS = ("affine", "scan", "chunk")
"""Executors of which every call is a case; of `reference`, two calls of each cell are."""
LIBRARIES = ("tensorflow", "keras", "numpy")


def machine() -> dict[str, str]:
    """Return what the last bits depend on."""
    text = Path("/proc/cpuinfo").read_text(encoding="utf-8", errors="replace")
    flags = {line for line in text.splitlines() if line.startswith(("flags", "Features"))}
    digest = hashlib.sha256("\n".join(sorted(flags)).encode()).hexdigest()[:16]
    versions = {name: importlib.metadata.version(name) for name in LIBRARIES}
    return {"processor": f"{platform.machine()} {digest}", **versions}


def cases() -> list[bits.Case]:
    """Return the cases of the file, when it is written."""
    every = bits.cases()
    names = sorted({name for name, *_ in every})
    others = [call for call in bits.CALLS if call != "plain"]
    second = {name: others[place % len(others)] for place, name in enumerate(names)}
    return [
        (name, executor, call)
        for name, executor, call in every
        if executor in ALL_CALLS or (executor == "reference" and call in ("plain", second[name]))
    ]


def recorded(tree: Path, selected: Sequence[bits.Case]) -> dict[str, Any]:
    """Return the version of the numbers and the hashes of the cases, computed by a tree."""
    with tempfile.TemporaryDirectory() as folder:
        listed = Path(folder) / "cases.json"
        listed.write_text(json.dumps(selected))
        process = bits.started(tree, listed)
        output = process.communicate()[0]
    if process.returncode:
        raise SystemExit(f"numbers: {tree} could not be recorded; its error is above")
    return dict(json.loads(output))


def write(commit: str) -> None:
    """Write the file from a commit's code."""
    with bits.tree_of(commit) as tree:
        found = recorded(tree, cases())
    lines = [f"{json.dumps(case)}: {json.dumps(h)}" for case, h in sorted(found["cases"].items())]
    head = {"commit": commit, "numerics": found["numerics"], "machine": machine()}
    body = ",\n".join(lines)
    FILE.write_text(f'{json.dumps(head)[:-1]}, "cases": {{\n{body}\n}}}}\n', encoding="utf-8")


def main() -> int:
    """Compare this tree with the file, or write it; return the exit code."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--write", metavar="COMMIT", help="write the file from a commit's code")
    parser.add_argument("--number", type=int, default=sys.maxsize, help="how many cases")
    asked = parser.parse_args()
    if asked.write:
        write(asked.write)
        return 0
    before = json.loads(FILE.read_text(encoding="utf-8"))
    every = [tuple(case.split(" ")) for case in before["cases"]]
    selected = bits.chosen(every, asked.number)
    here = before["machine"] == machine()
    if not here:
        with bits.tree_of(before["commit"]) as tree:
            before |= recorded(tree, selected)
    after = recorded(bits.ROOT, selected)
    found = bits.different(before["cases"], after["cases"])
    known = {" ".join(case) for case in selected}
    gone = sorted(known - {*after["cases"]})
    for case, what in found.items():
        sys.stdout.write(f"{case}: other {', '.join(what)}\n")
    for case in gone:
        sys.stdout.write(f"{case}: its cell is gone\n")
    source = "the file" if here else f"{before['commit'][:8]}, computed here"
    note = "; NUMERICS differs, too" if before["numerics"] != after["numerics"] else ""
    sys.stdout.write(f"{len(found)} of {len(selected)} cases differ from {source}{note}\n")
    return int(bool(found or gone) and not note)


if __name__ == "__main__":
    sys.exit(main())
