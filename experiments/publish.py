"""Stores what a study found beside its README: ``python -m experiments.publish STUDY``.

``comparison.txt`` is what each ``gatekit compare`` and ``gatekit gates-report`` of the README
prints, ``figure.svg`` what one of them draws, and ``results.csv`` has a row for every run, with the
groups of the first command. Runs of a second part are in ``parts.csv``.
"""

from __future__ import annotations

import csv
import io
import itertools
import json
import os
import re
import shlex
import subprocess
import sys
from pathlib import Path
from typing import Any

import gatekit
from gatekit.runs import durable

ROOT = Path(__file__).parents[1]
GATEKIT = "import sys; from gatekit.cli.main import main; sys.exit(main())"
COLUMNS = ("group", "seed", "run", "state", "best_epoch", "validation", "test")
COLUMNS += ("recurrent_parameters", "seconds")
SECOND = {"blocks": "block=parts", "mad": "retnet "}
"""For a study with a second part, the word of its labels; its runs are in ``parts.csv``."""


def commands(study: str, place: Path = ROOT) -> list[list[str]]:
    """Return the words of each command line in a study's README, in the clone ``place``."""
    text = (place / "experiments" / study / "README.md").read_text(encoding="utf-8")
    blocks = re.findall(r"^```console\n(.*?)^```", text, re.MULTILINE | re.DOTALL)
    return [shlex.split(line) for block in blocks for line in block.splitlines()]


def looks(study: str, place: Path = ROOT) -> list[list[str]]:
    """Return the words of those command lines that look at results."""
    looking = ("compare", "gates-report")
    return [words for words in commands(study, place) if words[1] in looking]


def said(words: list[str], place: Path = ROOT) -> str:
    """Return what a command of gatekit prints.

    Raises:
        SystemExit: the command failed; with its error message.
    """
    done = subprocess.run(
        [sys.executable, "-c", GATEKIT, *words],
        cwd=place,
        env={**os.environ, "COLUMNS": "100"},
        capture_output=True,
        text=True,
    )
    if done.returncode:
        raise SystemExit(done.stderr)
    return "\n".join(line.rstrip() for line in done.stdout.splitlines()) + "\n"


def rows(words: list[str], place: Path = ROOT) -> list[dict[str, Any]]:
    """Return the runs of a comparison, those of a group together, ordered by seed."""
    about = {row["run"]: row for row in gatekit.load(words[1], place / "experiments").rows()}
    drawing = {"--figure", "--draw"}
    plain = [w for before, w in itertools.pairwise(["", *words]) if not drawing & {before, w}]
    groups = json.loads(said([*plain, "--json"], place))
    return [{**about[run], "group": group["group"]} for group in groups for run in group["runs"]]


def table(found: list[dict[str, Any]]) -> str:
    """Return runs as CSV; a task's further test sets are columns, too."""
    metrics = {f"test_{row['metric']}" for row in found}
    further = sorted({k for row in found for k in row if k.startswith("test_")} - metrics)
    text = io.StringIO()
    columns = [*COLUMNS, *further]
    writer = csv.DictWriter(text, columns, extrasaction="ignore", lineterminator="\n")
    writer.writeheader()
    writer.writerows(found)
    return text.getvalue()


def main(study: str, place: Path = ROOT) -> None:
    """Write a study's comparison, figure and results into its folder."""
    typed = looks(study, place)
    folder = place / "experiments" / study
    texts = [f"$ {shlex.join(words)}\n\n{said(words[1:], place)}" for words in typed]
    durable.write(folder / "comparison.txt", "\n".join(texts))
    found = rows(typed[0][1:], place)
    later = [row for row in found if SECOND.get(study, "\0") in row["group"]]
    durable.write(folder / "results.csv", table([row for row in found if row not in later]))
    if later:
        durable.write(folder / "parts.csv", table(later))


if __name__ == "__main__":
    main(sys.argv[1])
