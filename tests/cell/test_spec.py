"""A cell as plain data: what is read, what is refused, and its one canonical form."""

import dataclasses

import pytest
from refused import at, saying
from seams import (
    CELL_KEYS,
    CellError,
    ExpressionError,
    InlineGate,
    Place,
    make_initializer,
    read_cell,
    read_output_unit,
    swap,
)
from seams import language_ops as ops

from gatekit import Gate, GatekitError
from gatekit.registry import cell_names

REFUSED = {
    "1-key": ({"unitss": 8}, "cell.unitss"),
    "1-near-key": ({"equation": {}}, "cell.equation"),
    "3-gates": ({"gates": ["input"]}, "cell.gates"),
    "3-parameters": ({"parameters": "p"}, "cell.parameters"),
    "3-name": ({"name": 3}, "cell.name"),
    "3-list": ({"learned_initial_state": "c"}, "cell.learned_initial_state"),
    "3-constant": ({"constants": {"k": "a"}}, "cell.constants.k"),
    "4-input": ({"inputs": {"dt": 1.5}}, "cell.inputs.dt"),
    "4-input-true": ({"inputs": {"dt": True}}, "cell.inputs.dt"),
    "5-input": ({"inputs": {"dt": 0}}, "cell.inputs.dt"),
    "7-key": ({"gates": {True: {"kind": "input"}}}, "cell.gates.True"),
    "8-nan": ({"initial": {"c": float("nan")}}, "cell.initial.c"),
    "8-inf": ({"constants": {"k": float("inf")}}, "cell.constants.k"),
    "8-huge": ({"initial": {"c": 10**5000}}, "cell.initial.c"),
    "rate": ({"dropout": 1.0}, "cell.dropout"),
    "rate-negative": ({"zoneout": {"c": -0.1}}, "cell.zoneout.c"),
    "18-target": ({"gates": {"input": {"_target_": "os.system"}}}, "cell.gates.input._target_"),
    "20-gate": ({"gates": {"forget": {"kind": "forgett"}}}, "cell.gates.forget.kind"),
    "20-short": ({"gates": {"forget": "forgett"}}, "cell.gates.forget"),
    "20-no-kind": ({"gates": {"forget": {"bias": True}}}, "cell.gates.forget.kind"),
    "20-both": ({"gates": {"forget": {"kind": "tanh", "activation": "pre"}}}, "cell.gates.forget"),
    "20-option": (
        {"gates": {"forget": {"kind": "power_law", "epps": 1}}},
        "cell.gates.forget.epps",
    ),
    "20-role-inside": (
        {"gates": {"keep": {"kind": "sigmoid", "role": "forget"}}},
        "cell.gates.keep.role",
    ),
    "20-option-type": (
        {"gates": {"forget": {"kind": "forget", "bias": 1}}},
        "cell.gates.forget.bias",
    ),
    "20-map": (
        {"gates": {"forget": {"kind": "forget", "reads": {"x": "dens"}}}},
        "cell.gates.forget.reads.x",
    ),
    "20-initializer": ({"initializers": {"bias": "chronoo"}}, "cell.initializers.bias"),
    "20-initializer-key": ({"initializers": {"biases": "ones"}}, "cell.initializers.biases"),
    "20-negative-of": (
        {"initializers": {"bias": {"negative_of": "forget", "kind": "ones"}}},
        "cell.initializers.bias.kind",
    ),
    "20-norm": (
        {"gates": {"forget": {"kind": "forget", "norm": {"of": "all"}}}},
        "cell.gates.forget.norm.of",
    ),
    "20-norm-key": (
        {"gates": {"forget": {"kind": "forget", "norm": {"of": "sum", "groups": []}}}},
        "cell.gates.forget.norm.groups",
    ),
    "20-norm-epsilon": (
        {"gates": {"forget": {"kind": "forget", "norm": {"of": "sum", "epsilon": 0}}}},
        "cell.gates.forget.norm.epsilon",
    ),
    "20-norm-of-nothing": (
        {"gates": {"forget": {"kind": "forget", "reads": [], "norm": {"of": "sum"}}}},
        "cell.gates.forget.norm",
    ),
    "20-parameter": ({"parameters": {"p": {"shapes": 1}}}, "cell.parameters.p.shapes"),
    "20-parameter-text": ({"parameters": {"p": 0.5}}, "cell.parameters.p"),
    "a-gate's-own-state": ({"zoneout": {"forget.k": 0.1}}, "cell.zoneout.forget.k"),
    "a-gate's-own-first-value": ({"initial": {"forget.k": 0.1}}, "cell.initial.forget.k"),
    "20-role-of-another-gate": ({"roles": {"forget": "input"}}, "cell.gates.forget"),
    "20-role": ({"roles": {"forget": "forgot"}}, "cell.roles.forget"),
    "22-read-twice": (
        {"gates": {"forget": {"kind": "forget", "reads": ["a*x", "a * x"]}}},
        "cell.gates.forget.reads.a * x",
    ),
    "22-read-text": (
        {"gates": {"forget": {"kind": "forget", "reads": "x"}}},
        "cell.gates.forget.reads",
    ),
    "23-emits": ({"emits": None}, "cell.emits"),
    "23-emits-unknown": ({"emits": "hh"}, "cell.emits"),
    "23-emits-input": ({"emits": "x"}, "cell.emits"),
    "24-twice": ({"equations": {"forget": "x"}}, "cell.equations.forget"),
    "24-constant": ({"constants": {"c": 1}}, "cell.constants.c"),
    "24-x": ({"equations": {"x": "c"}}, "cell.equations.x"),
    "24-pre": ({"equations": {"pre": "c"}}, "cell.equations.pre"),
    "24-t": ({"parameters": {"t": {}}}, "cell.parameters.t"),
    "24-units": ({"constants": {"units": 3}}, "cell.constants.units"),
    "24-function": ({"equations": {"tanh": "c"}}, "cell.equations.tanh"),
    "24-plugin-function": ({"equations": {"positive": "c"}}, "cell.equations.positive"),
    "24-prev": ({"equations": {"c_prev": "c"}}, "cell.equations.c_prev"),
    "24-history": ({"inputs": {"h_history": 1}}, "cell.inputs.h_history"),
    "24-keyword": ({"equations": {"lambda": "c"}}, "cell.equations.lambda"),
    "24-identifier": ({"equations": {"a-b": "c"}}, "cell.equations.a-b"),
    "24-leading-underscore": ({"equations": {"__class__": "c"}}, "cell.equations.__class__"),
    "24-not-ASCII": ({"equations": {"µ": "c"}}, "cell.equations.µ"),
    "27-equation": ({"equations": {"h": "x.__class__"}}, "cell.equations.h"),
    "27-activation": (
        {"gates": {"forget": {"activation": "open(pre)"}}},
        "cell.gates.forget.activation",
    ),
    "27-read": (
        {"gates": {"forget": {"kind": "forget", "reads": ["x[0]"]}}},
        "cell.gates.forget.reads",
    ),
    "64-equations": ({"equations": {f"e{i}": "x" for i in range(65)}}, "cell.equations"),
}


@pytest.mark.parametrize("case", REFUSED)
def test_refused(read, lstm, case):
    changes, place = REFUSED[case]
    with pytest.raises(GatekitError) as caught:
        read(lstm(**changes))
    assert str(caught.value.fault.place) == place


@pytest.mark.parametrize("config", [None, "lstm", [], 3])
def test_a_cell_is_a_mapping(known, config):
    with pytest.raises(CellError, check=at("cell")):
        read_cell(config, known)


def test_an_unknown_gate_says_which_plugins_are_loaded(read, lstm):
    with pytest.raises(CellError, check=at("cell.gates.forget.kind")):
        read(lstm(gates={"forget": {"kind": "no_such"}}))


@pytest.mark.parametrize("name", cell_names())
def test_the_canonical_form_is_a_fixed_point(known, read, name):
    spec = read(name)
    canonical = spec.canonical()
    again = read_cell(canonical, known)
    assert again.canonical() == canonical
    assert again == spec
    assert hash(again) == hash(spec)
    assert list(again.canonical()) == list(canonical)


def test_spellings_share_one_canonical_form(read, lstm):
    short = lstm(gates={n: n for n in ("input", "forget", "output", "candidate")})
    spaced = lstm(
        gates={"forget": {"kind": "forget", "reads": ["x", " h_prev "], "bias": True}},
        equations={"c": " forget*c_prev+(input * candidate)", "h": "(output)*tanh(c)"},
        dropout=0.0,
    )
    assert read(short) == read(lstm()) == read(spaced)
    assert read(lstm(equations={"h": "output * tanh(c) + 0"})) != read(lstm())
    assert read(lstm(equations={"h": "output * tanh(c) + 0"})) != "a cell"


def test_the_order_of_writing_is_kept(read, lstm):
    spec = read(lstm())
    assert [gate.name for gate in spec.gates] == ["input", "forget", "output", "candidate"]
    assert [name for name, _ in spec.equations] == ["c", "h"]


def test_null_removes_in_every_section(read, lstm):
    config = lstm(
        gates={"input": None},
        equations={"c": "forget * c_prev + candidate"},
        parameters={"p": None},
        constants={"k": None},
        inputs={"dt": None},
        initial={"c": None},
        zoneout={"c": None},
        norms={"n": None},
        roles={"r": None},
        initializers={"bias": None},
    )
    spec = read(config)
    assert [gate.name for gate in spec.gates] == ["forget", "output", "candidate"]
    assert set(spec.canonical()) == {"name", "gates", "equations", "emits"}


def test_a_removed_read_is_gone(read, lstm):
    gate = {"kind": "forget", "reads": {"x": "dense", "h_prev": None, "c_prev": "diagonal"}}
    spec = read(lstm(gates={"forget": gate}))
    assert [(r.text, r.map_kind) for r in spec.gates[1].reads] == [
        ("x", "dense"),
        ("c_prev", "diagonal"),
    ]


def test_an_inline_gate_needs_no_plugin(read, lstm):
    gate = {"activation": "relu( pre )*2", "reads": ["x"], "bias": False}
    spec = read(lstm(gates={"forget": gate}))
    made = spec.gates[1]
    assert made.kind == "inline"
    assert isinstance(made.gate, InlineGate)
    assert made.gate.arguments() == ("pre",)
    assert made.gate.compute({"pre": -3.0}) == 0.0
    assert made.gate.compute({"pre": 3.0}) == 6.0
    assert read(spec.canonical()) == spec


def test_reads_are_expressions_and_their_text_is_canonical(read, lstm):
    gate = {"kind": "candidate", "reads": ["x", "forget  *  h_prev"]}
    spec = read(lstm(gates={"candidate": gate}))
    assert [r.text for r in spec.gates[3].reads] == ["x", "forget*h_prev"]
    assert all(r.map_kind == "dense" for r in spec.gates[3].reads)


def test_a_map_may_have_options(read, lstm):
    gate = {"kind": "forget", "reads": {"x": {"kind": "low_rank", "rank": 2}, "h_prev": "skew"}}
    spec = read(lstm(gates={"forget": gate}))
    assert spec.canonical()["gates"]["forget"]["reads"] == {
        "x": {"kind": "low_rank", "rank": 2},
        "h_prev": {"kind": "skew"},
    }


class Recalling(Gate):
    """A sigmoid whose units read their own past alone."""

    reads = {"x": "dense", "h_prev": "diagonal"}

    def activate(self, pre):
        """Return the gate's value."""
        return ops.sigmoid(pre)


def test_reads_of_the_cell_are_not_those_of_gates_with_linear_maps_of_their_own(read, lstm):
    made = {"input": Recalling(), "forget": Recalling(reads=["x", "h_prev"])}
    spec = read(lstm(reads=["x", "c_prev"], gates=made))
    found = {g.name: [(r.text, r.map_kind) for r in g.reads] for g in spec.gates}
    assert found["input"] == [("x", "dense"), ("h_prev", "diagonal")]
    assert found["forget"] == [("x", "dense"), ("h_prev", "dense")]
    assert found["output"] == [("x", "dense"), ("c_prev", "dense")]


def test_reads_of_the_cell_are_those_of_gates_that_say_nothing(read):
    spec = read(
        {
            "reads": ["x"],
            "gates": {
                "a": {"kind": "tanh"},
                "b": {"kind": "tanh", "reads": ["x", "h_prev"]},
                "c": {"activation": "relu(pre)"},
            },
            "equations": {"h": "a + b + c"},
            "emits": "h",
        }
    )
    assert [[r.text for r in gate.reads] for gate in spec.gates] == [["x"], ["x", "h_prev"], ["x"]]
    assert read(spec.canonical()) == spec


def test_a_gate_may_be_given_as_an_object(read, lstm, known):
    gate = known.gates["power_law"](eps=0.5)
    spec = read(lstm(gates={"forget": gate}))
    assert spec == read(lstm(gates={"forget": {"kind": "power_law", "eps": 0.5}}))


def test_a_gate_that_is_not_registered_is_known_by_its_class(read, lstm):
    class Own(Gate):
        """``value = pre``"""

        def activate(self, pre):
            return pre

    assert read(lstm(gates={"forget": Own()})).gates[1].kind == "Own"


# --- roles and swap --------


def test_swap_by_name_and_by_role(read, lstm, known):
    swapped = swap(lstm(), "forget", "power_law", known)
    assert swapped["gates"]["forget"] == {"kind": "power_law"}
    config = lstm(roles={"keep": "forget"})
    assert swap(config, "keep", {"kind": "power_law", "eps": 0.1}, known)["gates"]["forget"] == {
        "kind": "power_law",
        "eps": 0.1,
    }
    assert config["gates"]["forget"] == {"kind": "forget"}
    assert read(config).role("keep") == read(config).role("forget") == "forget"


def test_swap_keeps_what_any_gate_has_and_drops_what_only_the_old_one_has(lstm, known):
    reads = {"x": "dense", "c_prev": "diagonal"}
    old = {"kind": "power_law", "eps": 0.1, "reads": reads, "bias": False, "units": 3}
    swapped = swap(lstm(gates={"forget": old}), "forget", {"kind": "forget", "bias": True}, known)
    assert swapped["gates"]["forget"] == {
        "kind": "forget",
        "reads": reads,
        "bias": True,
        "units": 3,
    }


def test_swap_of_a_role_that_the_cell_lacks(read, lstm, known):
    for attempt in (
        lambda: swap(lstm(), "forgt", "sigmoid", known),
        lambda: read(lstm()).role("forgt"),
    ):
        with pytest.raises(CellError, check=at("swap.forgt")):
            attempt()


def test_swap_refuses_what_is_no_gate(lstm, known):
    with pytest.raises(CellError, check=at("swap.forget")):
        swap(lstm(), "forget", 3, known)


# --- cell functions --------


@pytest.fixture
def with_function(known):
    """The catalogue with a cell function ``deep(depth, kind)``."""
    from dataclasses import replace

    def deep(depth=1, kind="tanh"):
        if depth > 9:
            raise CellError("cell.depth: at most 9")
        gates = {f"g{i}": {"kind": kind, "reads": ["x"]} for i in range(depth)}
        return {"name": "deep", "gates": gates, "equations": {"h": " + ".join(gates)}, "emits": "h"}

    return replace(known, cells={"deep": deep})


def test_a_cell_function_is_called_with_its_options(with_function):
    spec = read_cell({"function": "deep", "depth": 3, "name": "mine"}, with_function)
    assert (spec.name, len(spec.gates)) == ("mine", 3)
    assert read_cell(spec.canonical(), with_function) == spec


@pytest.mark.parametrize(
    ("options", "check"),
    [
        (
            {"function": "dep"},
            at("cell.function"),
        ),
        ({"dept": 3}, at("cell.dept")),
        ({"depth": "a"}, at("cell.function", names=("deep",))),
        ({"depth": 12}, saying("^cell.depth: at most 9")),
        ({"depth": 0}, at("cell.equations.h")),
    ],
)
def test_a_cell_function_that_is_asked_wrongly(with_function, options, check):
    with pytest.raises((CellError, ExpressionError), check=check):
        read_cell({"function": "deep", **options}, with_function)


# --- output units and initializers --------


@pytest.mark.parametrize("name", ["hidden", "memory", "projection", "gated", "glu", "mix_last"])
def test_output_units_have_a_canonical_form(known, name):
    spec = read_output_unit(name, known)
    again = read_output_unit(spec.canonical(), known)
    assert again.canonical() == spec.canonical()
    assert read_output_unit(spec.unit, known).canonical() == spec.canonical()


@pytest.mark.parametrize(
    ("config", "check"),
    [
        ("hiden", at("output_unit")),
        ({"units": 3}, at("output_unit.kind")),
        (
            {"kind": "projection", "unit": 3},
            at("output_unit.unit"),
        ),
        ({"kind": "hidden", "_target_": "x"}, at("output_unit._target_")),
        (None, at("output_unit")),
    ],
)
def test_output_units_refused(known, config, check):
    with pytest.raises(CellError, check=check):
        read_output_unit(config, known)


def test_initializers_are_made_by_name(known):
    initializer = make_initializer({"kind": "constant", "value": 2}, Place(("here",)), known)
    assert initializer.options() == {"value": 2.0}
    with pytest.raises(CellError, check=at("here.valu")):
        make_initializer({"kind": "constant", "valu": 2}, Place(("here",)), known)


def test_every_key_is_read(read, lstm):
    assert set(CELL_KEYS) >= set(read(lstm()).canonical())


def test_an_option_of_the_new_gate_reaches_it_through_a_swap(read, lstm, known):
    config = lstm(gates={"forget": {"kind": "forget", "eps": 0.25}})
    assert read(swap(config, "forget", "power_law", known)).gates[1].gate.eps == 0.25
    config = lstm(gates={"forget": {"kind": "power_law", "eps": 0.25}})
    assert "eps" not in swap(config, "forget", "sigmoid", known)["gates"]["forget"]
    config = lstm(gates={"forget": {"kind": "forget", "esp": 0.25}})
    with pytest.raises(
        CellError,
        check=at("cell.gates.forget.esp"),
    ):
        read(swap(config, "forget", "power_law", known))


def test_a_cell_function_can_be_changed_by_keys_of_a_cell(known):
    config = {"function": "rhn", "depth": 2, "gates": {"candidate_1": {"bias": False}}}
    spec = read_cell(config, known)
    assert [gate.gate.bias for gate in spec.gates] == [False, True, True, True]


def test_an_option_called_role_that_must_be_given_is_an_option(known):
    class WithRole(Gate):
        role: str

        def activate(self, pre):
            return pre

    assert "role" in WithRole.option_names()
    assert not hasattr(WithRole, "role")
    gates = {"keep": {"kind": "with_role", "role": "any"}}
    with_gate = dataclasses.replace(known, gates={**known.gates, "with_role": WithRole})
    spec = read_cell({"gates": gates, "equations": {"h": "keep"}, "emits": "h"}, with_gate)
    assert spec.gates[0].gate.role == "any"
