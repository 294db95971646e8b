"""``gatekit gates-report``: the behaviour of the gates of a study's variants."""

from __future__ import annotations

import shlex
import sys
from argparse import Namespace
from typing import TYPE_CHECKING, Any

from gatekit.cell.errors import ConfigError
from gatekit.cell.terminal import line_width
from gatekit.cli.arguments import Parser
from gatekit.cli.compare.compare import add_choice, add_labels
from gatekit.cli.options import figure_formats, keys
from gatekit.cli.output import write, write_json

if TYPE_CHECKING:
    from gatekit.compare.gates.behaviour import GatesReport


def run(parser: Parser) -> int:
    """Report the behaviour of gates and states in the probed runs of a study."""
    options = _options(parser)
    figure = figure_formats(options.figure)
    if options.run is not None and figure is None:
        raise ConfigError("--run draws one run's activations; also type --figure FILE.pdf.")
    by = keys(options.by) or None

    from gatekit.compare.gates.behaviour import gates_report
    from gatekit.compare.grouping.choose import where
    from gatekit.compare.study import load

    study = where(load(options.study, options.root), options.where, options.task)
    report = gates_report(study, by=by, labels=options.label)
    if options.json:
        from gatekit.compare.gates.text import to_data

        write_json(to_data(report))
    else:
        _print(report)
    if figure is not None:
        from gatekit.compare.figures import draw_gates
        from gatekit.compare.render.activations import draw_activations

        stem, formats = figure
        how: dict[str, Any] = {
            "command": shlex.join(["gatekit", parser.command, *parser.typed]),
            "formats": formats,
            "layer": options.layer,
        }
        if options.run is None:
            files = draw_gates(report, stem, **how)
        else:
            files = draw_activations(report, options.run, stem, **how)
        for file in files:
            sys.stderr.write(f"figure: {file}\n")
    return 0


def _options(parser: Parser) -> Namespace:
    parser.add_study()
    parser.add_root()
    add_choice(parser)
    parser.add_keys(
        "--by", "group by these keys (default: every key that differs, except the seed)"
    )
    add_labels(parser)
    parser.add_figure()
    parser.add_argument(
        "--run", metavar="ID", help="with --figure: draw this run's activations as heat maps"
    )
    parser.add_argument(
        "--layer",
        metavar="NAME",
        help="with --figure: the recurrent layer to draw (default: the lowest)",
    )
    parser.add_json("write JSON with every epoch of every run")
    return parser.read()


def _print(report: GatesReport) -> None:
    from gatekit.compare.gates.text import (
        GATE_COLUMNS,
        LEGEND,
        PARALLEL_COLUMNS,
        PARALLEL_LEGEND,
        PROJECTION_COLUMNS,
        PROJECTION_LEGEND,
        STATE_COLUMNS,
        gate_rows,
        parallel_rows,
        projection_rows,
        state_rows,
    )
    from gatekit.compare.grouping.label import printable
    from gatekit.compare.output.columns import blocks, in_lines

    width = line_width(sys.stdout)
    write(f"study {printable(report.study.name)}: gates and states\n")
    tables = (
        (GATE_COLUMNS, gate_rows(report)),
        (PROJECTION_COLUMNS, projection_rows(report)),
        (STATE_COLUMNS, state_rows(report)),
        (PARALLEL_COLUMNS, parallel_rows(report)),
    )
    for columns, rows in tables:
        if not rows:
            continue
        parts: list[tuple[str, list[list[str]]]] = []
        for row in rows:
            if row["variant"]:
                parts.append((f"{row['variant']} (n = {row['n']})", []))
            parts[-1][1].append([row[column] for column in columns[1:] if column != "n"])
        titles = [column for column in columns[1:] if column != "n"]
        for line, _ in blocks(titles, parts, width):
            write(line)
        write("")
    further = (*PROJECTION_LEGEND * bool(tables[1][1]), *PARALLEL_LEGEND * bool(tables[-1][1]))
    for line in (*LEGEND[:-1], *further, LEGEND[-1], *(f"note: {note}" for note in report.notes)):
        write(in_lines(printable(line), width))
