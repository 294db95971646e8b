"""Describes a layer: which executor runs and why, its products, and its hoisted signals."""

from __future__ import annotations

from gatekit.cell.analysis import chunk, newton
from gatekit.cell.analysis.affine import analyse
from gatekit.cell.graph import Cell
from gatekit.cell.show.parallel import state_lines
from gatekit.recurrence.executors.fused.schedule import LoopSchedule, weights_stay_cached

from .choose import ROWS, ExecutorChoice, Setting
from .chunk.layout import LARGEST
from .fused import scheduler
from .newton.solve import MOST


def explain(cell: Cell, choice: ExecutorChoice, setting: Setting, recompute: bool) -> str:
    """Describe which executor runs and why, one fact per line.

    Args:
        cell: the built cell.
        choice: the executor.
        setting: device and types.
        recompute: whether steps are computed again in the backward pass.
    """
    schedule = scheduler.make(cell, cell.output.signals, weights_stay_cached(cell, setting))
    lines = [f"{cell.spec.name}, {cell.units} units: executor {choice.executor} ({choice.reason})"]
    if choice.executor in ("affine", "scan"):
        equations = [line for block in analyse(cell).blocks for line in state_lines(block)]
        lines += [f"  solved over time: {line}" for line in equations]
    elif choice.executor == "chunk":
        lines.append(
            f"  solved in chunks of up to {LARGEST} steps: {chunk.analyse(cell).sentence()}"
        )
    elif choice.executor == "newton":
        lines += [
            f"  solved by Newton's method at all steps at once: {newton.analyse(cell).sentence()}",
            f"  a sequence that needs more than {MOST} iterations is computed by the fused loop",
        ]
    elif choice.executor in ("fused", "cudnn"):
        lines += _products(schedule)
    if choice.executor == "cudnn":
        lines.append("  calls with a mask or resets, and calls compiled by XLA, run fused")
    if recompute:
        lines.append("  remat: states are kept every sqrt(time) steps; chunks are computed again")
    if choice.executor not in ("affine", "scan", "chunk", "newton"):
        reason = analyse(cell).reason
        lines.append(
            f"  not solved over time: {reason}"
            if reason
            else "  affine in the past of its states, so executor=affine could run it"
        )
    in_steps = choice.executor == "fused" and schedule.input_columns
    in_products = {node.name for node in schedule.with_input_part if in_steps}
    before = [
        f"{r.text} for {n.name}"
        for n in cell.nodes
        for r in n.reads
        if r.hoisted and n.name not in in_products
    ]
    hoisted = [n.name for n in cell.nodes if n.hoisted]
    if not ROWS[choice.executor].run:
        lines.append(f"  before the loop: {', '.join(before) or 'nothing'}")
        lines.append(
            "  signals without a state, computed for all steps at once: "
            f"{', '.join(hoisted) or 'none'}"
        )
    fastest = {"xla": "under XLA (jit_compile=True)", "graph": "in graph mode"}[choice.mode]
    lines.append(f"  fastest {fastest}, on a {setting.device.upper()}")
    lines.append(f"  products in {setting.compute}, everything else in {setting.variables}")
    return "\n".join(lines)


def _products(schedule: LoopSchedule) -> list[str]:
    lines = []
    for group in schedule.groups:
        gates = ", ".join(node.name for node, _ in group.members)
        beside = [read.text for read in schedule.input_columns] if group.part else []
        text = " beside ".join([group.text, *beside])
        lines.append(f"  one product per step of {text}, {group.width} wide, for {gates}")
    return lines
