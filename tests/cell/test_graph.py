"""A cell with its sizes: order, states, stages, widths, weights, and what it refuses to build."""

import pytest

from gatekit.cell.errors import CellError, GatekitError
from gatekit.cell.gate import Gate, OutputUnit
from gatekit.cell.graph import build
from gatekit.cell.language import ops
from gatekit.cell.language.expression import render
from gatekit.cell.learned import Parameter
from gatekit.cell.schema import read_output_unit
from gatekit.registry import cell_names


def states(cell):
    """Return the names of the states in their public order."""
    return [state.name for state in cell.states]


# --- states, order, stages --------


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


def test_what_a_signal_needs_orders_it(built, lstm):
    config = lstm()
    config["equations"] = {"h": "output * tanh(c)", "c": "forget * c_prev + input * candidate"}
    order = [node.name for node in built(config).nodes]
    assert order.index("c") < order.index("h")
    assert states(built(config)) == ["h", "c"]


def test_stages_count_the_recurrent_products(built):
    assert built("lstm").stages() == ((), ("input", "forget", "output", "candidate", "c", "h"))
    assert built("gru").stages() == ((), ("reset", "update"), ("candidate", "h"))
    assert built("mingru").stages() == (("update", "candidate", "h"),)


def test_what_reads_no_state_is_hoisted(built):
    hoisted = {node.name for node in built("mingru").nodes if node.hoisted}
    assert hoisted == {"update", "candidate"}
    assert not any(node.hoisted for node in built("lstm").nodes)


@pytest.mark.parametrize("name", cell_names())
def test_every_cell_is_built(built, name):
    cell = built(name, units=8, features=5)
    assert cell.emits not in [s.name for s in cell.states[1:]]
    assert len({w.name for w in cell.weights}) == len(cell.weights)
    done = set()
    for node in cell.nodes:
        assert {k for k in node.depends if k in {n.name for n in cell.nodes}} <= done
        done.add(node.name)


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
    with pytest.raises(CellError, match=r"'forget_k' is not a state.*: c, h") as error:
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

    with pytest.raises(CellError, match=r"two weights of forget .* forget\.x; rename .* 'x'"):
        built(lstm(gates={"forget": Own()}))


@pytest.mark.parametrize(
    ("norm", "says"),
    [
        ({"of": "c", "epsilon": 0}, r"cell\.norms\.shown\.epsilon=0 .*above 0"),
        ({"of": "c", "epsilon": True}, r"cell\.norms\.shown\.epsilon=true"),
        ({"of": "c", "eps": 1e-3}, "epsilon"),
        ({"epsilon": 1e-3}, r"cell\.norms\.shown=.*\{of: h, epsilon"),
        (["c"], r"the name of the signal to normalise"),
        ({"of": "spare"}, r"cell\.norms\.shown: .*'spare' is unknown"),
    ],
)
def test_norms_that_are_refused(built, lstm, norm, says):
    with pytest.raises(CellError, match=says):
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
    with pytest.raises(CellError, match="'forget' must have the same norm"):
        built(lstm(gates=one))
    both = {**one, "forget": {"kind": "forget", "norm": norm}}
    assert built(lstm(gates=both)).node("input").norm.group == ("input", "forget")
    unknown = {"input": {"kind": "input", "norm": {"of": "sum", "group": ["forgt"]}}}
    with pytest.raises(CellError, match=r"norm\.group: 'forgt' is not a gate; did you mean"):
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
    ("units", "says"),
    [
        (0, "a width is a whole number from 1"),
        (-2, "a width is a whole number from 1"),
        ("units / 3", r"a width is a whole number from 1; write for example units"),
        ("units // 5", "a width is a whole number from 1"),
        ("units // 0", "divides by zero"),
        ("unitss", "'unitss' is not a size; did you mean 'units'"),
        ("tanh(units)", "no function"),
        ("forget", "'forget' is not a size"),
        ("units.real", "an attribute"),
    ],
)
def test_a_width_that_is_none(built, lstm, units, says):
    with pytest.raises(GatekitError, match=says):
        built(lstm(gates={"forget": {"kind": "forget", "units": units}}))


def test_widths_that_do_not_fit(built, lstm):
    with pytest.raises(CellError) as caught:
        built(lstm(gates={"forget": {"kind": "forget", "units": 6}}), units=8)
    assert "cell.equations.c: in 'forget * c_prev + input * candidate'" in str(caught.value)
    assert "width of 6 meets a width of 8" in str(caught.value)


def test_an_input_of_another_width(built, lstm):
    with pytest.raises(CellError, match=r"in 'output \* x' a width of 4 meets a width of 3"):
        built(lstm(equations={"h": "tanh(c) + output * x"}))


@pytest.mark.parametrize("units", [2, 3, 4])
def test_a_function_that_would_mix_the_rows_of_a_batch(built, lstm, units):
    config = lstm(equations={"h": "output * tanh(c) + matvec(c, c)"})
    says = rf"'matvec\(c, c\)' cannot be computed.* with widths {units}, {units}"
    with pytest.raises(CellError, match=says):
        built(config, units=units)


def test_a_function_that_cannot_be_computed(built, lstm):
    config = lstm(equations={"h": "output * tanh(c) + dot(c, x)"})
    with pytest.raises(CellError, match=r"'dot\(c, x\)' cannot be computed with widths 4, 3"):
        built(config)


@pytest.mark.parametrize("part", ["mean(0.5)", "softmax(2)", "column(1)", "outer(x, 3)"])
def test_a_plain_number_has_no_units(built, lstm, part):
    """They were computed only in the call, and failed there."""
    config = lstm(equations={"h": f"output * tanh(c) + sum({part})"})
    with pytest.raises(CellError, match=r"equations\.h: .* has no units; write a signal, such as"):
        built(config)


@pytest.mark.parametrize("part", ["sum(0.5)", "cumsum(units)", "dot(1, 2)", "sum(repeat(0.5, 3))"])
def test_functions_that_compute_plain_numbers(built, lstm, part):
    cell = built(lstm(equations={"h": f"output * tanh(c) * {part}"}))
    assert cell.widths["h"] == cell.units


@pytest.mark.parametrize("count", ["1.5", "0", "-1", "c", "units // 8"])
def test_a_count_that_is_no_number(built, lstm, count):
    config = lstm(equations={"h": f"output * tanh(c) * sum(repeat(c, {count}))"})
    with pytest.raises(GatekitError, match=r"the count must be a whole number"):
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
    ("expression", "says"),
    [
        ("output * tanh(c // 2)", r"cell\.equations\.h: // divides .* 'c' is neither; write floor"),
        ("output * tanh(c) * (tanh(2) // 2)", r"'tanh\(2\)' is neither"),
        ("output * tanh(c) * (4 // 0)", "is not a real number"),
    ],
)
def test_only_sizes_are_divided(built, lstm, expression, says):
    with pytest.raises(CellError, match=says):
        built(lstm(equations={"h": expression}))


def test_a_map_that_needs_equal_widths(built, lstm):
    gate = {"kind": "forget", "reads": {"x": "diagonal", "h_prev": "dense"}}
    with pytest.raises(GatekitError, match=r"cell\.gates\.forget\.reads\.x: .*diagonal.*3.*4"):
        built(lstm(gates={"forget": gate}))


def test_a_scalar_where_a_vector_is_expected(built, lstm):
    with pytest.raises(CellError, match="its value has a width of 1, and the gate has 4 units"):
        built(lstm(gates={"forget": {"activation": "sum(pre)"}}))


def test_a_plain_number_cannot_be_read(built, lstm):
    gate = {"kind": "forget", "reads": ["x", "1"]}
    with pytest.raises(CellError, match=r"cell\.gates\.forget\.reads\.1: a plain number"):
        built(lstm(gates={"forget": gate}))


# --- names --------


@pytest.mark.parametrize(
    ("matrix", "remedy"),
    [("outer(x, c_prev)", "flat(outer(x,c_prev))"), ("split(c_prev, 2)", "flat(split(c_prev,2))")],
)
def test_a_matrix_cannot_be_read(built, lstm, matrix, remedy):
    with pytest.raises(CellError, match=r"it is a matrix, .* linear maps take vectors") as error:
        built(lstm(gates={"forget": {"kind": "forget", "reads": [matrix]}}))
    assert str(error.value).endswith(f"read {remedy}.")
    built(lstm(gates={"forget": {"kind": "forget", "reads": [remedy]}}))


def test_an_unknown_name_lists_the_known_and_the_nearest(built, lstm):
    with pytest.raises(CellError) as caught:
        built(lstm(equations={"c": "forget * c_prev + input * candidat"}))
    text = str(caught.value)
    assert "cell.equations.c: in 'forget*c_prev+input*candidat' the name 'candidat'" in text
    assert "did you mean 'candidate'?" in text
    assert "Known here: c, c_prev, candidate" in text


def test_an_unknown_name_in_a_read(built, lstm):
    gate = {"kind": "forget", "reads": ["x", "hh_prev"]}
    with pytest.raises(CellError, match=r"cell\.gates\.forget\.reads: .*did you mean 'h_prev'"):
        built(lstm(gates={"forget": gate}))


def test_a_circle_is_printed(built, lstm):
    with pytest.raises(CellError) as caught:
        built(lstm(equations={"c": "forget * h + input * candidate", "h": "output * tanh(c)"}))
    assert "signals depend on each other in the same step: c -> h -> c" in str(caught.value)
    assert "h_prev" in str(caught.value)


def test_a_circle_through_reads(built, lstm):
    gates = {"forget": {"kind": "forget", "reads": ["x", "c"]}}
    with pytest.raises(CellError, match="forget -> c -> forget"):
        built(lstm(gates=gates))


@pytest.mark.parametrize(
    ("changes", "says"),
    [
        ({"gates": {"spare": {"kind": "tanh"}}}, r"cell\.gates\.spare: .*Write spare: null"),
        ({"equations": {"spare": "tanh(c)"}}, r"cell\.equations\.spare: the emitted signal \(h\)"),
        ({"norms": {"spare": "c"}}, r"cell\.norms\.spare: the emitted signal"),
        ({"parameters": {"p": {}}}, r"cell\.parameters\.p: nothing reads 'p'"),
        ({"constants": {"k": 2}}, r"cell\.constants\.k: nothing reads 'k'"),
        ({"constants": {"u": 2}}, r"cell\.constants\.u: nothing reads 'u'"),
        ({"inputs": {"dt": 1}}, r"cell\.inputs\.dt: nothing reads 'dt'"),
        ({"initial": {"q": 0}}, r"cell\.initial\.q=.*'q' is not a state.*States: c, h"),
        ({"initial": {"forget": 0}}, r"cell\.initial\.forget=.*'forget' is not a state"),
        ({"zoneout": {"cc": 0.1}}, r"cell\.zoneout\.cc=.*'cc' is not a state"),
        ({"learned_initial_state": ["q"]}, r"learned_initial_state=.*'q' is not a state"),
        ({"equations": {"c": "forget * q_prev + input * candidate"}}, "the name 'q_prev'"),
    ],
)
def test_what_is_unused_or_never_assigned(built, lstm, changes, says):
    with pytest.raises(CellError, match=says):
        built(lstm(**changes))


def test_two_that_only_feed_each_other_are_unused(built, lstm):
    config = lstm(equations={"a": "b_prev + c", "b": "a + c"})
    with pytest.raises(CellError, match=r"cell\.equations\.a: the emitted signal"):
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
        r"Own\.activate\(self, pre, memmory\) asks for 'memmory', which does not exist",
    ),
    "default": (
        own_gate(lambda self, pre, eps=0.1: pre),
        "make it an option instead: a class field",
    ),
    "star": (own_gate(lambda self, *args: args), r"takes \*args; name each argument"),
    "keywords": (own_gate(lambda self, **all: all), r"takes \*\*all; name each argument"),
    "unused-pre": (own_gate(lambda self, c_prev: c_prev), "does not use pre; set reads"),
    "unused-parameter": (
        own_gate(lambda self, pre: pre, parameters={"p": Parameter()}),
        "does not use its parameter 'p'",
    ),
    "unused-state": (
        own_gate(lambda self, pre: (pre, {"k": pre}), states={"k": 0.0}),
        "does not use its state 'k'",
    ),
    "61-missing-state": (
        own_gate(lambda self, pre, k_prev: pre + k_prev, states={"k": 0.0}),
        r"returns the states \(none\), but declares k",
    ),
    "61-other-state": (
        own_gate(lambda self, pre, k_prev: (pre, {"q": k_prev}), states={"k": 0.0}),
        "returns the states q, but declares k",
    ),
    "61-state-width": (
        own_gate(
            lambda self, pre, k_prev: (pre, {"k": __import__("gatekit").ops.sum(k_prev)}),
            states={"k": 0.0},
        ),
        "its state k has a width of 1, and is declared with 4",
    ),
    "60-width": (
        own_gate(lambda self, pre, x: x + pre * 0.0),
        "a width of 3 meets a width of 4",
    ),
}


@pytest.mark.parametrize("case", OWN)
def test_a_gate_that_breaks_its_contract(built, lstm, case):
    gate, says = OWN[case]
    with pytest.raises(CellError, match=says):
        built(lstm(gates={"forget": gate}))


def test_arguments_may_be_bound_to_other_names(built, lstm):
    config = lstm(gates={"input": {"kind": "refine", "bind": {"forget": "output"}}})
    bound = dict(built(config).node("input").arguments)
    assert bound["forget"] == "output"
    wrong = lstm(gates={"input": {"kind": "refine", "bind": {"forgt": "output"}}})
    with pytest.raises(CellError, match=r"bind: .*no argument 'forgt'; did you mean 'forget'"):
        built(wrong)


def test_a_gate_may_ask_for_its_own_last_value(built, lstm):
    gate = own_gate(lambda self, pre, own_prev: pre + own_prev)
    cell = built(lstm(gates={"forget": gate}))
    assert states(cell) == ["h", "forget", "c"]


def test_empty_reads_leave_the_bias(built, lstm):
    cell = built(lstm(gates={"forget": {"kind": "forget", "reads": []}}))
    assert [w.name for w in cell.weights if w.owner == "forget"] == ["forget.bias"]
    with pytest.raises(CellError, match="asks for pre, but the gate has no reads and no bias"):
        built(lstm(gates={"forget": {"kind": "forget", "reads": [], "bias": False}}))


class Asking(OutputUnit):
    """``y = q``"""

    bias = False

    def emit(self, q):
        """Return a signal that no cell here has."""
        return q


class Remembering(OutputUnit):
    """``y = emitted`` with a history of a signal that no cell here has."""

    bias = False
    history = {"qq": 3}

    def emit(self, emitted):
        """Return what is emitted."""
        return emitted


@pytest.mark.parametrize(
    ("unit", "says"),
    [
        (Asking(), r"Asking\.emit\(self, q\) asks for 'q', which the cell 'small' does not have"),
        (Asking(bind={"r": "h"}), "asks for 'q'|no argument 'r'"),
        (Remembering(), r"output_unit\.history: 'qq' is not a signal"),
    ],
)
def test_an_output_unit_that_breaks_its_contract(built, lstm, unit, says):
    with pytest.raises(CellError, match=says):
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
    with pytest.raises(CellError, match=f"nothing reads '{name}'"):
        built(config)


def test_an_output_unit_reads_this_step(built, lstm):
    unit = {"kind": "projection", "reads": ["h", "t"]}
    assert built(lstm(), output_unit=unit).uses_t
    for name in ("h_prev", "x_prev"):
        unit["reads"] = ["h", f"2 * {name}"]
        with pytest.raises(
            CellError, match=f"of the same step, not {name}; add equations"
        ) as error:
            built(lstm(), output_unit=unit)
        assert str(error.value).endswith("and read before.")
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
