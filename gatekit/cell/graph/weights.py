"""The weights of a cell, collected while it is built, in the order in which layers create them."""

from __future__ import annotations

import math
from collections.abc import Container, Mapping, Sequence
from typing import Any

from gatekit.cell.errors import CellError, GatekitError, nearest, refused
from gatekit.cell.gate import Gate
from gatekit.cell.language.expression import Expr
from gatekit.cell.language.shape import MAX_ELEMENTS, infer, shape_text
from gatekit.cell.learned import LinearMap, Parameter
from gatekit.cell.row_wise import RowWise
from gatekit.cell.schema import OUTPUT_UNIT, Read
from gatekit.faults import Place

from .cell import BuiltRead, Init, Weight
from .draft import Draft
from .widths import Widths


class Weights:
    """Collects the weights and parameters of a cell; its methods add them.

    Args:
        draft: the cell.
        widths: its widths.
    """

    def __init__(self, draft: Draft, widths: Widths) -> None:
        self.draft, self.widths = draft, widths
        self.all: list[Weight] = []
        self.parameters: dict[str, Parameter] = {}

    def add(
        self, name: str, shape: tuple[int, ...], init: Init, kind: str, owner: str, **more: Any
    ) -> str:
        """Add a weight and return its name.

        Raises:
            CellError: it has too many elements, or another weight has its name.
        """
        if any(weight.name == name for weight in self.all):
            raise CellError(f"two weights of {owner} would be called {name}")
        if math.prod(shape) > MAX_ELEMENTS:
            raise CellError(
                f"the weight {name} would be {shape_text(shape)}; at most {MAX_ELEMENTS:,} "
                "elements are allowed"
            )
        self.all.append(Weight(name, shape, init, kind, owner, **more))
        return name

    def norm(self, name: str, width: int, owner: str, first: float) -> str:
        """Add a scale or offset of layer normalisation and return its name."""
        return self.add(name, (width,), first, "norm", owner)

    def norm_scale(self, of: str, width: int, owner: str, beside: Container[str]) -> str:
        """Add the scale of a gate's norm and return its name.

        Args:
            of: the gate, or one of its reads.
            width: the width of the normalised values.
            owner: the gate.
            beside: the suffixes of the other weights of the gate or read; one may be ``scale``.
        """
        suffix = "norm_scale" if "scale" in beside else "scale"
        return self.norm(f"{of}.{suffix}", width, owner, 1.0)

    def parameter(self, name: str, parameter: Parameter, owner: str, gate_units: int) -> None:
        """Add the weight of a parameter."""
        of = "" if owner == name else owner
        width = self.draft.sizes.find(parameter.shape, Place((name, "shape")), of)
        self.parameters[name] = parameter
        self.add(
            name,
            (width,),
            parameter.raw_init(),
            "parameter",
            owner,
            trainable=parameter.trainable,
            gate_units=gate_units,
            map=parameter.map,
        )

    def bias(self, owner: str, declared: RowWise, width: int) -> str:
        """Add a bias and return its name."""
        init = self._initializer(declared, "bias", 0.0)
        return self.add(f"{owner}.bias", (width,), init, "bias", owner, gate_units=width)

    def read(
        self,
        owner: str,
        declared: RowWise,
        read: Read,
        width: int,
        stage: int = 0,
        hoisted: bool = True,
    ) -> BuiltRead:
        """Add the weights of a read and return it with its widths.

        Args:
            owner: the name of the gate or of the output unit.
            declared: the gate or output unit.
            read: the read.
            width: the width of the result.
            stage: how many recurrent matrix products come before it.
            hoisted: whether it reads no state.

        Raises:
            CellError: a number is read, or the linear map cannot connect these widths.
        """
        where = self.draft.place(owner) / "reads" / read.text
        expr = self.draft.with_emitted(read.expr) if owner == OUTPUT_UNIT else read.expr
        width_in = self._width(expr, where)
        of_output = owner == OUTPUT_UNIT or self.draft.is_of_output(owner)
        kind = "kernel" if hoisted or of_output else "recurrent"
        usual = "glorot_uniform" if kind == "kernel" else "orthogonal"
        init = self._initializer(declared, kind, None)
        sizes, of = self.draft.sizes, self.draft.top(owner)
        written = read.map.sizes().items()
        linear_map = read.map.at({n: sizes.find(size, where / n, of) for n, size in written})
        try:
            shapes = linear_map.shapes(width_in, width)
        except GatekitError as error:
            raise refused(where, str(error)) from None
        weights = {
            suffix: self.add(
                f"{owner}.{read.label}" + (f".{suffix}" if suffix else ""),
                tuple(shape),
                # A gate's initializer for matrices does not apply to the vectors of a linear map.
                init if init is not None and len(shape) > 1 else _first(linear_map, suffix, usual),
                kind,
                owner,
                trainable=linear_map.trainable,
                gate_units=width,
            )
            for suffix, shape in shapes.items()
        }
        norm = declared.norm if isinstance(declared, Gate) else None
        scale = None
        if norm and norm["of"] == "read":
            scale = self.norm_scale(f"{owner}.{read.label}", width, owner, weights)
        return BuiltRead(
            expr,
            read.text,
            linear_map,
            read.map_kind,
            weights,
            width_in,
            width,
            stage,
            hoisted,
            scale,
        )

    def _width(self, expr: Expr, where: Place) -> int:
        known, functions = self.widths.shapes, self.draft.spec.functions
        shape = infer(self.draft.with_constants(expr), known, functions, where)
        if not shape:
            raise refused(where, "a plain number cannot be read")
        if len(shape) > 1:
            why = f"it is a matrix, {shape_text(shape)}, and linear maps take vectors"
            raise refused(where, why)
        return shape[0]

    def _initializer(self, declared: RowWise, which: str, default: Any) -> Any:
        explicit = declared.options().get("initializers", {})
        cell = dict(self.draft.spec.initializers)
        kind = type(declared).initializers
        return explicit.get(which, cell.get(which, kind.get(which, default)))


def _first(linear_map: LinearMap, suffix: str, usual: str) -> str:
    initializer = linear_map.initializer
    return (
        initializer.get(suffix, usual) if isinstance(initializer, Mapping) else initializer or usual
    )


def check_references(weights: Sequence[Weight], gates: Mapping[str, Any]) -> None:
    """Refuse ``negative_of`` where the other gate has no such weight.

    Raises:
        CellError: there is nothing to refer to.
    """
    known = {weight.name for weight in weights}
    for weight in weights:
        if isinstance(weight.init, Mapping) and "negative_of" in weight.init:
            other = weight.init["negative_of"]
            part = weight.name.split(".", 1)[1]
            if f"{other}.{part}" not in known or other == weight.owner:
                raise CellError(
                    f"{weight.name}: negative_of: {other!r} has no weight {part!r} to refer to"
                    f"{nearest(str(other), gates)}"
                )
