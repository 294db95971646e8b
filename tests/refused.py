"""What a refusal says, as data: tests look at the place and the fixes, not at the sentence."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from gatekit.cell.errors import GatekitError
from gatekit.faults import Fault, Place, Rename, Set, Shell


def fault_of(call: Callable[[], object]) -> Fault:
    """Return the fault of a call that is refused."""
    with pytest.raises(GatekitError) as refused:
        call()
    assert refused.value.fault is not None
    return refused.value.fault


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
