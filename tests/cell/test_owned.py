"""What a gate owns: states of any width and projections, in Python and in YAML."""

from __future__ import annotations

import dataclasses

import pytest
from refused import at
from seams import CellError, ExpressionError, build, read_cell, read_output_unit, swap

from gatekit import Gate, GatekitError, OutputUnit, Parameter, Projection, State, ops

UNITS, FEATURES = 4, 6


class Surprise(Gate):
    """A gate whose temperature depends on the distance of x from its moving average."""

    rate: float = 0.9
    states = {"m": State("features", first=0.25)}
    projections = {"tau": Projection("(x - m_prev)**2", first_bias=1.0)}

    def activate(self, pre, tau, x, m_prev):
        return ops.sigmoid(pre / ops.softplus(tau)), {"m": self.rate * m_prev + 0.1 * x}


WRITTEN = {
    "kind": None,
    "activation": "sigmoid(pre / softplus(tau))",
    "projections": {"tau": {"reads": ["(x - m_prev)**2"], "first_bias": 1}},
    "states": {"m": {"width": "features", "first": 0.25, "update": "0.9*m_prev + 0.1*x"}},
}


@pytest.fixture
def owned(known, lstm):
    """Build a small LSTM with a forget gate: a `Gate` or its mapping."""

    def owned(forget, **changes):
        spec = read_cell(lstm(gates={"forget": forget}, **changes), known)
        return build(spec, UNITS, FEATURES, read_output_unit("hidden", known))

    return owned


def _weights(cell):
    return {w.name: (w.shape, w.init) for w in cell.weights}


@pytest.mark.parametrize("forget", [Surprise(), WRITTEN], ids=["class", "yaml"])
def test_a_gate_owns_a_state_as_wide_as_x_and_a_second_linear_map(owned, lstm, forget):
    cell, plain = owned(forget), owned("forget")
    added = {n: w for n, w in _weights(cell).items() if n not in _weights(plain)}
    assert added == {
        "forget.tau.(x-m_prev)**2": ((FEATURES, UNITS), "orthogonal"),
        "forget.tau.bias": ((UNITS,), 1.0),
    }
    assert {n: s for n, (s, _) in _weights(plain).items()} == {
        n: s for n, (s, _) in _weights(cell).items() if n not in added
    }
    assert [(s.name, s.width, s.initial) for s in cell.states][-1] == ("forget.m", FEATURES, 0.25)
    names = [node.name for node in cell.nodes]
    assert names.index("forget.tau") < names.index("forget")


def test_python_and_yaml_write_the_same_gate(owned):
    one, other = owned(Surprise()), owned(WRITTEN)
    assert [str(e) for e in one.gate_expressions["forget"][:1]] == [
        str(e) for e in other.gate_expressions["forget"][:1]
    ]
    for name in ("forget.tau", "forget"):
        assert {*one.node(name).depends} == {*other.node(name).depends}
        assert one.node(name).stage == other.node(name).stage


@pytest.mark.parametrize("spelling", ["(x - m_prev)**2", "(x-m_prev) ** 2", " ( x-m_prev )**2"])
def test_the_canonical_form_does_not_keep_the_spelling(known, lstm, spelling):
    forget = {**WRITTEN, "projections": {"tau": {"reads": [spelling], "first_bias": 1.0}}}
    spec = read_cell(lstm(gates={"forget": forget}), known)
    assert spec == read_cell(lstm(gates={"forget": WRITTEN}), known)
    assert read_cell(spec.canonical(), known).canonical() == spec.canonical()


def test_what_a_class_declares_is_not_in_the_canonical_form(known, lstm):
    spec = read_cell(lstm(gates={"forget": Surprise()}), known)
    assert "projections" not in spec.canonical()["gates"]["forget"]


def test_an_option_changes_a_projection_of_the_class_key_by_key(owned):
    cell = owned(Surprise(projections={"tau": {"first_bias": 2.5, "initializer": "zeros"}}))
    added = _weights(cell)
    assert added["forget.tau.bias"][1] == 2.5
    assert added["forget.tau.(x-m_prev)**2"][1] == "zeros"


def test_a_projection_reads_what_its_gate_binds(owned):
    class Bound(Gate):
        projections = {"tau": Projection("seen")}

        def activate(self, pre, tau):
            return ops.sigmoid(pre + tau)

    assert owned(Bound(bind={"seen": "c_prev"})).node("forget.tau").depends == ("c_prev",)


@pytest.mark.parametrize("target", [3, None, "input.m_prev"])
def test_what_is_bound_to_no_signal_is_refused(built, lstm, target):
    forget = Surprise(bind={"x": target})
    with pytest.raises(CellError, check=at("cell.gates.forget.bind.x")):
        built(lstm(gates={"input": WRITTEN, "forget": forget}))


def test_the_first_bias_wins_over_the_initializers_of_the_cell(owned):
    changes = {"initializers": {"bias": {"kind": "constant", "value": 7.0}}}
    added = _weights(owned(Surprise(), **changes))
    assert added["forget.tau.bias"][1] == 1.0
    assert added["input.bias"][1] == {"kind": "constant", "value": 7.0}


def test_a_projection_reads_parameters_states_and_other_projections_of_its_gate(owned):
    class Deep(Gate):
        parameters = {"alpha": Parameter("features", init=2.0)}
        states = {"m": State("features"), "s": State(1, first=0.5, learned=True)}
        projections = {
            "hidden": Projection(["alpha * (x - m_prev)", "h_prev"], width=5),
            "logit": Projection("tanh(hidden)"),
        }

        def activate(self, pre, logit, x, m_prev, s_prev):
            m, s = 0.5 * (m_prev + x), 0.5 * s_prev + 0.1 * ops.mean(pre)
            return ops.sigmoid(pre + logit + s), {"m": m, "s": s}

    cell = owned(Deep())
    assert cell.widths["forget.hidden"] == 5
    assert cell.widths["forget.s"] == 1
    assert cell.node("forget.logit").stage == cell.node("forget.hidden").stage + 1
    weights = _weights(cell)
    assert weights["forget.hidden.alpha*(x-m_prev)"][0] == (FEATURES, 5)
    assert weights["initial.forget.s"] == ((1,), 0.5)
    assert weights["forget.logit.tanh(hidden)"][0] == (5, UNITS)


def test_the_count_is_that_of_the_weights(owned):
    cell, plain = owned(Surprise()), owned("forget")
    assert cell.count() - plain.count() == FEATURES * UNITS + UNITS


def _changed(**changes):
    return {**WRITTEN, **changes}


def _projection(**changes):
    return _changed(projections={"tau": {"reads": ["x"], **changes}})


REFUSED = {
    "no reads": (_projection(reads=[]), at("cell.gates.forget.projections.tau", names=("[]",))),
    "unknown key": (_projection(unit=3), at("cell.gates.forget.projections.tau.unit")),
    "first_bias without a bias": (
        _projection(bias=False, first_bias=1),
        at("cell.gates.forget.projections.tau", names=("first_bias",)),
    ),
    "norm with a group": (
        _projection(norm={"of": "sum", "group": ["input"]}),
        at("cell.gates.forget.projections.tau", names=("group",)),
    ),
    "width of nothing": (
        _projection(width="unit"),
        at("cell.gates.forget.projections.tau.width", names=("'unit'",)),
    ),
    "norm that is a number": (
        _projection(norm=3),
        at("cell.gates.forget.projections.tau", names=("norm", "3")),
    ),
    "initializer that is a number": (
        _projection(initializer=3),
        at("cell.gates.forget.projections.tau.initializer"),
    ),
    "initializer of another gate": (
        _projection(initializer={"negative_of": "input"}),
        at(
            "cell.gates.forget.projections.tau.initializer.kind",
        ),
    ),
    "initializer of nothing": (
        _projection(initializer="one"),
        at("cell.gates.forget.projections.tau.initializer"),
    ),
    "reads nothing that exists": (
        _projection(reads=["m_pref"]),
        at("cell.gates.forget.projections.tau.reads", names=("m_prev",)),
    ),
    "reads widths that do not fit": (
        _projection(reads=["x*h_prev", "m_prev"]),
        at("cell.gates.forget.projections.tau.reads.x*h_prev"),
    ),
    "width that does not fit": (_projection(width=3), at("cell.gates.forget")),
    "matrix state": (
        _changed(states={"m": {"update": "outer(x, m_prev)"}}),
        at("cell.gates.forget"),
    ),
    "not finite": (
        _projection(first_bias=float("nan")),
        at("cell.gates.forget.projections.tau", names=("first_bias", "nan")),
    ),
    "reads a new state": (
        _projection(reads=["m"]),
        at("cell.gates.forget.projections.tau.reads", names=("m_prev",)),
    ),
    "reads pre": (
        _projection(reads=["pre"]),
        at("cell.gates.forget.projections.tau.reads", names=("'pre'",)),
    ),
    "not a mapping": (
        _changed(projections={"tau": "x"}),
        at("cell.gates.forget.projections.tau"),
    ),
    "name taken": (
        _changed(activation="sigmoid(bias)", projections={"bias": {"reads": ["x"]}}),
        at("cell.gates.forget.projections", names=("'bias'",)),
    ),
    "declared twice": (
        _changed(activation="sigmoid(pre + m)", projections={"m": {"reads": ["x"]}}),
        at("cell.gates.forget.projections.m"),
    ),
    "unused projection": (
        _changed(activation="sigmoid(pre)"),
        at("cell.gates.forget.projections.tau", names=("'tau'",)),
    ),
    "a projection that only an unused state reads": (
        _changed(
            activation="sigmoid(pre)",
            states={"m": {"width": "features", "update": "0.9*m_prev + 0.1*x + mean(tau)"}},
        ),
        at("cell.gates.forget", names=("m",)),
    ),
    "unused state": (
        _changed(projections={"tau": {"reads": ["x"]}}),
        at("cell.gates.forget", names=("m",)),
    ),
    "state without an update": (
        _changed(states={"m": {"width": "features"}}),
        at(
            "cell.gates.forget.states.m.update",
        ),
    ),
    "state of another width": (
        _changed(states={"m": {"width": 2, "update": "0.9*m_prev + x"}}),
        at("cell.gates.forget"),
    ),
    "cycle through the cell": (
        _projection(reads=["c", "m_prev"]),
        at("cell.gates.forget.projections.tau.reads", names=("forget.tau",)),
    ),
    "cycle": (
        _changed(
            activation="sigmoid(pre + a)",
            projections={"a": {"reads": ["b"]}, "b": {"reads": ["a"]}},
            states={},
        ),
        at("cell.gates.forget.projections.a.reads", names=("forget.a -> forget.b",)),
    ),
    "too many": (
        _changed(
            activation="sigmoid(pre + p0)",
            projections={f"p{i}": {"reads": [f"p{i + 1}" if i < 20 else "x"]} for i in range(21)},
            states={},
        ),
        at("cell.gates.forget.projections", names=("20",)),
    ),
}


@pytest.mark.parametrize("case", REFUSED)
def test_what_cannot_be_is_refused_where_it_is_written(owned, case):
    forget, check = REFUSED[case]
    with pytest.raises(GatekitError, check=check):
        owned(forget)


def test_a_projection_that_the_function_takes_and_does_not_use_is_refused(owned):
    class Idle(Gate):
        projections = {"tau": Projection("x")}

        def activate(self, pre, tau):
            return ops.sigmoid(pre)

    with pytest.raises(CellError, check=at("cell.gates.forget.projections.tau")):
        owned(Idle())


def test_a_width_that_does_not_fit_is_told_with_both_widths(owned):
    class Narrow(Gate):
        states = {"m": 0.0}

        def activate(self, pre, x, m_prev):
            return ops.sigmoid(pre + ops.mean(m_prev)), {"m": 0.9 * ops.mean(m_prev) + 0.1 * x}

    with pytest.raises(CellError, check=at("cell.gates.forget", names=("6", "4"))):
        owned(Narrow())


def test_two_widths_that_do_not_fit_in_a_gate(owned):
    with pytest.raises(CellError, check=at("cell.gates.forget", names=("4", "6"))):
        owned(_changed(activation="sigmoid(pre / softplus(tau) + x)"))


def test_a_projection_reads_no_option(owned):
    class Rated(Gate):
        rate: float = 0.5
        projections = {"tau": Projection("rate * x")}

        def activate(self, pre, tau):
            return ops.sigmoid(pre + tau)

    with pytest.raises(
        CellError, check=at("cell.gates.forget.projections.tau.reads", names=("rate",))
    ):
        owned(Rated())


@pytest.mark.parametrize("section", ["zoneout", "initial"])
def test_the_cell_does_not_set_a_state_that_its_gate_owns(owned, section):
    with pytest.raises(CellError, check=at(f"cell.{section}.forget.m")):
        owned(Surprise(), **{section: {"forget.m": 0.5}})


@pytest.mark.parametrize(
    ("declared", "place"),
    [
        ({"m": "features"}, "Wrong.states"),
        ({"m": True}, "Wrong.states"),
        ({"m": None}, "Wrong.states"),
        ({"m_prev": 0.0}, "Wrong"),
        ({"pre": 0.0}, "Wrong"),
    ],
)
def test_a_class_with_a_state_that_cannot_be_is_refused(declared, place):
    with pytest.raises(CellError, check=at(place)):
        type("Wrong", (Gate,), {"states": declared})


@pytest.mark.parametrize(
    ("declared", "place"),
    [
        ("x", "Wrong.projections"),
        ({"tau": "x"}, "Wrong.projections"),
        ({"tau": None}, "Wrong.projections"),
        ({"norm_scale": Projection("x")}, "Wrong"),
    ],
)
def test_a_class_with_a_projection_that_cannot_be_is_refused(declared, place):
    with pytest.raises(CellError, check=at(place)):
        type("Wrong", (Gate,), {"projections": declared})


def test_a_name_is_declared_once():
    with pytest.raises(CellError, check=at("Wrong.m")):
        type("Wrong", (Gate,), {"states": {"m": 0.0}, "projections": {"m": Projection("x")}})


@pytest.fixture
def swapped(known, lstm):
    """Put another gate, by default `Surprise`, into a small LSTM with this forget gate."""
    gates = {**known.gates, "surprise": Surprise}
    own = dataclasses.replace(known, gates=gates)

    def swapped(new="surprise", **settings):
        config = lstm(gates={"forget": {"kind": "forget", **settings}})
        return read_cell(swap(config, "forget", new, own), own).gates[1]

    return swapped


NEW = {
    "class": "surprise",
    "class with options": {"kind": "surprise", "projections": {"tau": {"initializer": "zeros"}}},
    "expression": WRITTEN,
}


@pytest.mark.parametrize("new", NEW)
def test_a_swap_keeps_what_is_set_of_a_projection_of_the_new_gate(swapped, new):
    (tau,) = swapped(NEW[new], projections={"tau": {"width": 1}}).projections
    assert tau.gate.units == 1
    assert tau.gate.initializers["bias"] == 1.0


@pytest.mark.parametrize("new", NEW)
@pytest.mark.parametrize(
    ("settings", "named"),
    [
        ({"projections": {"tua": {"first_bias": 3.0}}}, "projections.tua"),
        ({"bind": {"xx": "c_prev"}}, "bind.xx"),
    ],
)
def test_what_a_swap_would_drop_is_refused(swapped, new, settings, named):
    with pytest.raises(CellError, check=at(f"cell.gates.forget.{named}")):
        swapped(NEW[new], **settings)


def test_a_swap_keeps_the_binding_of_an_argument_that_the_new_gate_has(swapped):
    assert swapped(bind={"x": "candidate_prev"}).gate.bind == {"x": "candidate_prev"}


@pytest.mark.parametrize("new", ["surprise", "tanh", WRITTEN], ids=["class", "other", "yaml"])
def test_nothing_of_an_expression_is_left_in_the_gate_that_replaces_it(swapped, new):
    old = _changed(projections={"tau": {"reads": ["h_prev"], "width": 1}})
    assert swapped(new, **old) == swapped(new)


class Two(OutputUnit):
    """An output unit with two linear maps, one of them narrow, and a parameter that one reads."""

    parameters = {"alpha": Parameter("units", init=2.0)}
    projections = {
        "value": Projection("emitted", first_bias=0.5),
        "gate": Projection({"alpha * tanh(value)": "diagonal", "x": "dense"}, norm={"of": "sum"}),
    }

    def emit(self, value, gate, alpha):
        return alpha * value * ops.sigmoid(gate)


@pytest.fixture
def emitting(known, lstm):
    """Build a small LSTM with an output unit: an object, or options of `Two`."""
    own = dataclasses.replace(known, output_units={**known.output_units, "two": Two})

    def emitting(unit=None, **options):
        config = unit if unit is not None else {"kind": "two", **options}
        return build(read_cell(lstm(), own), UNITS, FEATURES, read_output_unit(config, own))

    return emitting


def test_an_output_unit_owns_linear_maps_that_are_computed_after_the_loop(emitting, owned):
    cell, plain = emitting(Two()), owned("forget")
    added = {n: w for n, w in _weights(cell).items() if n not in _weights(plain)}
    assert list(added) == list(_weights(cell))[len(plain.weights) :]
    assert added == {
        "output_unit.value.emitted": ((UNITS, UNITS), "glorot_uniform"),
        "output_unit.value.bias": ((UNITS,), 0.5),
        "output_unit.gate.alpha*tanh(value)": ((UNITS,), "diagonal_normal"),
        "output_unit.gate.x": ((FEATURES, UNITS), "glorot_uniform"),
        "output_unit.gate.bias": ((UNITS,), 0.0),
        "output_unit.gate.scale": ((UNITS,), 1.0),
        "output_unit.alpha": ((UNITS,), 2.0),
    }
    assert cell.nodes == plain.nodes
    assert [node.name for node in cell.output.projections] == [
        "output_unit.value",
        "output_unit.gate",
    ]
    assert cell.output.signals == ("h",)
    assert cell.output.width == UNITS


def test_the_canonical_form_of_an_output_unit_has_what_differs_from_its_class(known, emitting):
    assert "projections" not in emitting().output.spec.canonical()
    changed = emitting(projections={"value": {"first_bias": 3}}).output.spec
    assert changed.canonical()["projections"] == {
        "value": {"reads": {"emitted": {"kind": "dense"}}, "first_bias": 3.0}
    }
    again = emitting(**changed.canonical())
    assert again.output.spec.canonical() == changed.canonical()
    assert _weights(again)["output_unit.value.bias"][1] == 3.0


OPTIONS_REFUSED = {
    "unknown key": ({"value": {"unit": 3}}, at("output_unit.projections.value.unit")),
    "first_bias without a bias": (
        {"gate": {"bias": False, "first_bias": 1}},
        at("output_unit.projections.gate", names=("first_bias",)),
    ),
    "norm with a group": (
        {"gate": {"norm": {"of": "sum", "group": ["input"]}}},
        at("output_unit.projections.gate", names=("group",)),
    ),
    "not a mapping": (
        {"value": "x"},
        at("output_unit.projections.value"),
    ),
    "no reads": (
        {"more": {"first_bias": 1}},
        at("output_unit.projections.more.reads"),
    ),
    "unused": ({"more": {"reads": ["x"]}}, at("output_unit.projections.more", names=("'more'",))),
    "unknown signal": (
        {"value": {"reads": ["hh"]}},
        at("output_unit.projections.value.reads", names=("hh",)),
    ),
    "earlier step": (
        {"value": {"reads": ["h_prev"]}},
        at("output_unit.projections.value.reads", names=("h_prev",)),
    ),
    "cycle": (
        {"value": {"reads": ["gate"]}},
        at("output_unit.projections.value.reads", names=("output_unit.value",)),
    ),
    "width of nothing": (
        {"gate": {"width": "unit"}},
        at("output_unit.projections.gate.width", names=("'unit'",)),
    ),
    "two widths": ({"gate": {"width": 3}}, at("output_unit", names=("4", "3"))),
    "too many": (
        {f"p{i}": {"reads": ["x"]} for i in range(19)},
        at("output_unit.projections", names=("20",)),
    ),
}


@pytest.mark.parametrize("case", OPTIONS_REFUSED)
def test_what_an_output_unit_cannot_own_is_refused_where_it_is_written(emitting, case):
    projections, check = OPTIONS_REFUSED[case]
    with pytest.raises(GatekitError, check=check):
        emitting(projections=projections)


def test_a_width_that_an_output_unit_cannot_use(emitting):
    class OfInput(OutputUnit):
        def emit(self, emitted, x):
            return emitted * x

    with pytest.raises(CellError, check=at("output_unit", names=("4", "6"))):
        emitting(OfInput())


def test_a_projection_does_not_read_a_history(emitting):
    class Window(OutputUnit):
        history = {"h": 3}
        projections = {"a": Projection("flat(h_history)")}

        def emit(self, a, h_history):
            return a + ops.mean(h_history, axis=-2)

    with pytest.raises(CellError, check=at("output_unit.projections.a.reads")):
        emitting(Window())


@pytest.mark.parametrize(
    ("declared", "place"),
    [
        ("x", "Wrong.projections"),
        ({"tau": "x"}, "Wrong.projections"),
        ({"emitted": Projection("x")}, "Wrong"),
        ({"units": Projection("x")}, "Wrong"),
    ],
)
def test_an_output_unit_with_a_projection_that_cannot_be_is_refused(declared, place):
    with pytest.raises(CellError, check=at(place)):
        type("Wrong", (OutputUnit,), {"projections": declared})


def test_axis_is_that_of_rows_or_units():
    for wrong in ({"axis": 0}, {"axis": -2, "keepdims": True}):
        with pytest.raises(TypeError, match="by position, and axis=-2, not axis="):
            ops.mean(1.0, **wrong)
    with pytest.raises(TypeError, match="by position, not axis=-2"):
        ops.tanh(1.0, axis=-2)


def test_a_state_that_should_be_as_wide_as_x(owned):
    narrow = {**WRITTEN, "states": {"m": {"update": "0.9*m_prev + 0.1*x"}}}
    with pytest.raises(CellError, check=at("cell.gates.forget", names=("m",))):
        owned(narrow)


def test_reads_in_one_string(owned):
    wrong = {**WRITTEN, "projections": {"tau": {"reads": "x, m_prev"}}}
    with pytest.raises(
        ExpressionError,
        check=at(
            "cell.gates.forget.projections.tau.reads",
        ),
    ):
        owned(wrong)
