"""Initial values of weights as code: the distributions of gatekit's initializers."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from typing import Any

from gatekit.cell.errors import ConfigError, listed
from gatekit.cell.graph import Cell, Weight
from gatekit.cell.language import ops
from gatekit.cell.language.expression import (
    Expr,
    Name,
    Number,
    children,
    replaced,
    walk,
    with_children,
)
from gatekit.cell.learned import DrawContext, Initializer
from gatekit.cell.schema import make_initializer
from gatekit.faults import Place

from .distributions import Draws, fill
from .drawn import formula
from .identifiers import number, slug
from .layout import WeightLayout

Size = Callable[[float], str]


DRAWN = Name("drawn")
_FORMULAS: Mapping[str, Callable[[Any], Expr]] = {
    "uniform_gate": lambda own: -ops.log(1 / DRAWN - 1),
    "polarity": lambda own: ops.sign(DRAWN),
    "retention": lambda own: 1 - 2 ** (-5 - DRAWN),
}
# Below it, a number is zero in single precision, and its logarithm infinite.
_TINY = 1e-30


class FirstValues:
    """Writes the initial value of each weight.

    Args:
        cell: the built cell.
        draws: the framework's templates of draws.
        show: prints an expression in which the names have the given texts.
        size: returns the text of a size.
    """

    def __init__(
        self,
        cell: Cell,
        draws: Draws,
        show: Callable[[Expr, Mapping[str, str]], str],
        size: Size,
    ) -> None:
        self.cell, self.draws, self.show, self.size = cell, draws, show, size
        self._lines: list[str] = []

    def lines(self, layout: WeightLayout, assign: Callable[[str], tuple[str, str]]) -> list[str]:
        """Return the lines that create the weights of the file.

        Args:
            layout: the weights.
            assign: returns the code before and after the value of an attribute.

        Raises:
            ConfigError: an initializer cannot be written as code.
        """
        by_name = {weight.name: weight for weight in self.cell.weights}
        shared: dict[str, str] = {}
        for weight in self.cell.weights:
            other = _negative_of(weight)
            if other is not None and other not in shared:
                shared[other] = slug(other)
                value = self.value(by_name[other])
                self._lines.append(f"{shared[other]} = {value}")
        for stack in layout.stacks:
            pieces = []
            for weights in self._runs([by_name[name] for name in stack.weights], shared):
                other = _negative_of(weights[0])
                if other is not None:
                    pieces.append(f"-{shared[other]}")
                elif len(weights) > 1:
                    shape = weights[0].shape[:-1]
                    width = sum(weight.shape[-1] for weight in weights)
                    pieces.append(self._full(_constant(weights[0]) or 0.0, (*shape, width)))
                else:
                    pieces.append(shared.get(weights[0].name) or self.value(weights[0]))
            self._lines += self._stacked(pieces, *assign(stack.attribute))
        return self._lines

    def _runs(self, weights: list[Weight], shared: Mapping[str, str]) -> list[list[Weight]]:
        """Return the weights, with neighbours of the same constant value grouped."""
        runs: list[list[Weight]] = []
        for weight in weights:
            same = runs and weight.name not in shared and runs[-1][0].name not in shared
            if (
                same
                and _constant(weight) is not None
                and _constant(runs[-1][0]) == _constant(weight)
            ):
                runs[-1].append(weight)
            else:
                runs.append([weight])
        return runs

    def _stacked(self, pieces: list[str], before: str, after: str) -> list[str]:
        if len(pieces) == 1:
            return [f"{before}{pieces[0]}{after}"]
        concat = self.draws.concat
        same = len(set(pieces)) == 1
        inner = f"{pieces[0]} for _ in range({len(pieces)})" if same else ", ".join(pieces)
        line = f"{before}{concat.format(pieces=f'[{inner}]')}{after}"
        if len(line) <= _LONGEST:
            return [line]
        return [f"pieces = [{inner}]", f"{before}{concat.format(pieces='pieces')}{after}"]

    def value(self, weight: Weight) -> str:
        """Return the code of a weight's initial value.

        Raises:
            ConfigError: its initializer cannot be written as code.
        """
        init = weight.init
        if isinstance(init, (int, float)):
            return self._full(float(init), weight.shape)
        kind = init if isinstance(init, str) else str(init["kind"])
        initializer = make_initializer(init, Place((weight.name,)), self.cell.spec.catalogue)
        value = self._standard(kind, initializer, weight)
        if value is None:
            value = self._formula(kind, initializer, weight)
        if value is None:
            value = self._traced(initializer, weight)
        if value is None:
            raise ConfigError(
                f"the initializer {kind!r} of {weight.name} cannot be written as code: its values "
                "are no formula of draws. Let `draw` return NumPy's functions of rng.uniform, "
                "rng.normal or rng.gamma of the whole shape, or choose another: "
                f"{listed([*_STANDARD, *_FORMULAS])}."
            )
        return value

    def _filled(self, template: str, shape: tuple[int, ...], **values: object) -> str:
        return fill(template, [self.size(n) for n in shape], **values)

    def _full(self, value: float, shape: tuple[int, ...]) -> str:
        draws = self.draws
        template = {0.0: draws.zeros, 1.0: draws.ones}.get(value, draws.full)
        return self._filled(template, shape, value=number(value))

    def _standard(self, kind: str, initializer: Any, weight: Weight) -> str | None:
        draws, shape = self.draws, weight.shape
        if kind in ("zeros", "ones", "constant"):
            value = {"zeros": 0.0, "ones": 1.0}.get(kind, getattr(initializer, "value", 0.0))
            return self._full(float(value), shape)
        if kind == "normal":
            return self._filled(
                draws.normal, shape, mean=initializer.mean, stddev=initializer.stddev
            )
        if kind == "diagonal_normal":
            deviation = f"1 / math.sqrt({self.size(weight.gate_units)})"
            return self._filled(draws.normal, shape, mean=0.0, stddev=deviation)
        if kind == "uniform":
            return self._filled(draws.uniform, shape, low=initializer.low, high=initializer.high)
        if kind in ("glorot_uniform", "glorot_normal"):
            rows, columns = (shape[-2:]) if len(shape) > 1 else (shape[0], shape[0])
            if kind == "glorot_uniform" and len(shape) == 2:
                return self._filled(draws.glorot, shape)
            total = f"({self.size(rows)} + {self.size(columns)})"
            if kind == "glorot_normal":
                deviation = f"math.sqrt(2 / {total})"
                return self._filled(draws.normal, shape, mean=0.0, stddev=deviation)
            limit = self._local("limit", f"math.sqrt(6 / {total})")
            return self._filled(draws.uniform, shape, low=f"-{limit}", high=limit)
        if kind == "reservoir" and len(shape) == 2 and shape[0] == shape[1]:
            return draws.reservoir.format(
                size=self.size(shape[0]), radius=initializer.radius, density=initializer.density
            )
        if kind == "legendre" and len(shape) == 2 and shape[0] in (1, shape[1]):
            which = "input" if shape[0] == 1 else "memory"
            matrix = f'legendre({self.size(shape[1])}, {initializer.theta}, "{which}")'
            return draws.array.format(value=matrix)
        if kind == "hippo" and len(shape) == 1:
            return draws.array.format(value=f"hippo({self.size(shape[0])})")
        if kind in ("orthogonal", "identity") and len(shape) in (2, 3):
            template = draws.orthogonal if kind == "orthogonal" else draws.eye
            text, gain = self._filled(template, shape[-2:]), initializer.gain
            text = text if gain == 1.0 else f"{gain} * {text}"
            if len(shape) == 3:
                return draws.stack.format(one=text, count=self.size(shape[0]))
            return text
        return None

    def _formula(self, kind: str, initializer: Any, weight: Weight) -> str | None:
        draws, shape = self.draws, weight.shape
        if kind == "uniform_gate":
            edge = self._local("edge", f"1 / max({self.size(weight.gate_units)}, 3)")
            drawn = self._filled(draws.uniform, shape, low=edge, high=f"1 - {edge}")
        elif kind == "polarity":
            drawn = self._filled(draws.uniform, shape, low=-1.0, high=2.0)
        elif kind == "retention" and len(shape) == 1:
            drawn = self._filled(draws.arange, shape)
        elif kind == "rotary" and len(shape) == 1:
            return f"{initializer.base} ** -{self._filled(draws.linspace, shape)}"
        elif kind == "s4d_real" and len(shape) == 1:
            rows = self.size(shape[0] // self.cell.units)
            return self._shown(ops.log(DRAWN), f"1 + {self._filled(draws.arange, shape)} % {rows}")
        elif kind == "s4d_lin" and len(shape) == 1:
            rows = self.size(shape[0] // self.cell.units)
            return f"math.pi * ({self._filled(draws.arange, shape)} % {rows})"
        elif kind == "head_identity" and len(shape) == 1:
            width = self.size(shape[0] // self.cell.units)
            side = width if width.isdigit() else self._local("side", width)
            place = f"{self._filled(draws.arange, shape)} % {side}**2 % ({side} + 1)"
            return self._shown(ops.relu(1 - DRAWN), place)
        elif kind == "token_shift" and len(shape) == 1:
            share = f"{self._filled(draws.arange, shape)} / {self.size(shape[0])}"
            return f"1 - ({share}) ** {initializer.power}"
        elif kind == "ramp" and len(shape) == 1:
            return self._ramp(initializer, shape)
        else:
            return None
        return self._shown(_FORMULAS[kind](initializer), drawn)

    def _traced(self, initializer: Initializer, weight: Weight) -> str | None:
        """Return the code of an initializer that is a formula of its draws."""
        context = DrawContext(weight.gate_units, self.cell.units, self.cell.features)
        found = formula(initializer, weight.shape, context)
        if found is None:
            return None
        draws, expr = found
        texts: dict[str, str] = {}
        for drawn in draws:
            template = getattr(self.draws, drawn.kind)
            names = {"uniform": ("low", "high"), "normal": ("mean", "stddev"), "gamma": ("alpha",)}
            given = zip(names[drawn.kind], map(self._bound, drawn.numbers), strict=True)
            texts[drawn.name] = self._filled(template, weight.shape, **dict(given))
        first = draws[0].name
        sized = self._with_sizes(expr, texts)
        used = sum(part == Name(first) for part in walk(sized))
        if len(draws) > 1 or used > 1 or len(self.show(sized, texts)) > _SHORT:
            texts |= {d.name: self._local("drawn", texts[d.name]) for d in draws}
        return self._fitting(sized, texts)

    def _fitting(self, expr: Expr, texts: dict[str, str]) -> str:
        """Return the code of an expression; what occurs twice or is long gets a line of its own."""
        inner = [part for part in walk(expr) if children(part)]
        twice = [part for part in inner if part is not expr and inner.count(part) > 1]
        parts = [part for part in children(expr) if children(part)]
        if twice:
            part = max(twice, key=lambda each: len(self.show(each, texts)))
        elif parts and len(self.show(expr, texts)) > _SHORT:
            part = max(parts, key=lambda each: len(self.show(each, texts)))
        else:
            return self.show(expr, texts)
        name = f"part_{len(texts) + 1}"
        texts[name] = self._local("part", self._fitting(part, texts))
        return self._fitting(replaced(expr, part, Name(name)), texts)

    def _with_sizes(self, expr: Expr, texts: dict[str, str]) -> Expr:
        """Give each number that depends on the sizes a name, and note its text."""
        if isinstance(expr, Number):
            text = self._bound(expr.value)
            if text == number(expr.value):
                return expr
            name = f"number_{len(texts) + 1}"
            texts[name] = f"({text})"
            return Name(name)
        inner = tuple(self._with_sizes(child, texts) for child in children(expr))
        return with_children(expr, inner) if inner else expr

    def _bound(self, value: float) -> str:
        """Return the text of a number that may depend on the sizes."""
        return self.size(value if abs(value) >= _TINY or not value else math.copysign(_TINY, value))

    def _ramp(self, initializer: Any, shape: tuple[int, ...]) -> str:
        """Return the code of a straight line, plus a curve in each group of units."""
        rise = f"{initializer.high - initializer.low:.15g}"
        line = f"{initializer.low} + {rise} * {self._filled(self.draws.linspace, shape)}"
        if initializer.zigzag == 0.0:
            return line
        last = f"({self.size(shape[0] // initializer.groups)} - 1)"
        if shape[0] == initializer.groups:
            return line
        place = self._filled(self.draws.arange, shape)
        z = self._local(
            "z", f"{place} % {self.size(shape[0] // initializer.groups)} / {last} * 2 - 1"
        )
        return f"{line} + {initializer.zigzag} * {z} * abs({z})"

    def _shown(self, formula: Expr, drawn: str) -> str:
        """Return the code of a formula of a draw; if it is long, the draw gets its own line."""
        whole = self.show(formula, {"drawn": drawn})
        if len(whole) <= _SHORT:
            return whole
        return self.show(formula, {"drawn": self._local("drawn", drawn)})

    def _local(self, like: str, value: str) -> str:
        """Write an assignment of a value, and return the name of the variable."""
        number = sum(line.startswith(like) for line in self._lines) + 1
        name = like if number == 1 else f"{like}_{number}"
        self._lines.append(f"{name} = {value}")
        return name


_STANDARD = (
    *("zeros", "ones", "constant", "normal", "diagonal_normal", "uniform"),
    *("glorot_uniform", "glorot_normal", "orthogonal", "identity", "rotary", "s4d_real"),
    *("reservoir", "legendre", "hippo", "s4d_lin", "ramp", "token_shift", "head_identity"),
)


_SHORT = 64
_LONGEST = 80


def _negative_of(weight: Weight) -> str | None:
    if isinstance(weight.init, Mapping) and "negative_of" in weight.init:
        return f"{weight.init['negative_of']}.{weight.name.split('.', 1)[1]}"
    return None


def _constant(weight: Weight) -> float | None:
    """Return the initial value that all elements share, or None if they may differ."""
    init = weight.init
    if isinstance(init, (int, float)):
        return float(init)
    kind = init if isinstance(init, str) else init.get("kind")
    known = {"zeros": 0.0, "ones": 1.0}
    if kind == "constant" and isinstance(init, Mapping):
        return float(init.get("value", 0.0))
    return known.get(str(kind))
