"""``gatekit report``: a study as one HTML page."""

from __future__ import annotations

from argparse import Namespace
from pathlib import Path

from gatekit.cli.options import Parser, check_ending, refuse_no_study
from gatekit.cli.output import print_text
from gatekit.compare.options import add_options

from .compare import add_grouping, compared, retyped


def run(parser: Parser) -> int:
    """Write the report of a study.

    Returns:
        0, or 1 if no run has an outcome.
    """
    options = _options(parser)
    path = options.to or Path(f"{options.study}.html")
    check_ending("--to", path, ".html", ".htm")
    refuse_no_study(options, parser.command)

    from gatekit.compare.report.context import sheet
    from gatekit.compare.report.save import write_report

    comparison = compared(options)
    how = options.x, options.plugin, options.over
    write_report(path, sheet(comparison, retyped(options), *how))
    print_text(str(path))
    return comparison.exit_code


def _options(parser: Parser) -> Namespace:
    add_grouping(parser)
    add_options(parser, "over")
    parser.add_argument(
        "--to", type=Path, metavar="FILE.html", help="the file to write (default: STUDY.html)"
    )
    parser.add_plugins()
    return parser.read()
