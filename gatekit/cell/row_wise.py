"""The base of gates and output units: reads, a bias, parameters, arguments bound by name."""

from __future__ import annotations

import inspect
import re
import traceback
from collections.abc import Callable, Mapping
from typing import Any, ClassVar

from gatekit.faults import Place

from .declare import Declared
from .errors import CellError, excerpt, nearest, one_line, refused
from .language.expression import Expr
from .language.ops import FUNCTIONS, UnknownFunctionError
from .learned import Parameter
from .owned import Projection, check_declared, check_own_names, projections_of
from .written import Line, attribute_place, returned_place

_OF_GATEKIT = ("ops", "Parameter", "Gate", "OutputUnit", "hookimpl")
ALLOWED = "use only gatekit.ops, + - * / ** and numbers"
_BRANCH = "write ops.where(x, a, b), which is a if x > 0, otherwise b"
_TENSORFLOW = re.compile(r"\b(?:tf|tensorflow|keras)\.")
_TOKENS = (
    (r"\bif\b|\bwhile\b|\band\b|\bor\b|\bnot\b|[<>]|==", _BRANCH),
    (r"\bfor\b", "write ops.sum(x), the sum over units, in place of a loop"),
    (r"\[", "each part is a projection: projections = {'a': Projection(['x', 'h_prev'])}"),
)
"""What to write in place of Python's control flow and indexing in a gate's function."""


PROJECTIONS = Place(("projections",))


class RowWise(Declared):
    """Base of `Gate` and `OutputUnit`: declares its inputs, and maps each row of a batch alone."""

    reads: Any = ()
    bias: bool = True
    units: int | str = "units"
    bind: Mapping[str, str] = {}
    initializers: Mapping[str, Any] = {}
    projections: Mapping[str, Any] = {}

    parameters: ClassVar[Mapping[str, Parameter]] = {}
    mixes_units: ClassVar[bool] = False
    uses_tensorflow: ClassVar[bool] = False
    method: ClassVar[str] = ""

    def __init_subclass__(cls) -> None:
        owner = Place((cls.__name__,))
        for name, value in vars(cls).items():
            if isinstance(value, Parameter):
                raise refused(
                    owner / name,
                    "it is a learned parameter outside of `parameters`; write "
                    f"parameters = {{{name!r}: ...}}, and ask for it by name: "
                    f"def {cls.method}(self, pre, {name})",
                )
        for key, kind, usual, such in (
            ("parameters", Parameter, "scale", 'Parameter("units", init=1.0)'),
            ("projections", Projection, "tau", 'Projection("x")'),
        ):
            check_declared(owner, key, getattr(cls, key), kind, f"{kind.__name__}s", usual, such)
        super().__init_subclass__()
        own = (*getattr(cls, "states", ()), *cls.projections)
        check_own_names(owner, own, (*cls.parameters, *cls._option_types))

    def own_projections(self, where: Place = PROJECTIONS) -> dict[str, Projection]:
        """Return the projections by name.

        Args:
            where: the place in the cell, for messages.

        Raises:
            CellError: an option is not a projection, or a name is taken.
        """
        changes = self.projections if "projections" in vars(self) else {}
        merged = projections_of(type(self).projections, changes, where)
        states = getattr(self, "states", {})
        check_own_names(where, (*merged, *(n for n in changes if n in states)))
        return merged

    def arguments(self) -> tuple[str, ...]:
        """Return the argument names of the row-wise function, in order.

        Raises:
            CellError: the class has no such function, or it lacks ``self``, or takes ``*args``,
                ``**kwargs`` or arguments with defaults, which cannot be bound by name.
        """
        function = getattr(type(self), self.method)
        if not inspect.isroutine(function):
            first = "pre" if self.method == "activate" else "emitted"
            name = getattr(function, "name", "tanh")
            raise CellError(
                f"{type(self).__name__}.{self.method} is not a method; write def {self.method}("
                f"self, {first}): return ops.{name}({first})"
            )
        module = function.__module__ or ""
        if module.rpartition(".")[0] == __package__:  # defined by the base class
            raise CellError(f"{type(self).__name__} {_undefined(type(self), self.method)}")
        names = []
        for position, parameter in enumerate(inspect.signature(function).parameters.values()):
            if position == 0 and parameter.name == "self":
                continue
            if position == 0:
                raise CellError(
                    f"{self.place()}: {self.definition()} lacks self; its first argument is self: "
                    f"def {self.method}(self, {parameter.name})"
                )
            if parameter.kind in (parameter.VAR_POSITIONAL, parameter.VAR_KEYWORD):
                raise CellError(
                    f"{type(self).__name__}.{self.method} takes {parameter}; name each argument: "
                    "pre, t, units, a signal, a signal's _prev, or a parameter or state of the gate"
                )
            if parameter.default is not parameter.empty:
                raise CellError(
                    f"{type(self).__name__}.{self.method}: the argument {parameter.name} has a "
                    "default; make it an option instead: a class field "
                    f"`{parameter.name}: float = {parameter.default!r}`"
                )
            names.append(parameter.name)
        return tuple(names)

    def definition(self) -> str:
        """Return the signature of the function, for error messages."""
        function = getattr(type(self), self.method)
        return f"{type(self).__name__}.{self.method}{inspect.signature(function)}"

    def place(self, error: BaseException | None = None) -> Line:
        """Return the line of the row-wise function.

        Args:
            error: the exception that the function raised. The line is then the last one in the same
                file that led to the exception, with its text.
        """
        return place_in(getattr(type(self), self.method), error)

    def returned(self) -> Line:
        """Return the line of the row-wise function's last ``return``."""
        return returned_place(getattr(type(self), self.method))

    def declared(self, name: str) -> str:
        """Return where an author's class defines a name, such as `` (plugins/slow.py, line 12)``.

        It is empty for gatekit's own classes, or if the source is not available.
        """
        line = attribute_place(type(self), name)
        return (
            f" ({line.place})" if line and not type(self).__module__.startswith("gatekit.") else ""
        )

    def wrong(self, error: Exception) -> str:
        """Return the message for an exception: the author's line, the reason, what to write.

        Args:
            error: the exception that the row-wise function raised.
        """
        place, reason = self.place(error), one_line(error) or type(error).__name__
        if isinstance(error, NameError):
            if error.name in _OF_GATEKIT:
                return f"{place}: {reason}; write from gatekit import {error.name}"
            write = _in_ops(place.text)
            near = nearest(error.name or "", self.arguments())
            if f"{error.name}_prev" in self.arguments():
                near = f"; write {error.name}_prev"
            declare = f"; ask for it by name: def {self.method}(self, pre, {error.name})"
            write = f"write self.{error.name}" if error.name in self._option_types else write
            return f"{place}: {reason}" + (f"; {write}" if write else near or declare)
        if isinstance(error, AttributeError) and error.obj is self:
            near = nearest(
                error.name or "", (*self._option_types, *self.parameters, *vars(type(self)))
            )
            declared = (
                f'a learned number is parameters = {{"{error.name}": Parameter("units", '
                f"init=1.0)}}, and def {self.method}(self, pre, {error.name}) receives it; an "
                f"option is {error.name}: float = 1.0 in the class"
            )
            if f"self.{error.name}(" in place.text:
                declared = (
                    f'a linear map of x is projections = {{"{error.name}": Projection("x")}}, and '
                    f"def {self.method}(self, pre, {error.name}) receives its result"
                )
            if error.name and error.name in self.parameters:
                with_it = ", ".join(dict.fromkeys(["self", *self.arguments(), error.name]))
                own = f"write def {self.method}({with_it}), and {error.name} in place of self."
                return f"{place}: {reason}; {own}{error.name}"
            return f"{place}: {reason}{near or f'; {declared}'}"
        # The errors of `self.last = ...` and `ops.clipp(...)` have a remedy already.
        if isinstance(error, AttributeError) and (
            error.obj is None or isinstance(error, UnknownFunctionError)
        ):
            return f"{place}: {reason}"
        return f"{place}: {remedied_line(error, place.text)}"

    def compute(self, values: Mapping[str, Any]) -> Any:
        """Return the result of the row-wise function for arguments by name."""
        return getattr(self, self.method)(**values)


def place_in(function: Callable[..., Any], error: BaseException | None = None) -> Line:
    """Return the line of a function.

    Args:
        function: a method of a plugin.
        error: the exception that it raised. The line is then the last one in the same file that led
            to the exception, with its text.
    """
    # A decorator such as tf.function hides the function.
    code = inspect.unwrap(function).__code__
    frames = traceback.extract_tb(error.__traceback__ if error else None)
    in_file = [frame for frame in frames if frame.filename == code.co_filename]
    if not in_file:
        return Line(code.co_filename, code.co_firstlineno)
    text = excerpt((in_file[-1].line or "").strip().rstrip(":"))
    return Line(code.co_filename, in_file[-1].lineno or 1, text)


def remedied_line(error: Exception, line: str) -> str:
    """Return why a function cannot compute with a signal, and what to write in its line.

    Args:
        error: the exception that the function raised.
        line: the text of the line.
    """
    return excerpt(_reason(error), 200) + _instead(line)


def _reason(error: Exception) -> str:
    """Return why a gate's function cannot compute with a signal."""
    if isinstance(error, AttributeError) and isinstance(error.obj, Expr):
        return f"a signal has no {error.name!r}; functions of signals are in gatekit.ops"
    return one_line(error) or type(error).__name__


def _instead(line: str) -> str:
    """Return what to write in place of the author's line, as the end of a sentence."""
    note = _in_ops(line)
    note = note or next((what for pattern, what in _TOKENS if re.search(pattern, line)), "")
    declares = "; a gate that needs TensorFlow declares uses_tensorflow = True"
    return f"; {ALLOWED}: {note}".removesuffix(": ") + declares * bool(_TENSORFLOW.search(line))


def _in_ops(line: str) -> str:
    """Return what to write with gatekit.ops in place of the functions in an author's line."""
    calls = re.findall(r"((?:\w+\.)*)([A-Za-z]\w*?)_?(?=\()", line)
    called = [name for owner, name in calls if owner not in ("ops.", "gatekit.ops.")]
    for name in called:
        if name in FUNCTIONS and (typed := FUNCTIONS[name].typed):
            return "write " + re.sub(r"\b(\w+)\(", r"ops.\1(", typed)
    return ""


def _undefined(cls: type, method: str) -> str:
    """Return what is missing in a class without its row-wise function, and what to type."""
    methods = [
        name
        for name, value in vars(cls).items()
        if inspect.isfunction(value) and not name.startswith("_")
    ]
    first = "pre" if method == "activate" else "emitted"
    if len(methods) == 1:
        [other] = methods
        place, given = place_in(vars(cls)[other]), [*inspect.signature(vars(cls)[other]).parameters]
        rename = f"rename {other} to {method}"
        if "pre" in given and getattr(cls, "reads", None):
            first = "pre"  # of an output unit that reads signals
        if len(given) == 2 and given[1] not in ("x", "h", "h_prev"):  # call(self, inputs)
            rename = f"write {method}(self, {first}) in place of {other}({', '.join(given)})"
            rename += f", and {first} in place of {given[1]}" * (given[1] != first)
        return f"has no {method}, which computes its value; {rename} ({place})"
    return f"has no {method}, which computes its value; write def {method}(self, {first})"
