"""``gatekit compare``: compare the variants of a study in a table, as data, and in figures."""

from __future__ import annotations

import shlex
import sys
from argparse import Namespace
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from gatekit.cell.errors import ConfigError
from gatekit.cell.terminal import line_width
from gatekit.cli.arguments import Parser
from gatekit.cli.options import figure_formats
from gatekit.cli.output import print_text, write_json
from gatekit.compare.options import (
    FIGURES,
    FLAGS,
    GROUPING,
    REACH,
    add_options,
    asked,
    check_figure,
    split,
)
from gatekit.faults import Both, Fault, Flags, Kind, Place, Set

if TYPE_CHECKING:
    from gatekit.compare.comparison import Comparison
    from gatekit.compare.study import Study
    from gatekit.compare.views.table import Table

Fields = dict[str, dict[str, dict[str, object]]]
"""Additional fields of JSON and CSV, by the label of a group."""

FORMS = {
    "json": "JSON",
    "csv": "CSV",
    "markdown": "Markdown",
    "latex": "LaTeX for booktabs",
    "sentence": "one sentence per comparison, for a paper",
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
        fix = Both((Set(Place(("figure",)), f"{kind}.svg"), Set(Place(("draw",)), kind)))
        why = "it is a kind of figure, and not a file"
        fault = Fault(Kind.REFUSED, Place(("figure",)), kind, why=why, fixes=(fix,))
        raise ConfigError(fault).spoken(Flags())
    if figure is None and options.draw:
        raise ConfigError(f"--draw {','.join(kinds)}: also type --figure FILE.svg.")
    if figure is None and options.over and options.reach is None:
        raise ConfigError(f"--over {options.over}: also type --figure FILE.svg or --reach VALUE.")
    options.over = options.over or "epochs"

    comparison = compared(options)
    if options.importance:
        _report_importance(comparison, options.form)
    else:
        _report(comparison, options.form, *further(options, comparison))
    if figure is not None:
        stem, formats = figure
        how = {
            "command": shlex.join(["gatekit", parser.command, *retyped(options)]),
            "formats": formats,
            "columns": options.columns,
            "x": options.x,
            "over": options.over,
            "reach": options.reach,
        }
        return max(comparison.exit_code, _draw(comparison, kinds, stem, how))
    return comparison.exit_code


def compared(options: Namespace, study: Study | None = None) -> Comparison:
    """Return the comparison that the options define; a loaded study is not read again."""
    from gatekit.compare.comparison import compare

    try:
        return compare(study or options.study, options.root, **asked(options, *GROUPING))
    except ConfigError as error:
        raise error.spoken(Flags(), *FLAGS, again=True) from None


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
            if len(kinds) == 1:
                raise
            sys.stderr.write(f"figure: {kind} was not drawn: {error.spoken(Flags())}\n")
            code = 1
            continue
        for file in files:
            sys.stderr.write(f"figure: {file}\n")
        if not files:
            sys.stderr.write(f"figure: there is nothing to draw for {kind}\n")
    return code


def _options(parser: Parser) -> Namespace:
    add_grouping(parser)
    parser.add_figure()
    add_options(parser, "draw", "columns", "best_of_k", "used", "importance", *REACH)
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


def further(options: Namespace, comparison: Comparison) -> tuple[list[Table], Fields]:
    """Return the tables that the options add, and the same as fields of JSON and CSV.

    Raises:
        ConfigError: the output format cannot contain them.
    """
    tables: list[Table] = []
    fields: Fields = {}
    if options.reach is not None:
        from gatekit.compare.budget.reach import reach
        from gatekit.compare.budget.text import reach_record, reach_table

        groups = reach(comparison, options.reach, options.over)
        tables.append(reach_table(groups, options.reach, options.over))
        for one in groups:
            record = reach_record(one, options.reach, options.over)
            fields.setdefault(one.row.group.label, {})["reach"] = record
    if options.best_of_k:
        from gatekit.compare.budget.text import trials_record, trials_table
        from gatekit.compare.budget.trials import best_of_k

        variants = best_of_k(comparison)
        tables.append(trials_table(variants))
        for variant in variants:
            record = trials_record(variant)
            fields.setdefault(variant.row.group.label, {})["best_of_k"] = record
    if options.used:
        from gatekit.compare.used import used, used_table

        tables.append(used_table(comparison))
        for row in comparison.rows:
            fields.setdefault(row.group.label, {})["used"] = {**used(row)}
    if tables and options.form == "sentence":
        given = {"--best-of-k": options.best_of_k, "--used": options.used, "--reach": True}
        asked = next(option for option, is_given in given.items() if is_given)
        raise ConfigError(f"--sentence cannot contain {asked}; remove --sentence or type --json")
    return tables, fields


def _report_importance(comparison: Comparison, form: str) -> None:
    from gatekit.compare.importance import importance, importance_json, importance_table
    from gatekit.compare.sources import sources, sources_records, sources_table

    if form == "sentence":
        raise ConfigError("--sentence cannot contain --importance; type --json, or no format")
    parts = sources(comparison)
    shares = () if parts else importance(comparison)
    if form == "json":
        write_json(sources_records(parts)) if parts else print_text(importance_json(shares))
        return
    tables = [sources_table(parts)] if parts else [importance_table(one) for one in shares]
    print_text(_in_form(tables, form))


def _in_form(tables: Sequence[Table], form: str) -> str:
    """Return tables as text, Markdown, LaTeX or CSV, an empty line between two."""
    from gatekit.compare.output.columns import table_lines
    from gatekit.compare.output.export import table_csv, table_latex, table_markdown

    width = line_width(sys.stdout)
    writers: dict[str, Callable[[Table], str]] = {
        "table": lambda table: "\n".join(table_lines(table, width)),
        "csv": table_csv,
        "markdown": table_markdown,
        "latex": table_latex,
    }
    return "\n\n".join(writers[form](table).rstrip("\n") for table in tables)


def _report(comparison: Comparison, form: str, tables: Sequence[Table], fields: Fields) -> None:
    from gatekit.compare.output import export, sentence

    if form == "table":
        from gatekit.compare.output.table import print_table

        print_table(comparison)
    else:
        writers: dict[str, Callable[[Comparison], str]] = {
            "json": lambda known: export.to_json(known, fields),
            "csv": lambda known: export.to_csv(known, fields),
            "markdown": export.to_markdown,
            "latex": export.to_latex,
            "sentence": sentence.to_text,
        }
        print_text(writers[form](comparison))
    if tables and form in ("table", "markdown", "latex"):
        print_text(f"\n{_in_form(tables, form)}")
