"""``gatekit status`` shows the state of the runs of a study, ``serve`` all studies on a page."""

from __future__ import annotations

import contextlib
import signal
import sys
import threading
import time
from collections import Counter
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from gatekit.cli.arguments import Parser
from gatekit.cli.output import print_text, write_json, write_table
from gatekit.faults import Whole
from gatekit.runs.names import as_root

if TYPE_CHECKING:
    from gatekit.runs.studies.survey import SurveyedRun
    from gatekit.study.launch.following import FollowedRun

MOST = 20
SILENT = 600.0
"""Seconds after which a missing heartbeat is reported; the clocks of machines differ by less."""


def run(parser: Parser) -> int:
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
