"""``gatekit prune``: take away what a study does not need; without ``--yes`` only show it."""

from __future__ import annotations

import sys
from collections.abc import Sequence

from gatekit.cell.errors import GatekitError
from gatekit.cli.output import write, write_json, write_table

from .status import study_parser

MOST = 30


def run(name: str, argv: Sequence[str]) -> int:
    """Show, or remove, what a study does not need.

    Args:
        name: the command's name.
        argv: its arguments.

    Returns:
        0, or 1 where something could not be removed.
    """
    parser = study_parser(name)
    parser.add_argument("--failed", action="store_true", help="whole runs that failed, too")
    parser.add_argument(
        "--stale", action="store_true", help="whole runs of an earlier source, results and all, too"
    )
    parser.add_argument("--yes", action="store_true", help="remove them")
    options = parser.read(argv)

    from gatekit.runs.studies.prune import removable, remove
    from gatekit.runs.studies.survey import study_folder, survey

    folder = study_folder(options.study, options.root, name)
    found = removable(folder, survey(folder), options.failed, options.stale)
    code = 0
    for removal in found if options.yes else ():
        try:
            remove(removal)
        except GatekitError as error:
            code = 1
            sys.stderr.write(f"gatekit prune: {error}\n")
    rows = [{"path": str(r.path), "what": r.what, "bytes": r.size} for r in found]
    total = sum(r.size for r in found)
    if options.json:
        write_json({"study": options.study, "removed": options.yes, "bytes": total, "rows": rows})
        return code
    if rows:
        write_table(rows[:MOST], ("path", "what", "bytes"))
    more = f" (the first {MOST} are shown)" if len(rows) > MOST else ""
    done = "removed" if options.yes else "to remove"
    write(f"{len(rows)} folders {done}{more}, {total / 2**20:.1f} MiB.")
    if rows and not options.yes:
        write("Nothing was removed yet: type the same with --yes.")
    return code
