"""What a refusal says, as data: tests look at the place and the fixes, not at the sentence."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable

import pytest
from seams import Both, Fault, Fix, Note, OptionError, Place, Remove, Rename, Run, Set, Shell

from gatekit import GatekitError

Check = Callable[[BaseException], bool]


def fault_of(call: Callable[[], object]) -> Fault:
    """Return the fault of a call that is refused."""
    with pytest.raises(GatekitError) as refused:
        call()
    assert refused.value.fault is not None
    return refused.value.fault


def at(place: str, *fixes: str, marked: str | None = None, names: Iterable[str] = ()) -> Check:
    """Return the ``check`` of `pytest.raises` for what is wrong at a place.

    Args:
        place: the place, as its keys with dots.
        fixes: the first fixes, as `written` writes them.
        marked: the part of an equation that is wrong.
        names: what the message names of the input.
    """

    def check(error: BaseException) -> bool:
        assert isinstance(error, GatekitError)
        fault = error.option if isinstance(error, OptionError) else error.fault
        assert fault is not None, error
        assert str(fault.place) == place
        assert written(fault)[: len(fixes)] == [*fixes]
        if marked is not None:
            assert fault.span is not None
            assert fault.given[slice(*fault.span)] == marked
        assert [name for name in names if name not in str(error)] == []
        return True

    return check


def saying(words: str) -> Check:
    """Return the check that an error, which is no fault, says some words: a pattern."""

    def check(error: BaseException) -> bool:
        assert getattr(error, "fault", None) is None
        assert re.search(words, str(error))
        return True

    return check


def written(fault: Fault) -> list[str]:
    """Return the fixes of a fault, without its notes, in a short form that is no sentence.

    It is ``a.b=1`` for a value, ``~a.b`` for a key to remove, ``a.b -> a.c`` for a key to rename
    and ``gatekit show`` for a command; what belongs together has ``&`` between it. The place of
    the fault itself is left out: ``=1``, ``~``, ``-> a.c``.
    """

    def short(fix: Fix) -> str:
        place = getattr(fix, "place", None)
        name = "" if place == fault.place else str(place)
        match fix:
            case Set():
                return f"{name}={fix.value!r}"
            case Remove():
                return f"~{name}"
            case Rename():
                return f"{name} -> {fix.to}".strip()
            case Run():
                return " ".join(("gatekit", fix.command, *fix.args))
            case Both():
                return " & ".join(map(short, fix.fixes))
        return ""

    return [short(fix) for fix in fault.fixes if not isinstance(fix, Note)]


def typed(call: Callable[[], object]) -> str:
    """Return what a shell would have to be given instead: the first fix of a call."""
    fault = fault_of(call)
    fix = fault.fixes[0]
    if isinstance(fix, Rename):
        return Shell().rename(fix, fault.given)
    fixes = getattr(fix, "fixes", (fix,))
    return Shell().assign(*(each for each in fixes if isinstance(each, Set)))


def put(place: str, value: object) -> Set:
    """Return the fix that gives an argument a value."""
    return Set(Place((place,)), value)
