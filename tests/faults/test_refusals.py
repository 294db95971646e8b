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
import seams
import tensorflow as tf
import yaml
from bounded import bounded
from refused import Check, at, saying
from seams import (
    FUNCTIONS,
    CellError,
    DataWarning,
    check_batch,
    check_splits,
    loading,
    main,
    parse,
)

from gatekit import (
    RNN,
    Batch,
    ConfigError,
    DataError,
    GatekitError,
    Metric,
    Signature,
    Task,
    registry,
)
from gatekit.tasks import read_npz
from gatekit.testing import FAIL, gate_checks

Write = Callable[[str, str], Path]
X = numpy.random.default_rng(0).normal(size=(2, 3, 5))

# What the texts of a row are, the row, the texts, and what each message has.
ONE = "gates: {g: {kind: tanh}}\nequations: "
CELLS: list[tuple[int, str, Check]] = [
    (
        20,
        "gates: [g: {kind: tanh}]\nequations: {h: g}",
        at("cell.gates"),
    ),
    (20, ONE + "'h = g'", at("cell.equations")),
    (
        20,
        "gates: {g: {kind: tanh, reads: x, h_prev}}\nequations: {h: g}",
        at("cell.gates.g.reads"),
    ),
    (20, "zoneout: 0.1\n" + ONE + "{h: g + h_prev}", at("cell.zoneout")),
    (20, "gates: {g: {kind: forgett}}\nequations: {h: g}", at("cell.gates.g.kind")),
    (20, "gates: {g: {kind: zzz}}\nequations: {h: g}", at("cell.gates.g.kind", names=("zzz",))),
    (21, ONE + "{h: g + a, a: b, b: a}", at("cell.equations.a", names=("a -> b -> a",))),
    (22, ONE + "{h: g + prev_h}\nemits: h", at("cell.equations.h")),
    (22, ONE + "{h: g + c_prev}", at("cell.equations.h", names=("c_prev",))),
    (
        22,
        "gates: {h: {kind: tanh}}\nequations: {h: h}",
        at("cell.equations.h"),
    ),
    (
        22,
        "gates: {g: {kind: tanh}, k: {kind: tanh}}\nequations: {h: g}",
        at("cell.gates.k"),
    ),
    (22, "parameters: {a: {}}\n" + ONE + "{h: g}", at("cell.parameters.a")),
    (22, "initial: {c: 1}\n" + ONE + "{h: g + h_prev}", at("cell.initial.c")),
    (23, ONE + "{a: g}", at("cell.emits", names=("h",))),
    (24, ONE + "{h: g, g: h}", at("cell.equations.g")),
    (
        24,
        "gates: {x: {kind: tanh}}\nequations: {h: x}",
        at("cell.gates.x"),
    ),
    (
        24,
        "gates: {pre: {kind: tanh}}\nequations: {h: pre}",
        at("cell.gates.pre"),
    ),
    (
        24,
        "gates: {t: {kind: tanh}}\nequations: {h: t}",
        at("cell.gates.t"),
    ),
    (
        24,
        "gates: {tanh: {kind: tanh}}\nequations: {h: x}",
        at("cell.gates.tanh"),
    ),
    (
        24,
        "gates: {g_prev: {kind: tanh}}\nequations: {h: g_prev}",
        at("cell.gates.g_prev"),
    ),
    (25, ONE + "{h: g + x}", at("cell.equations.h", names=("g + x", "8", "6"))),
    (
        26,
        "gates: {g: {activation: mean(pre)}}\nequations: {h: g}",
        at("cell.gates.g", names=("1", "8")),
    ),
]
LAYERS: list[tuple[int, Callable[[], Any], Check]] = [
    (42, lambda: lstm()(X[:, :, :0]), saying("features")),
    (43, lambda: lstm()(tf.RaggedTensor.from_tensor(X)), saying("to_tensor")),
    (44, lambda: lstm()(X[0]), saying("batch x time x features")),
    (44, lambda: lstm()(X[None]), saying("batch x time x features")),
    (
        45,
        lambda: lstm()(X, mask=numpy.ones((2, 4), bool)),
        saying(r"\(2, 3\)"),
    ),
    (45, lambda: lstm()(X, mask=numpy.ones((2, 3))), saying("mask != 0")),
    (47, lambda: started(numpy.zeros((2, 4))), saying("has 1 entries")),
    (47, lambda: started(numpy.zeros((2, 5)), numpy.zeros((2, 4))), saying(r"\(2, 4\)")),
    (47, lambda: started(numpy.zeros((3, 4)), numpy.zeros((2, 4))), saying(r"\(2, 4\)")),
    (48, lambda: lstm()(X > 0), saying("x is bool")),
    (48, lambda: lstm()(X.astype(complex)), saying("x is complex128")),
    (48, lambda: lstm()(tf.strings.as_string(X)), saying("x is string")),
    (50, lambda: lstm(dtype="int32"), at("dtype", names=("int32",))),
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
    (55, "import nonesuch", "ModuleNotFoundError"),
    (55, "from gatekit import Gat", "'Gat'"),
    (55, "class Gate(", "class Gate("),
    (55, "raise SystemExit(1)", "SystemExit: 1"),
    (56, gate().replace('return {"mine"', "return {1 / 0"), "line 16: return {1 / 0"),
    (
        55,
        gate(states='parameters = ["p"]'),
        'parameters = {"p"',
    ),
    (55, gate(states='states = ["k"]'), 'states = {"k"'),
    (56, gate().replace('{"mine": Mine}', "[Mine]"), "a list of the class Mine"),
    (59, gate(before='requires_api = "0"'), "version 0"),
]
# Files that stop whatever is done with plugins.
REFUSED: list[tuple[int, str, str]] = [
    (57, gate().replace('"mine"', '"forget"'), "the gate 'forget'"),
    (58, gate().replace("gatekit_gates", "gatekit_gate"), "'gatekit_gates'"),
    (58, gate().replace("gatekit_gates()", "gatekit_gates(cell)"), "cell"),
    (58, gate().replace("@hookimpl", ""), "@hookimpl"),
]
# Gates that are refused as the layer is built.
BUILT: list[tuple[int, str, str]] = [
    (56, gate("return ops.sigmoid(pre) * self.slop"), "'slop'"),
    (60, gate("return None"), "return value"),
    (60, gate("return 0.5"), "0.5"),
    (
        60,
        gate("import numpy; return numpy.zeros((2, 4))"),
        "ndarray",
    ),
    (60, gate("return ops.sum(pre)"), "a width of 1"),
    (60, gate("import tensorflow as tf; return tf.cast(pre, 'float16')"), "is float16"),
    (61, gate("return pre, {'k': pre}"), "(none)"),
    (61, gate("return pre", states='states = {"k": 0.0}'), "'k'"),
    (61, gate("return pre, pre, pre"), "(value, {name: "),
    (
        61,
        gate("return pre + k_prev", states='states = {"k": 0.0}').replace("pre)", "pre, k_prev)"),
        "return value, {'k': new_k}",
    ),
    (60, gate("return pre[:, 0]"), "line 11: return pre[:, 0]"),
    (
        60,
        gate("return pre.sigmoid()"),
        "'sigmoid'",
    ),
    (60, gate("self.last = pre; return pre"), "states = {'last': 0.0}"),
    (60, gate().replace("(self, pre)", "(pre)"), "lacks self"),
    (60, gate().replace("def activate", "def call"), "no activate"),
]
# Gates that build, and that the suite refuses.
CHECKED: list[tuple[int, str, str, str]] = [
    (
        62,
        "differentiable",
        gate("import tensorflow as tf; return tf.round(ops.sigmoid(pre))"),
        "zero everywhere",
    ),
    (
        62,
        "gradient",
        gate("import tensorflow as tf; return pre + tf.stop_gradient(ops.exp(pre))"),
        "finite differences give",
    ),
    (
        63,
        "deterministic",
        gate("import tensorflow as tf; return pre * tf.random.uniform([1], dtype=pre.dtype)"),
        "called again",
    ),
    (
        63,
        "makes_nothing",
        gate("SEEN.append(1); return ops.tanh(pre)", "SEEN = []"),
        "or its module",
    ),
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
    return seams.cell({"name": "mine", "emits": "h", **config}, 8, 6)


def ids(rows: list[Any]) -> list[str]:
    """Return an id for each case of a table: its row, and a number."""
    return [f"row{row[0]}-{number}" for number, row in enumerate(rows)]


@pytest.mark.parametrize(("row", "text", "check"), CELLS, ids=ids(CELLS))
def test_a_cell_is_refused(row: int, text: str, check: Check) -> None:
    with pytest.raises(CellError, check=check):
        built(yaml.safe_load(text))


def test_an_equation_of_a_hundred_thousand_signs_is_refused_at_once() -> None:
    with bounded(), pytest.raises(CellError, check=at("cell")):
        built({"gates": {"g": {"kind": "tanh"}}, "equations": {"h": "-" * 100_000 + "g"}})


@pytest.mark.parametrize(("row", "call", "check"), LAYERS, ids=ids(LAYERS))
def test_a_layer_refuses(row: int, call: Callable[[], Any], check: Check) -> None:
    with pytest.raises((DataError, ConfigError), check=check):
        call()


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
    assert "'mine'" in capsys.readouterr().err
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
    assert says in outcome.reason


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
