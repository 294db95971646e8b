"""``gatekit query``: query the runs and metrics of studies with SQL."""

from __future__ import annotations

import sys

from gatekit.cell.terminal import line_width
from gatekit.cli.arguments import Parser
from gatekit.cli.output import write, write_json

from .compare import add_choice

_MOST_SHOWN = 200


def run(parser: Parser) -> int:
    """Run one SELECT over the tables ``runs`` and ``metrics``."""
    parser.add_argument("sql", help='a query such as "select cell, avg(test) from runs group by 1"')
    parser.add_root()
    parser.add_argument(
        "--study",
        action="append",
        default=[],
        help="query only this study; may be repeated (default: all studies)",
    )
    add_choice(parser)
    form = parser.add_mutually_exclusive_group()
    form.add_argument("--json", action="store_true", help="write JSON")
    form.add_argument("--csv", action="store_true", help="write CSV")
    options = parser.read()

    from gatekit.compare.grouping.choose import where_any
    from gatekit.compare.output.columns import table_or_blocks
    from gatekit.compare.output.export import csv_text
    from gatekit.compare.output.query import query
    from gatekit.compare.study import load, studies

    names = options.study or studies(options.root)
    loaded = [load(study, options.root) for study in names]
    if options.where or options.task:
        loaded = where_any(loaded, options.where, options.task)
    answer = query(options.sql, loaded)
    if options.json:
        write_json(answer.records())
    elif options.csv:
        write(csv_text(answer.columns, answer.records()))
    else:
        shown = answer.records()[:_MOST_SHOWN]
        for line in table_or_blocks(answer.columns, shown, line_width(sys.stdout)):
            write(line)
        if len(answer.rows) > _MOST_SHOWN:
            more = len(answer.rows) - _MOST_SHOWN
            sys.stderr.write(f"and {more} more rows; --csv or --json writes all\n")
    return 0
