"""``gatekit failures``: list failed runs by cause, with the end of a log and what to type."""

from __future__ import annotations

import re
import sys
from collections.abc import Sequence
from textwrap import wrap
from typing import TYPE_CHECKING, Any

from gatekit.cell.terminal import escaped, line_width, without_sequences
from gatekit.cli.arguments import Parser
from gatekit.cli.output import print_text, write_json
from gatekit.faults import Whole
from gatekit.runs.names import LOG

if TYPE_CHECKING:
    from gatekit.runs.studies.survey import Cause, SurveyedRun

# A string that a shell reads as one word; spaces in quotes belong to it.
_WORDS = re.compile(r"""(?:[^\s'"\\]|\\.|'[^']*'|"(?:[^"\\]|\\.)*")+|\S+""")


def run(parser: Parser) -> int:
    """Show why runs of a study failed, were lost or are corrupt.

    Returns:
        0, or 1 if there is such a run.
    """
    parser.add_study()
    parser.add_root()
    parser.add_json()
    parser.add_argument(
        "--lines", type=Whole(0), default=8, help="number of lines of the log (default: 8)"
    )
    options = parser.read()

    from gatekit.runs.studies.survey import causes, study_folder, survey

    runs = survey(study_folder(options.study, options.root, parser.command))
    grouped = causes(runs)
    data = [_entry(cause, options.lines) for cause in grouped]
    if options.json:
        write_json({"study": options.study, "causes": data})
    elif not data:
        print_text(f"study {options.study}: no run has failed.{_diverged(runs)}")
    else:
        width = line_width(sys.stdout)
        print_text("\n\n".join(_text(entry, width) for entry in data))
    return 1 if data else 0


def _diverged(runs: Sequence[SurveyedRun]) -> str:
    """Return how many runs diverged, as a sentence; empty if none did."""
    ids = [run.id for run in runs if run.state == "DIVERGED"]
    if not ids:
        return ""
    return (
        f" {len(ids)} of {len(runs)} diverged, which counts as an outcome: "
        f"`gatekit logs {ids[0][:8]}` shows the log of one."
    )


def _entry(cause: Cause, lines: int) -> dict[str, Any]:
    first = cause.runs[0]
    # --lines 0 shows no log.
    tail = first.folder().log_tail(lines) if lines else []
    return {
        "state": cause.state,
        "reason": cause.reason,
        "count": len(cause.runs),
        "runs": [{"id": run.id, "label": run.label} for run in cause.runs],
        "log": str(first.path / LOG),
        "last_lines": tail,
        "command": first.retry,
    }


def _text(entry: dict[str, Any], width: int) -> str:
    runs = entry["runs"]
    lines = [f"{entry['count']} {entry['state']}: {entry['reason']}"]
    for run in runs[:5]:
        lines.append(
            f"    {run['id']}" + (f"  {run['label']}" if run["label"] != run["id"] else "")
        )
    lines += [f"    ... and {len(runs) - 5} more"] if len(runs) > 5 else []
    lines += [f"  the end of {entry['log']}:"] if entry["last_lines"] else []
    lines += [f"    {without_sequences(line)}" for line in entry["last_lines"]]
    lines = [part for line in lines for part in _wrapped(line, width)]
    if entry["command"]:
        lines += ["  to repeat the first one:", *_command(entry["command"], width)]
    return "\n".join(lines)


def _wrapped(line: str, width: int) -> list[str]:
    """Return a line in pieces that fit the width; all but the first are indented further."""
    text = escaped(line).expandtabs(4)
    indent = " " * min(len(text) - len(text.lstrip()) + 4, width // 2)
    return wrap(text, width, subsequent_indent=indent, break_on_hyphens=False) or [""]


def _command(command: str, width: int) -> list[str]:
    """Return a command in lines that a shell reads as one; no argument is split."""
    lines = [" " * 4]
    for word in _WORDS.findall(command):
        if len(lines[-1]) + 1 + len(word) + 2 > width and lines[-1].strip():
            lines[-1] += " \\"
            lines.append(" " * 6)
        lines[-1] += f" {word}" if lines[-1].strip() else word
    return lines
