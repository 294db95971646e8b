"""``gatekit gates-report``: the behaviour of the gates of a study's variants."""

from __future__ import annotations

import shlex
import sys
from argparse import Namespace
from typing import TYPE_CHECKING, Any

from gatekit.cell.terminal import line_width
from gatekit.cli.options import Parser, figure_formats, refuse_no_study
from gatekit.cli.output import print_text, write_json
from gatekit.compare.options import CHOICE, add_options, asked

if TYPE_CHECKING:
    from gatekit.compare.gates.behaviour import GatesReport


def run(parser: Parser) -> int:
    """Report the behaviour of gates and states in the probed runs of a study."""
    options = _options(parser)
    refuse_no_study(options, parser.command)
    figure = figure_formats(options.figure)

    from gatekit.compare.gates.behaviour import gates_report
    from gatekit.compare.grouping.choose import where
    from gatekit.compare.study import load

    study = where(load(options.study, options.root), options.where, options.task)
    report = gates_report(study, **asked(options, "by"))
    if options.json:
        from gatekit.compare.gates.text import to_data

        write_json(to_data(report))
    else:
        _print(report)
    if figure is not None:
        from gatekit.compare.figures import draw_gates

        stem, formats = figure
        how: dict[str, Any] = {
            "command": shlex.join(["gatekit", parser.command, *parser.typed]),
            "formats": formats,
            "layer": options.layer,
        }
        for file in draw_gates(report, stem, **how):
            sys.stderr.write(f"figure: {file}\n")
    return 0


def _options(parser: Parser) -> Namespace:
    parser.add_study()
    parser.add_root()
    add_options(parser, *CHOICE, "by")
    parser.add_figure()
    parser.add_argument(
        "--layer",
        metavar="NAME",
        help="with --figure: the recurrent layer to draw (default: the lowest)",
    )
    parser.add_json("write JSON with every epoch of every run")
    return parser.read()


def _print(report: GatesReport) -> None:
    from gatekit.compare.gates.text import tables
    from gatekit.compare.grouping.label import printable
    from gatekit.compare.output.columns import blocks, in_lines

    width = line_width(sys.stdout)
    print_text(f"study {printable(report.study.name)}: gates and states\n")
    for table in tables(report):
        parts: list[tuple[str, list[list[str]]]] = []
        for label, name, count, *rest in table.rows:
            if label:
                parts.append((f"{label} (n = {count})", []))
            parts[-1][1].append([name, *rest])
        _, name, _, *titles = table.columns
        for line, _ in blocks([name, *titles], parts, width) if parts else ():
            print_text(line)
        print_text("")
        for line in table.below:
            print_text(in_lines(printable(line), width))
