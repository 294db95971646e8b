"""What a gate owns beside its value: states of any width, and further linear maps.

A `Projection` is computed before its gate, from signals of the cell and from what the gate owns.
The gate's function gets it as the argument of that name. A `State` is a number per element that the
gate carries from step to step; the gate's function gets ``NAME_prev`` and returns the new value.
"""

from __future__ import annotations

import math
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields, replace
from typing import Any

from gatekit.faults import Fault, Kind, OneOf, Place, Table, unknown_option

from .calls import constructed
from .errors import CellError, accepted, as_plain, at_most, excerpt, listed, refused
from .learned import check_size

NOISES = {"uniform": 0.5, "normal": 0.0, "gumbel": 0.5772156649015329, "logistic": 0.0}
"""The mean of each distribution of noise that a gate can declare."""
MAX_PROJECTIONS = 20
"""The most projections of one gate. Each may read the one before it."""
TAKEN = ("pre", "own_prev", "t", "units", "features", "x", "emitted", "bias", "norm_scale", "scale")
"""Names of arguments and weights that every gate has."""

Width = int | str


@constructed
@dataclass(frozen=True)
class State:
    """A gate's own state, a vector that it carries from step to step.

    Attributes:
        width: its number of elements: a number, ``"units"`` (the gate's width), ``"features"``, a
            whole-number option of the gate, a constant of the cell, or arithmetic on these.
        first: the initial value of every element.
        learned: whether the initial value is learned.

    Raises:
        CellError: a value has another type, or ``first`` is not finite.
    """

    width: Width = "units"
    first: float = 0.0
    learned: bool = False

    def __post_init__(self) -> None:
        check_size("width", self.width)
        _check_number(self.first, "a state's first")
        _check_switch(self.learned, "a state's learned")
        object.__setattr__(self, "first", float(self.first))


@constructed
@dataclass(frozen=True)
class Projection:
    """A further linear map of a gate; the gate's function gets it as the argument of that name.

    ``projection = sum_r A_r(read_r) + bias``

    Attributes:
        reads: a signal or expression, a list of them, or a mapping from them to linear maps. They
            name signals of the cell and, first of all, what the gate owns: ``STATE_prev``, its
            parameters and its other projections.
        bias: whether a bias is added.
        width: its number of elements: a number, ``"units"`` (the gate's width), ``"features"``, a
            whole-number option of the gate, a constant of the cell, or arithmetic on these.
        first_bias: the initial value of the bias; it takes precedence over the cell's initializers.
        initializer: the initializer of its matrices, a name or ``{"kind": ...}``; None is that of a
            gate's reads.
        norm: ``{"of": "read"}`` or ``{"of": "sum"}`` for layer normalisation, with ``"epsilon"``.

    Raises:
        CellError: a value has another type, or ``first_bias`` is set without a bias.
    """

    reads: Any
    bias: bool = True
    width: Width = "units"
    first_bias: float = 0.0
    initializer: str | Mapping[str, Any] | None = None
    norm: Mapping[str, Any] | None = None

    def __post_init__(self) -> None:
        reads = (self.reads,) if isinstance(self.reads, str) else self.reads
        if not isinstance(reads, (Mapping, Sequence)) or not reads:
            raise CellError(
                "a projection's reads are a signal, an expression, a list of them, or a mapping to "
                f"linear maps, not {excerpt(repr(reads))}"
            )
        object.__setattr__(self, "reads", reads if isinstance(reads, Mapping) else tuple(reads))
        check_size("width", self.width)
        _check_number(self.first_bias, "a projection's first_bias")
        _check_switch(self.bias, "a projection's bias")
        if self.first_bias and not self.bias:
            raise CellError("a projection with bias: false has no bias for first_bias")
        if self.norm is not None and not isinstance(self.norm, Mapping):
            raise CellError(
                f"a projection's norm is {{of: sum}} or {{of: read}}, not "
                f"{excerpt(repr(self.norm))}"
            )
        if self.norm is not None and "group" in self.norm:
            raise CellError("a projection's norm has no group, because it shares no statistics")
        object.__setattr__(self, "first_bias", float(self.first_bias))

    def canonical(self) -> dict[str, Any]:
        """Return the projection as plain data that can be read back, without defaults."""
        return without_defaults(self)


def without_defaults(declared: Any) -> dict[str, Any]:
    """Return the fields of a dataclass that differ from their defaults, by name."""
    values = {
        field.name: (getattr(declared, field.name), field.default) for field in fields(declared)
    }
    return {name: value for name, (value, usual) in values.items() if value != usual}


def state_of(value: float | State | Mapping[str, Any], where: Place) -> State:
    """Return a declared state: a number is the initial value of a state as wide as the gate.

    Args:
        value: a number, a `State`, or a mapping with its keys.
        where: the place in the gate, for messages.

    Raises:
        CellError: a key of the mapping or its value is not allowed.
    """
    if isinstance(value, Mapping):
        made: State = _made(State, State(), value, where)
        return made
    return value if isinstance(value, State) else State(first=value)


def projections_of(
    declared: Mapping[str, Projection], changes: Mapping[str, Any], where: Place
) -> dict[str, Projection]:
    """Return the projections of a gate: those of its class, changed key by key.

    Args:
        declared: the class's projections.
        changes: changed or further projections, each a mapping with the keys of `Projection`.
        where: the place in the cell, for messages.

    Raises:
        CellError: a change is not such a mapping, or there are too many projections.
    """
    merged = dict(declared)
    for name, change in changes.items():
        place = where / name
        if isinstance(change, Projection):
            merged[name] = change
        elif isinstance(change, Mapping):
            merged[name] = _made(Projection, merged.get(name), change, place)
        else:
            raise CellError(Fault(Kind.WRONG, place, as_plain(change), "a mapping"))
    at_most(MAX_PROJECTIONS, len(merged), "projections", where)
    return merged


def check_noises(noises: Any, where: Place) -> None:
    """Refuse noise that is not a mapping from names to distributions.

    Raises:
        CellError: it has another form.
    """
    accepted(noises, Table(), where)
    for name, kind in noises.items():
        accepted(kind, OneOf(tuple(NOISES)), where / name)


def read_names(projections: Mapping[str, Projection]) -> tuple[str, ...]:
    """Return the names in the reads of projections as written, which ``bind`` can replace."""
    reads = [str(read) for projection in projections.values() for read in projection.reads]
    return tuple(dict.fromkeys(re.findall(r"[A-Za-z]\w*", " ".join(reads))))


def _made(kind: Any, base: Any, values: Mapping[str, Any], where: Place) -> Any:
    known = [field.name for field in fields(kind)]
    for key, value in values.items():
        if key not in known:
            raise CellError(unknown_option(where / key, value, known))
    if base is None and "reads" not in values:
        raise CellError(Fault(Kind.MISSING, where / "reads"))
    try:
        return replace(base, **values) if base is not None else kind(**values)
    except CellError as error:
        raise refused(where, str(error)) from None


def check_declared(owner: Place, key: str, value: Any, kind: Any, of: str) -> None:
    """Refuse a class's field that is not a mapping from names to objects of a kind.

    ``of`` is the kind in the plural.
    """
    each = value.values() if isinstance(value, Mapping) else [None]
    if any(isinstance(v, bool) or not isinstance(v, kind) for v in each):
        raise CellError(
            Fault(Kind.WRONG, owner / key, as_plain(value), f"a mapping from names to {of}")
        )


def check_own_names(owner: Place, names: Sequence[str], others: Sequence[str] = ()) -> None:
    """Refuse names of states, projections and noises that a gate's function cannot ask for.

    Args:
        owner: the gate's class or its place in a cell, for messages.
        names: the names of states, projections and noises.
        others: the names of parameters and options, which no state or projection has.

    Raises:
        CellError: a name is taken, given twice or not a name.
    """
    for name in names:
        plain = isinstance(name, str) and re.fullmatch(r"[A-Za-z]\w*", name)
        if not plain or name.endswith("_prev") or name in TAKEN:
            raise refused(
                owner,
                f"{name!r} cannot be the name of a state, projection or noise, which is a Python "
                f"identifier, does not end in _prev, and is not one of {listed(TAKEN)}",
            )
    every = [*names, *others]
    if twice := next((name for name in every if every.count(name) > 1), ""):
        why = "an option, parameter, state or projection has this name, too"
        raise refused(owner / twice, why)


def _check_number(number: object, what: str) -> None:
    fine = isinstance(number, (int, float)) and not isinstance(number, bool)
    if not fine or not math.isfinite(number) or abs(number) > 1e300:  # type: ignore[arg-type]
        raise CellError(f"{what} is a finite number such as 1.0, not {excerpt(repr(number))}")


def _check_switch(value: object, what: str) -> None:
    if not isinstance(value, bool):
        raise CellError(f"{what} is true or false, not {excerpt(repr(value))}")
