"""The contracts of gates and output units."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar

from gatekit.cell.language.expression import Expr, evaluate, names
from gatekit.cell.language.ops import Function
from gatekit.faults import Place

from .owned import State, check_declared, check_noises, state_of
from .row_wise import RowWise
from .written import Line


class Gate(RowWise):
    """A gate: sums linear maps of signals and a bias into ``pre``, then applies a function.

    ``pre = sum_r A_r(read_r) + bias``, ``value = activate(pre, ...)``

    A subclass declares its options (annotated fields), ``reads``, ``bias``, ``parameters``,
    ``states``, ``projections`` and ``noises`` (distributions by name, of numbers that are drawn
    anew for each step, row and unit in training), and defines ``activate``; it does not create
    weights, loop over time or use Keras. The shapes of its weights follow from the widths of its
    reads: each linear map returns the shapes that it needs (`LinearMap.shapes`), and
    `gatekit.cell.graph.weights` collects them.

    Args:
        reads: signals or expressions that are linearly mapped; a list, or a mapping to linear maps.
        bias: whether a bias is added.
        units: the gate's width: a number, ``units``, ``features``, the name of a gate, input or
            constant, or arithmetic on these.
        bind: the signals of arguments of ``activate`` that are named differently; with
            ``{forget: update}``, the argument ``forget`` gets the signal ``update``.
        initializers: ``{kernel:, recurrent:, bias:}``, each an initializer's name or
            ``{kind: ...}``.
        norm: ``{of: read|sum, group: [gates], epsilon:}`` for layer normalisation.
        projections: further linear maps by name, each a `Projection` or a mapping with its keys;
            an option changes those of the class key by key.
    """

    reads: Any = ("x", "h_prev")
    norm: Mapping[str, Any] | None = None

    states: ClassVar[Mapping[str, float | State]] = {}
    noises: ClassVar[Mapping[str, str]] = {}
    method: ClassVar[str] = "activate"

    def __init_subclass__(cls) -> None:
        owner, kinds = Place((cls.__name__,)), (int, float, State)
        check_declared(owner, "states", cls.states, kinds, "initial values")
        check_noises(cls.noises, owner / "noises")
        super().__init_subclass__()

    def own_states(self, where: Place | None = None) -> dict[str, State]:
        """Return the gate's states by name.

        Args:
            where: the place in the cell, for messages; by default, the class.
        """
        place = (where or Place((type(self).__name__,))) / "states"
        return {name: state_of(each, place / name) for name, each in self.states.items()}

    def activate(self, pre: Any) -> Any:
        """Return the gate's value ``batch x units``, or the value and the new states by name.

        Args:
            pre: the pre-activation, ``batch x units``. Ask for other arguments by name: a signal, a
                signal's ``_prev``, a parameter of the gate, the ``_prev`` of a state of the gate,
                ``own_prev``, ``t``, ``units``.
        """
        raise NotImplementedError


class InlineGate(Gate):
    """A gate written in YAML: ``{activation: relu(pre), reads: [x]}``.

    Args:
        activation: the gate's value, an expression.
        states: own states by name, each ``{update: EXPRESSION}`` with the keys of `State`.
        noises: distributions by name, as in `Gate`.
    """

    activation: str
    states: Mapping[str, Any] = {}  # type: ignore[misc]
    noises: Mapping[str, Any] = {}  # type: ignore[misc]

    _expression: Expr
    _updates: Mapping[str, Expr] = {}
    _functions: Mapping[str, Function]

    def with_expressions(
        self,
        activation: Expr,
        updates: Mapping[str, Expr],
        functions: Mapping[str, Function],
    ) -> InlineGate:
        """Set the parsed expressions, which `arguments` and `compute` use; return the gate.

        Args:
            activation: the gate's value.
            updates: the new value of each state.
            functions: the functions of expressions, by name.
        """
        object.__setattr__(self, "_expression", activation)
        object.__setattr__(self, "_updates", updates)
        object.__setattr__(self, "_functions", functions)
        return self

    def own_states(self, where: Place | None = None) -> dict[str, State]:
        """Return the gate's states by name, without their updates."""
        declared = {
            name: {key: value for key, value in state.items() if key != "update"}
            for name, state in self.states.items()
        }
        place = (where or Place()) / "states"
        return {name: state_of(each, place / name) for name, each in declared.items()}

    @property
    def updates(self) -> Mapping[str, Expr]:
        """The parsed new value of each state."""
        return self._updates

    @property
    def expression(self) -> Expr:
        """The parsed activation."""
        return self._expression

    def arguments(self) -> tuple[str, ...]:
        """Return the names that the activation and the updates of states read."""
        read = [names(each) for each in (self._expression, *self._updates.values())]
        return tuple(dict.fromkeys(name for own in read for name in own))

    def definition(self) -> str:
        """Return the activation as written."""
        return f"activation: {self.activation}"

    def place(self, error: BaseException | None = None) -> Line:
        """Return the activation as written, because it is not in a Python file."""
        return Line("activation", 0, str(self.activation))

    def compute(self, values: Mapping[str, Any]) -> Any:
        """Return the activation's value, and the new states if the gate has some."""
        value = evaluate(self._expression, values, self._functions)
        new = {n: evaluate(e, values, self._functions) for n, e in self._updates.items()}
        return (value, new) if new else value


class LinearGate(Gate):
    """The sum of linear maps, unchanged; in a cell it computes a projection of a gate.

    ``value = pre``
    """

    def arguments(self) -> tuple[str, ...]:
        """Return the one argument, the sum."""
        return ("pre",)

    def compute(self, values: Mapping[str, Any]) -> Any:
        """Return the sum, ``batch x units``."""
        return values["pre"]


class OutputUnit(RowWise):
    """An output unit: computes the layer's output from the signals of the cell.

    ``pre = sum_r A_r(read_r) + bias``, ``y = emit(pre, ...)``

    It is applied to all steps in one operation after the loop, unless ``feeds_back`` is true.
    ``emit`` asks for its arguments by name: ``emitted`` (the signal that the cell emits), ``pre``,
    any signal or input, a parameter of the output unit, and ``NAME_history`` for each entry of
    ``history``.

    Args:
        reads: signals or expressions that are linearly mapped; ``emitted`` is the emitted signal.
        bias: whether a bias is added.
        units: the width of ``pre`` and of the output.
        bind: the signals of arguments of ``emit`` that are named differently.
        initializers: ``{kernel:, bias:}``.
        projections: further linear maps by name, as in `Gate`.
    """

    history: ClassVar[Mapping[str, int]] = {}
    feeds_back: ClassVar[bool] = False
    method: ClassVar[str] = "emit"

    def emit(self, emitted: Any) -> Any:
        """Return the layer's output, ``... x units``.

        Args:
            emitted: the signal that the cell emits, ``... x units``.
        """
        raise NotImplementedError
