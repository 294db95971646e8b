"""A cell with its sizes: states, widths, weights, and what it refuses to build."""

import pytest
from refused import at, saying
from seams import CellError, build, read_output_unit, render
from seams import language_ops as ops

from gatekit import Gate, GatekitError, OutputUnit, Parameter
from gatekit.registry import cell_names


def states(cell):
    """Return the names of the states in their public order."""
    return [state.name for state in cell.states]


# --- states --------


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("lstm", ["h", "c"]),
        ("gru", ["h"]),
        ("peephole", ["h", "c"]),
        ("rnn", ["h"]),
        ("slstm", ["h", "m", "c", "n"]),
        ("mingru", ["h"]),
        ("on_lstm", ["h", "c"]),
    ],
)
def test_states_are_what_is_read_as_prev_the_emitted_first(built, name, expected):
    assert states(built(name)) == expected


def test_states_of_a_gate_come_last_and_have_their_first_value(built, lstm):
    cell = built(lstm(gates={"forget": {"kind": "power_law"}}, initial={"c": 0.5}))
    assert states(cell) == ["h", "c", "forget.k"]
    assert [s.initial for s in cell.states] == [0.0, 0.5, 0.0]
    assert cell.uses_t
    assert not built(lstm()).uses_t


def test_a_gate_read_as_prev_is_a_state(built, lstm):
    cell = built(lstm(equations={"c": "forget * c_prev + input * candidate * forget_prev"}))
    assert states(cell) == ["h", "forget", "c"]


def test_the_shifted_input_is_no_state(built, lstm):
    gate = {"kind": "candidate", "reads": ["x", "x_prev"]}
    cell = built(lstm(gates={"candidate": gate}))
    assert states(cell) == ["h", "c"]
    assert cell.shifted == ("x",)


@pytest.mark.parametrize("name", cell_names())
def test_every_cell_is_built(built, name):
    cell = built(name, units=8, features=5)
    assert cell.emits not in [s.name for s in cell.states[1:]]
    assert len({w.name for w in cell.weights}) == len(cell.weights)


# --- weights --------


def test_weights_have_names_that_say_what_they_are(built):
    shapes = {w.name: w.shape for w in built("gru", units=4, features=3).weights}
    assert shapes["candidate.reset*h_prev"] == (4, 4)
    assert shapes["candidate.x"] == (3, 4)
    assert shapes["update.bias"] == (4,)
    assert len(shapes) == 9


@pytest.mark.parametrize(
    ("name", "count"),
    [
        ("rnn", 3 * 4 + 4 * 4 + 4),
        ("lstm", 4 * (3 * 4 + 4 * 4 + 4)),
        ("peephole", 4 * (3 * 4 + 4 * 4 + 4) + 3 * 4),
        ("gru", 3 * (3 * 4 + 4 * 4 + 4)),
        ("gru_reset_after", 3 * (3 * 4 + 4 * 4 + 4) + 4),
        ("mgu", 2 * (3 * 4 + 4 * 4 + 4)),
        ("mingru", 2 * (3 * 4 + 4)),
    ],
)
def test_weights_are_counted(built, name, count):
    assert built(name).count() == count


def test_initializers_go_from_gate_over_cell_to_default(built, lstm):
    config = lstm(
        gates={"input": {"kind": "input", "initializers": {"bias": "ones", "kernel": "zeros"}}},
        initializers={"bias": {"kind": "constant", "value": 2.0}},
    )
    init = {w.name: w.init for w in built(config).weights}
    assert init["input.bias"] == "ones"
    assert init["input.x"] == "zeros"
    assert init["candidate.bias"] == {"kind": "constant", "value": 2.0}
    assert init["candidate.x"] == "glorot_uniform"
    assert init["candidate.h_prev"] == "orthogonal"


def test_an_initializer_may_refer_to_anothers_draw(built, lstm):
    def with_reference(name):
        gate = {"kind": "input", "initializers": {"bias": {"negative_of": name}}}
        return built(lstm(gates={"input": gate}))

    init = {w.name: w.init for w in with_reference("forget").weights}
    assert init["input.bias"] == {"negative_of": "forget"}
    for wrong in ("forgt", "input"):
        with pytest.raises(CellError, match=f"negative_of: '{wrong}' has no weight 'bias'"):
            with_reference(wrong)


def test_learned_initial_states_and_zoneout(built, lstm):
    cell = built(lstm(learned_initial_state=["c"], zoneout={"h": 0.1}, initial={"c": 0.3}))
    (weight,) = (w for w in cell.weights if w.kind == "initial")
    assert (weight.name, weight.shape, weight.init) == ("initial.c", (4,), 0.3)
    assert {s.name: s.zoneout for s in cell.states} == {"h": 0.1, "c": 0.0}


def test_states_of_gates_are_not_proposed_where_they_cannot_be(built, lstm):
    gates = {"forget": {"kind": "power_law"}}
    with pytest.raises(CellError, check=at("cell.zoneout.forget_k")) as error:
        built(lstm(gates=gates, zoneout={"forget_k": 0.1}))
    assert "forget.k" not in str(error.value)
    learned = built(lstm(gates=gates, learned_initial_state=["forget.k", "forget.k"]))
    assert [s.learned for s in learned.states] == [None, None, "initial.forget.k"]
    assert learned.spec.learned_initial_state == ("forget.k",)


def test_norms_have_weights(built, lstm):
    cell = built(lstm(norms={"scaled": "c"}, equations={"h": "output * tanh(scaled)"}))
    assert {w.name: w.init for w in cell.weights if w.kind == "norm"} == {
        "scaled.scale": 1.0,
        "scaled.offset": 0.0,
    }
    gate = {"kind": "forget", "norm": {"of": "read"}}
    named = {w.name for w in built(lstm(gates={"forget": gate})).weights if w.kind == "norm"}
    assert named == {"forget.x.scale", "forget.h_prev.scale"}
    gate = {"kind": "forget", "norm": {"of": "sum"}}
    named = {w.name for w in built(lstm(gates={"forget": gate})).weights if w.kind == "norm"}
    assert named == {"forget.scale"}


def test_weights_of_one_name_are_two_or_refused(built, lstm):
    reads = {"x": "weight_norm", "h_prev": "dense"}
    gate = {"kind": "forget", "norm": {"of": "read"}, "reads": reads}
    named = [w.name for w in built(lstm(gates={"forget": gate})).weights if w.owner == "forget"]
    assert {"forget.x.scale", "forget.x.norm_scale", "forget.h_prev.scale"} < set(named)
    assert len(set(named)) == len(named)

    class Own(Gate):
        parameters = {"x": Parameter("units")}

        def activate(self, pre, x):
            return ops.sigmoid(pre) * x

    with pytest.raises(CellError, match=r"weights of forget .*forget\.x"):
        built(lstm(gates={"forget": Own()}))


@pytest.mark.parametrize(
    ("norm", "check"),
    [
        (
            {"of": "c", "epsilon": 0},
            at("cell.norms.shown.epsilon"),
        ),
        (
            {"of": "c", "epsilon": True},
            at("cell.norms.shown.epsilon"),
        ),
        (
            {"of": "c", "eps": 1e-3},
            at("cell.norms.shown.eps"),
        ),
        ({"epsilon": 1e-3}, at("cell.norms.shown")),
        (["c"], at("cell.norms.shown")),
        ({"of": "spare"}, at("cell.norms.shown", names=("spare",))),
    ],
)
def test_norms_that_are_refused(built, lstm, norm, check):
    with pytest.raises(CellError, check=check):
        built(lstm(norms={"shown": norm}, equations={"h": "output * tanh(shown)"}))


def test_the_usual_epsilon_is_the_same_cell(built, lstm):
    def spec(norm):
        return built(lstm(norms={"shown": norm}, equations={"h": "output * shown"})).spec

    assert spec({"of": "c", "epsilon": 1e-5}).canonical() == spec("c").canonical()
    assert spec("c").canonical()["norms"] == {"shown": "c"}
    other = spec({"of": "c", "epsilon": 1e-3})
    assert other != spec("c")
    assert other.canonical()["norms"] == {"shown": {"of": "c", "epsilon": 1e-3}}


def test_a_group_of_norms_must_agree(built, lstm):
    norm = {"of": "sum", "group": ["input", "forget"]}
    one = {"input": {"kind": "input", "norm": norm}}
    with pytest.raises(CellError, check=at("cell.gates.input.norm.group", names=("forget",))):
        built(lstm(gates=one))
    both = {**one, "forget": {"kind": "forget", "norm": norm}}
    assert built(lstm(gates=both)).node("input").norm.group == ("input", "forget")
    unknown = {"input": {"kind": "input", "norm": {"of": "sum", "group": ["forgt"]}}}
    with pytest.raises(CellError, check=at("cell.gates.input.norm.group", names=("forgt",))):
        built(lstm(gates=unknown))


# --- widths --------


def test_sizes_are_arithmetic(built):
    cell = built("on_lstm", units=12)
    assert cell.widths["master_forget"] == 3
    assert cell.widths["overlap"] == 3
    assert cell.widths["keep"] == 12
    assert cell.node("master_forget").reads[0].width_out == 3


@pytest.mark.parametrize(
    ("units", "expected"),
    [
        (2, 2),
        ("units", 4),
        ("features", 3),
        ("units // 2", 2),
        ("units + features", 7),
        ("half", 2),
    ],
)
def test_a_gate_may_have_a_width_of_its_own(built, lstm, units, expected):
    gates = {"half": {"kind": "tanh", "units": 2}, "own": {"kind": "tanh", "units": units}}
    config = lstm(gates=gates, equations={"h": "output * tanh(c) * sum(half) * sum(own)"})
    assert built(config).widths["own"] == expected


@pytest.mark.parametrize(
    ("units", "check"),
    [
        (0, at("cell.gates.forget.units")),
        (-2, at("cell.gates.forget.units")),
        ("units / 3", at("cell.gates.forget.units")),
        ("units // 5", at("cell.gates.forget.units")),
        ("units // 0", at("cell.gates.forget.units", names=("'units // 0'",))),
        ("unitss", at("cell.gates.forget.units", names=("unitss",))),
        ("tanh(units)", at("cell.gates.forget.units", marked="tanh")),
        ("forget", at("cell.gates.forget.units", names=("'forget'",))),
        ("units.real", at("cell.gates.forget.units", marked="units.real")),
    ],
)
def test_a_width_that_is_none(built, lstm, units, check):
    with pytest.raises(GatekitError, check=check):
        built(lstm(gates={"forget": {"kind": "forget", "units": units}}))


def test_widths_that_do_not_fit(built, lstm):
    equation = "forget * c_prev + input * candidate"
    with pytest.raises(CellError, check=at("cell.equations.c", names=(equation, "6", "8"))):
        built(lstm(gates={"forget": {"kind": "forget", "units": 6}}), units=8)


def test_an_input_of_another_width(built, lstm):
    with pytest.raises(CellError, check=at("cell.equations.h", names=("output * x",))):
        built(lstm(equations={"h": "tanh(c) + output * x"}))


@pytest.mark.parametrize("units", [2, 3, 4])
def test_a_function_that_would_mix_the_rows_of_a_batch(built, lstm, units):
    config = lstm(equations={"h": "output * tanh(c) + matvec(c, c)"})
    names = "matvec(c, c)", f"{units}, {units}"
    with pytest.raises(CellError, check=at("cell.equations.h", names=names)):
        built(config, units=units)


def test_a_function_that_cannot_be_computed(built, lstm):
    config = lstm(equations={"h": "output * tanh(c) + dot(c, x)"})
    with pytest.raises(CellError, check=at("cell.equations.h", names=("dot(c, x)",))):
        built(config)


@pytest.mark.parametrize("part", ["mean(0.5)", "softmax(2)", "column(1)", "outer(x, 3)"])
def test_a_plain_number_has_no_units(built, lstm, part):
    """They were computed only in the call, and failed there."""
    config = lstm(equations={"h": f"output * tanh(c) + sum({part})"})
    with pytest.raises(CellError, check=at("cell.equations.h", names=(part,))):
        built(config)


@pytest.mark.parametrize("count", ["1.5", "0", "-1", "c", "units // 8"])
def test_a_count_that_is_no_number(built, lstm, count):
    config = lstm(equations={"h": f"output * tanh(c) * sum(repeat(c, {count}))"})
    with pytest.raises(GatekitError, check=at("cell.equations.h", names=("repeat(c, ",))):
        built(config)


def test_sizes_are_divided_in_equations_and_reads(built, lstm):
    config = lstm(
        constants={"heads": 2},
        gates={"output": {"kind": "sigmoid", "reads": ["x", "repeat(sum(c), units // heads)"]}},
        equations={"h": "output * flat(split(tanh(c), units // heads)) / (units // heads)"},
    )
    cell = built(config)
    assert cell.shapes["h"] == (4,)
    read = next(w for w in cell.weights if w.name == "output.repeat(sum(c),units//heads)")
    assert read.shape == (2, 4)
    assert "units // heads" in render(cell.node("h").expr, " ")


@pytest.mark.parametrize(
    ("expression", "check"),
    [
        ("output * tanh(c // 2)", at("cell.equations.h", names=("'c'",))),
        ("output * tanh(c) * (tanh(2) // 2)", at("cell.equations.h", names=("tanh(2)",))),
        ("output * tanh(c) * (4 // 0)", at("cell.equations.h", names=("4 // 0",))),
    ],
)
def test_only_sizes_are_divided(built, lstm, expression, check):
    with pytest.raises(CellError, check=check):
        built(lstm(equations={"h": expression}))


def test_a_map_that_needs_equal_widths(built, lstm):
    gate = {"kind": "forget", "reads": {"x": "diagonal", "h_prev": "dense"}}
    with pytest.raises(
        GatekitError, check=at("cell.gates.forget.reads.x", names=("diagonal", "3", "4"))
    ):
        built(lstm(gates={"forget": gate}))


def test_a_scalar_where_a_vector_is_expected(built, lstm):
    with pytest.raises(CellError, check=at("cell.gates.forget")):
        built(lstm(gates={"forget": {"activation": "sum(pre)"}}))


def test_a_plain_number_cannot_be_read(built, lstm):
    gate = {"kind": "forget", "reads": ["x", "1"]}
    with pytest.raises(CellError, check=at("cell.gates.forget.reads.1")):
        built(lstm(gates={"forget": gate}))


# --- names --------


@pytest.mark.parametrize(
    ("matrix", "shape"), [("outer(x,c_prev)", "3 x 4"), ("split(c_prev,2)", "2 x 2")]
)
def test_a_matrix_cannot_be_read(built, lstm, matrix, shape):
    with pytest.raises(CellError, check=at(f"cell.gates.forget.reads.{matrix}", names=(shape,))):
        built(lstm(gates={"forget": {"kind": "forget", "reads": [matrix]}}))
    built(lstm(gates={"forget": {"kind": "forget", "reads": [f"flat({matrix})"]}}))


def test_an_unknown_name_lists_the_known_and_the_nearest(built, lstm):
    names = "'forget*c_prev+input*candidat'", "'candidat'", "'candidate'"
    with pytest.raises(CellError, check=at("cell.equations.c", names=names)):
        built(lstm(equations={"c": "forget * c_prev + input * candidat"}))


def test_a_gate_that_an_equation_lacks_is_added(built, lstm):
    gates = {name: gate for name, gate in lstm()["gates"].items() if name != "input"}
    with pytest.raises(CellError, check=at("cell.equations.c")):
        built({**lstm(), "gates": gates})


def test_an_unknown_name_in_a_read(built, lstm):
    gate = {"kind": "forget", "reads": ["x", "hh_prev"]}
    with pytest.raises(CellError, check=at("cell.gates.forget.reads", names=("h_prev",))):
        built(lstm(gates={"forget": gate}))


def test_a_circle_is_printed(built, lstm):
    with pytest.raises(CellError, check=at("cell.equations.c", names=("c -> h -> c",))):
        built(lstm(equations={"c": "forget * h + input * candidate", "h": "output * tanh(c)"}))


def test_a_circle_through_reads(built, lstm):
    gates = {"forget": {"kind": "forget", "reads": ["x", "c"]}}
    with pytest.raises(
        CellError, check=at("cell.gates.forget.reads", names=("forget -> c -> forget",))
    ):
        built(lstm(gates=gates))


@pytest.mark.parametrize(
    ("changes", "check"),
    [
        ({"gates": {"spare": {"kind": "tanh"}}}, at("cell.gates.spare")),
        (
            {"equations": {"spare": "tanh(c)"}},
            at("cell.equations.spare"),
        ),
        ({"norms": {"spare": "c"}}, at("cell.norms.spare")),
        ({"parameters": {"p": {}}}, at("cell.parameters.p")),
        ({"constants": {"k": 2}}, at("cell.constants.k")),
        ({"constants": {"u": 2}}, at("cell.constants.u")),
        ({"inputs": {"dt": 1}}, at("cell.inputs.dt")),
        ({"initial": {"q": 0}}, at("cell.initial.q")),
        ({"initial": {"forget": 0}}, at("cell.initial.forget")),
        ({"zoneout": {"cc": 0.1}}, at("cell.zoneout.cc")),
        ({"learned_initial_state": ["q"]}, at("cell.learned_initial_state", names=("q",))),
        (
            {"equations": {"c": "forget * q_prev + input * candidate"}},
            at("cell.equations.c", names=("q_prev",)),
        ),
    ],
)
def test_what_is_unused_or_never_assigned(built, lstm, changes, check):
    with pytest.raises(CellError, check=check):
        built(lstm(**changes))


def test_two_that_only_feed_each_other_are_unused(built, lstm):
    config = lstm(equations={"a": "b_prev + c", "b": "a + c"})
    with pytest.raises(CellError, check=at("cell.equations.a")):
        built(config)


def test_parameters_constants_and_inputs(built, lstm):
    config = lstm(
        parameters={"alpha": {"shape": "scalar", "init": 0.5, "map": "sigmoid"}, "v": {}},
        constants={"half": 0.5},
        inputs={"dt": 1},
        equations={"h": "output * tanh(c) * alpha + v * half * dt"},
    )
    cell = built(config)
    shapes = {w.name: (w.shape, w.map) for w in cell.weights if w.kind == "parameter"}
    assert shapes == {"alpha": ((1,), "sigmoid"), "v": ((4,), None)}
    assert dict(cell.inputs) == {"x": 3, "dt": 1}
    assert cell.constants["half"] == 0.5


# --- gates and output units of one's own --------


def own_gate(activate, **fields):
    """Return a gate class with this function."""
    return type("Own", (Gate,), {"activate": activate, "__doc__": "Own.", **fields})()


OWN = {
    "asks-unknown": (
        own_gate(lambda self, pre, memmory: pre),
        at("cell.gates.forget", names=("memmory",)),
    ),
    "default": (
        own_gate(lambda self, pre, eps=0.1: pre),
        saying("eps has a default"),
    ),
    "star": (own_gate(lambda self, *args: args), saying(r"takes \*args")),
    "keywords": (own_gate(lambda self, **all: all), saying(r"takes \*\*all")),
    "unused-pre": (own_gate(lambda self, c_prev: c_prev), at("cell.gates.forget", names=("pre",))),
    "unused-parameter": (
        own_gate(lambda self, pre: pre, parameters={"p": Parameter()}),
        at("cell.gates.forget", names=("p",)),
    ),
    "unused-state": (
        own_gate(lambda self, pre: (pre, {"k": pre}), states={"k": 0.0}),
        at("cell.gates.forget", names=("k",)),
    ),
    "61-missing-state": (
        own_gate(lambda self, pre, k_prev: pre + k_prev, states={"k": 0.0}),
        at("cell.gates.forget", names=("(none)", "k")),
    ),
    "61-other-state": (
        own_gate(lambda self, pre, k_prev: (pre, {"q": k_prev}), states={"k": 0.0}),
        at("cell.gates.forget", names=("states q",)),
    ),
    "61-state-width": (
        own_gate(
            lambda self, pre, k_prev: (pre, {"k": __import__("gatekit").ops.sum(k_prev)}),
            states={"k": 0.0},
        ),
        at("cell.gates.forget", names=("state k", "1", "4")),
    ),
    "60-width": (
        own_gate(lambda self, pre, x: x + pre * 0.0),
        at("cell.gates.forget", names=("3", "4")),
    ),
}


@pytest.mark.parametrize("case", OWN)
def test_a_gate_that_breaks_its_contract(built, lstm, case):
    gate, check = OWN[case]
    with pytest.raises(CellError, check=check):
        built(lstm(gates={"forget": gate}))


def test_arguments_may_be_bound_to_other_names(built, lstm):
    config = lstm(gates={"input": {"kind": "refine", "bind": {"forget": "output"}}})
    bound = dict(built(config).node("input").arguments)
    assert bound["forget"] == "output"
    wrong = lstm(gates={"input": {"kind": "refine", "bind": {"forgt": "output"}}})
    with pytest.raises(CellError, check=at("cell.gates.input.bind", names=("forgt", "forget"))):
        built(wrong)


def test_a_gate_may_ask_for_its_own_last_value(built, lstm):
    gate = own_gate(lambda self, pre, own_prev: pre + own_prev)
    cell = built(lstm(gates={"forget": gate}))
    assert states(cell) == ["h", "forget", "c"]


def test_empty_reads_leave_the_bias(built, lstm):
    cell = built(lstm(gates={"forget": {"kind": "forget", "reads": []}}))
    assert [w.name for w in cell.weights if w.owner == "forget"] == ["forget.bias"]
    with pytest.raises(CellError, check=at("cell.gates.forget")):
        built(lstm(gates={"forget": {"kind": "forget", "reads": [], "bias": False}}))


class Asking(OutputUnit):
    """``y = q``"""

    bias = False

    def emit(self, q):
        """Return a signal that no cell here has."""
        return q


class Deaf(OutputUnit):
    """``y = emitted``, with a sum of reads that it does not use."""

    reads = ("emitted",)

    def emit(self, emitted):
        """Return what is emitted."""
        return emitted


class Remembering(OutputUnit):
    """``y = emitted`` with a history of a signal that no cell here has."""

    bias = False
    history = {"qq": 3}

    def emit(self, emitted):
        """Return what is emitted."""
        return emitted


@pytest.mark.parametrize(
    ("unit", "check"),
    [
        (Asking(), at("output_unit", names=("q", "small"))),
        (Asking(bind={"r": "h"}), at("output_unit.bind", names=("r",))),
        (Remembering(), at("output_unit.history", names=("qq",))),
        (Deaf(), at("output_unit", names=("emitted", "pre"))),
    ],
)
def test_an_output_unit_that_breaks_its_contract(built, lstm, unit, check):
    with pytest.raises(CellError, check=check):
        built(lstm(), output_unit=unit)


def test_an_output_unit_may_be_bound(built, lstm):
    output = built(lstm(), output_unit=Asking(bind={"q": "c"})).output
    assert output.arguments == (("q", "c"),)
    assert set(output.signals) == {"h", "c"}


@pytest.mark.parametrize(
    ("mapped", "declared"),
    [
        ("context", {"inputs": {"context": 2}}),
        ("alpha * h", {"parameters": {"alpha": {"shape": "units"}}}),
        ("beta * h", {"constants": {"beta": 2}}),
    ],
)
def test_what_only_the_output_unit_reads_is_used(built, lstm, mapped, declared):
    config, unit = lstm(**declared), {"kind": "projection", "reads": [mapped]}
    assert built(config, output_unit=unit).output.reads[0].width_in == (2 if "con" in mapped else 4)
    name = mapped.split()[0]
    assert built(config, output_unit=Asking(bind={"q": name})).output.arguments == (("q", name),)
    with pytest.raises(CellError, check=at(f"cell.{next(iter(declared))}.{name}")):
        built(config)


def test_an_output_unit_reads_this_step(built, lstm):
    unit = {"kind": "projection", "reads": ["h", "t"]}
    assert built(lstm(), output_unit=unit).uses_t
    for name in ("h_prev", "x_prev"):
        unit["reads"] = ["h", f"2 * {name}"]
        with pytest.raises(CellError, check=at("output_unit.reads", names=(name,))):
            built(lstm(), output_unit=unit)
    unit["reads"] = ["h", "before"]
    assert built(lstm(equations={"before": "h_prev"}), output_unit=unit).output.signals == (
        "h",
        "before",
    )


@pytest.mark.parametrize("name", ["hidden", "memory", "projection", "gated", "glu", "mix_last"])
def test_bundled_output_units_fit_an_lstm(known, read, name):
    cell = build(read("lstm"), 4, 3, read_output_unit(name, known))
    assert cell.output.width == 4
    assert {w.owner for w in cell.weights} >= {"input", "forget", "output", "candidate"}
