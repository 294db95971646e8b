"""The generated parts of the pages: verdicts, planted tables, columns of the findings.

A generated part of a README is between ``<!-- NAME -->`` and ``<!-- end -->``. In docs/findings.md,
the columns "rule written", "stable" and "verdict" are generated, the others are written by hand.
The command is ``python -m experiments.protocols --write``.
"""

from __future__ import annotations

import csv
import re
import textwrap
from collections import Counter
from pathlib import Path

from . import claims, rules

ROOT = Path(__file__).parents[1]
STABILITY = ROOT / "experiments" / "stability.csv"
_PART = re.compile(r"(<!-- (verdict|checks|second) -->\n).*?(?=<!-- end -->)", re.DOTALL)
_COUNT = re.compile(r"\d+ claims at small sizes(.*?)\[[^]]*\](?=\(docs/findings.md\))")
_ROW = re.compile(r"^\| \[(\w+(?:, second part)?)\]\(")


def written() -> dict[Path, str]:
    """Return each page that has generated parts, as it should be."""
    found = {}
    for name in claims.STUDIES:
        path = ROOT / "experiments" / name / "README.md"
        found[path] = _filled(path, name)
    path = ROOT / "docs" / "findings.md"
    found[path] = findings(path.read_text(encoding="utf-8"))
    path = ROOT / "README.md"
    text = f"{len(claims.ROWS)} claims at small sizes\\1[{count()}]"
    found[path] = _COUNT.sub(text, path.read_text(encoding="utf-8"))
    return found


def verdict(name: str) -> str:
    """Return the lines that a second reading begins with."""
    texts = (
        f"**{claims.verdict_of(name)}** ({claims.scope(name)}).",
        f"This rule was written {claims.ALL[name].written}.",
    )
    return "\n\n".join(textwrap.fill(text, 120) for text in texts) + "\n"


def checks(name: str) -> str:
    """Return what the rule of a study makes of planted tables."""
    study = claims.ALL[name]
    plants = claims.planted(study, claims.table_of(name))
    if not study.bounds:
        for plant in ("the ceiling", "chance"):
            plants[plant] = rules.Verdict("the metric has no known end")
    rows = [f"- **What would {plant} give?** {found}" for plant, found in plants.items()]
    return "\n".join(textwrap.fill(row, 120, subsequent_indent="  ") for row in rows) + "\n"


def row_verdict(name: str) -> rules.Verdict:
    """Return the verdict of a row of the findings."""
    return claims.row_of(name, {each: claims.verdict_of(each) for each in claims.ROWS[name]})


def count() -> str:
    """Return how many claims hold, as the front page prints it."""
    found = Counter(row_verdict(name).outcome for name in claims.ROWS)
    words = {rules.REPRODUCED: "reproduced", rules.NOT: "not", rules.PART: "in part"}
    return ", ".join(f"{found[o]} {w}" for o, w in (words | {rules.NONE: "undecided"}).items())


def findings(text: str) -> str:
    """Return the page of findings with its generated columns."""
    with STABILITY.open(newline="", encoding="utf-8") as file:
        stable = {row["row"]: float(row["share"]) for row in csv.DictReader(file)}
    lines = []
    for line in text.splitlines():
        if found := _ROW.match(line):
            cells = line.strip("| ").split(" | ")
            name = found[1]
            studies = [claims.ALL[each] for each in claims.ROWS[name]]
            cells[4] = "before" if all(study.before for study in studies) else "after"
            low = stable[name] < claims.STABLE
            cells[5] = f"{stable[name]:.0%}".replace("%", " %") + ", unstable" * low
            scopes = "; ".join(claims.scope(each) for each in claims.ROWS[name])
            cells[6] = f"{row_verdict(name)} ({scopes})"
            line = f"| {' | '.join(cells)} |"
        lines.append(line)
    return "\n".join(lines) + "\n"


def _filled(path: Path, name: str) -> str:
    second = [verdict, checks]

    def part(found: re.Match[str]) -> str:
        if found[2] == "second":
            return found[1] + second.pop(0)(f"{name}, second part")
        return found[1] + (verdict if found[2] == "verdict" else checks)(name)

    return _PART.sub(part, path.read_text(encoding="utf-8"))
