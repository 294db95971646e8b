"""Lines of code: assignments that fit, and the identifiers of signals."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping, Sequence

from gatekit.cell.graph import Cell
from gatekit.cell.language.expression import Binary, Call, Expr, Name, replaced, walk

from .frameworks import Framework
from .identifiers import WIDTH, Identifiers, wrapped
from .printing import Printer
from .products import Layout, readers

_PART = re.compile(r"_part(?:_[0-9]+)?$")


class Lines:
    """Writes lines of a step.

    Args:
        cell: the built cell.
        framework: the notation.
        printer: prints expressions; its ``env`` gets the names of signals.
        layout: the weights of the file.
        local: gives local variables their names.
        size: the text of a size within the step.
        indent: the spaces before its lines.
    """

    def __init__(
        self,
        cell: Cell,
        framework: Framework,
        printer: Printer,
        layout: Layout,
        local: Identifiers,
        size: Callable[[int], str],
        indent: int,
    ) -> None:
        self.room = WIDTH - indent
        self.cell, self.framework, self.printer, self.layout = cell, framework, printer, layout
        self.local, self.size = local, size
        self.lines: list[str] = []
        self.env = printer.env
        self._readers = {reader.name: reader for reader in readers(cell)}
        self._whole: dict[int, Name] = {}
        self._pieces: dict[tuple[int, str], Expr] = {}
        self._normed: dict[tuple[str, ...], dict[str, Expr]] = {}
        self._variables: set[str] = set()
        self._zoned = {state.name for state in cell.states if state.zoneout}
        self._batched = {*cell.inputs, "t"}

    def assign(self, key: str, expr: Expr, wanted: str = "", comment: str = "") -> Name:
        """Write ``key = expr`` in lines that are short enough, and return the key as a name."""
        if isinstance(expr, Name) and expr.name in self._variables and key not in self._zoned:
            # Another name for the same value.
            self.env[key] = self.env[expr.name]
            self._variables.add(key)
            return Name(key)
        self._variables.add(key)
        target = self.local.new(wanted or key)
        expr = self._shortened(target, expr)
        line = f"{target} = {self.printer.show(expr)}"
        if comment and len(line) + len(comment) + 4 <= self.room:
            line += f"  # {comment}"
        self.lines += wrapped(line, self.room)
        self.env[key] = target
        return Name(key)

    def _shortened(self, target: str, expr: Expr) -> Expr:
        """Return the expression with parts in lines of their own, until it fits one line."""
        room = self.room - len(target) - 3
        while len(self.printer.show(expr)) > room:
            parts = [part for part in list(walk(expr))[1:] if self.worth_a_line(part)]
            fitting = [p for p in parts if len(self.printer.show(p)) <= room - 3] or parts[-1:]
            if not fitting:
                return expr
            largest = max(fitting, key=lambda part: len(self.printer.show(part)))
            expr = replaced(expr, largest, self.part(target, largest))
        return expr

    def part(self, target: str, part: Expr) -> Name:
        key = f"part {len(self.lines)} {target}"
        return self.assign(key, part, f"{_PART.sub('', target).rstrip('_')}_part")

    def worth_a_line(self, part: Expr) -> bool:
        shown = isinstance(part, (Binary, Call)) and not self.printer.is_number(part)
        return shown and len(self.printer.show(part)) > 12

    def variable(self, key: str, wanted: str) -> str:
        """Return a new variable for a key, as close to the wanted name as possible."""
        self._variables.add(key)
        self.env[key] = self.local.new(wanted)
        return self.env[key]

    def unpack(self, keys: Sequence[tuple[str, str]], value: str, comment: str = "") -> None:
        """Write ``a, b = value`` for keys and the names that they should have."""
        targets = [self.variable(key, wanted) for key, wanted in keys]
        one = f"({targets[0]},)" if len(targets) == 1 else ", ".join(targets)
        line = f"{one} = {value}"
        if len(line) > self.room:
            self.lines += ["(", *(f"    {target}," for target in targets), f") = {value}"]
        elif comment and len(line) + len(comment) + 4 <= self.room:
            self.lines.append(f"{line}  # {comment}")
        else:
            self.lines.append(line)

    def shape_text(self, shape: Iterable[int]) -> str:
        """Return a shape for a comment, such as ``batch x units``."""
        texts = [self.size(n).replace("self.", "").lower() for n in shape]
        return " x ".join(["batch", *(f"({t})" if "+" in t or "-" in t else t for t in texts)])


def env_of(layout: Layout, access: Callable[[str], str]) -> Mapping[str, str]:
    """Return the texts of weights: by name in the cell, and by ``@`` and their name in the file."""
    found = {f"@{stack.attribute}": access(stack.attribute) for stack in layout.stacks}
    found.update({name: access(own) for name, own in layout.attributes().items()})
    return found
