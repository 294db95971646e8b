"""Which executor runs."""

from __future__ import annotations

import pytest

from gatekit.cell.errors import ConfigError
from gatekit.recurrence.choose import EXECUTORS, choose

from .cells import BUNDLED, built
from .layers import layer


@pytest.mark.parametrize("cell", BUNDLED)
def test_auto_is_fused_for_every_recurrent_cell(cell: str) -> None:
    assert choose("auto", built(cell)).executor == "fused"


def test_without_a_state_there_is_nothing_to_fuse() -> None:
    cell = {"gates": {"new": {"kind": "tanh", "reads": ["x"]}}, "equations": {"h": "new"}}
    choice = choose("auto", built({**cell, "emits": "h"}))
    assert choice.executor == "reference"
    assert "no state" in choice.reason


@pytest.mark.parametrize("executor", ["reference", "fused"])
def test_what_is_asked_for_runs(executor: str) -> None:
    choice = choose(executor, built("lstm"))
    assert (choice.executor, executor in choice.reason) == (executor, True)


def test_an_unknown_executor_is_refused_with_the_nearest() -> None:
    with pytest.raises(ConfigError, match="did you mean 'fused'") as caught:
        layer("lstm", executor="fussed")
    assert all(name in str(caught.value) for name in EXECUTORS)
