"""The description of a cell, as data and as text."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import Any

import pytest
from seams import cell_text as text
from seams import describe_cell as describe

from gatekit import Gate
from gatekit.registry import bibliography, catalogue

from .shown import BUNDLED, cell


class Opaque(Gate):
    """A slice, which is no expression."""

    uses_tensorflow = True

    def activate(self, pre: Any) -> Any:
        """Return the gate's value."""
        return pre[..., :] / 2


def products(description: dict[str, Any]) -> list[tuple[Any, ...]]:
    """Return the products in short."""
    return [
        (p["read"], p["kind"], p["when"], p["level"], p["gates"]) for p in description["products"]
    ]


def test_rates_of_dropout_are_described() -> None:
    d = describe(cell("variational_dropout_lstm"))
    assert (d["dropout"], d["recurrent_dropout"]) == (0.5, 0.3)
    assert "one mask for a sequence: 0.5 of x, 0.3 of the states that matrices read" in text(d)
    assert "dropout" not in text(describe(cell("lstm")))


def test_the_description_of_the_lstm() -> None:
    d = describe(cell("lstm", units=16, features=6), bibliography())
    assert (d["name"], d["year"], d["units"], d["features"]) == ("lstm", 2000, 16, 6)
    assert "10.1162/neco.1997.9.8.1735" in d["reference"]
    assert d["parameters"] == 4 * (16 * 16 + 16 * 6 + 16)
    assert d["states"] == [
        {"name": name, "width": 16, "shape": [16], "initial": 0.0, "zoneout": 0.0, "learned": False}
        for name in ("h", "c")
    ]
    assert d["stages"] == [[], ["input", "forget", "output", "candidate", "c", "h"]]
    assert d["order"] == d["stages"][1]
    assert d["emits"] == "h"
    assert d["output_unit"] == {"kind": "hidden", "width": 16}
    assert d["equations"][4] == "c = forget * c_prev + input * candidate"
    assert d["latex"].startswith(r"\begin{aligned}")
    gates = ["input", "forget", "output", "candidate"]
    assert products(d) == [
        ("x", "matrix", "before", 0, gates),
        ("h_prev", "matrix", "step", 0, gates),
    ]
    assert [p["columns"] for p in d["products"]] == [64, 64]
    assert d["weights"][0] == {
        "name": "input.x",
        "shape": [6, 16],
        "count": 96,
        "trainable": True,
        "kind": "kernel",
        "initializer": "glorot_uniform",
    }
    assert sum(w["count"] for w in d["weights"]) == d["parameters"]


def test_gates_tell_their_kind_reads_and_definition() -> None:
    d = describe(cell("peephole"))
    assert d["gates"][0] == {
        "name": "input",
        "kind": "input",
        "units": 8,
        "reads": {"x": "dense", "h_prev": "dense", "c_prev": "diagonal"},
        "bias": True,
        "norm": None,
        "definition": "Input.activate(self, pre)",
    }


def test_reads_of_one_expression_are_one_product_at_each_level() -> None:
    assert products(describe(cell("gru"))) == [
        ("x", "matrix", "before", 0, ["reset", "update", "candidate"]),
        ("h_prev", "matrix", "step", 0, ["reset", "update"]),
        ("reset*h_prev", "matrix", "step", 1, ["candidate"]),
    ]


def test_other_linear_maps_and_the_output_unit_stand_alone() -> None:
    d = describe(cell("peephole", output_unit="projection"))
    assert products(d)[2:] == [
        ("c_prev", "diagonal", "step", 0, ["input"]),
        ("c_prev", "diagonal", "step", 0, ["forget"]),
        ("c", "diagonal", "step", 1, ["output"]),
        ("emitted", "matrix", "after", 0, ["output_unit"]),
    ]


def test_states_tell_first_value_zoneout_and_learning() -> None:
    d = describe(cell("lstm", initial={"h": 0.5}, zoneout={"c": 0.1}, learned_initial_state=["c"]))
    assert d["states"][0]["initial"] == 0.5
    assert d["states"][1]["zoneout"] == 0.1
    assert d["states"][1]["learned"] is True
    shown = text(d)
    assert "  h: 8 wide, starts at 0.5" in shown
    assert "  c: 8 wide, starts at a learned value, zoneout 0.1" in shown
    assert "initial.c" in [w["name"] for w in d["weights"]]


def test_an_opaque_gate_is_shown_by_its_docstring() -> None:
    known = replace(catalogue(), gates={**catalogue().gates, "opaque": Opaque})
    d = describe(cell("lstm", gates={"forget": {"kind": "opaque"}}, extra=known))
    assert d["equations"][1] == (
        "forget = opaque(dense(x) + dense(h_prev) + bias)  # A slice, which is no expression."
    )
    assert r"\mathrm{forget}_t &= \operatorname{opaque}\left(W_{x}" in d["latex"]


@pytest.mark.one_in(3)
@pytest.mark.parametrize("name", BUNDLED)
def test_every_description_is_json_and_its_text_is_narrow(name: str) -> None:
    d = describe(cell(name, units=64, features=32))
    assert json.loads(json.dumps(d)) == d
    shown = text(d)
    assert max(len(line) for line in shown.split("\n")) <= 100
    assert f"{d['parameters']:,} parameters" in shown
    for weight in d["weights"]:
        assert f"  {weight['name']} " in shown
    for state in d["states"]:
        sizes = " x ".join(map(str, state["shape"]))
        assert f"  {state['name']}: {sizes}" in shown


def test_long_lines_are_wrapped_at_blanks() -> None:
    gates = {"candidate": {"kind": "candidate", "norm": {"of": "read"}}}
    d = describe(cell("rnn", gates=gates, equations={"h": " + ".join(["candidate"] * 30)}))
    wrapped = [line for line in text(d).split("\n") if "candidate + candidate" in line]
    assert len(wrapped) > 1
    assert max(len(line) for line in text(d).split("\n")) <= 100


def test_the_text_names_roles_constants_and_untrained_weights() -> None:
    assert "roles: update as forget" in text(describe(cell("gru")))
    assert "constants: chunk = 4" in text(describe(cell("on_lstm")))
    reads = {"x": "dense", "h_prev": "frozen"}
    shown = text(describe(cell("rnn", gates={"candidate": {"kind": "candidate", "reads": reads}})))
    assert "not trained" in next(line for line in shown.split("\n") if "candidate.h_prev" in line)


def test_control_characters_of_a_foreign_cell_do_not_reach_the_terminal() -> None:
    shown = text(describe(cell("rnn", name="a\x1b[2Jb", reference="c\x07 \x1b]0;d")))
    assert "\x1b" not in shown
    assert "\x07" not in shown


def test_a_weight_shows_where_it_starts_unless_as_usual() -> None:
    initializers = {
        "forget": {"bias": {"kind": "constant", "value": 3}},
        "input": {"bias": {"negative_of": "forget"}, "kernel": "zeros"},
        "output": {"recurrent": {"kind": "normal", "stddev": 0.5}},
        "candidate": {"recurrent": "orthogonal", "bias": "zeros"},
    }
    gates = {name: {"kind": name, "initializers": init} for name, init in initializers.items()}
    lines = text(describe(cell("lstm", gates=gates))).split("\n")
    weights = lines[next(k for k, line in enumerate(lines) if line.startswith("weights")) + 1 :]
    starts = [line.split("  starts at ") for line in weights if "starts at" in line]
    assert {left.split()[0]: right for left, right in starts} == {
        "forget.bias": "constant 3",
        "input.x": "zeros",
        "input.bias": "minus the initial values of forget",
        "output.h_prev": "normal 0.5",
    }
