"""Mistakes in cells, layers and data: what came, and what the message says about it.

The tables have what is refused as it is read or built; the tests below them, what is done right
instead. What only shows when a run is trained is in test_trained.
"""

from __future__ import annotations

import json
import os
import re
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy
import pytest
import tensorflow as tf
import yaml
from bounded import bounded

from gatekit import RNN, Batch, Metric, Signature, Task, registry
from gatekit.cell.errors import DataError, GatekitError
from gatekit.cell.graph import build
from gatekit.cell.language.ops import FUNCTIONS
from gatekit.cell.language.parse import parse
from gatekit.cell.schema import read_cell, read_output_unit
from gatekit.cli.main import main
from gatekit.registry import loading
from gatekit.tasks.arrays import read_npz
from gatekit.tasks.validate import DataWarning, check_batch, check_splits
from gatekit.testing import FAIL, gate_checks

Write = Callable[[str, str], Path]
X = numpy.random.default_rng(0).normal(size=(2, 3, 5))

# What the texts of a row are, the row, the texts, and what each message has.
ONE = "gates: {g: {kind: tanh}}\nequations: "
CELLS: list[tuple[int, str, str]] = [
    (20, "gates: [g: {kind: tanh}]\nequations: {h: g}", "Write gates: {g: {kind: tanh}}"),
    (20, ONE + "'h = g'", "Write equations: {h: g}"),
    (20, "gates: {g: {kind: tanh, reads: x, h_prev}}\nequations: {h: g}", "reads: [x, h_prev]"),
    (20, "zoneout: 0.1\n" + ONE + "{h: g + h_prev}", "zoneout: {h: 0.1}"),
    (20, "gates: {g: {kind: forgett}}\nequations: {h: g}", "did you mean 'forget'?"),
    (20, "gates: {g: {kind: zzz}}\nequations: {h: g}", "Plugins loaded: gatekit's own"),
    (21, ONE + "{h: g + a, a: b, b: a}", "a -> b -> a"),
    (22, ONE + "{h: g + prev_h}\nemits: h", "did you mean 'h_prev'?"),
    (22, ONE + "{h: g + c_prev}", "the name 'c_prev' is unknown"),
    (22, "gates: {h: {kind: tanh}}\nequations: {h: h}", "is also at cell.gates.h"),
    (22, "gates: {g: {kind: tanh}, k: {kind: tanh}}\nequations: {h: g}", "Write k: null"),
    (22, "parameters: {a: {}}\n" + ONE + "{h: g}", "nothing reads 'a'"),
    (22, "initial: {c: 1}\n" + ONE + "{h: g + h_prev}", "'c' is not a state"),
    (23, ONE + "{a: g}", "cell.emits='h': there is no such signal"),
    (24, ONE + "{h: g, g: h}", "'g' is also at cell.gates.g"),
    (24, "gates: {x: {kind: tanh}}\nequations: {h: x}", "'x' is reserved"),
    (24, "gates: {pre: {kind: tanh}}\nequations: {h: pre}", "'pre' is reserved"),
    (24, "gates: {t: {kind: tanh}}\nequations: {h: t}", "'t' is reserved"),
    (24, "gates: {tanh: {kind: tanh}}\nequations: {h: x}", "is a function of the equation"),
    (24, "gates: {g_prev: {kind: tanh}}\nequations: {h: g_prev}", "no name ends like this"),
    (25, ONE + "{h: g + x}", "in 'g + x' a width of 8 meets a width of 6"),
    (
        26,
        "gates: {g: {activation: mean(pre)}}\nequations: {h: g}",
        "width of 1, and the gate has 8",
    ),
]
EQUATIONS: list[tuple[int, str, str]] = [
    (32, "g ^ 2", "g ** 2."),
    (32, "g @ g", "learned matrices are in the reads"),
    (32, "g * h_{t-1}", "g * h_prev"),
    (32, "if g > 0 then g else h_prev", "Write where(x, a, b)"),
    (27, "x.__class__", "an attribute is not part"),
    (27, "().__class__.__mro__", "an attribute is not part"),
    (27, "__import__('os')", "there is no function '__import__'"),
    (27, "getattr(g, 'a')", "there is no function 'getattr'"),
    (28, "f'{g}'", "an f-string is not part"),
    (28, "lambda: g", "a lambda is not part"),
    (28, "[g for g in h]", "a comprehension is not part"),
    (28, "(g := 1)", "an assignment is not part"),
    (28, "await g", "await is not part"),
    (28, "tanh(*g)", "a starred argument is not part"),
    (28, "tanh(x=g)", "by position, not by name"),
    (29, "𝐭𝐚𝐧𝐡(g)", "ASCII only"),
    (29, "ſigmoid(g)", "ASCII only"),
    (29, "µ + μ", "ASCII only"),
    (29, "g\u200b", "ASCII only"),
    (29, "g\u202e", "ASCII only"),
    (30, "g\0", "U+0000"),
    (30, "g\ud800", "U+D800"),
    (30, "g +\ng", "U+000A"),
    (30, "g +\tg", "U+0009"),
    (31, "tanh(" * 1000 + "g" + ")" * 1000, "at most 2000"),
    (31, "g" + "+x" * 10_000, "at most 2000"),
    (31, "-" * 10_000 + "g", "at most 2000"),
    (31, "-" * 100_000 + "g", "a cell this large cannot be read"),
    (31, "-" * 1_900 + "g", "nested deeper than 50 levels"),
    (32, "9**9**9", "the exponent must be a constant between"),
    (32, "9" * 5000, "at most 2000"),
    (32, "1e400", "the number is not finite"),
    (34, "True", "is not a number"),
    (34, "None", "is a Python keyword"),
    (34, "...", "is not a number"),
    (34, "'a'*10**9", "is not a number"),
    (34, "1j", "is not a number"),
    (35, "tanh(g, g)", "tanh takes 1 argument, not 2; write tanh(x)"),
    (35, "tanh()", "tanh takes 1 argument, not 0; write tanh(x)"),
]
LAYERS: list[tuple[int, Callable[[], Any], str]] = [
    (42, lambda: lstm()(X[:, :, :0]), "features must be known and at least 1"),
    (43, lambda: lstm()(tf.RaggedTensor.from_tensor(X)), "pad it with .to_tensor()"),
    (44, lambda: lstm()(X[0]), "reads batch x time x features"),
    (44, lambda: lstm()(X[None]), "reads batch x time x features"),
    (45, lambda: lstm()(X, mask=numpy.ones((2, 4), bool)), "batch x time of the input is (2, 3)"),
    (45, lambda: lstm()(X, mask=numpy.ones((2, 3))), "mask != 0"),
    (47, lambda: started(numpy.zeros((2, 4))), "has 1 entries; the states are h, c"),
    (47, lambda: started(numpy.zeros((2, 5)), numpy.zeros((2, 4))), "(2, 4) is expected"),
    (47, lambda: started(numpy.zeros((3, 4)), numpy.zeros((2, 4))), "(2, 4) is expected"),
    (48, lambda: lstm()(X > 0), "x is bool; numbers are expected"),
    (48, lambda: lstm()(X.astype(complex)), "x is complex128; numbers are expected"),
    (48, lambda: lstm()(tf.strings.as_string(X)), "x is string; numbers are expected"),
    (50, lambda: lstm(dtype="int32"), "dtype='int32' (a string) is not allowed"),
]
GATE = '''
from gatekit import Gate, hookimpl, ops
BEFORE

class Mine(Gate):
    """Mine: ``value = sigmoid(pre)``."""

    STATES

    def activate(self, pre):
        RETURN


@hookimpl
def gatekit_gates():
    return {"mine": Mine}
'''


def gate(returned: str = "return ops.sigmoid(pre)", before: str = "", states: str = "") -> str:
    """Return the source of a plugin with one gate."""
    if "import tensorflow" in returned:
        states = f"{states}\n    uses_tensorflow = True"
    lines = {"BEFORE": before, "STATES": states, "RETURN": returned}
    text = GATE
    for place, value in lines.items():
        text = text.replace(place, value)
    return text


# Files of ./plugins that are left out, and why.
LEFT_OUT: list[tuple[int, str, str]] = [
    (55, "import nonesuch", "plugins/mine.py, line 1: import nonesuch); type `pip install"),
    (55, "from gatekit import Gat", "gatekit has no 'Gat'; did you mean 'Gate'?"),
    (55, "class Gate(", "plugins/mine.py, line 1: class Gate("),
    (55, "raise SystemExit(1)", "remove sys.exit()"),
    (56, gate().replace('return {"mine"', "return {1 / 0"), "line 16: return {1 / 0"),
    (
        55,
        gate(states='parameters = ["p"]'),
        'a mapping from names to Parameters is expected: parameters = {"scale"',
    ),
    (55, gate(states='states = ["k"]'), 'a mapping to initial values is expected: states = {"k"'),
    (56, gate().replace('{"mine": Mine}', "[Mine]"), "return {'mine': Mine}"),
    (59, gate(before='requires_api = "0"'), 'write requires_api = "1"'),
]
# Files that stop whatever is done with plugins.
REFUSED: list[tuple[int, str, str]] = [
    (57, gate().replace('"mine"', '"forget"'), "two plugins register the gate 'forget'"),
    (58, gate().replace("gatekit_gates", "gatekit_gate"), "did you mean 'gatekit_gates'?"),
    (58, gate().replace("gatekit_gates()", "gatekit_gates(cell)"), "cell"),
    (58, gate().replace("@hookimpl", ""), "write @hookimpl above it"),
]
# Gates that are refused as the layer is built.
BUILT: list[tuple[int, str, str]] = [
    (56, gate("return ops.sigmoid(pre) * self.slop"), "has no attribute 'slop'"),
    (60, gate("return None"), "returns None; return the gate's value"),
    (60, gate("return 0.5"), "its value is the plain number 0.5; return a value for each unit"),
    (
        60,
        gate("import numpy; return numpy.zeros((2, 4))"),
        "returns ndarray; return a value that is computed from pre with gatekit.ops",
    ),
    (60, gate("return ops.sum(pre)"), "a width of 1, and the gate has 4 units"),
    (60, gate("import tensorflow as tf; return tf.cast(pre, 'float16')"), "is float16"),
    (61, gate("return pre, {'k': pre}"), "returns the states k, but declares (none)"),
    (61, gate("return pre", states='states = {"k": 0.0}'), "does not use its state 'k'"),
    (61, gate("return pre, pre, pre"), "a tuple that is not (value, {name: new state})"),
    (
        61,
        gate("return pre + k_prev", states='states = {"k": 0.0}').replace("pre)", "pre, k_prev)"),
        "declares k; write return value, {'k': new_k}",
    ),
    (60, gate("return pre[:, 0]"), "line 11: return pre[:, 0]: a signal cannot be indexed"),
    (
        60,
        gate("return pre.sigmoid()"),
        "has no 'sigmoid'; functions of signals are in gatekit.ops",
    ),
    (60, gate("self.last = pre; return pre"), "a state: states = {'last': 0.0}"),
    (60, gate().replace("(self, pre)", "(pre)"), "lacks self; its first argument is self"),
    (60, gate().replace("def activate", "def call"), "no activate, which computes its value; "),
]
# Gates that build, and that the suite refuses.
CHECKED: list[tuple[int, str, str, str]] = [
    (
        62,
        "differentiable",
        gate("import tensorflow as tf; return tf.round(ops.sigmoid(pre))"),
        "its gradient there is zero everywhere",
    ),
    (
        62,
        "gradient",
        gate("import tensorflow as tf; return pre + tf.stop_gradient(ops.exp(pre))"),
        "expected_failures = {'gradient'",
    ),
    (
        63,
        "deterministic",
        gate("import tensorflow as tf; return pre * tf.random.uniform([1], dtype=pre.dtype)"),
        "differs when it is called again",
    ),
    (63, "makes_nothing", gate("SEEN.append(1); return ops.tanh(pre)", "SEEN = []"), "states ="),
    (64, "loads_alone", gate(before="print('hello')"), "printed 'hello"),
    (64, "loads_alone", gate(before="import random; random.seed(1)"), "Python's global random"),
    (64, "loads_alone", gate(before="import os; os.chdir('/')"), "the working folder"),
    (
        65,
        "loads_alone",
        gate(
            before="import threading; "
            "threading.Thread(target=lambda: __import__('time').sleep(3), daemon=True).start()"
        ),
        "started a thread",
    ),
]


@pytest.fixture
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Work in an empty folder."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("GATEKIT_DISABLE_PLUGIN_AUTOLOAD", raising=False)
    return tmp_path


@pytest.fixture
def write(place: Path) -> Write:
    """Write a file below the working folder and return its path."""

    def write(name: str, text: str) -> Path:
        path = place / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")
        return path

    return write


def lstm(**options: Any) -> RNN:
    """Return an LSTM of four units in float64."""
    return RNN("lstm", 4, **{"dtype": "float64", "seed": 1, **options})


def started(*states: Any) -> Any:
    """Return what an LSTM gives from these states on."""
    return lstm()(X, initial_state=list(states))


def built(config: dict[str, Any]) -> Any:
    """Return a cell of 8 units and 6 features."""
    known = registry.catalogue()
    spec = read_cell({"name": "mine", "emits": "h", **config}, known)
    return build(spec, 8, 6, read_output_unit("hidden", known))


def ids(rows: list[Any]) -> list[str]:
    """Return an id for each case of a table: its row, and a number."""
    return [f"row{row[0]}-{number}" for number, row in enumerate(rows)]


@pytest.mark.parametrize(("row", "text", "says"), CELLS, ids=ids(CELLS))
def test_a_cell_is_refused(row: int, text: str, says: str) -> None:
    with pytest.raises(GatekitError) as caught:
        built(yaml.safe_load(text))
    assert says in str(caught.value)


@pytest.mark.parametrize(("row", "text", "says"), EQUATIONS, ids=ids(EQUATIONS))
def test_an_equation_is_refused_at_once(row: int, text: str, says: str) -> None:
    with bounded():
        with pytest.raises(GatekitError) as caught:
            built({"gates": {"g": {"kind": "tanh"}}, "equations": {"h": text}})
        assert says in str(caught.value)


@pytest.mark.parametrize(("row", "call", "says"), LAYERS, ids=ids(LAYERS))
def test_a_layer_refuses(row: int, call: Callable[[], Any], says: str) -> None:
    with pytest.raises(GatekitError) as caught:
        call()
    assert says in str(caught.value)


@pytest.mark.parametrize(("row", "text", "says"), LEFT_OUT, ids=ids(LEFT_OUT))
def test_a_plugin_is_left_out_and_others_work(
    row: int, text: str, says: str, write: Write, capsys: pytest.CaptureFixture[str]
) -> None:
    write("plugins/mine.py", text)
    write("plugins/other.py", gate().replace('"mine"', '"other"'))
    (found,) = registry.broken()
    assert says in found.reason
    assert "other" in registry.catalogue().gates
    # Whoever asks for it is told.
    assert main(["show", "cell=lstm", "swap.forget=mine"]) == 2
    assert "because its plugin is broken" in capsys.readouterr().err
    assert main(["train", "cell=lstm", "task=mine"]) == 2
    assert found.reason in capsys.readouterr().err


@pytest.mark.parametrize(("row", "text", "says"), REFUSED, ids=ids(REFUSED))
def test_a_plugin_is_an_error(row: int, text: str, says: str, write: Write) -> None:
    path = write("plugins/mine.py", text)
    with pytest.raises(GatekitError) as caught:
        registry.catalogue()
    assert says in str(caught.value)
    assert str(path) in str(caught.value)


@pytest.mark.parametrize(("row", "text", "says"), BUILT, ids=ids(BUILT))
def test_a_gate_is_refused_as_it_is_built(row: int, text: str, says: str, write: Write) -> None:
    write("plugins/mine.py", text)
    with pytest.raises((GatekitError, AttributeError)) as caught:
        lstm(swap={"forget": "mine"})(X)
    assert says in str(caught.value)
    assert re.search("forget|Mine", f"{caught.value} {getattr(caught.value, '__notes__', '')}")


@pytest.mark.parametrize(("row", "check", "text", "says"), CHECKED, ids=ids(CHECKED))
def test_the_suite_refuses(row: int, check: str, text: str, says: str, write: Write) -> None:
    path = write("checked.py", text)
    before = (os.getcwd(), sys.stdout)
    (found,) = [c for c in gate_checks("mine", [str(path)]) if c.name == check]
    os.chdir(before[0])
    outcome = found.outcome()
    assert outcome.status == FAIL
    assert says in f"{outcome.reason}; {outcome.remedy}"


def test_spaces_and_redundant_parentheses_make_no_other_program() -> None:
    texts = ["g * (h_prev) + x", "((g*h_prev))+x", " g*h_prev + x "]
    assert len({parse(text, FUNCTIONS) for text in texts}) == 1
    assert len({str(parse(text, FUNCTIONS)) for text in texts}) == 1
    assert parse("g*h_prev + x + 0", FUNCTIONS) != parse(texts[0], FUNCTIONS)


def test_nan_in_the_input_is_told_by_its_place() -> None:
    signature = Signature(features=5, vocabulary=None, outputs=1, loss="mse", emission="last")
    x = X.astype("float32")
    x[1, 2, 3] = numpy.nan
    batch = Batch(x, numpy.ones((2, 1), "float32"))
    with pytest.raises(DataError, match=r"1.*2.*3"):
        check_batch(batch, signature, "train")
    check_batch(batch, signature, "train", allow_nan=True)
    y = numpy.asarray(lstm()(x.astype("float64")))
    assert numpy.isnan(y[1]).all()
    assert numpy.isfinite(y[0]).all()


def gradients(layer: RNN, x: Any, mask: Any) -> tuple[Any, list[Any]]:
    """Return the output, and the gradient of its sum in every weight."""
    with tf.GradientTape() as tape:
        y = layer(tf.constant(x), mask=tf.constant(mask))
        total = tf.reduce_sum(y)
    return numpy.asarray(y), [numpy.asarray(g) for g in tape.gradient(total, layer.weights)]


def test_nan_in_masked_steps_is_not_seen() -> None:
    mask = numpy.array([[True, False, True], [True, True, False]])
    layer = lstm()
    torn = numpy.where(mask[:, :, None], X, numpy.nan)
    y, slopes = gradients(layer, torn, mask)
    expected, right = gradients(layer, X, mask)
    numpy.testing.assert_array_equal(y, expected)
    for one, two in zip(slopes, right, strict=True):
        numpy.testing.assert_array_equal(one, two)


def test_a_row_that_is_masked_wholly_keeps_its_state_and_has_no_gradient() -> None:
    mask = numpy.zeros((2, 3), bool)
    layer = lstm(return_state=True)
    start = [numpy.full((2, 4), 0.3), numpy.full((2, 4), 0.4)]
    y, h, c = layer(X, mask=mask, initial_state=start)
    assert not numpy.any(y)
    numpy.testing.assert_array_equal(h, start[0])
    numpy.testing.assert_array_equal(c, start[1])
    _, slopes = gradients(lstm(), X, mask)
    assert not any(numpy.any(slope) for slope in slopes)


@pytest.mark.parametrize("shape", [(2, 0, 5), (0, 3, 5)], ids=["no-step", "no-row"])
def test_nothing_is_defined(shape: tuple[int, ...]) -> None:
    y, h, c = lstm(return_state=True)(numpy.zeros(shape))
    assert y.shape == h.shape == c.shape == (shape[0], 4)
    assert not numpy.any(y)
    assert not numpy.any(h)


def test_a_hole_in_a_mask_is_as_if_the_step_were_not_there() -> None:
    layer = lstm()
    y = layer(X, mask=numpy.array([[True, False, True]] * 2))
    numpy.testing.assert_array_equal(y, layer(X[:, [0, 2]]))


def test_whole_numbers_are_numbers() -> None:
    layer = lstm()
    whole = numpy.ones((2, 3, 5), int)
    with pytest.warns(UserWarning, match="x is int64; it is cast to float64"):
        y = layer(whole)
    numpy.testing.assert_array_equal(y, layer(whole.astype("float64")))


@pytest.mark.parametrize(
    "dtype", ["float16", "bfloat16", "float64", "mixed_float16", "mixed_bfloat16"]
)
def test_every_floating_type_works(dtype: str) -> None:
    y = lstm(dtype=dtype)(X.astype("float32"))
    exact = numpy.asarray(lstm()(X))
    assert numpy.max(numpy.abs(numpy.asarray(y).astype("float64") - exact)) < 0.03


@pytest.mark.parametrize("fault", ["missing", "truncated", "pickled"])
def test_a_damaged_file_says_what_to_do(fault: str, place: Path) -> None:
    path = place / "data.npz"
    if fault == "truncated":
        numpy.savez(path, x=X)
        path.write_bytes(path.read_bytes()[:200])
    elif fault == "pickled":
        numpy.savez(path, x=numpy.array([{"a": 1}], dtype=object))
    with pytest.raises(DataError, match="fetch it again"):
        read_npz(path, ["x"], "fetch it again")


def test_a_wrong_number_of_columns_is_told() -> None:
    signature = Signature(features=4, vocabulary=None, outputs=1, loss="mse", emission="last")
    batch = Batch(X.astype("float32"), numpy.ones((2, 1), "float32"))
    with pytest.raises(DataError, match=r"\(2, 3, 5\); batch x time x 4 features"):
        check_batch(batch, signature, "train")


class Overlapping(Task):
    """A task whose training examples are those of its validation."""

    metric = Metric("mse", direction="min", unit="squared error")

    def signature(self) -> Signature:
        """Five numbers a step."""
        return Signature(features=5, vocabulary=None, outputs=1, loss="mse", emission="last")

    def chance(self) -> float:
        """Return 1."""
        return 1.0

    def data_hash(self) -> str:
        """Return a constant."""
        return "0" * 64

    def splits(self, rng: numpy.random.Generator) -> dict[str, Batch]:
        """Return the same examples three times."""
        x = rng.random((4, 3, 5), "float32")
        return {n: Batch(x, x[:, 0, :1]) for n in ("train", "validation", "test")}


def test_an_overlap_of_splits_is_told() -> None:
    with pytest.warns(DataWarning) as noted:
        check_splits(Overlapping(), numpy.random.default_rng(0))
    said = [str(note.message) for note in noted]
    assert any("4 of 4 test sequences are also in train" in text for text in said)


def test_a_plugin_that_does_not_come_to_an_end_is_named(
    write: Write, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(loading, "SLOW", 0.05)
    write("plugins/mine.py", gate(before="import time; time.sleep(0.4)"))
    assert "mine" in registry.catalogue().gates
    assert "still loading plugin 'mine'" in capsys.readouterr().err


def test_a_run_is_a_process_and_its_failure_has_the_authors_line(
    write: Write, capsys: pytest.CaptureFixture[str]
) -> None:
    path = write("plugins/mine.py", gate("import tensorflow; return ops.sigmoid(pre) * pre.none"))
    words = "cell=lstm swap.forget=mine task=adding task.length=4 units=2 trainer.steps=1"
    assert main(["train", *words.split()]) == 1
    told = capsys.readouterr().out
    assert re.search(rf'File "{path}", line \d+, in activate\n +import tensorflow; return', told)
    (status,) = path.parents[1].glob("experiments/*/runs/*/status.json")
    data = json.loads(status.read_text())
    assert data["state"] == "FAILED"
    assert data["pid"] != os.getpid()
