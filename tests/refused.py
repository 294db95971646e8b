"""What a refusal says, as data: tests look at the class and the place, not at the sentence."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable

import pytest
from seams import Fault, OptionError

from gatekit import GatekitError

Check = Callable[[BaseException], bool]


def fault_of(call: Callable[[], object]) -> Fault:
    """Return the fault of a call that is refused."""
    with pytest.raises(GatekitError) as refused:
        call()
    assert refused.value.fault is not None
    return refused.value.fault


def at(place: str, marked: str | None = None, names: Iterable[str] = ()) -> Check:
    """Return the ``check`` of `pytest.raises` for what is wrong at a place.

    Args:
        place: the place, as its keys with dots.
        marked: the part of an equation that is wrong.
        names: what the message names of the input.
    """

    def check(error: BaseException) -> bool:
        assert isinstance(error, GatekitError)
        fault = error.option if isinstance(error, OptionError) else error.fault
        assert fault is not None, error
        assert str(fault.place) == place
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
