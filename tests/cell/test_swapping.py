"""A swap removes what only the old gate used, and gives the new gate a pre-activation."""

import pytest
from refused import at
from seams import CellError, read_cell, swap, with_gates

from gatekit.registry import cell_names, load_cell

HELPED = {
    "gates": {
        "deep": {"kind": "linear", "reads": ["x"]},
        "helper": {"kind": "linear", "reads": ["deep", "x"], "units": "size"},
        "shared": {"kind": "linear", "reads": ["x"]},
        "forget": {
            "activation": "low + scale * sigmoid(pre + shared)",
            "reads": ["helper"],
            "initializers": {"bias": "ones"},
            "norm": {"of": "sum", "group": ["forget", "input", "output"]},
        },
        "input": {
            "kind": "input",
            "reads": ["x", "shared"],
            "norm": {"of": "sum", "group": ["forget", "input", "output"]},
            "initializers": {"bias": {"negative_of": "forget"}, "recurrent": "zeros"},
        },
        "output": {"kind": "output", "norm": {"of": "sum", "group": ["forget", "input", "output"]}},
    },
    "equations": {"low": "tanh(kept) / 9", "kept": "decay * kept_prev + helper_mean"}
    | {"helper_mean": "mean(helper)"},
    "parameters": {"scale": {"shape": "size"}},
    "constants": {"size": 4, "decay": 0.5},
    "initial": {"kept": 0.1},
    "zoneout": {"kept": 0.1, "c": 0.2},
    "learned_initial_state": ["kept"],
    "roles": {"deepest": "deep"},
}
"""An LSTM whose forget gate alone needs six other parts, and whose input gate refers to it."""


@pytest.fixture
def helped(lstm, known):
    """Put a gate into the role forget of an LSTM with helpers."""

    def helped(gate):
        return read_cell(swap(lstm(**HELPED), "forget", gate, known), known)

    return helped


def test_what_only_the_old_gate_used_is_removed(helped, built):
    spec = helped("two_layer")
    assert [g.name for g in spec.gates] == ["input", "forget", "output", "candidate", "shared"]
    assert [name for name, _ in spec.equations] == ["c", "h"]
    assert (spec.parameters, spec.constants, spec.roles) == ((), (), ())
    assert (spec.initial, spec.learned_initial_state) == ((), ())
    assert spec.zoneout == (("c", 0.2),)
    assert built(spec.canonical()).states


def test_references_to_weights_of_the_old_gate_are_removed(helped):
    gate = next(g.gate for g in helped("two_layer").gates if g.name == "input")
    assert gate.norm["group"] == ["input", "output"]
    assert gate.initializers == {"recurrent": "zeros"}


def test_a_gate_with_a_bias_keeps_what_reads_and_refers_to_it(helped, built):
    spec = helped("sigmoid")
    gates = {g.name: g.gate for g in spec.gates}
    assert {"deep", "helper", "shared"} <= gates.keys()
    assert gates["input"].initializers["bias"] == {"negative_of": "forget"}
    assert gates["input"].norm["group"] == ["forget", "input", "output"]
    assert [name for name, _ in spec.equations] == ["c", "h"]
    assert spec.constants == (("size", 4),)
    assert built(spec.canonical()).weights


def test_an_object_and_an_expression_remove_the_same(helped, known):
    by_name = helped("two_layer").canonical()
    assert helped(known.gates["two_layer"]()).canonical() == by_name
    written = helped({"activation": "sigmoid(c_prev)", "reads": [], "bias": False, "norm": None})
    assert written.canonical()["gates"].keys() == by_name["gates"].keys()
    assert written.canonical()["gates"]["input"] == by_name["gates"]["input"]


NO_PRE = {"activation": "sigmoid(shared - h_prev)", "reads": [], "bias": False}


@pytest.mark.parametrize("new", ["sigmoid", {"activation": "tanh(pre)"}], ids=["kind", "yaml"])
def test_a_gate_with_a_pre_activation_in_place_of_one_without_has_its_own_reads(
    lstm, known, built, new
):
    config = lstm(gates={"forget": NO_PRE, "shared": {"kind": "linear", "reads": ["x"]}})
    swapped = swap(config, "forget", new, known)
    assert "shared" not in swapped["gates"]
    assert [read.text for read in read_cell(swapped, known).gates[1].reads] == ["x", "h_prev"]
    assert "forget.bias" in [weight.name for weight in built(swapped).weights]


def test_reads_that_the_swap_names_are_kept(lstm, known):
    config = lstm(gates={"forget": {"activation": "sigmoid(c_prev)", "reads": [], "bias": False}})
    swapped = swap(config, "forget", {"kind": "sigmoid", "reads": ["c_prev"]}, known)
    assert [read.text for read in read_cell(swapped, known).gates[1].reads] == ["c_prev"]


def test_a_swap_that_removes_the_gate_of_another_is_refused(lstm, known):
    with pytest.raises(CellError, check=at("swap.helper")):
        with_gates(lstm(**HELPED), {"helper": "tanh", "forget": "two_layer"}, known)


def test_a_faulty_cell_is_not_changed(lstm, known):
    config = lstm(**HELPED, emits="hh")
    assert swap(config, "forget", "two_layer", known)["gates"].keys() == config["gates"].keys()


REFUSED = {
    "ea_lstm input two_layer": at("cell.inputs.static"),
    **{
        f"{cell} {gate} two_layer": at(
            f"cell.gates.{gate}.projections.hidden.reads", names=("h_prev", "output_prev")
        )
        for cell, part in (("linoss", "force"), ("lru", "drive"), ("s5", "drive"))
        for gate in (f"{part}_re", f"{part}_im", "output")
    },
}
"""The swaps that are refused: an input of the layer, and a cell that emits another signal."""


@pytest.mark.parametrize("cell", cell_names())
@pytest.mark.one_in(12, slow=6)
def test_a_bundled_gate_fits_into_every_gate_of_every_cell(cell, known, built):
    spec = load_cell(cell, known)
    config = spec.canonical()
    for gate in [gate.name for gate in spec.gates]:
        for new in ("sigmoid", "novelty", "two_layer"):
            swapped = swap(config, gate, new, known)
            if why := REFUSED.get(f"{cell} {gate} {new}"):
                with pytest.raises(CellError, check=why):
                    built(swapped, units=8)
            else:
                (placed,) = (
                    each for each in built(swapped, units=8).spec.gates if each.name == gate
                )
                assert placed.kind == new
