"""The conformance suite for plugins: named checks and their outcomes.

In a test of a plugin::

    import pytest
    from gatekit.testing import gate_checks

    @pytest.mark.parametrize("check", gate_checks("leaky"), ids=str)
    def test_leaky(check):
        check()

Start with `suite.py`, which lists the checks of each kind of plugin.

Public: the names in `__all__`. The modules are not.
"""

from __future__ import annotations

import gatekit.recurrence  # noqa: F401  chooses Keras' backend, before Keras is imported

from .outcome import FAIL, PASS, XFAIL, Check, CheckError, Outcome
from .suite import (
    block_checks,
    checks,
    function_checks,
    gate_checks,
    output_unit_checks,
    task_checks,
)

__all__ = [
    "FAIL",
    "PASS",
    "XFAIL",
    "Check",
    "CheckError",
    "Outcome",
    "block_checks",
    "checks",
    "function_checks",
    "gate_checks",
    "output_unit_checks",
    "task_checks",
]


def __dir__() -> list[str]:
    return sorted(__all__)
