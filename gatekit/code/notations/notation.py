"""The notation of a framework: templates and helper functions."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from gatekit.cell.language.ops import FUNCTIONS

Numbers = Callable[[str, Sequence[bool]], str | None]


@dataclass(frozen=True)
class Framework:
    """The notation of a framework.

    Attributes:
        name: the name that the user types.
        functions: a template for each function.
        helpers: the source of each helper function, by name.
        array: the type of arrays; empty if the framework has none.
        numbers: returns a special template for a function with number arguments, or None.
        modules: the names that the file's imports bind.
        chunk: splits ``{z}`` into ``{count}`` equal parts along the last axis.
        cut: splits ``{z}`` at ``{sizes}``, which are the ends of the parts or their widths.
        cuts_at_ends: whether ``cut`` takes ends.
        append: appends ``{now}`` to the ``{earlier}`` values.
        reshape: reshapes ``{value}`` to ``{shape}`` after the batch axis, if states are vectors
            outside the step; empty if matrices are carried as matrices.
        projects: whether products of inputs are computed before the loop. Measured on a CPU, an
            LSTM is faster so in PyTorch, and slower where XLA or Keras runs the loop.
        all_steps: whether there are functions that compute all steps together.
        zeros_like: zeros of a ``{shape}`` with the type of the input ``{like}``.
        constant: a ``{value}`` as an array.
        count: the number of valid steps so far in a ``{mask}``.
        drawn: the name, within a step, of the masks that are drawn before it.
        noise: noise of a ``{kind}`` and ``{width}`` for each row of ``{like}``; empty if it is
            drawn before the step.
        held: zoneout of ``{new}``, with ``{old}`` and ``{rate}``; or with ``{hold}``, if the hold
            is drawn before the step.
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
    constant: str = ""
    count: str = ""
    projects: bool = True
    all_steps: bool = False
    reshape: str = ""
    drawn: str = "drops"
    noise: str = ""
    held: str = "{rate} * {old} + (1 - {rate}) * {new}"

    def typed(self, source: str) -> str:
        """Return a function's source with the type of arrays for ``A``, if there is one.

        Without a type of arrays, the annotations that contain ``A`` are removed.
        """
        if self.array:
            source = re.sub(r"\bA\b", self.array, source)
        else:
            source = re.sub(r"(: | -> )(?:tuple\[A, A\]|A(?: \| None)?)(?=[,):])", "", source)
        return source


def functions(to: str, module: str) -> dict[str, str]:
    """Return the templates of a framework: those of equations, ``floor`` and ``ones_like``.

    Args:
        to: its name.
        module: the name of its module in a file.
    """
    keys = (to, "any") if to == "torch" else (to, "arrays", "any")
    found = {name: f"{module}.{name}({{0}})" for name in ("floor", "ones_like")}
    for function in FUNCTIONS.values():
        form = next((function.facts.code[k] for k in keys if k in function.facts.code), None)
        if form is not None:
            found[function.name] = form.replace("{m}", module)
    return found
