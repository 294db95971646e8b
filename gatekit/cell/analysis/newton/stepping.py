"""The step of a cell in NumPy, for one step or for many in one operation."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from gatekit.cell.graph import BuiltRead, Cell, Node
from gatekit.cell.language.expression import evaluate, names
from gatekit.cell.learned import MAPS

Array = NDArray[np.floating[Any]]


class Stepping:
    """A cell's step $s_t = f_t(s_{t-1})$ for one sequence, without masks, zoneout and dropout.

    Signals that read no state are computed once.

    Args:
        cell: the built cell.
        weights: raw weights by name.
        inputs: ``time x width`` by name; ``t`` and shifted inputs may be omitted.
        first: initial values that replace those of the cell, ``width``, by state.

    Raises:
        Exception: a gate cannot compute with NumPy.
    """

    def __init__(
        self,
        cell: Cell,
        weights: Mapping[str, ArrayLike],
        inputs: Mapping[str, ArrayLike],
        first: Mapping[str, ArrayLike] | None = None,
    ) -> None:
        self.cell = cell
        self.fixed: dict[str, Any] = dict(cell.constants)
        for name, value in weights.items():
            value = np.asarray(value, np.float64)
            parameter = cell.parameters.get(name)
            if parameter is not None and parameter.map:
                value = MAPS[parameter.map].function(value)
            self.fixed[name] = value
        sequences = {name: np.asarray(value, np.float64) for name, value in inputs.items()}
        self.steps = len(sequences["x"])
        for name in cell.shifted:
            sequence = sequences[name]
            sequences.setdefault(f"{name}_prev", np.concatenate([0 * sequence[:1], sequence[:-1]]))
        sequences.setdefault("t", np.arange(1.0, self.steps + 1)[:, None])
        self.first = {
            state.name: np.broadcast_to(
                np.asarray(self.fixed[state.learned] if state.learned else state.initial, float),
                (state.width,),
            )
            for state in cell.states
        }
        self.first.update({name: np.asarray(v, float) for name, v in (first or {}).items()})
        self.env = sequences
        self.products: dict[tuple[str, str], Array] = {}
        everything = {**self.fixed, **sequences}
        for node in cell.nodes:
            if node.hoisted:
                self._add(node, everything, self.products, (self.steps,))
            for read in node.reads:
                if all(name in everything for name in names(read.expr)):
                    self.products[node.name, read.text] = self._mapped(read, everything)
        self.env = {n: v for n, v in everything.items() if n not in self.fixed}
        self.nodes = [node for node in cell.nodes if not node.hoisted]

    def __call__(self, previous: Mapping[str, Array], at: slice = slice(None)) -> dict[str, Array]:
        """Return the new states, given the states before each step.

        Args:
            previous: by state, ``... x steps x width``.
            at: the steps.
        """
        env: dict[str, Any] = {**self.fixed, **{n: v[at] for n, v in self.env.items()}}
        env.update({f"{name}_prev": value for name, value in previous.items()})
        lead = np.broadcast_shapes(*(value.shape[:-1] for value in previous.values()))
        products = {key: z[at] for key, z in self.products.items()}
        for node in self.nodes:
            self._add(node, env, products, lead)
        return {state.name: env[state.name] for state in self.cell.states}

    def shorten(self, steps: int) -> None:
        """Keep only the first ``steps`` steps."""
        self.steps = min(steps, self.steps)
        self.env = {name: value[: self.steps] for name, value in self.env.items()}
        self.products = {key: z[: self.steps] for key, z in self.products.items()}

    def _add(
        self,
        node: Node,
        env: dict[str, Any],
        products: Mapping[tuple[str, str], Array],
        lead: tuple[int, ...],
    ) -> None:
        def linear(owner: str, read: BuiltRead) -> Array:
            known = products.get((owner, read.text))
            return self._mapped(read, env) if known is None else known

        new: Mapping[str, Any] = {}
        if node.kind == "equation":
            assert node.expr is not None
            value = evaluate(node.expr, env, self.cell.spec.functions)
        elif node.kind == "norm":
            (value,) = _normalised([env[node.source]], node.epsilon)
            value = value * env[node.scale] + env[node.offset]
        else:
            assert node.declared is not None
            pre = self._pre_activation(node, env, linear)
            result = node.declared.compute(
                {name: pre if key.startswith("pre:") else env[key] for name, key in node.arguments}
            )
            value, new = result if isinstance(result, tuple) else (result, {})
        for name, key in node.own_states:
            env[key] = np.broadcast_to(new[name], (*lead, self.cell.widths[key]))
        env[node.name] = np.broadcast_to(value, (*lead, node.width))

    def _mapped(self, read: BuiltRead, env: Mapping[str, Any]) -> Any:
        weights = {suffix: env[name] for suffix, name in read.weights.items()}
        u = evaluate(read.expr, env, self.cell.spec.functions)
        return u @ read.map.matrix(weights) if read.map.has_matrix() else read.map.apply(u, weights)

    def _pre_activation(
        self, node: Node, env: Mapping[str, Any], linear: Callable[[str, BuiltRead], Array]
    ) -> Any:
        if not node.reads and node.bias is None:
            return None
        if node.norm is None:
            parts = [linear(node.name, read) for read in node.reads]
        else:
            members = [self.cell.node(name) for name in node.norm.group]
            if node.norm.of == "sum":
                sums = [sum(linear(m.name, read) for read in m.reads) for m in members]
                place = node.norm.group.index(node.name)
                parts = [_normalised(sums, node.norm.epsilon)[place] * env[str(node.norm_scale)]]
            else:
                parts = []
                for read in node.reads:
                    same = [(m, r) for m in members for r in m.reads if r.text == read.text]
                    values = _normalised([linear(m.name, r) for m, r in same], node.norm.epsilon)
                    place = [m.name for m, _ in same].index(node.name)
                    parts.append(values[place] * env[str(read.scale)])
        if node.bias is not None:
            parts.append(env[node.bias])
        return sum(parts[1:], parts[0])


def _normalised(parts: list[Any], epsilon: float) -> list[Array]:
    """Return the parts normalised by their joint statistics."""
    whole = np.concatenate(np.broadcast_arrays(*parts) if len(parts) > 1 else parts, -1)
    centred = whole - whole.mean(-1, keepdims=True)
    normal = centred / np.sqrt(np.square(centred).mean(-1, keepdims=True) + epsilon)
    return np.split(normal, np.cumsum([p.shape[-1] for p in parts])[:-1], -1)
