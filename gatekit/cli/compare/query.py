"""``gatekit query``: SQL over the runs and metrics of studies."""

from __future__ import annotations

import sys
from collections.abc import Sequence

from gatekit.cli.arguments import Parser
from gatekit.cli.commands import COMMANDS
from gatekit.cli.options import add_root
from gatekit.cli.output import write, write_json, write_table

_MOST_SHOWN = 200


def run(name: str, argv: Sequence[str]) -> int:
    """Run one SELECT over the tables ``runs`` and ``metrics``.

    Args:
        name: the command's name.
        argv: its arguments.
    """
    parser = Parser(name, COMMANDS[name].summary)
    parser.add_argument("sql", help='a query such as "select cell, avg(test) from runs group by 1"')
    add_root(parser)
    parser.add_argument(
        "--study",
        action="append",
        default=[],
        help="query only this study; may be repeated (default: all studies)",
    )
    form = parser.add_mutually_exclusive_group()
    form.add_argument("--json", action="store_true", help="write JSON")
    form.add_argument("--csv", action="store_true", help="write CSV")
    options = parser.read(argv)

    from gatekit.compare.output.export import csv_text
    from gatekit.compare.output.query import query
    from gatekit.compare.study import load, studies

    names = options.study or studies(options.root)
    answer = query(options.sql, [load(study, options.root) for study in names])
    if options.json:
        write_json(answer.records())
    elif options.csv:
        write(csv_text(answer.columns, answer.records()))
    else:
        rows = [
            {key: "" if value is None else value for key, value in record.items()}
            for record in answer.records()[:_MOST_SHOWN]
        ]
        write_table(rows, answer.columns)
        if len(answer.rows) > _MOST_SHOWN:
            more = len(answer.rows) - _MOST_SHOWN
            sys.stderr.write(f"and {more} more rows; --csv or --json writes all\n")
    return 0
