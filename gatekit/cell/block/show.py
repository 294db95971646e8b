"""A block with its sizes as plain data and as text."""

from __future__ import annotations

import inspect
import re
import textwrap
from collections.abc import Iterator, Mapping
from typing import Any

from gatekit.cell.declare import plain
from gatekit.cell.language.expression import Name, render, substitute

from .built_block import BuiltBlock
from .sequence import Recur

_REFERENCE = re.compile(r"^Reference: *(\S.*(?:\n(?!\s*\n).*)*)", re.MULTILINE)
_WIDTH = 80


def describe(built: BuiltBlock) -> dict[str, Any]:
    """Return everything that is known about a block as JSON data.

    Args:
        built: the block with its sizes.

    Returns:
        A mapping with ``kind``, ``options``, ``reference``, ``width``, ``cell``, ``units``,
        ``equations``, ``parts``, and counts. ``parameters``, ``state_size`` and ``flops_per_token``
        are those of one block, including its cell; ``cell_parameters`` and ``cell_state_size`` are
        those of the cell in one direction.
    """
    block = built.spec.block
    parts = [op for program in built.programs for op in program.ops]
    mixer = next(op for op in parts if isinstance(op, Recur))
    return {
        "kind": built.spec.kind,
        "options": {name: plain(getattr(block, name)) for name in block.option_names()},
        "reference": reference(built),
        "width": built.width,
        "cell": built.cell.spec.name,
        "units": built.cell.units,
        "equations": list(equations(built)),
        "parts": [
            {"name": p.name, "kind": p.kind, "fed": p.fed, "width": p.width, "parameters": p.count}
            for p in parts
        ],
        "parameters": built.count(),
        "cell_parameters": mixer.count,
        "state_size": built.state_size(),
        "cell_state_size": mixer.carried,
        "flops_per_token": built.flops(),
    }


def text(description: Mapping[str, Any]) -> str:
    """Return the description of a block as plain text.

    Args:
        description: the result of `describe`.
    """
    d = description
    lines = [f"block {d['kind']}: width {d['width']}, around {d['cell']} with {d['units']} units"]
    lines += [f"reference: {d['reference']}"] if d["reference"] else []
    if d["options"]:
        lines.append("options: " + ", ".join(f"{k}={_shown(v)}" for k, v in d["options"].items()))
    lines += [f"  {equation}" for equation in d["equations"]]
    lines.append(f"parameters: {d['parameters']:,}, of which the cell has {d['cell_parameters']:,}")
    lines.append(
        f"each step of a sequence: {d['flops_per_token']:,} FLOPs forward, {d['state_size']:,} "
        f"numbers of state, of which the cell has {d['cell_state_size']:,}"
    )
    return "\n".join(
        textwrap.fill(line, _WIDTH, subsequent_indent="    ", break_on_hyphens=False)
        for line in lines
    )


def reference(built: BuiltBlock) -> str:
    """Return the reference in a block's docstring, or an empty string.

    Args:
        built: the block with its sizes.
    """
    match = _REFERENCE.search(inspect.getdoc(built.spec.block) or "")
    return " ".join(match[1].split()) if match else ""


def equations(built: BuiltBlock) -> Iterator[str]:
    """Yield the computation of each part, and the result of each method, as text.

    Args:
        built: the block with its sizes.
    """
    names = ("mixed", "y", "finished")
    for name, program in zip(names, built.programs, strict=False):
        # `finish` reads the output of the last block, which the plugin calls x.
        known = {"x": Name("y")} if program is built.finish else {}
        for op in program.ops:
            read = render(substitute(op.of, known), " ")
            apart = read if read.isidentifier() else f"({read})"
            yield f"{op.name} = {op.text.format(read, apart)}"
        yield f"{name} = {render(substitute(program.value, known), ' ')}"


def _shown(value: Any) -> str:
    if isinstance(value, bool):
        return str(value).lower()
    return f"{value:.4g}" if isinstance(value, float) else str(value)
