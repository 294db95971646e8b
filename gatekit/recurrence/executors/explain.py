"""Describes a layer: which executor runs and why, and its products."""

from __future__ import annotations

from gatekit.cell.analysis import chunk
from gatekit.cell.analysis.affine import analyse
from gatekit.cell.graph import Cell
from gatekit.cell.program import lower, share
from gatekit.cell.show.parallel import state_lines

from .choose import ExecutorChoice, Setting
from .chunk.layout import LARGEST


def explain(cell: Cell, choice: ExecutorChoice, setting: Setting) -> str:
    """Describe which executor runs and why, one fact per line.

    Args:
        cell: the built cell.
        choice: the executor.
        setting: device and types.
    """
    lines = [f"{cell.spec.name}, {cell.units} units: executor {choice.executor} ({choice.reason})"]
    if choice.executor in ("affine", "scan"):
        equations = [line for block in analyse(cell).blocks for line in state_lines(block)]
        lines += [f"  solved over time: {line}" for line in equations]
    elif choice.executor == "chunk":
        form = chunk.analyse(cell).sentence()
        lines.append(f"  solved in chunks of up to {LARGEST} steps: {form}")
    elif choice.executor == "stacked":
        lines += _products(cell)
    if choice.executor not in ("affine", "scan", "chunk"):
        reason = analyse(cell).reason
        lines.append(
            f"  not solved over time: {reason}"
            if reason
            else "  affine in the past of its states, so executor=affine could run it"
        )
    fastest = {"xla": "under XLA (jit_compile=True)", "graph": "in graph mode"}[choice.mode]
    lines.append(f"  fastest {fastest}, on a {setting.device.upper()}")
    lines.append(f"  products in {setting.compute}, everything else in {setting.variables}")
    return "\n".join(lines)


def _products(cell: Cell) -> list[str]:
    program = lower(cell)
    lines = []
    for each in share(program, program.step):
        width = sum(program.shapes[op.out][-1] for op in each.members)
        gates = ", ".join(dict.fromkeys(op.owner for op in each.members))
        read = each.members[0].text
        lines.append(f"  one product per step of {read}, {width} wide, for {gates}")
    return lines
