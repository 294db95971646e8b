"""Check whether the rule of each study could have come out otherwise.

``python -m experiments.protocols`` applies the rule of each study to its results and to planted
tables, and exits with 1 if a planted table would also give the verdict that is printed, or if a
generated part of a page is out of date. ``--write`` writes these parts: verdicts and checklists
of the studies' READMEs and three columns of docs/findings.md. ``--json`` prints the verdicts, and
``--resample`` writes ``stability.csv``, how often each verdict stays if seeds are drawn again.
"""

from __future__ import annotations

import csv
import io
import json
import sys

from gatekit.runs import durable

from . import claims, pages


def main(arguments: list[str]) -> int:
    """Check all studies, or write the generated parts of the pages."""
    if "--write" in arguments:
        for path, text in pages.written().items():
            durable.write(path, text)
        return 0
    if "--resample" in arguments:
        text = io.StringIO()
        writer = csv.writer(text, lineterminator="\n")
        writer.writerow(["row", "resamples", "share"])
        for name in claims.ROWS:
            writer.writerow([name, claims.RESAMPLES, claims.stability(name)])
        durable.write(pages.STABILITY, text.getvalue())
        return 0
    wrong = False
    found = {}
    for name, study in claims.ALL.items():
        table = claims.table_of(name)
        verdict, plants = claims.decide(study, table), claims.planted(study, table)
        refused = claims.refusals(study, table)
        wrong |= bool(refused)
        found[name] = {
            "verdict": str(verdict),
            "planted": {plant: str(v) for plant, v in plants.items()},
            "refused": refused,
        }
        if "--json" not in arguments:
            lines = [f"{name}: {'REFUSED, ' if refused else ''}{verdict}"]
            lines += [f"  {plant}: {other}" for plant, other in plants.items()]
            sys.stdout.write("\n".join(lines) + "\n")
    if "--json" in arguments:
        sys.stdout.write(json.dumps(found, indent=2) + "\n")
    for path, text in pages.written().items():
        if path.read_text(encoding="utf-8") != text:
            name = path.relative_to(pages.ROOT)
            sys.stderr.write(f"{name} is out of date: type the command with --write.\n")
            wrong = True
    return int(wrong)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
