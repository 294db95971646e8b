"""What the gates of a group add to the cell of its baseline."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from seams import compare_runs as compare
from seams import to_json

from compare.synthetic import configuration, write_run

COSTS = {"recurrent": 100, "total": 120}, 8, 1000
MORE = {"recurrent": 160, "total": 180}, 14, 1500


def _study(root: Path, costs: Any, **changes: Any) -> dict[str, Any]:
    """Return the fields and notes of a study of an LSTM and one with another forget gate."""
    for seed in range(3):
        for swap, (parameters, state, flops) in (({}, COSTS), ({"forget": "mine"}, costs)):
            kind = swap.get("forget", "forget")
            config = configuration(seed=seed, swap=swap, cell__gates__forget={"kind": kind})
            if swap:
                config |= changes
            extra = {"state_size": state, "flops": {"step": 1.0, "token": flops}}
            write_run(root / "demo" / "runs", config, parameters=parameters, **extra)
    comparison = compare("demo", root)
    rows = {row["is_baseline"]: row for row in json.loads(to_json(comparison))}
    assert rows[True]["added"] is None
    notes = [note for note in comparison.notes if "numbers of state" in note]
    return {"added": rows[False]["added"], "notes": notes}


def test_a_gate_with_weights_and_a_state_is_noted(tmp_path: Path) -> None:
    found = _study(tmp_path, MORE)
    assert found["added"] == {"parameters": 60, "state": 6, "flops": 500}
    (note,) = found["notes"]
    assert note.endswith("+60 parameters, +6 numbers of state, +500 FLOPs per token")


def test_a_gate_that_only_computes_more_is_not_noted(tmp_path: Path) -> None:
    found = _study(tmp_path, (*COSTS[:2], 1500))
    assert found == {"added": {"parameters": 0, "state": 0, "flops": 500}, "notes": []}


@pytest.mark.parametrize("change", [{"units": 32}, {"layers": 2}, {"output_unit": {"kind": "y"}}])
def test_models_of_other_sizes_do_not_show_what_a_gate_adds(
    tmp_path: Path, change: dict[str, Any]
) -> None:
    assert _study(tmp_path, MORE, **change) == {"added": None, "notes": []}
