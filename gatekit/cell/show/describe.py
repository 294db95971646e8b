"""A cell as plain data and as text: equations, states, stages, products, weights."""

from __future__ import annotations

import inspect
import math
import textwrap
from collections.abc import Mapping
from typing import Any

from gatekit.cell.analysis.cost import added, added_text, costs
from gatekit.cell.declare import plain
from gatekit.cell.graph import BuiltRead, Cell, Node, Norm
from gatekit.cell.program import lower
from gatekit.cell.program.equations import Equation, Equations, map_text
from gatekit.cell.schema import OUTPUT_UNIT, SECOND_HAND, UNVERIFIED

from .equations import aligned
from .parallel import parallel
from .program import operations
from .works import NO_WORKS, Work, provenance

_WIDTH = 100
_TIERS = {
    UNVERIFIED: "these equations were not checked in the paper or its code",
    SECOND_HAND: "these equations are from the source that the notes name, not from the paper",
}
_DROPPED = {"dropout": "x", "recurrent_dropout": "the states that matrices read"}
_USUAL = {
    "kernel": ("glorot_uniform",),
    "recurrent": ("orthogonal",),
    "bias": ("0", "zeros"),
}


def describe(
    cell: Cell, known: Mapping[str, Work] = NO_WORKS, plain_cell: Cell | None = None
) -> dict[str, Any]:
    """Return everything that is known about a cell as JSON data.

    Args:
        cell: the built cell.
        known: works by key, as in `gatekit.registry.bibliography`.
        plain_cell: the same cell without swapped gates, if gates were swapped.

    Returns:
        A mapping with ``name``, ``reference``, ``equations`` (strings), ``latex``, ``states``,
        ``order``, ``stages``, ``gates``, ``products`` (the reads of each matrix product),
        ``weights``, ``parameters`` (how many numbers are trained), ``flops_per_token``
        (floating-point operations of a step of one sequence, forward), ``state_size`` (numbers
        that are carried from step to step), ``state_bytes`` (their bytes in float32), ``added``
        (what swapped gates add: ``parameters``, ``state`` and ``flops``, or None), ``parallel``
        (how all steps are computed together), ``program`` (a step as a list of operations) and
        others.
    """
    program, cost = lower(cell), costs(cell)
    equations = Equations(program)
    return {
        "name": cell.spec.name,
        **plain(provenance(dict(cell.spec.about), known)),
        "units": cell.units,
        "features": cell.features,
        "inputs": dict(cell.inputs),
        "equations": [_equation(cell, equations, line) for line in equations.lines],
        "latex": aligned(cell),
        "emits": cell.emits,
        "output_unit": {"kind": cell.output.kind, "width": cell.output.width},
        "roles": dict(cell.spec.roles),
        "constants": dict(cell.spec.constants),
        "states": [
            {
                "name": state.name,
                "width": state.width,
                "shape": list(state.shape),
                "initial": state.initial,
                "zoneout": state.zoneout,
                "learned": state.learned is not None,
            }
            for state in cell.states
        ],
        "dropout": cell.spec.dropout,
        "recurrent_dropout": cell.spec.recurrent_dropout,
        "order": [node.name for node in cell.nodes],
        "stages": [list(stage) for stage in cell.stages()],
        "gates": [_gate(cell, cell.node(name)) for name in cell.gates],
        "projections": [_gate(cell, cell.node(name)) for name in cell.projections],
        "products": _products(cell),
        "weights": [
            {
                "name": weight.name,
                "shape": list(weight.shape),
                "count": math.prod(weight.shape),
                "trainable": weight.trainable,
                "kind": weight.kind,
                "initializer": plain(weight.init),
            }
            for weight in cell.weights
        ],
        "parameters": cost["parameters"],
        "flops_per_token": cost["flops"],
        "state_size": cost["state"],
        "state_bytes": 4 * cost["state"],
        "added": None if plain_cell is None else added(cost, costs(plain_cell)),
        "parallel": parallel(cell),
        "program": operations(program),
    }


def text(description: Mapping[str, Any]) -> str:
    """Return the description of a cell as plain text, in lines of at most 100 characters."""
    d = description
    paragraphs = [_head(d), ["equations"] + [_hung(e, "  ") for e in d["equations"]]]
    states = [_state(state) for state in d["states"]]
    paragraphs.append(["states" + ("" if states else ": none"), *states])
    stages = [f"  {k}  {', '.join(stage)}" for k, stage in enumerate(d["stages"]) if stage]
    paragraphs.append(["stages (recurrent matrix products that must be done before)", *stages])
    if d["products"]:
        products = [_product(p) for p in d["products"]]
        paragraphs.append(["matrix products", *products])
    paragraphs.append(
        [
            f"costs: {d['parameters']:,} parameters, {d['state_size']:,} numbers of state"
            f" ({d['state_bytes']:,} bytes), {d['flops_per_token']:,} FLOPs per token (forward)",
            *([f"swapped gates add {added_text(d['added'])}"] if d["added"] else []),
        ]
    )
    paragraphs.append(_weights(d))
    return "\n\n".join("\n".join(_fitted(line) for line in lines) for lines in paragraphs)


def _equation(cell: Cell, equations: Equations, line: Equation) -> str:
    equation = equations.text(line)
    if not line.opaque:
        return equation
    declared = cell.output.unit if line.name == "y" else cell.node(line.name).declared
    return f"{equation}  # {_summary(declared)}"


def _summary(declared: object) -> str:
    return (inspect.getdoc(type(declared)) or type(declared).__name__).split("\n")[0]


def _gate(cell: Cell, node: Node) -> dict[str, object]:
    assert node.declared is not None
    return {
        "name": node.name,
        "kind": cell.kind(node),
        "units": node.width,
        "reads": {read.text: map_text(read.map, read.map_kind) for read in node.reads},
        "bias": node.bias is not None,
        "norm": None if node.norm is None else _norm(node.norm),
        "definition": node.declared.definition(),
    }


def _norm(norm: Norm) -> dict[str, object]:
    return {"of": norm.of, "group": list(norm.group), "epsilon": norm.epsilon}


def _products(cell: Cell) -> list[dict[str, object]]:
    """Return the linear maps with weights, grouped by matrix product.

    Matrices of gates that read the same expression are one product; any other map, such as a
    diagonal, is its own. A product is computed before the loop if it depends on no state, otherwise
    once per step. Products of the output unit are computed after the loop.
    """
    by_product: dict[tuple[Any, ...], dict[str, Any]] = {}
    for node in cell.nodes:
        for read in node.reads:
            if not read.weights:
                continue
            matrix = read.map.has_matrix()
            kind = "matrix" if matrix else map_text(read.map, read.map_kind)
            apart = "" if matrix else node.name
            key = (not read.hoisted, read.stage, not matrix, read.text, apart)
            when = "before" if read.hoisted else "step"
            product = by_product.setdefault(key, _empty(read, kind, when))
            product["gates"].append(node.name)
            product["columns"] += read.width_out
    ordered = [by_product[key] for key in sorted(by_product, key=lambda key: key[:3])]
    parts = [(node.name, node.reads) for node in cell.output.projections]
    for owner, reads in (*parts, (OUTPUT_UNIT, cell.output.reads)):
        for read in reads:
            if read.weights:
                kind = "matrix" if read.map.has_matrix() else map_text(read.map, read.map_kind)
                last = {"gates": [owner], "columns": read.width_out}
                ordered.append({**_empty(read, kind, "after"), **last})
    return ordered


def _empty(read: BuiltRead, kind: str, when: str) -> dict[str, object]:
    return {
        "read": read.text,
        "kind": kind,
        "when": when,
        "hoisted": when == "before",
        "level": read.stage,
        "rows": read.width_in,
        "columns": 0,
        "gates": [],
    }


def _head(d: Mapping[str, Any]) -> list[str]:
    lines = [_hung(f"{d['name']}: {d['units']} units, {d['features']} features", "")]
    lines += [_hung(f"{key}: {d[key]}", "") for key in ("reference", "notes") if d[key]]
    for name, works in (d["starts_from"] or {}).items():
        lines.append(_hung(f"starts from: {name}{f' ({works})' if works else ''}", ""))
    if d["tier"]:
        lines.append(f"tier: {d['tier']}: {_TIERS[d['tier']]}")
    if d["roles"]:
        lines.append(
            "roles: " + ", ".join(f"{gate} as {role}" for role, gate in d["roles"].items())
        )
    if d["constants"]:
        lines.append("constants: " + ", ".join(f"{k} = {v}" for k, v in d["constants"].items()))
    if rates := [f"{d[key]:g} of {of}" for key, of in _DROPPED.items() if d[key]]:
        lines.append(f"dropout in training, one mask for a sequence: {', '.join(rates)}")
    unit = d["output_unit"]
    lines.append(f"emits {d['emits']} to the output unit {unit['kind']!r}, {unit['width']} wide")
    return lines


def _state(state: Mapping[str, Any]) -> str:
    first = "starts at a learned value" if state["learned"] else f"starts at {state['initial']:g}"
    zoneout = f", zoneout {state['zoneout']:g}" if state["zoneout"] else ""
    size = " x ".join(str(n) for n in state["shape"]) + (
        " wide" if len(state["shape"]) == 1 else ""
    )
    return f"  {state['name']}: {size}, {first}{zoneout}"


def _product(product: Mapping[str, Any]) -> str:
    gates = ", ".join(product["gates"])
    when = {
        "before": "all steps at once, before the loop",
        "after": "all steps at once, after the loop",
        "step": "in each step",
    }[product["when"]]
    if product["kind"] == "matrix":
        what = f"({product['rows']} x {product['columns']}) for {gates}"
    else:
        what = f"through {product['kind']} for {gates}"
    return f"  {product['read']} {what}: {when}"


def _weights(d: Mapping[str, Any]) -> list[str]:
    rows = [
        (w["name"], " x ".join(str(n) for n in w["shape"]), f"{w['count']:,}", _remarks(w))
        for w in d["weights"]
    ]
    first, second, third = (max((len(row[k]) for row in rows), default=0) for k in range(3))
    lines = [
        f"  {name:<{first}}  {shape:<{second}}  {count:>{third}}{remarks}"
        for name, shape, count, remarks in rows
    ]
    return [f"weights: {d['parameters']:,} parameters", *lines]


def _remarks(weight: Mapping[str, Any]) -> str:
    remarks = [] if weight["trainable"] else ["not trained"]
    if weight["kind"] in _USUAL and (start := _start(weight["initializer"], weight["kind"])):
        remarks.append(f"starts at {start}")
    return "".join(f"  {remark}" for remark in remarks)


def _start(init: object, kind: str) -> str:
    """Return the initial value of a weight in words; empty if it is usual for its kind."""
    if isinstance(init, Mapping):
        options = {name: value for name, value in init.items() if name != "kind"}
        if "negative_of" in options:
            return f"minus the initial values of {options['negative_of']}"
        values = " ".join(f"{name}={value}" for name, value in options.items())
        # A single option needs no name: constant 3.
        values = str(*options.values()) if len(options) == 1 else values
        text = f"{init.get('kind', '')} {values}".strip()
    else:
        text = init if isinstance(init, str) else f"{init:g}"
    return "" if text in _USUAL[kind] else text


def _hung(line: str, indent: str) -> str:
    return "\n".join(
        textwrap.wrap(
            "".join(c if c.isprintable() else " " for c in line),
            _WIDTH,
            initial_indent=indent,
            subsequent_indent=indent + "    ",
            break_on_hyphens=False,
        )
    )


def _fitted(line: str) -> str:
    return "\n".join(
        part if len(part) <= _WIDTH else _hung(part.strip(), "  ") for part in line.split("\n")
    )
