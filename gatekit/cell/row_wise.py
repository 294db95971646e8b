"""The base of gates and output units: reads, a bias, parameters, arguments bound by name."""

from __future__ import annotations

import inspect
import traceback
from collections.abc import Callable, Mapping
from typing import Any, ClassVar

from gatekit.faults import Place

from .declare import Declared
from .errors import CellError, excerpt, nearest, one_line, refused
from .language.expression import Expr
from .learned import Parameter
from .owned import Projection, check_declared, check_own_names, projections_of
from .written import Line, attribute_place, returned_place

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
                raise refused(owner / name, "it is a learned parameter outside of `parameters`")
        for key, kind in (("parameters", Parameter), ("projections", Projection)):
            check_declared(owner, key, getattr(cls, key), kind, f"{kind.__name__}s")
        super().__init_subclass__()
        own = (*getattr(cls, "states", ()), *cls.projections, *getattr(cls, "noises", ()))
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
        own = f"{type(self).__name__}.{self.method}"
        if not inspect.isroutine(function):
            raise CellError(f"{own} is not a method")
        module = function.__module__ or ""
        if module.rpartition(".")[0] == __package__:  # defined by the base class
            raise CellError(f"{type(self).__name__} has no {self.method}, which computes its value")
        names = []
        for position, parameter in enumerate(inspect.signature(function).parameters.values()):
            if position == 0 and parameter.name == "self":
                continue
            if position == 0:
                raise CellError(f"{self.place()}: {self.definition()} lacks self")
            if parameter.kind in (parameter.VAR_POSITIONAL, parameter.VAR_KEYWORD):
                raise CellError(f"{own} takes {parameter}, and arguments are bound by name")
            if parameter.default is not parameter.empty:
                raise CellError(f"{own}: the argument {parameter.name} has a default")
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
        """Return the message for an exception: the author's line and the reason.

        Args:
            error: the exception that the row-wise function raised.
        """
        near = ""
        if isinstance(error, NameError):
            near = nearest(error.name or "", self.arguments())
        elif isinstance(error, AttributeError) and error.obj is self:
            known = {*self._option_types, *self.parameters, *vars(type(self))} - {error.name}
            near = nearest(error.name or "", known)
        return f"{self.place(error)}: {reason(error)}{near}"

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


def reason(error: Exception) -> str:
    """Return why a function cannot compute with a signal."""
    if isinstance(error, AttributeError) and isinstance(error.obj, Expr):
        return f"a signal has no {error.name!r}; functions of signals are in gatekit.ops"
    return excerpt(one_line(error), 200) or type(error).__name__
