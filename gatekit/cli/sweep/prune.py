"""``gatekit prune``: list the files that a study no longer needs; ``--yes`` removes them."""

from __future__ import annotations

import sys

from gatekit.cell.errors import GatekitError
from gatekit.cli.arguments import Parser
from gatekit.cli.output import print_text, write_json, write_table

MOST = 30


def run(parser: Parser) -> int:
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
        write_table(rows[:MOST], ("path", "what", "bytes"))
    more = f" (the first {MOST} are shown)" if len(rows) > MOST else ""
    done = "removed" if options.yes else "to remove"
    folders = "1 folder" if len(rows) == 1 else f"{len(rows)} folders"
    print_text(f"{folders} {done}{more}, {total / 2**20:.1f} MiB.")
    if rows and not options.yes:
        print_text("Nothing was removed yet; repeat the command with --yes to remove them.")
    return code
