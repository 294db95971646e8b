"""Twelve errors of the kind that cells are shipped with: the witnesses catch each of them.

Two executors compute a wrong cell alike, so their agreement is no evidence; a recurrence written
from the paper is. Each error is planted into a cell that passes the same comparison without it (in
``recurrence/test_layer_witness.py``), or into what all executors share. Two more are planted into
the table of the witnesses.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NamedTuple

import numpy as np
import pytest
import tensorflow as tf
from recurrence.cells import merged
from recurrence.layers import HOLES, computed, layer
from recurrence.problems import assert_close
from recurrence.witness import cell_of, compare
from seams import tensor_ops

from .cases import CASES
from .functions import sigmoid
from .loop import gates, plain
from .plain import BOTH, MEMORY, NEW, OUTPUT, RESET, RESET_NEW, SHOWN, UPDATE, WRITTEN


class Error(NamedTuple):
    """An error: the cell, what is changed in it, and what is changed in the recurrence room."""

    cell: str
    changes: Mapping[str, Any] = {}
    patch: str = ""


ERRORS = {
    "input and forget gate exchanged": Error(
        "lstm", {"equations": {"c": "input * c_prev + forget * candidate"}}
    ),
    "hidden state shows the old memory": Error(
        "lstm", {"equations": {"h": "output * tanh(c_prev) + 0 * c"}}
    ),
    "forget gate without a bias": Error("lstm", {"gates": {"forget": {"bias": False}}}),
    "hidden state without tanh": Error("peephole", {"equations": {"h": "output * c"}}),
    "tanh where the paper has a sigmoid": Error("lstm", {"gates": {"output": {"kind": "tanh"}}}),
    "update gate in the other sense": Error(
        "gru", {"equations": {"h": "(1 - update) * h_prev + update * candidate"}}
    ),
    "both shares by the forget gate": Error(
        "capped_lstm", {"equations": {"capped": "minimum(forget, input)"}}
    ),
    "sum where the paper has a product": Error(
        "nas", {"equations": {"unit_3": "relu(unit_3_x + unit_3_h)"}}
    ),
    "rates of zoneout exchanged": Error("zoneout_lstm", {"zoneout": {"c": 0.05, "h": 0.5}}),
    "another epsilon in the normalisation": Error(
        "layer_norm_lstm", {"gates": {"forget": {"norm": {"of": "sum", "epsilon": 1e-5}}}}
    ),
    "mask dropped": Error("lstm", patch="mask"),
    "hard sigmoid for sigmoid": Error("gru", patch="sigmoid"),
}


WRONG_ROWS = {
    "gru": plain("", "h = (1 - z) h_prev + z g", RESET, UPDATE, RESET_NEW, WRITTEN),
    "lstm": plain(
        "",
        "input and forget gate exchanged",
        *(gates(sigmoid, BOTH, i="forget", f="input"), OUTPUT, NEW, MEMORY, SHOWN),
    ),
}


def _plant(error: Error, monkeypatch: pytest.MonkeyPatch) -> dict[str, Any]:
    if error.patch == "mask":
        monkeypatch.setattr("gatekit.recurrence.layers.rnn.checked_mask", lambda *given: None)
    if error.patch == "sigmoid":
        monkeypatch.setitem(tensor_ops.TABLE, "sigmoid", tensor_ops.TABLE["hard_sigmoid"])
    return merged(cell_of(error.cell), error.changes)


def _executors_agree(error: Error, cell: Mapping[str, Any]) -> None:
    case = CASES[error.cell]
    x = tf.constant(np.random.default_rng(1).normal(size=(*HOLES.shape, case.features)))
    found = []
    for executor in ("reference", "stacked"):
        rnn = layer(cell, units=case.units, features=case.features, executor=executor)
        found.append(computed(rnn, x, HOLES))
    for one, other in zip(*found, strict=True):
        assert_close(one, other)


@pytest.mark.one_in(4)
@pytest.mark.parametrize("what", ERRORS)
def test_the_witness_catches_what_the_executors_agree_on(
    what: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    error = ERRORS[what]
    wrong = _plant(error, monkeypatch)
    _executors_agree(error, wrong)
    with pytest.raises(AssertionError):
        compare(error.cell, HOLES, wrong)


def test_there_are_twelve() -> None:
    assert len(ERRORS) == 12


@pytest.mark.parametrize("name", WRONG_ROWS)
def test_a_wrong_row_of_the_table_is_no_witness(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(CASES, name, WRONG_ROWS[name])
    with pytest.raises(AssertionError, match="outputs"):
        compare(name, HOLES)
