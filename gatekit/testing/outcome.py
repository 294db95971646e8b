"""A check of the conformance suite, and its outcome."""

from __future__ import annotations

import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from gatekit.cell.errors import GatekitError
from gatekit.faults import Place, speak
from gatekit.registry.author import author_line, what_happened

from .subject import GATE

PASS, FAIL, XFAIL = "PASS", "FAIL", "XFAIL"


class CheckError(GatekitError):
    """A check failed.

    Args:
        reason: what is wrong, and what is expected.
    """

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason


def compare(name: str, a: ArrayLike, b: ArrayLike, tolerance: float) -> None:
    """Refuse values that differ by more than a tolerance; NaN and infinity equal themselves.

    Args:
        name: what it means that they differ.
        a: the values.
        b: the expected values.
        tolerance: the largest allowed difference, relative to 1 plus the largest expected value.

    Raises:
        CheckError: they differ.
    """
    one, two = np.asarray(a, np.float64), np.asarray(b, np.float64)
    if one.shape != two.shape:
        raise CheckError(f"{name} (shape {one.shape}, not {two.shape})")
    other = ~((one == two) | (np.isnan(one) & np.isnan(two)))
    error = float(np.max(np.abs(one[other] - two[other]), initial=0.0))
    error /= 1 + float(np.max(np.abs(two), where=np.isfinite(two), initial=0.0))
    if not error <= tolerance:
        raise CheckError(f"{name} (off by {error:.2g})")


@dataclass(frozen=True)
class Outcome:
    """The outcome of a check.

    Args:
        check: the check's name.
        status: ``PASS``, ``FAIL`` or ``XFAIL`` (it fails, as the author expected).
        reason: what is wrong; for XFAIL, the author's reason; for PASS, a note or nothing.
    """

    check: str
    status: str
    reason: str = ""


@dataclass(frozen=True)
class Check:
    """One named check of one object; calling it raises an error if the check fails.

    Args:
        name: the check's name.
        function: the check: returns a note or None, and raises an error if the check fails.
        subject: the argument of the function.
        path: the file that is checked; errors name the line in it.
        expected: the author's reasons for checks that may fail, by check.
    """

    name: str
    function: Callable[[Any], str | None]
    subject: Any
    path: Path | None = None
    expected: Mapping[str, str] | None = None

    def __str__(self) -> str:
        """Return the check's name."""
        return self.name

    @property
    def __name__(self) -> str:
        """The check's name, which pytest shows."""
        return self.name

    def outcome(self) -> Outcome:
        """Run the check and return its outcome."""
        excuse = (self.expected or {}).get(self.name, "")
        try:
            note = self.function(self.subject) or ""
        except Exception as error:
            if excuse:
                return Outcome(self.name, XFAIL, excuse)
            return Outcome(self.name, FAIL, self._reason(error))
        if excuse:
            note = "passes although expected_failures lists it: remove it there"
        return Outcome(self.name, PASS, note)

    def __call__(self) -> None:
        """Run the check; under pytest, a failure that the author expected is an xfail.

        Raises:
            AssertionError: the check fails; the message has the reason.
        """
        outcome = self.outcome()
        if outcome.status == FAIL:
            raise AssertionError(f"{self.name}: {outcome.reason}")
        pytest = sys.modules.get("pytest")
        if outcome.status == XFAIL and pytest is not None:
            pytest.xfail(outcome.reason)

    def _reason(self, error: Exception) -> str:
        if isinstance(error, CheckError):
            return error.reason
        if isinstance(error, GatekitError):
            # The small cell and the gate's name in it belong to the suite, so omit them.
            subject = Place(("cell", "gates", GATE))
            message = str(error)
            if error.fault is not None and error.fault.place.path[:3] == subject.path:
                message = speak(error.fault.moved(subject, Place()), error.channel)
            place = author_line(error, self.path) if self.path else None
            return message + (f" ({place})" if place else "")
        return what_happened(error, self.path)
