"""Each check of an output unit, a function, a task or a cell fails for what is wrong there."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
from seams import OF_CELLS, OF_FUNCTIONS, OF_TASKS, cell_checks, from_file, subject
from seams import UNITS as WIDTH
from seams import tensors_arguments as arguments

from gatekit.testing import FAIL, PASS, Outcome, checks

from .planted import DIFFERENCE, STEPS, TF, source

Write = Callable[[str, str], Path]

UNIT = '''"""A planted output unit."""

from gatekit import OutputUnit, hookimpl, ops


class Planted(OutputUnit):
    """A planted unit: ``y = tanh(emitted)``."""

    bias = False

    def emit(self, ARGUMENTS):
        return VALUE


@hookimpl
def gatekit_output_units():
    return {"planted": Planted}
'''
UNITS = {
    "rows_apart": ("emitted", "emitted - __import__('tensorflow').reduce_mean(emitted, 0)", "rows"),
    "units_apart": ("emitted", "ops.softmax(emitted)", "units mix: its value"),
    "asks_for_known": ("emitted, memry", "emitted * memry", "has the argument 'memry'"),
    "documented": ("emitted", "emitted", "names no reference"),
}


@pytest.mark.parametrize("name", UNITS)
def test_a_planted_output_unit_fails(name: str, write: Write) -> None:
    arguments, value, says = UNITS[name]
    path = write("unit.py", UNIT.replace("ARGUMENTS", arguments).replace("VALUE", value))
    (check,) = [c for c in checks("output_units", "planted", [str(path)]) if c.name == name]
    outcome = check.outcome()
    assert outcome.status == FAIL
    assert says in outcome.reason


DEAD = {
    "times 0": ("x", "emitted + 0 * tau", "the projection tau does not influence the output"),
    "read times 0": ("0 * deep", "emitted * tau", "the projection deep does not influence"),
    "fed back": ("x", "emitted + 0 * tau\n\n    feeds_back = True", "the projection tau"),
}


@pytest.mark.parametrize("case", DEAD)
def test_a_dead_projection_of_an_output_unit_is_found(case: str, write: Write) -> None:
    read, value, says = DEAD[case]
    deep = '"deep": Projection("x"), ' if "deep" in read else ""
    own = f"projections = {{{deep}'tau': Projection('{read}')}}"
    text = UNIT.replace("bias = False", own).replace(
        "import OutputUnit", "import OutputUnit, Projection"
    )
    path = write("unit.py", text.replace("ARGUMENTS", "emitted, tau").replace("VALUE", value))
    (check,) = [
        c for c in checks("output_units", "planted", [str(path)]) if c.name == "owned_matters"
    ]
    outcome = check.outcome()
    assert outcome.status == FAIL
    assert says in outcome.reason


@pytest.mark.parametrize(
    ("arguments", "passes"), [("emitted, old", True), ("emitted, y", False), ("y_prev", False)]
)
def test_an_output_that_is_fed_back_is_checked(arguments: str, passes: bool, write: Write) -> None:
    own = "feeds_back = True\n    projections = {'old': Projection('y_prev', bias=False)}"
    text = UNIT.replace("bias = False", own).replace(
        "import OutputUnit", "import OutputUnit, Projection"
    )
    value = " + ".join(arguments.split(", "))
    path = write("unit.py", text.replace("ARGUMENTS", arguments).replace("VALUE", value))
    named = ("shape_kept", "gradient", "owned_matters", "everything_learns", "executors_agree")
    found = {c.name: c for c in checks("output_units", "planted", [str(path)])}
    outcomes = [found[name].outcome() for name in named]
    assert [outcome.status == PASS for outcome in outcomes] == [passes] * len(named)
    assert passes or "output_unit" in str(outcomes[0].reason)


FUNCTION = '''"""A planted function."""

import numpy
from gatekit import Function, hookimpl, ops


@hookimpl
def gatekit_functions():
    return {
        "planted": Function(
            "planted", arity=ARITY, kind="elementwise", latex=LATEX, compose=lambda x: VALUE,
            summary="planted",
        )
    }
'''
FUNCTIONS = {
    "function_documented": ("x", "1", "'planted'", "latex='planted' lacks {0}"),
    "equations_take_it": ("numpy.float64(1.0)", "1", "'{0}'", "compose returns float64"),
    "backends_agree": ("x if isinstance(x, numpy.ndarray) else 2 * x", "1", "'{0}'", "different"),
    "function_dtype_kept": (
        "ops.tanh(x) * __import__('tensorflow').ones(6, 'float64')",
        "1",
        "'{0}'",
        "in float16 it raises",
    ),
    "function_rows_apart": (
        "x - x.mean(0) if isinstance(x, numpy.ndarray) else x",
        "1",
        "'{0}'",
        "rows of the batch mix",
    ),
    "kind_true": ("ops.cumsum(x)", "1", "'{0}'", "it mixes units"),
    "function_gradient": (
        "__import__('tensorflow').round(2 * x) if not isinstance(x, numpy.ndarray) else x",
        "1",
        "'{0}'",
        "finite differences give",
    ),
}


def test_every_check_of_functions_is_planted() -> None:
    assert set(FUNCTIONS) == set(OF_FUNCTIONS)


@pytest.mark.parametrize("name", FUNCTIONS)
def test_a_planted_function_fails(name: str, write: Write) -> None:
    value, arity, latex, says = FUNCTIONS[name]
    text = FUNCTION.replace("VALUE", value).replace("ARITY", arity).replace("LATEX", latex)
    path = write("function.py", text)
    (check,) = [c for c in checks("functions", "planted", [str(path)]) if c.name == name]
    outcome = check.outcome()
    assert outcome.status == FAIL
    assert says in outcome.reason


def test_a_function_that_stops_its_gradient_is_not_compared(write: Write) -> None:
    text = FUNCTION.replace("VALUE", "x + ops.stop(x)").replace("ARITY", "1")
    path = write("function.py", text.replace("LATEX", "'{0}'"))
    found = {c.name: c for c in checks("functions", "planted", [str(path)])}
    assert "argument 1 within stop" in found["function_gradient"].outcome().reason


TASK = '''"""A planted task."""

import itertools

import numpy
from gatekit import Batch, Metric, Signature, Task, hookimpl

COUNT = itertools.count()


class Planted(Task):
    """A planted task."""

    METRIC

    def signature(self):
        return Signature(features=1, vocabulary=None, outputs=1, loss="mse", emission="last")

    def chance(self):
        return CHANCE

    def data_hash(self):
        return HASH

    def splits(self, rng):
        return {"validation": self.sample(rng, 4), "test": self.sample(rng, 4)}

    def sample(self, rng, size):
        x = DRAW.astype("float32")
        return Batch(x, x[:, 0])


@hookimpl
def gatekit_tasks():
    return {"planted": Planted}
'''
GOOD = {
    "METRIC": 'metric = Metric("mse", direction="min", unit="squared error")',
    "CHANCE": "1.0",
    "HASH": '"0" * 64',
    "DRAW": "rng.random((size, 3, 1))",
}
DOCUMENT = {
    GOOD["METRIC"]: f"contiguous = True; {GOOD['METRIC']}",
    'features=1, vocabulary=None, outputs=1, loss="mse", emission="last"': (
        'features=None, vocabulary=99, outputs=99, loss="categorical", emission="every"'
    ),
    '"validation": self.sample(rng, 4), "test": self.sample(rng, 4)': (
        'split: self.part() for split in ("train", "validation", "test")'
    ),
    """def sample(self, rng, size):
        x = rng.random((size, 3, 1)).astype("float32")
        return Batch(x, x[:, 0])""": """def part(self):
        x = numpy.arange(12, dtype="int32").reshape(4, 3)ORDER
        return Batch(x, x + 1)""",
}
"""What makes the planted task one of a document."""
TASKS = {
    "signature_valid": ({"METRIC": "pass"}, "it declares no metric"),
    "chance_finite": ({"CHANCE": "float('nan')"}, "chance() returns nan"),
    "data_fit": ({"DRAW": "rng.random((size, 3, 2))"}, "x has shape (4, 3, 2)"),
    "data_repeat": ({"DRAW": "numpy.random.default_rng().random((size, 3, 1))"}, "different data"),
    "data_hash_stable": ({"HASH": "f'{next(COUNT):064x}'"}, "a different data_hash()"),
    "document_in_order": (
        {"METRIC": f"contiguous = True; {GOOD['METRIC']}"},
        "this task draws its data",
    ),
}


def test_every_check_of_tasks_is_planted() -> None:
    assert set(TASKS) == set(OF_TASKS)


@pytest.mark.parametrize("name", TASKS)
def test_a_planted_task_fails(name: str, write: Write) -> None:
    changes, says = TASKS[name]
    text = TASK
    for place, value in {**GOOD, **changes}.items():
        text = text.replace(place, value)
    path = write("task.py", text)
    (check,) = [c for c in checks("tasks", "planted", [str(path)]) if c.name == name]
    outcome = check.outcome()
    assert outcome.status == FAIL
    assert says in outcome.reason


def test_the_sequences_of_a_document_follow_one_another(write: Write) -> None:
    text = TASK
    for place, value in {**GOOD, **DOCUMENT}.items():
        text = text.replace(place, value)
    outcomes = {}
    for order in ("", "[::-1]"):
        path = write(f"order{len(order)}.py", text.replace("ORDER", order))
        (check,) = [
            c for c in checks("tasks", "planted", [str(path)]) if c.name == "document_in_order"
        ]
        outcomes[order] = check.outcome()
    assert "as one document" in outcomes[""].reason
    assert outcomes["[::-1]"].status == FAIL
    assert "sequence 1 does not begin with the last target" in outcomes["[::-1]"].reason


GATE = "gates:\n  g: {kind: planted}\nequations:\n  h: g + h_prev / 2\nemits: h\n"
OWNING = (
    "gates:\n  g: {{activation: '{value}', reads: [x], states: {{k: {{update: '{update}'}}}}}}\n"
    "equations:\n  h: g * tanh(h_prev + 1)\nemits: h\n"
)
HOISTED = source(STEPS, '    reads = ("x",)')
CELLS: dict[str, tuple[str, str, str]] = {
    "sizes_fit": (
        "gates:\n  g: {kind: tanh}\nequations:\n  h: log(g - 2)\nemits: h\n",
        "",
        "not finite from step 1 on",
    ),
    "slopes_true": (
        GATE,
        source(TF + "return ops.sigmoid(pre) * tf.stop_gradient(ops.sigmoid(pre))"),
        "finite differences give",
    ),
    "everything_learns": (
        "parameters:\n  alpha: {shape: units}\ngates:\n  g: {kind: tanh}\n"
        "equations:\n  h: g + 0 * alpha\nemits: h\n",
        "",
        "the weight alpha has a zero gradient",
    ),
    "executors_agree": (GATE, HOISTED, "executor=stacked disagrees"),
    "chunks_are_whole": (GATE, HOISTED, "in two parts, the outputs differ"),
    "causal": (
        GATE,
        source(
            STEPS.replace("tf.cumsum(value, 0)", "tf.cumsum(value, 0, reverse=True)"),
            '    reads = ("x",)',
        ),
        "change earlier outputs",
    ),
    "masked_nan": (
        GATE,
        source(DIFFERENCE, '    reads = ("x",)'),
        "with masked steps, the output is not finite",
    ),
    "compiles_with_xla": (
        GATE,
        source(
            TF + "text = tf.strings.as_string(pre)\n"
            "return ops.sigmoid(pre) + 0 * tf.cast(tf.strings.length(text), pre.dtype)"
        ),
        "XLA cannot compile it",
    ),
    "mixed_precision": (
        "gates:\n  g: {kind: linear}\nequations:\n  h: sin(1000 * g)\nemits: h\n",
        "",
        "mixed_float16 changes the output",
    ),
    "one_trace": (
        GATE,
        source("import tensorflow\nreturn ops.sigmoid(pre) * (2.0 / pre.shape[0])"),
        "traced for any batch size",
    ),
    "saves_and_loads": (
        GATE,
        source(
            "return ops.sigmoid(pre + self.shift)",
            "    def __init__(self, **options):\n"
            "        super().__init__(**options)\n"
            "        object.__setattr__(self, 'shift', next(COUNT))",
        ),
        "loaded from a file, it has other outputs",
    ),
    "not_saturated": (
        "constants: {far: 20}\ngates:\n  g: {activation: sigmoid(pre + far), reads: [x]}\n"
        "equations:\n  h: g * tanh(h_prev)\nemits: h\n",
        "",
        "within 0.01 of its bounds for 100%",
    ),
    "owned_matters": (
        OWNING.format(value="sigmoid(pre) + 0*k_prev", update="0.9*k_prev + 0.1*pre"),
        "",
        "the state g.k does not influence its gate's value",
    ),
    "states_bounded": (
        OWNING.format(value="sigmoid(pre + tanh(k_prev))", update="2*k_prev + pre"),
        "",
        "the state g.k grows by the factor 2 per step",
    ),
}


def test_every_check_of_cells_is_planted() -> None:
    # How long a cell remembers is told, and judged by nobody.
    assert set(CELLS) == set(OF_CELLS) - {"memory_length"}


def test_a_cell_with_a_wrong_gradient_fails(write: Write) -> None:
    test_a_planted_cell_fails("slopes_true", write)


@pytest.mark.parametrize("part", ["stop(h_prev)", "heaviside(h_prev, tanh(h_prev))"])
def test_a_cell_that_stops_a_gradient_is_not_compared(part: str, write: Write) -> None:
    text = f"gates:\n  g: {{kind: tanh}}\nequations:\n  h: g + {part} / 2\nemits: h\n"
    subject = from_file(write("stops.yaml", text))
    (check,) = [c for c in cell_checks(subject) if c.name == "slopes_true"]
    assert check.outcome() == Outcome("slopes_true", PASS, "not compared: h_prev within stop(...)")


@pytest.mark.one_in(4)
@pytest.mark.parametrize("name", CELLS)
def test_a_planted_cell_fails(name: str, write: Write) -> None:
    text, gate, says = CELLS[name]
    plugins = [str(write("gate.py", gate))] if gate else []
    subject = from_file(write("planted.yaml", text), plugins)
    (check,) = [c for c in cell_checks(subject) if c.name == name]
    outcome = check.outcome()
    assert outcome.status == FAIL
    assert says in outcome.reason


@pytest.mark.parametrize(
    ("equations", "says"),
    [
        (
            "roles: {forget: g}\nequations:\n  h: g * h_prev + x_gate\n",
            "half of h is left after 1.0",
        ),
        ("equations:\n  h: g * h_prev + x_gate\n", "no gate plays the role forget"),
        ("roles: {forget: x_gate}\nequations:\n  h: g * h_prev + x_gate\n", "not shares between"),
    ],
)
def test_how_long_a_cell_remembers(equations: str, says: str, write: Write) -> None:
    text = (
        "gates:\n  g: {activation: 0.5 + 0 * pre, reads: [x]}\n  x_gate: {kind: tanh}\n"
        f"{equations}emits: h\n"
    )
    subject = from_file(write("kept.yaml", text))
    (check,) = [c for c in cell_checks(subject) if c.name == "memory_length"]
    assert says in check.outcome().reason


def test_the_state_that_is_half_kept_is_named(write: Write) -> None:
    text = (
        "gates:\n  g: {activation: 0.5 + 0 * pre, reads: [x]}\n  w: {kind: tanh}\n"
        "roles: {forget: g}\n"
        "equations:\n  c: g * c_prev + w\n  d: 0.9 * d_prev + c\n  h: tanh(c + d)\nemits: h\n"
    )
    subject = from_file(write("kept.yaml", text))
    (check,) = [c for c in cell_checks(subject) if c.name == "memory_length"]
    assert "half of c is left after 1.0 steps" in check.outcome().reason
    assert "by the gate g" in check.outcome().reason


def test_an_output_unit_is_checked_with_its_projections_as_wide_as_they_are(write: Write) -> None:
    path = write(
        "narrow_output.py",
        '''"""An output unit with a narrow map."""

from gatekit import OutputUnit, Projection, hookimpl, ops


class Narrow(OutputUnit):
    """``y = a * mean(b)``."""

    history = {"h": 2}
    projections = {"a": Projection("emitted"), "b": Projection(["x", "a"], width=2)}

    def emit(self, a, b, h_history):
        """Return ``... x units``."""
        return a * ops.mean(ops.softmax(b) * b) + ops.mean(h_history, axis=-2)


@hookimpl
def gatekit_output_units():
    return {"narrow": Narrow}
''',
    )
    values = arguments(subject("output_units", "narrow", [str(path)]))
    assert {name: value.shape[1:] for name, value in values.items()} == {
        "a": (WIDTH,),
        "b": (2,),
        "h_history": (2, WIDTH),
    }
    by_name = {check.name: check for check in checks("output_units", "narrow", [str(path)])}
    for name in ("asks_for_known", "shape_kept", "gradient", "everything_learns"):
        assert by_name[name].outcome().status == PASS, by_name[name].outcome()
    assert by_name["owned_matters"].outcome() == Outcome("owned_matters", PASS, "a, b")
