"""Every bundled cell against its NumPy recurrence, gradients by complex steps, in float64."""

from __future__ import annotations

import pytest
from reference.cases import CASES

from .cells import BUNDLED, VARIED
from .layers import HOLES
from .witness import compare

WITNESSED = {case.cell or name for name, case in CASES.items()}
STRUCTURES = [n for n, case in CASES.items() if (case.cell or n) in VARIED]
# A graph costs ten times as much as eager mode: few run always.
FEW = ("clockwork_rnn", "linear_attention", "mingru", "on_lstm", "power_law_lstm", "slstm")


@pytest.mark.one_in(3, slow=9)
@pytest.mark.parametrize(
    "name", [n if n in FEW else pytest.param(n, marks=pytest.mark.slow) for n in STRUCTURES]
)
def test_all_steps_valid_in_a_graph(name: str) -> None:
    compare(name, mode="graph")


@pytest.mark.one_in(1, slow=9)
@pytest.mark.parametrize(
    "name",
    [
        n if n in (*STRUCTURES, "gru", "peephole") else pytest.param(n, marks=pytest.mark.slow)
        for n in CASES
    ],
)
def test_masked_with_holes(name: str) -> None:
    compare(name, HOLES)


def test_slstm_from_its_own_first_state() -> None:
    compare("slstm", HOLES, h=0.0, c=0.0, n=0.0, m=-1e30)


def test_every_bundled_cell_has_a_witness() -> None:
    assert set(BUNDLED) <= WITNESSED
