"""``gatekit why A B``: show the differences between two runs or groups."""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING

from gatekit.cell.errors import ConfigError
from gatekit.cli.options import Parser
from gatekit.cli.output import print_text, write_json

if TYPE_CHECKING:
    from gatekit.compare.why import Spread, Why

_MOST_LINES = 40


def run(parser: Parser) -> int:
    """Show why two runs or groups differ."""
    parser.add_argument(
        "first",
        metavar="A",
        help="a run's id, its folder, STUDY/ID or STUDY/GROUP",
    )
    parser.add_argument("second", metavar="B", nargs="?", help="another run or group")
    parser.add_root()
    parser.add_json()
    options = parser.read()

    from gatekit.compare.grouping.select import select
    from gatekit.compare.why import why

    first = select(options.first, options.root)
    if options.second is None:
        such = f"`gatekit why {options.first} STUDY/gru`"
        raise ConfigError(f"B is missing: another run or group. Type {such}.")
    differences = why(first, select(options.second, options.root))
    if options.json:
        write_json(dataclasses.asdict(differences))
    else:
        print_text(_text(differences))
    return 0


def _text(differences: Why) -> str:
    from gatekit.compare.grouping.label import printable
    from gatekit.compare.why import SECTIONS, side_text

    lines = [f"{differences.first} -> {differences.second}"]
    for title in SECTIONS:
        changes = getattr(differences, title)
        if changes:
            lines += ["", title]
            width = min(40, max(len(change.key) for change in changes))
            lines += [
                f"  {change.key:<{width}}  {side_text(change.first)} -> {side_text(change.second)}"
                for change in changes
            ]
    for source in differences.sources:
        lines += [
            "",
            f"plugin {source.name}  {side_text(source.first)} -> {side_text(source.second)}",
        ]
        lines += [f"  {line}" for line in source.diff[:_MOST_LINES]]
        if len(source.diff) > _MOST_LINES:
            lines.append(f"  and {len(source.diff) - _MOST_LINES} more lines; --json writes all")
        if remark := source.remark(differences.first, differences.second):
            lines.append(f"  {remark}")
    if len(lines) == 1:
        lines += ["", "no recorded setting differs"]
    lines += ["", *_spread(differences.spread)] if differences.spread else []
    lines += [f"note: {note}" for note in differences.notes]
    return "\n".join(printable(line) for line in lines)


def _spread(spread: Spread) -> list[str]:
    from gatekit.compare.numbers import number

    unit = f" {spread.metric.unit}" if spread.metric.unit else ""
    lines = [
        f"{spread.metric.name}: {number(spread.first, 4)} -> {number(spread.second, 4)}{unit}"
        f" (n = {spread.runs[0]} and {spread.runs[1]}), difference {spread.difference:+.3g}"
    ]
    if spread.expected is None or spread.share is None:
        return [*lines, "the share explained by seeds is unknown: no group has two runs"]
    lines.append(
        f"seeds alone cause a difference of {number(spread.expected)} on average:"
        f" {100 * spread.share:.0f} % of this one"
    )
    return [*lines, *filter(None, [spread.chance_text])]
