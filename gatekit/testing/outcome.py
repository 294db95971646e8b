"""A check of the conformance suite, and its outcome."""

from __future__ import annotations

import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from gatekit.cell.errors import GatekitError
from gatekit.faults import Place, speak
from gatekit.registry.author import author_line, remedy, what_happened

from .subject import GATE

PASS, FAIL, XFAIL = "PASS", "FAIL", "XFAIL"


class CheckError(GatekitError):
    """A check failed.

    Args:
        reason: what is wrong, and what is expected.
        remedy: what to type.
    """

    def __init__(self, reason: str, remedy: str) -> None:
        super().__init__(f"{reason}; {remedy}")
        self.reason, self.remedy = reason, remedy


@dataclass(frozen=True)
class Outcome:
    """The outcome of a check.

    Args:
        check: the check's name.
        status: ``PASS``, ``FAIL`` or ``XFAIL`` (it fails, as the author expected).
        reason: what is wrong; for XFAIL, the author's reason; for PASS, a note or nothing.
        remedy: what to type if the check fails, or nothing.
    """

    check: str
    status: str
    reason: str = ""
    remedy: str = ""


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
            reason, remedy = self._reason(error)
            return Outcome(self.name, FAIL, reason, remedy)
        if excuse:
            note = "passes although expected_failures lists it: remove it there"
        return Outcome(self.name, PASS, note)

    def __call__(self) -> None:
        """Run the check; under pytest, a failure that the author expected is an xfail.

        Raises:
            AssertionError: the check fails; the message has the reason and what to type.
        """
        outcome = self.outcome()
        if outcome.status == FAIL:
            raise AssertionError(f"{self.name}: {outcome.reason}; {outcome.remedy}".rstrip("; "))
        pytest = sys.modules.get("pytest")
        if outcome.status == XFAIL and pytest is not None:
            pytest.xfail(outcome.reason)

    def _reason(self, error: Exception) -> tuple[str, str]:
        if isinstance(error, CheckError):
            return error.reason, error.remedy
        if isinstance(error, GatekitError):
            # The small cell and the gate's name in it belong to the suite, so omit them.
            subject = Place(("cell", "gates", GATE))
            message = str(error)
            if error.fault is not None and error.fault.place.path[:3] == subject.path:
                message = speak(error.fault.moved(subject, Place()), error.channel)
            place = author_line(error, self.path) if self.path else None
            return message + (f" ({place})" if place else ""), ""
        solved = remedy(error, self.path)
        return what_happened(error, self.path), "" if solved else "fix this line"
