"""``gatekit report``: a study as one HTML page."""

from __future__ import annotations

import sys
from argparse import Namespace
from pathlib import Path
from typing import TYPE_CHECKING

from gatekit.cli.arguments import Parser
from gatekit.cli.options import check_ending, refuse_no_study
from gatekit.cli.output import print_text
from gatekit.compare.options import REACH, add_options
from gatekit.faults import Number

from .compare import add_grouping, compared, retyped

if TYPE_CHECKING:
    from gatekit.compare.report.context import Sheet
    from gatekit.compare.report.save import Sheets
    from gatekit.compare.study import Study


def run(parser: Parser) -> int:
    """Write the report of a study.

    Returns:
        0, or 1 if no run has an outcome.
    """
    options = _options(parser)
    path = options.to or Path(f"{options.study}.html")
    check_ending("--to", path, ".html", ".htm")
    refuse_no_study(options, parser.command)

    from gatekit.compare.report.save import watch, write_report

    if not options.watch:
        sheet = _sheet(options)
        write_report(path, sheet)
        print_text(str(path))
        return sheet.comparison.exit_code

    def tell(sheet: Sheet) -> None:
        study = sheet.comparison.study
        done = sum(run.counts for run in study.runs)
        asked = len(study.runs) + sheet.waiting
        sys.stderr.write(f"{path}: {done} of {asked} runs have an outcome\n")

    sys.stderr.write(f"checking for changes every {options.seconds:g} s; press Ctrl-C to stop\n")
    study = Path(options.root, options.study)
    last = watch(path, study, _sheets(options), tell, options.seconds)
    print_text(str(path))
    return last.comparison.exit_code


def _options(parser: Parser) -> Namespace:
    add_grouping(parser)
    add_options(parser, *REACH)
    parser.add_argument(
        "--to", type=Path, metavar="FILE.html", help="the file to write (default: STUDY.html)"
    )
    parser.add_argument(
        "--watch", action="store_true", help="update the page whenever a run changes, until Ctrl-C"
    )
    parser.add_argument(
        "--seconds",
        type=Number(1),
        default=5.0,
        help="seconds between two checks of --watch, and between reloads of the page (default: 5)",
    )
    parser.add_plugins()
    return parser.read()


def _sheets(options: Namespace) -> Sheets:
    from gatekit.compare.report.save import Sheets

    return Sheets(options.study, options.root, lambda study: _sheet(options, study))


def _sheet(options: Namespace, study: Study | None = None) -> Sheet:
    from gatekit.compare.report.context import sheet

    how = options.x, options.plugin, options.reach, options.over
    return sheet(compared(options, study), retyped(options), *how)
