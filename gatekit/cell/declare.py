"""Options as annotated class fields: the only way in which plugins declare options."""

from __future__ import annotations

import functools
import inspect
import math
import sys
import types
import typing
import weakref
from collections.abc import Callable, Mapping, Sequence
from typing import Any, ClassVar, Self

from gatekit.faults import (
    AnyOf,
    Custom,
    Fault,
    Flag,
    Kind,
    Mismatch,
    Number,
    OneOf,
    Optional,
    Place,
    Text,
    Type,
    Whole,
    together,
    unknown_option,
)

from .errors import (
    ConfigError,
    OptionError,
    as_plain,
    wrong_option,
)


class FixedError(ConfigError, AttributeError):
    """An object whose options are fixed is changed."""


class Declared:
    """Base of gates, output units, linear maps, initializers, blocks and tasks.

    An annotated class field is an option. A field without an annotation, with ``ClassVar``, or with
    a name that begins with ``_`` is not an option and cannot be set. A subclass may change an
    inherited option's default by plain assignment.

    Args:
        options: values by name; each is checked against the field's annotation.

    Raises:
        ConfigError: an option is unknown, missing, of the wrong type, or not finite.
    """

    _option_types: ClassVar[Mapping[str, Any]] = types.MappingProxyType({})
    _needed: ClassVar[frozenset[str]] = frozenset()

    def __init_subclass__(cls) -> None:
        super().__init_subclass__()
        hints: dict[str, Any] = {}
        for base in reversed(cls.__mro__):
            hints.update(_hints(base))
        option_hints = {
            name: hint
            for name, hint in hints.items()
            if not name.startswith("_") and typing.get_origin(hint) is not ClassVar
        }
        for name in ("options", "option_names", "replaced"):
            value = vars(cls).get(name)
            if value is not None and not callable(getattr(value, "__func__", value)):
                why = "it is a method of gatekit's base class"
                raise ConfigError(Fault(Kind.REFUSED, Place((cls.__name__, name)), why=why))
        if "__init__" in vars(cls) and _names_arguments(vars(cls)["__init__"]):
            why = "options are annotated fields of the class, not arguments"
            raise ConfigError(Fault(Kind.REFUSED, Place((cls.__name__, "__init__")), why=why))
        cls._option_types = types.MappingProxyType(option_hints)
        cls._needed = frozenset(name for name in option_hints if not hasattr(cls, name))
        for name, value in vars(cls).items():
            if name in option_hints and not hasattr(value, "__get__"):
                cls._checked_option(name, value)  # the default of an option is one of its values

    def __init__(self, **options: Any) -> None:
        kind, errors = type(self), list[OptionError]()
        for name, value in options.items():
            try:
                object.__setattr__(self, name, kind._checked_option(name, value))
            except OptionError as error:
                errors.append(error)
        for name in sorted(kind._needed - set(options)):
            errors.append(OptionError(kind.__name__, Fault(Kind.MISSING, Place((name,)))))
        if wrong := together(error.option for error in errors):
            raise OptionError(kind.__name__, wrong) from errors[0].__cause__

    @classmethod
    def _checked_option(cls, name: str, value: Any) -> Any:
        """Return the value of an option, converted to its type."""
        if name in cls._option_types:
            return _checked(cls.__name__, name, value, cls._option_types[name])
        default = getattr(cls, name, None)
        declared = any(name in _hints(base) for base in cls.__mro__)
        if isinstance(default, (bool, int, float, str)) and not declared:
            raise ConfigError(
                f"{cls.__name__}.{name} is not an option, because it has no annotation"
            )
        fault = unknown_option(Place((name,)), plain(as_plain(value)), cls._option_types)
        raise OptionError(cls.__name__, fault)

    def __setattr__(self, name: str, value: object) -> None:
        raise FixedError(
            f"{type(self).__name__} cannot be changed, so self.{name} = ... is refused"
        )

    @classmethod
    def option_names(cls) -> tuple[str, ...]:
        """Return the names of all options."""
        return tuple(cls._option_types)

    def options(self) -> dict[str, Any]:
        """Return the options that differ from their defaults, by name, in order of declaration."""
        kind, attributes = type(self), vars(self)
        # Options that were not set have their defaults.
        return {
            name: plain(attributes[name])
            for name in kind._option_types
            if name in attributes
            and (name in kind._needed or plain(attributes[name]) != plain(getattr(kind, name)))
        }

    def replaced(self, **options: Any) -> Self:
        """Return a copy with other options."""
        return type(self)(**{**self.options(), **options})

    def __eq__(self, other: object) -> bool:
        return type(self) is type(other) and self.options() == other.options()

    def __hash__(self) -> int:
        return hash((type(self), repr(self.options())))

    def __repr__(self) -> str:
        return (
            f"{type(self).__name__}({', '.join(f'{k}={v!r}' for k, v in self.options().items())})"
        )


def _names_arguments(constructor: Callable[..., Any]) -> bool:
    """Return whether a class's own constructor has named arguments."""
    _, *parameters = inspect.signature(constructor).parameters.values()
    return any(p.kind not in (p.VAR_POSITIONAL, p.VAR_KEYWORD) for p in parameters)


_HINTS: weakref.WeakKeyDictionary[type, Mapping[str, Any]] = weakref.WeakKeyDictionary()


def _hints(cls: type) -> Mapping[str, Any]:
    """Return the type hints of a class without those of its bases, evaluated once.

    `typing.get_type_hints` evaluates the hints of every base for each subclass anew.
    """
    known = _HINTS.get(cls)
    if known is None:
        known = dict(inspect.get_annotations(cls)) if cls.__module__ != "builtins" else {}
        if not all(isinstance(hint, type) for hint in known.values()):
            holder = type(
                cls.__name__, (), {"__annotations__": known, "__module__": cls.__module__}
            )
            module = vars(sys.modules[cls.__module__]) if cls.__module__ in sys.modules else {}
            # names of the module take precedence over those of the class, as in get_type_hints
            known = typing.get_type_hints(holder, dict(vars(cls)), module)
        _HINTS[cls] = known
    return known


def plain(value: Any) -> Any:
    """Return the value as plain data: mappings as dict, sequences as list."""
    if isinstance(value, Mapping):
        return {str(k): plain(v) for k, v in value.items()}
    if isinstance(value, (list, tuple)):
        return [plain(v) for v in value]
    if hasattr(value, "canonical") and not isinstance(value, type):
        return plain(value.canonical())
    return value


def _checked(owner: str, name: str, value: object, hint: Any) -> Any:
    try:
        return type_of(hint).accept(value)
    except Mismatch as mismatch:
        expected = str(mismatch)
    raise wrong_option(owner, name, value, expected)


_PLAIN: dict[Any, Type] = {
    Any: Custom(lambda value: value),
    bool: Flag(),
    int: Whole(-math.inf, math.inf),
    float: Number(),
    str: Text(blank=True),
}


@functools.cache
def type_of(hint: Any) -> Type:
    """Return the type of the values that an annotation allows."""
    if hint in _PLAIN:
        return _PLAIN[hint]
    origin, args = typing.get_origin(hint), typing.get_args(hint)
    if origin is typing.Literal:
        return OneOf(args)
    if origin in (typing.Union, types.UnionType):
        # An integer is also a number, and stays one.
        each = sorted(
            (type_of(a) for a in args if a is not type(None)), key=lambda t: t == Number()
        )
        inner = each[0] if len(each) == 1 else AnyOf(tuple(each))
        return Optional(inner) if type(None) in args else inner
    base = origin or hint
    if isinstance(base, type) and issubclass(base, Mapping):
        return _instance((Mapping,), "a mapping", plain)
    if isinstance(base, type) and issubclass(base, Sequence):
        return _instance((list, tuple), "a list", tuple)
    return _instance((base,) if isinstance(base, type) else (), str(hint))


def _instance(
    kinds: tuple[type, ...], words: str, convert: Callable[[Any], Any] | None = None
) -> Type:
    """Return the type of the instances of some classes."""

    def accept(value: Any) -> Any:
        if not isinstance(value, kinds):
            raise Mismatch(words)
        return value if convert is None else convert(value)

    return Custom(accept)
