"""``gatekit prune``: list the files that a study no longer needs; ``--yes`` removes them.

With ``--planned`` it withdraws planned runs instead, and removes nothing.
"""

from __future__ import annotations

import dataclasses
import sys
from argparse import Namespace

from gatekit.cell.errors import ConfigError, GatekitError, RunError
from gatekit.cli.arguments import Parser
from gatekit.cli.output import print_text, write_json, write_table
from gatekit.compare.options import CHOICE, add_options

MOST = 30


def run(parser: Parser) -> int:
    """List or remove the files that a study no longer needs, or withdraw planned runs.

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
    parser.add_argument(
        "--planned",
        action="store_true",
        help="withdraw planned runs that will not run, so that comparisons do not wait for them",
    )
    add_options(parser, *CHOICE)
    parser.add_argument("--yes", action="store_true", help="remove the folders, or withdraw runs")
    options = parser.read()
    if options.planned:
        return _withdraw(parser, options)
    if options.where or options.task:
        why = "--where and --task choose planned runs, and no complete run is ever removed"
        raise ConfigError(f"{why}; type --planned, too.")

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
        write_table(rows[:MOST], ("path", "what", "bytes"))
    more = f" (the first {MOST} are shown)" if len(rows) > MOST else ""
    done = "removed" if options.yes else "to remove"
    folders = "1 folder" if len(rows) == 1 else f"{len(rows)} folders"
    print_text(f"{folders} {done}{more}, {total / 2**20:.1f} MiB.")
    if rows and not options.yes:
        print_text("Nothing was removed yet; repeat the command with --yes to remove them.")
    return code


def _withdraw(parser: Parser, options: Namespace) -> int:
    """List or withdraw the planned runs that have not finished; running ones are left out."""
    if options.failed or options.stale:
        raise ConfigError(
            "--planned removes nothing, and --failed and --stale remove runs; type one of them."
        )
    from gatekit.compare.grouping.choose import where
    from gatekit.compare.study import load
    from gatekit.runs.studies import interim_file, plan_file
    from gatekit.runs.studies.prune import WITHDRAWABLE
    from gatekit.runs.studies.survey import study_folder

    folder = study_folder(options.study, options.root, parser.command)
    study = load(options.study, options.root)
    waiting = tuple(r for r in study.every if r.state in WITHDRAWABLE and study.awaits(r))
    study = where(dataclasses.replace(study, runs=waiting, planned=()), options.where, options.task)
    labels = {run.id: run.label for run in plan_file.read(folder).values()}
    rows = [{"run": r.id, "state": r.state, "label": labels[r.id]} for r in study.runs]
    if options.yes and rows:
        try:
            interim_file.withdraw(folder, [run.id for run in study.runs])
        except OSError as error:
            raise RunError(f"cannot write to {folder}: {error.strerror}.") from None
    if options.json:
        write_json({"study": options.study, "withdrawn": options.yes, "rows": rows})
        return 0
    if rows:
        write_table(rows[:MOST], ("run", "state", "label"))
    more = f" (the first {MOST} are shown)" if len(rows) > MOST else ""
    runs = "1 planned run" if len(rows) == 1 else f"{len(rows)} planned runs"
    print_text(f"{runs} {'withdrawn' if options.yes else 'to withdraw'}{more}.")
    if rows and not options.yes:
        print_text("Nothing was withdrawn yet; repeat the command with --yes to withdraw them.")
    return 0
