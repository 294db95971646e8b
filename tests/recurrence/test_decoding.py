"""The rate of decoding: a cell's step, in a loop over single tokens."""

from typing import Any

import pytest
from seams import decoding

from gatekit import Cell

from .cells import built


@pytest.mark.parametrize("name", ["lstm", "gla", "qrnn", "ea_lstm"])
def test_a_turn_reads_its_tokens_one_after_the_other(
    name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    read: list[dict[str, Any]] = []
    call = Cell.call

    def counted(self: Cell, inputs: Any, states: Any, training: bool = False) -> Any:
        read.append({name: tuple(value.shape) for name, value in inputs.items()})
        return call(self, inputs, states, training)

    monkeypatch.setattr(Cell, "call", counted)
    cell = built(name)
    found = decoding.tokens_per_second(cell)
    assert read
    assert all(each == {name: (1, width) for name, width in cell.inputs.items()} for each in read)
    assert 0 < found["low"] <= found["tokens_per_second"] <= found["high"]
