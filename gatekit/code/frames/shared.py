"""Code that frames share: signatures, docstrings, initial states, and the whole file."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass

from gatekit.code.cell_text import CellText
from gatekit.code.identifiers import WIDTH, docstring, number, wrapped

Lines = list[str]
Define = Callable[[str, Sequence[str], int], Lines]
CALL = [
    "Return what every step emits, batch x time x units, and the last states.",
    "x is batch x time x features; mask is batch x time, true where a step is valid.",
]


def indented(lines: Lines, by: int = 4) -> Lines:
    """Return the lines with spaces before them."""
    return [f"{' ' * by}{line}" if line else line for line in lines]


def call_lines(before: str, items: list[str], after: str, room: int = WIDTH) -> Lines:
    """Return ``before``, items, ``after`` in one line, or with a line for each item."""
    line = f"{before}{', '.join(items)}{after}"
    if len(line) <= room:
        return [line]
    return _broken(before, items, after, room)


def _broken(before: str, items: list[str], after: str, room: int) -> Lines:
    lines = [before]
    for item in items:
        rows = [item]
        if len(item) >= room - 4:
            rows = (
                wrapped(item, room - 4) if "(" in item else item.replace(" + ", "\n+ ").split("\n")
            )
        *first, last = rows
        lines += indented([*first, f"{last},"])
    return [*lines, after]


def size_arguments(cell: CellText, names: Iterable[str] | None = None) -> list[str]:
    """Return the parameters for sizes, with their values as defaults; by default for all."""
    wanted = cell.sizes if names is None else names
    return [f"{name}: int = {value}" for name, value in cell.sizes.items() if name in wanted]


def passed(cell: CellText, lines: Iterable[str] | None = None) -> list[str]:
    """Return the arguments by which a function passes the sizes on that lines read; all if None."""
    names = cell.given if lines is None else cell.sizes_in(lines)
    return [f"{name}={name}" for name in cell.given if name in names]


def tuple_lines(before: str, items: list[str], room: int) -> Lines:
    """Return ``before (items)`` as the code of a tuple."""
    if not items:
        return [f"{before}()"]
    if len(items) == 1 and len(f"{before}({items[0]},)") <= room:
        return [f"{before}({items[0]},)"]
    broken = _broken if len(items) == 1 else call_lines
    return broken(f"{before}(", items, ")", room)


@dataclass(frozen=True)
class FirstStates:
    """Templates of initial states.

    Attributes:
        zeros: zeros of a ``{shape}``, a tuple with the batch.
        full: a ``{value}`` in a ``{shape}``.
        weight: a weight by ``{name}``.
        learned: a ``{weight}`` for each sequence; ``{ones}`` and ``{rest}`` are 1 and -1 for each
            axis.
    """

    zeros: str
    full: str
    weight: str
    learned: str


def state_doc(cell: CellText) -> str:
    """Return the states with their shapes, for a docstring."""
    texts = [f"{s.name} (batch x {' x '.join(s.shape)})" for s in cell.states]
    return ", ".join(texts).replace("self.", "") or "none"


def first_states(cell: CellText, texts: FirstStates) -> tuple[Lines, list[str]]:
    """Return the lines that must come first, and the code of each state's initial value."""
    lines, texts_of_states = [], []
    for state in cell.states:
        if state.learned is None:
            shape = f"(batch, {', '.join(state.shape)})"
            template = texts.full if state.initial else texts.zeros
            texts_of_states.append(template.format(shape=shape, value=number(state.initial)))
            continue
        weight = texts.weight.format(name=state.learned)
        if len(state.shape) > 1:
            # A learned weight is a vector.
            lines.append(f"{state.learned} = {weight}.reshape({', '.join(state.shape)})")
            weight = state.learned
        ones = ", 1" * len(state.shape)
        texts_of_states.append(
            texts.learned.format(weight=weight, ones=ones, rest=ones.replace("1", "-1"))
        )
    return lines, texts_of_states


_FOR_FIRST_VALUES = {
    "import numpy as np": r"\bnp\.",
    "from scipy.signal import cont2discrete": r"\bcont2discrete\(",
}
_STANDARD = (
    "import math",
    "from collections.abc import Callable",
    "from collections.abc import Iterator",
    "from dataclasses import dataclass",
    "from pathlib import Path",
)


def file_text(cell: CellText, imports: Mapping[str, str], constants: Lines, body: Lines) -> str:
    """Return a whole file.

    Args:
        cell: the cell as text.
        imports: the import lines, each with a pattern of the code that needs it.
        constants: the lines before the helper functions.
        body: the code after the helper functions.
    """
    helpers: Lines = []
    of_all_steps = cell.parallel.helpers if cell.parallel is not None else {}
    for source in needed_helpers({**cell.helpers, **of_all_steps}, body):
        helpers += ["", "", *source.split("\n")]
    code = "\n".join([*constants, *helpers, *body])
    imports = {**imports, **_FOR_FIRST_VALUES}
    needed = sorted(
        (line for line, pattern in imports.items() if re.search(pattern, code)),
        key=lambda line: (
            line.startswith("from"),
            line.replace("import ", "").replace("from ", ""),
        ),
    )
    standard = [line for line in needed if line in _STANDARD]
    others = [line for line in needed if line not in standard]
    gap = [""] if standard else []
    lines = [*docstring(cell.about), "", *standard, *gap, *others, *code.split("\n")]
    return "\n".join(lines).rstrip() + "\n"


def needed_helpers(helpers: Mapping[str, str], body: Lines) -> Iterable[str]:
    """Return the sources of helper functions that the code or another helper calls."""
    sources, code = dict(helpers), "\n".join(body)
    while True:
        whole = "\n".join([code, *sources.values()])
        # Besides its definition, it is called, or passed on as the first argument of a call.
        uses = {name: len(re.findall(rf"\b{name}\(|\(\s*{name},", whole)) for name in sources}
        unused = [name for name in sources if uses[name] < 2]
        if not unused:
            return sources.values()
        for name in unused:
            del sources[name]


def mask_lines(where: str, cell: CellText) -> Lines:
    lines = ["    if mask is not None:"]
    for name in ("x", *cell.inputs):
        lines.append(f"        {name} = {where.format(name)}")
    return lines


STEP = '    """Return what a step emits, and its states; x is batch x features."""'


def looped(cell: CellText, call: str) -> tuple[str, list[str]]:
    """Return the function that the loop calls, and the arrays whose steps it gets.

    Args:
        cell: the cell as text.
        call: the beginning of a call of ``project``.
    """
    if cell.project is None:
        return "step", ["x", *cell.inputs]
    given = [*cell.project.inputs, *passed(cell, cell.project.lines)]
    projected = f"{call}{', '.join(given)})"
    star = "*" if len(cell.project.values) > 1 else ""
    return "advance", [*cell.project.passed, f"{star}{projected}"]


def step_lines(
    cell: CellText, define: Define, lead: str, more: Sequence[str], room: int, name: str = "{}"
) -> Lines:
    """Return ``step``; with ``project`` and ``advance`` if there are products of inputs.

    Args:
        cell: the cell as text.
        define: returns the first lines of a function of a name and arrays; with the number of
            values that it returns, or 0 for a step.
        lead: the argument before the arrays, with a comma, if there is one.
        more: the arguments after the arrays.
        room: the width of a line within a function.
        name: how a function is called; ``{}`` is its name.
    """
    body = [*cell.step, *return_lines(cell.emitted, cell.new, room)]
    names, project = ["x", *cell.inputs], cell.project
    if project is None:
        return [*define("step", names, 0), STEP, *indented(body)]
    advance, arrays = looped(cell, f"{name.format('project')}({lead}")
    given = ", ".join([*more, *arrays, *passed(cell)])
    value = ", ".join(project.values)
    returned = [f"return {value}"]
    if len(returned[0]) > room:
        returned = tuple_lines("return ", list(project.values), room)
    lines = [*project.lines, *returned]
    direct = lines[-2].replace(f"{value} =", "return", 1)
    if direct.startswith("return ") and len(direct) <= room:
        lines[-2:] = [direct]
    return [
        *define("project", project.inputs, len(project.values)),
        '    """Return the products of inputs with weights, of a step or of all steps."""',
        *indented(lines),
        *define("step", names, 0),
        STEP,
        *indented(wrapped(f"return {name.format(advance)}({lead}{given})", room)),
        *define("advance", [*project.passed, *project.values], 0),
        '    """Return what step returns, given what project returns."""',
        *indented(body),
    ]


def return_lines(emitted: str, new: list[str], room: int) -> Lines:
    states = f"({new[0]},)" if len(new) == 1 else f"({', '.join(new)})"
    line = f"return {emitted}, {states}"
    if len(line) <= room:
        return [line]
    return [*tuple_lines("state = ", new, room), f"return {emitted}, state"]
