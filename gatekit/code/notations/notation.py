"""The notation of a framework: templates and helper functions."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from gatekit.code.identifiers import WIDTH, items

Numbers = Callable[[str, Sequence[bool]], str | None]


@dataclass(frozen=True)
class Framework:
    """The notation of a framework.

    Attributes:
        name: what the user types.
        functions: a template for each function.
        helpers: the source of each helper function, by name.
        array: the type of arrays; empty if the framework has none.
        numbers: returns a template for a function that gets plain numbers, or None.
        modules: names that the file's imports bind.
        chunk: cuts ``{z}`` into ``{count}`` equal parts along the last axis.
        cut: cuts ``{z}`` at ``{sizes}``, which are ends of parts, or their widths.
        cuts_at_ends: whether ``cut`` takes ends.
        append: puts ``{now}`` behind the ``{earlier}`` values.
        reshape: gives ``{value}`` the ``{shape}`` after the batch, if states are vectors outside
            the step; empty if matrices are carried as matrices.
        draws_noise: whether dropout and zoneout draw in training; else the file is for inference.
        zeros_like: zeros of a ``{shape}`` for the input ``{like}``.
        zeros: zeros like the array ``{like}``.
        stack: the ``{pieces}`` along a new axis before the last.
        constant: a ``{value}`` as an array.
        count: the valid steps so far of a ``{mask}``.
        drawn: what a step calls the masks that are drawn before it.
        held: zoneout of ``{new}``, with ``{old}`` and ``{rate}``; or ``{hold}``, if it is among
            what is drawn before the step.
    """

    name: str
    functions: Mapping[str, str]
    helpers: Mapping[str, str]
    array: str
    modules: frozenset[str]
    numbers: Numbers | None = None
    chunk: str = ""
    cut: str = ""
    cuts_at_ends: bool = True
    append: str = ""
    zeros_like: str = ""
    zeros: str = ""
    stack: str = ""
    constant: str = ""
    count: str = ""
    draws_noise: bool = False
    reshape: str = ""
    drawn: str = "drops"
    held: str = "{rate} * {old} + (1 - {rate}) * {new}"

    def typed(self, source: str) -> str:
        """Return a function's source with the type of arrays in place of ``A``."""
        if self.array:
            source = re.sub(r"\bA\b", self.array, source)
        else:
            source = re.sub(r"(: | -> )(?:tuple\[A, A\]|A(?: \| None)?)(?=[,):])", "", source)
        first, line_end, rest = source.partition("\n")
        if len(first) <= WIDTH:
            return source
        before, _, after = first.rpartition(" -> ")
        name, _, given = before[:-1].partition("(")
        lines = [f"    {given}"]
        if len(lines[0]) > WIDTH:
            lines = [f"    {each}," for each in items(given)]
        return "\n".join([f"{name}(", *lines, f") -> {after}"]) + line_end + rest


# Functions of one argument with one name in every framework.
ALIKE = (
    *("exp", "log", "sqrt", "abs", "square", "sin"),
    *("cos", "tanh", "expm1", "log1p", "sign", "floor"),
)
