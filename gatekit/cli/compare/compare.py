"""``gatekit compare``: compare the variants of a study in a table, as data, and in figures."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from typing import Any

from gatekit.cli.arguments import Parser
from gatekit.cli.commands import COMMANDS
from gatekit.cli.options import add_figure, add_keys, add_root, figure_formats, keys
from gatekit.cli.output import write

FIGURES = ("curves", "axis", "forest", "heatmap", "parallel", "scatter", "critical", "profile")
FORMS = {
    "json": "JSON",
    "csv": "CSV",
    "markdown": "Markdown",
    "latex": "LaTeX for booktabs",
    "sentence": "one sentence per comparison, for a paper",
}


def run(name: str, argv: Sequence[str]) -> int:
    """Compare the variants of a study.

    Args:
        name: the command's name.
        argv: its arguments.

    Returns:
        0, or 1 if no run has an outcome.
    """
    options = _parser(name).read(argv)
    by = keys(options.by) or None
    within = [*keys(options.within), *([options.x] if options.x else [])]
    figure = figure_formats(options.figure)
    kinds = keys(options.draw) or (["axis"] if options.x else ["curves"])

    from gatekit.compare.comparison import command, compare

    comparison = compare(
        options.study,
        options.root,
        by,
        options.baseline,
        within=within,
        together=keys(options.together),
        split=options.split,
        force=options.force,
        level=options.level,
        margin=options.margin,
    )
    _report(comparison, options.form)
    if figure is not None:
        from gatekit.compare.figures.kinds import draw

        stem, formats = figure
        together = keys(options.together)
        typed = command(
            options.study, by, options.baseline, within, options.split, together, options.margin
        )
        for kind in kinds:
            path = stem if len(kinds) == 1 else stem.with_name(f"{stem.name}-{kind}")
            how = {"command": typed, "formats": formats, "columns": options.columns}
            files = draw(kind, comparison, path, x=options.x, **how)
            for file in files:
                sys.stderr.write(f"figure: {file}\n")
            if not files:
                sys.stderr.write(f"figure: there is nothing to draw for {kind}\n")
    return comparison.exit_code


def _parser(name: str) -> Parser:
    parser = Parser(name, COMMANDS[name].summary)
    add_grouping(parser)
    parser.add_argument(
        "--x", metavar="KEY", help="a swept key: defines blocks and the figure's x axis"
    )
    add_figure(parser)
    parser.add_argument(
        "--draw",
        action="append",
        default=[],
        metavar="KIND,KIND",
        help=f"figures to draw: {', '.join(FIGURES)} (default: curves, or axis if --x is given)",
    )
    parser.add_argument(
        "--columns", type=int, choices=(1, 2), default=1, help="width in paper columns (default: 1)"
    )
    form = parser.add_mutually_exclusive_group()
    for option, written in FORMS.items():
        form.add_argument(
            f"--{option}",
            dest="form",
            action="store_const",
            const=option,
            default="table",
            help=f"write {written}",
        )
    return parser


def add_grouping(parser: Parser) -> None:
    """Add the study and the options that define the comparison."""
    parser.add_argument("study", help="the study's name")
    add_root(parser)
    add_keys(
        parser, "--by", "group by these keys (default: every key that differs, except the seed)"
    )
    parser.add_argument(
        "--baseline", metavar="GROUP", help="the group that the others are compared with"
    )
    add_keys(parser, "--within", "compare within blocks of these keys, each with its own baseline")
    add_keys(
        parser,
        "--together",
        "treat these keys as one setting, such as a cell and its tuned learning rate",
    )
    parser.add_argument(
        "--split",
        metavar="NAME",
        help="compare on this split, such as validation or test_256 (default: test)",
    )
    parser.add_argument(
        "--level",
        type=float,
        default=0.95,
        help="confidence level of the intervals (default: 0.95)",
    )
    parser.add_argument(
        "--margin",
        metavar="DELTA",
        help="also decide if a group is no worse than the baseline by more than DELTA, a number or"
        " a share of the baseline's mean such as 5%%",
    )
    parser.add_argument(
        "--force", action="store_true", help="compare even groups that are not comparable"
    )


def _report(comparison: Any, form: str) -> None:
    if form == "table":
        from gatekit.compare.output.table import print_table

        print_table(comparison)
        return
    from gatekit.compare.output import export, latex, sentence

    writers = {
        "json": export.to_json,
        "csv": export.to_csv,
        "markdown": export.to_markdown,
        "latex": latex.to_latex,
        "sentence": sentence.to_text,
    }
    write(writers[form](comparison))
