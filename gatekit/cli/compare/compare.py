"""``gatekit compare``: compare the variants of a study in a table, as data, and in figures."""

from __future__ import annotations

import shlex
import sys
from argparse import Namespace
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from gatekit.cell.errors import ConfigError
from gatekit.cli.options import Parser, figure_formats
from gatekit.cli.output import print_text
from gatekit.compare.options import (
    FIGURES,
    FLAGS,
    GROUPING,
    add_options,
    asked,
    check_figure,
    split,
)
from gatekit.faults import Channel, Fault, Kind, Place

if TYPE_CHECKING:
    from gatekit.compare.comparison import Comparison
    from gatekit.compare.study import Study

FORMS = {
    "json": "JSON",
    "csv": "CSV",
    "latex": "LaTeX for booktabs",
}


def run(parser: Parser) -> int:
    """Compare the variants of a study.

    Returns:
        0, or 1 if no run has an outcome or one of several figures cannot be drawn.
    """
    options = _options(parser)
    figure = figure_formats(options.figure)
    kinds = split(options.draw) or (["axis"] if options.x else ["curves"])
    for kind in kinds:
        check_figure(kind, "draw")
    if not options.draw and (kind := str(options.figure)) in FIGURES and kind not in kinds:
        why = "it is a kind of figure, and not a file"
        raise ConfigError(Fault(Kind.REFUSED, Place(("figure",)), kind, why=why)).spoken(Channel())
    if figure is None and options.draw:
        raise ConfigError(f"--draw {','.join(kinds)}: also type --figure FILE.svg.")
    if figure is None and options.over:
        raise ConfigError(f"--over {options.over}: also type --figure FILE.svg.")
    options.over = options.over or "epochs"

    comparison = compared(options)
    _report(comparison, options.form, options.notes)
    if figure is not None:
        stem, formats = figure
        how = {
            "command": shlex.join(["gatekit", parser.command, *retyped(options)]),
            "formats": formats,
            "x": options.x,
            "over": options.over,
        }
        return max(comparison.exit_code, _draw(comparison, kinds, stem, how))
    return comparison.exit_code


def compared(options: Namespace, study: Study | None = None) -> Comparison:
    """Return the comparison that the options define; a loaded study is not read again."""
    from gatekit.compare.comparison import compare

    try:
        return compare(study or options.study, options.root, **asked(options, *GROUPING))
    except ConfigError as error:
        raise error.spoken(Channel(), *FLAGS, again=True) from None


def retyped(options: Namespace) -> list[str]:
    """Return the arguments of the comparison, for tables and figures to quote."""
    from gatekit.compare.recipe import arguments

    return arguments(options.study, options.root, **asked(options, *GROUPING))


def _draw(comparison: Comparison, kinds: Sequence[str], stem: Path, how: dict[str, Any]) -> int:
    """Draw all figures that the comparison allows; return 1 if one of several is missing."""
    from gatekit.compare.figures import draw

    code = 0
    for kind in kinds:
        path = stem if len(kinds) == 1 else stem.with_name(f"{stem.name}-{kind}")
        try:
            files = draw(kind, comparison, path, **how)
        except ConfigError as error:
            if len(kinds) == 1 and not comparison.exit_code:
                raise
            sys.stderr.write(f"figure: {kind} was not drawn: {error.spoken(Channel())}\n")
            code = 1
            continue
        for file in files:
            sys.stderr.write(f"figure: {file}\n")
    return code


def _options(parser: Parser) -> Namespace:
    add_grouping(parser)
    parser.add_figure()
    add_options(parser, "draw", "over")
    parser.add_argument("--notes", action="store_true", help="print all notes and verdicts")
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
    return parser.read()


def add_grouping(parser: Parser) -> None:
    """Add the study and the options that define the comparison."""
    parser.add_study()
    parser.add_root()
    add_options(parser, *GROUPING)


def _report(comparison: Comparison, form: str, all_notes: bool) -> None:
    from gatekit.compare.output import export

    if form == "table":
        from gatekit.compare.output.table import print_table

        print_table(comparison, all_notes=all_notes)
        return
    writers: dict[str, Callable[[Comparison], str]] = {
        "json": export.to_json,
        "csv": export.to_csv,
        "latex": export.to_latex,
    }
    print_text(writers[form](comparison))
