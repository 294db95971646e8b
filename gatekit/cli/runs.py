"""Commands about the runs of studies: status, serve, logs, failures and prune."""

from __future__ import annotations

import contextlib
import re
import signal
import sys
import threading
import time
from collections import Counter
from collections.abc import Mapping, Sequence
from pathlib import Path
from textwrap import wrap
from typing import TYPE_CHECKING, Any

from gatekit.cell.errors import GatekitError, RunError
from gatekit.cell.terminal import escaped, line_width, without_sequences
from gatekit.cli.options import Parser
from gatekit.cli.output import print_text, write_json, write_table
from gatekit.faults import Whole
from gatekit.runs.names import ATTEMPTS, LOG, as_root

if TYPE_CHECKING:
    from gatekit.runs.studies.survey import Cause, SurveyedRun
    from gatekit.study.launch.following import FollowedRun


MOST = 20
SILENT = 600.0
"""Seconds after which a missing heartbeat is reported; the clocks of machines differ by less."""


def status(parser: Parser) -> int:
    """Show the state of the runs of a study.

    Returns:
        0, or 1 if a run failed, was lost or is corrupt.
    """
    parser.add_study()
    parser.add_root()
    parser.add_json()
    parser.add_argument("--runs", action="store_true", help="list every run")
    parser.add_argument(
        "--verify", action="store_true", help="also check the hashes of large weights"
    )
    options = parser.read()

    from gatekit.runs.studies.plan_file import commands
    from gatekit.runs.studies.survey import TROUBLES, study_folder, survey
    from gatekit.study.launch.following import duration

    folder = study_folder(options.study, options.root, parser.command)
    runs = survey(folder, options.verify, as_compared=True)
    running = _running(runs)
    left = _seconds_left(runs, running)
    states = dict(Counter(run.state for run in runs))
    stale = sum(run.stale is not None for run in runs)
    if options.json:
        rows = [
            entry(run) | {"progress": running[run.id].facts() if run.id in running else None}
            for run in runs
        ]
        write_json(
            {"study": options.study, "path": str(folder), "states": states, "stale": stale}
            | {"seconds_left": left, "commands": commands(folder), "runs": rows}
        )
    else:
        print_text(f"study {options.study}: {', '.join(f'{n} {s}' for s, n in states.items())}")
        if stale:
            print_text(f"{stale} stale: the source of a plugin or the data changed after the run")
        unsealed = sum(not run.sealed for run in runs)
        if unsealed:
            print_text(f"results of an earlier gatekit, stored without a hash: {unsealed}")
        shown = runs if options.runs else [r for r in runs if r.state not in ("COMPLETED",)]
        _table(shown, running, None if options.runs else MOST)
        if left is not None:
            print_text(f"about {duration(left)} left, with {len(running)} at a time")
        if any(run.state in TROUBLES for run in runs):
            print_text(f"why: gatekit failures {options.study}{as_root(options.root)}")
        typed = commands(folder)
        for command in typed[:MOST]:
            print_text(f"command: {command}")
        if len(typed) > MOST:
            print_text(f"... and {len(typed) - MOST} more; --json lists all")
    return 1 if any(run.state in TROUBLES for run in runs) else 0


def entry(run: SurveyedRun) -> dict[str, Any]:
    """Return a run as plain data."""
    return {
        "id": run.id,
        "state": run.state,
        "label": run.label,
        "reason": run.reason or silent(run),
        "attempt": run.attempt,
        "stale": run.stale,
        "sealed": run.sealed,
        "updated": run.updated,
        "path": str(run.path),
        "command": run.command,
    }


def silent(run: SurveyedRun) -> str | None:
    """Return since when a run has had no heartbeat, if that is long ago by this machine's clock.

    This is only a hint: the next sweep listens for a heartbeat to decide whether the run is dead.
    """
    from gatekit.runs.names import BEAT

    if run.state == "RUNNING":
        with contextlib.suppress(OSError):
            heard = (run.path / BEAT).stat().st_mtime
            if time.time() - heard > SILENT:
                when = time.strftime("%Y-%m-%d %H:%M UTC", time.gmtime(heard))
                return f"no heartbeat since {when}; the next sweep decides if it is dead"
    return None


def _running(runs: Sequence[SurveyedRun]) -> dict[str, FollowedRun]:
    """Return the progress of each run that is running, by its id."""
    from gatekit.study.launch.following import FollowedRun

    running = {run.id: FollowedRun(run.path) for run in runs if run.state == "RUNNING"}
    for following in running.values():
        following.update()
    return running


def _seconds_left(runs: Sequence[SurveyedRun], running: Mapping[str, FollowedRun]) -> float | None:
    """Return the estimated seconds until the last run ends, with as many at a time as now."""
    from gatekit.study.launch.following import seconds_left

    if not running:
        return None
    ended = [run.seconds for run in runs if run.seconds is not None]
    waiting = sum(run.state in ("PLANNED", "INTERRUPTED", "LOST") for run in runs)
    left = seconds_left(ended, list(running.values()), waiting, len(running))
    return None if left is None else round(left, 1)


def _table(
    runs: Sequence[SurveyedRun], running: Mapping[str, FollowedRun], most: int | None
) -> None:
    if not runs:
        return
    rows = [
        {
            "run": run.id,
            "state": run.state + (" stale" if run.stale is not None else ""),
            "what": "" if run.label == run.id else run.label,
            "progress": running[run.id].summary() if run.id in running else "",
            "reason": _short(run.reason or silent(run) or run.stale or ""),
        }
        for run in runs[:most]
    ]
    columns = ("run", "state", "what", "progress", "reason")
    write_table(rows, [c for c in columns if any(row[c] for row in rows)])
    if most is not None and len(runs) > most:
        print_text(f"... and {len(runs) - most} more; --runs lists all")


def _short(text: str) -> str:
    first = (text.splitlines() or [""])[0]
    return first if len(first) <= 80 else first[:77] + "..."


def serve(parser: Parser) -> int:
    """Serve the page until Ctrl-C or SIGTERM."""
    from gatekit.compare.live.server import PORT, Server

    parser.add_root()
    parser.add_argument(
        "--port",
        type=Whole(0, 65_535),
        default=PORT,
        help=f"the port; 0 takes a free one (default: {PORT})",
    )
    parser.add_json("write the address as JSON")
    options = parser.read()
    with Server(Path(options.root), options.port) as server:
        if options.json:
            write_json({"address": server.address, "root": str(options.root)})
        else:
            print_text(f"{server.address} shows the studies of {options.root}; Ctrl-C ends it")
        sys.stdout.flush()
        if threading.current_thread() is threading.main_thread():
            # SIGTERM acts like Ctrl-C, also under nohup, which only ignores a closed terminal.
            signal.signal(signal.SIGTERM, signal.default_int_handler)
        try:
            server.serve_forever()
        except KeyboardInterrupt:
            sys.stderr.write("\n")
    return 0


MOST_BYTES = 32 * 2**20


def logs(parser: Parser) -> int:
    """Show the log of a run."""
    parser.add_run()
    parser.add_root()
    parser.add_argument("--lines", type=Whole(1), metavar="N", help="only the last N lines")
    parser.add_argument(
        "--attempt", type=Whole(1), metavar="N", help="the log of an earlier attempt"
    )
    parser.add_json()
    options = parser.read()

    from gatekit.runs import durable
    from gatekit.runs.studies.survey import find

    record = find(options.run, options.root)
    folder = record.path
    if options.attempt is not None and options.attempt != record.attempt:
        folder = record.path / ATTEMPTS / str(options.attempt)
    path = folder / LOG
    try:
        with durable.opened(path) as file:
            text = file.read(MOST_BYTES).decode("utf-8", errors="replace")
    except OSError as error:
        why = "is missing" if durable.missing(error) else f"cannot be read: {error.strerror}"
        raise RunError(f"run {record.id} is {record.state}; {path} {why}") from None
    # Split at line feeds only: a progress bar's carriage returns belong to its line.
    lines = text.removesuffix("\n").split("\n") if text else []
    lines = lines[-options.lines :] if options.lines else lines
    if options.json:
        write_json({**entry(record), "log": str(path), "lines": lines})
    else:
        shown = map(without_sequences, lines)
        print_text("\n".join([f"{path}  ({record.state}, {record.label})", *shown]))
    return 0


# A string that a shell reads as one word; spaces in quotes belong to it.
_WORDS = re.compile(r"""(?:[^\s'"\\]|\\.|'[^']*'|"(?:[^"\\]|\\.)*")+|\S+""")


def failures(parser: Parser) -> int:
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
    data = [_cause(cause, options.lines) for cause in grouped]
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


def _cause(cause: Cause, lines: int) -> dict[str, Any]:
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


MOST_FOLDERS = 30


def prune(parser: Parser) -> int:
    """List or remove the files that a study no longer needs.

    Returns:
        0, or 1 if a file could not be removed.
    """
    parser.add_study()
    parser.add_root()
    parser.add_json()
    parser.add_argument("--failed", action="store_true", help="include whole runs that failed")
    parser.add_argument(
        "--stale",
        action="store_true",
        help="include whole runs whose plugin or data changed after the run, with their results",
    )
    parser.add_argument("--yes", action="store_true", help="remove the folders")
    options = parser.read()

    from gatekit.runs.studies.prune import removable, remove
    from gatekit.runs.studies.survey import study_folder, survey

    folder = study_folder(options.study, options.root, parser.command)
    removals = removable(folder, survey(folder), options.failed, options.stale)
    code = 0
    for removal in removals if options.yes else ():
        try:
            remove(removal)
        except GatekitError as error:
            code = 1
            sys.stderr.write(f"gatekit prune: {error}\n")
    rows = [{"path": str(r.path), "what": r.what, "bytes": r.size} for r in removals]
    total = sum(r.size for r in removals)
    if options.json:
        write_json({"study": options.study, "removed": options.yes, "bytes": total, "rows": rows})
        return code
    if rows:
        write_table(rows[:MOST_FOLDERS], ("path", "what", "bytes"))
    more = f" (the first {MOST_FOLDERS} are shown)" if len(rows) > MOST_FOLDERS else ""
    done = "removed" if options.yes else "to remove"
    folders = "1 folder" if len(rows) == 1 else f"{len(rows)} folders"
    print_text(f"{folders} {done}{more}, {total / 2**20:.1f} MiB.")
    if rows and not options.yes:
        print_text("Nothing was removed yet; repeat the command with --yes to remove them.")
    return code
