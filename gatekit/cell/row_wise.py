"""What gates and output units share: reads, a bias, parameters, arguments bound by name."""

from __future__ import annotations

import inspect
import traceback
from collections.abc import Mapping
from typing import Any, ClassVar

from .declare import Declared
from .errors import CellError, excerpt, shown
from .parameter import Parameter


class RowWise(Declared):
    """Base of `Gate` and `OutputUnit`: declares its needs, maps each row of a batch separately."""

    reads: Any = ()
    bias: bool = True
    units: int | str = "units"
    bind: Mapping[str, str] = {}
    initializers: Mapping[str, Any] = {}
    regularizers: Mapping[str, Any] = {}
    constraints: Mapping[str, Any] = {}

    parameters: ClassVar[Mapping[str, Parameter]] = {}
    mixes_units: ClassVar[bool] = False
    uses_tensorflow: ClassVar[bool] = False
    method: ClassVar[str] = ""

    def __init_subclass__(cls) -> None:
        super().__init_subclass__()
        for name, value in vars(cls).items():
            if isinstance(value, Parameter):
                raise CellError(
                    f"{cls.__name__}.{name} is a learned parameter outside of `parameters`; write "
                    f"parameters = {{{name!r}: ...}}, and ask for it by name: "
                    f"def {cls.method}(self, pre, {name})"
                )
        parameters = cls.parameters
        fine = isinstance(parameters, Mapping)
        if not fine or not all(isinstance(p, Parameter) for p in parameters.values()):
            given: Any = parameters.items() if isinstance(parameters, Mapping) else ()
            such = {k: v for k, v in given if isinstance(v, (int, float))} or {"scale": 1.0}
            such_as = ", ".join(f'"{k}": Parameter("units", init={v})' for k, v in such.items())
            raise CellError(
                f"{cls.__name__}: parameters is {excerpt(repr(parameters))}; names with a "
                f"Parameter each are expected: parameters = {{{such_as}}}"
            )

    def arguments(self) -> tuple[str, ...]:
        """Return the argument names of the row-wise function, in its order.

        Raises:
            CellError: the class has no such function, or it lacks ``self``, or takes ``*args``,
                ``**kwargs`` or keyword defaults, which cannot be bound by name.
        """
        function = getattr(type(self), self.method)
        if function.__module__.rpartition(".")[0] == __package__:  # that of the base class
            raise CellError(f"{type(self).__name__} {_undefined(type(self), self.method)}")
        found = []
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
                    "pre, t, units, a signal, a signal's _prev, or an own parameter or state"
                )
            if parameter.default is not parameter.empty:
                raise CellError(
                    f"{type(self).__name__}.{self.method}: the argument {parameter.name} has a "
                    "default; make it an option instead: a class field "
                    f"`{parameter.name}: float = {parameter.default!r}`"
                )
            found.append(parameter.name)
        return tuple(found)

    def definition(self) -> str:
        """Return the signature of the function, for error messages."""
        function = getattr(type(self), self.method)
        return f"{type(self).__name__}.{self.method}{inspect.signature(function)}"

    def place(self, error: BaseException | None = None) -> str:
        """Return file and line of the row-wise function, such as ``plugins/slow.py, line 12``.

        Args:
            error: what the function raised; then the line is the last one in the same file that
                led to it, with its text.
        """
        return place_in(getattr(type(self), self.method), error)

    def compute(self, values: Mapping[str, Any]) -> Any:
        """Return the result of the row-wise function for arguments by name."""
        return getattr(self, self.method)(**values)


def place_in(function: Any, error: BaseException | None = None) -> str:
    """Return file and line of a function, such as ``plugins/slow.py, line 12``.

    Args:
        function: a method of a plugin.
        error: what it raised; then the line is the last one in the same file that led to it, with
            its text.
    """
    # A decorator such as tf.function hides the function.
    code = inspect.unwrap(function).__code__
    frames = traceback.extract_tb(error.__traceback__ if error else None)
    own = [frame for frame in frames if frame.filename == code.co_filename]
    if not own:
        return f"{shown(code.co_filename)}, line {code.co_firstlineno}"
    text = f": {excerpt(own[-1].line.strip())}" if own[-1].line else ""
    return f"{shown(code.co_filename)}, line {own[-1].lineno}{text}"


def _undefined(cls: type, method: str) -> str:
    """Return what is missing in a class without its row-wise function, and what to type."""
    own = [
        name
        for name, value in vars(cls).items()
        if inspect.isfunction(value) and not name.startswith("_")
    ]
    first = "pre" if method == "activate" else "emitted"
    if len(own) == 1:
        place = place_in(vars(cls)[own[0]])
        return f"has no {method}, which computes its value; rename {own[0]} to {method} ({place})"
    return f"has no {method}, which computes its value; write def {method}(self, {first})"
