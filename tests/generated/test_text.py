"""The text of generated files: formatted, the same every time, and safe."""

from __future__ import annotations

import ast
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from refused import at
from seams import Printer, built_cell

import gatekit
from gatekit import ConfigError
from gatekit.code import FRAMEWORKS, generate

from .agreement import keras_agrees, torch_agrees
from .block_cases import files
from .cases import DOZEN, case, run
from .test_values import ALL


def test_gates_that_read_one_signal_share_a_product() -> None:
    text = gatekit.code("lstm")
    assert text.count(" @ ") == 2
    assert "return x @ self.weight_x + self.bias" in text
    assert "z = z_x + h_prev @ self.weight_h" in text
    assert "def __init__(self, features: int = 32, units: int = 64)" in text
    assert gatekit.code("gru").count(" @ ") == 3


def between(text: str, start: str, end: str) -> str:
    """Return the part of a file after one piece of code and before the next of another."""
    return text.partition(start)[2].partition(end)[0]


@pytest.mark.parametrize("name", ["lstm", "gru"])
def test_products_of_inputs_are_computed_before_the_loop(name: str) -> None:
    text = gatekit.code(name, to="torch")
    assert " @ " in between(text, "def project(", "def ")
    assert "weight_x" not in between(text, "def step(", "def ")
    assert "project(" in between(text, "def forward(", "def hold(")
    # Where XLA or Keras runs the loop, this is slower.
    assert not any("def project(" in gatekit.code(name, to=to) for to in ("jax", "keras"))
    # The inputs of RWKV-4 are mixed with the previous ones, which are a state of the file.
    assert "def project(" not in gatekit.code("rwkv4")


@pytest.mark.parametrize("to", FRAMEWORKS)
def test_an_lstm_has_60_lines_of_code(to: str) -> None:
    text = gatekit.code("lstm", to=to)
    with_docstring = (ast.Module, ast.ClassDef, ast.FunctionDef)
    bodies = [node.body for node in ast.walk(ast.parse(text)) if isinstance(node, with_docstring)]
    docstrings = [body[0] for body in bodies if isinstance(body[0], ast.Expr)]
    skipped = {n for each in docstrings for n in range(each.lineno, (each.end_lineno or 0) + 1)}
    lines = [n for n, line in enumerate(text.splitlines(), 1) if line.strip() and n not in skipped]
    assert len(lines) <= 60


def test_the_docstring_has_equations_reference_and_license() -> None:
    text = ast.get_docstring(ast.parse(gatekit.code("gru", to="jax")))
    assert text is not None
    assert "h = update * h_prev + (1 - update) * candidate" in text
    assert "Cho et al. 2014, arXiv:1406.1078" in text
    assert "MIT" in text


OPTIONS: dict[str, dict[str, Any]] = {
    "gla": {"learned_initial_state": ["S"]},
    "lstm": {"dropout": 0.1, "recurrent_dropout": 0.2, "zoneout": {"h": 0.1, "c": 0.2}},
}
SETS = [pytest.param((*DOZEN, "lstm", "lmu")), pytest.param(ALL, marks=pytest.mark.slow)]


@pytest.mark.parametrize("names", SETS, ids=["dozen", "all"])
@pytest.mark.slow
@pytest.mark.one_in(1, slow=2)
def test_ruff_changes_nothing_and_sizes_are_arguments(names: Any, tmp_path: Path) -> None:
    cells = {name: built_cell(name, 64, 32, "hidden", None, ()) for name in names}
    for name, options in OPTIONS.items():
        own = {**built_cell(name, 8, 5, "hidden", None, ()).spec.canonical(), **options}
        cells[f"{name}_with_options"] = built_cell(own, 64, 32, "hidden", None, ())
    for name, cell in cells.items():
        for to in FRAMEWORKS:
            generated = generate(cell, to)
            assert generated.sized
            (tmp_path / to).mkdir(exist_ok=True)
            (tmp_path / to / f"{name}.py").write_text(generated.text)
    formatted(tmp_path)


def formatted(folder: Path) -> None:
    """Check that ruff has nothing to change or to report."""
    for arguments in (["check", "--no-cache"], ["format", "--check", "--no-cache"]):
        command = [sys.executable, "-m", "ruff", *arguments, "--isolated", str(folder)]
        done = subprocess.run(command, capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stdout[-3000:]


@pytest.mark.slow
def test_mypy_finds_nothing(tmp_path: Path, request: pytest.FixtureRequest) -> None:
    """In files of cells and of blocks; Keras has no types, and the files for it none either."""
    files(tmp_path)
    every = request.config.getoption("--weekly")
    for to in ("torch", "jax"):
        for name in ALL if every else DOZEN[::2]:
            path = tmp_path / f"{to}_{name}.py"
            path.write_text(generate(built_cell(name, 64, 32, "hidden", None, ()), to).text)
    options = ["--config-file=", "--no-incremental", "--ignore-missing-imports"]
    command = [sys.executable, "-m", "mypy", *options, str(tmp_path)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout[-3000:]


PARALLEL = {
    "mingru": "scan(",
    "lru": "scan_pair(",
    "mamba": "scan(",
    "retnet": "scan_pair(",
    "lstm": None,
    "gla": None,
    "mlstm": None,
}


@pytest.mark.parametrize("to", ["torch", "jax"])
def test_all_steps_at_once_where_the_analysis_finds_a_form(to: str) -> None:
    for name, call in PARALLEL.items():
        _, _, body = gatekit.code(name, to=to).partition("def parallel(")
        assert call in body if call else not body
    assert "def parallel(" not in gatekit.code({**_mingru(), "dropout": 0.5}, to=to)


def _mingru() -> dict[str, Any]:
    return built_cell("mingru", 8, 5, "hidden", None, ()).spec.canonical()


def test_files_have_no_helper_that_they_do_not_call() -> None:
    for name in ("lstm", "mingru", "delta_net"):
        for to in FRAMEWORKS:
            text = gatekit.code(name, to=to)
            tree = ast.parse(text)
            for node in tree.body[:-1]:
                if isinstance(node, ast.FunctionDef) and node.name not in ("init", "apply", "step"):
                    assert text.count(f"{node.name}(") > 1 or node.name in ("forward", "parallel")


def with_gates(equation: str = "h: a", **gates: Any) -> dict[str, Any]:
    """Return a cell with one equation."""
    name, value = equation.split(": ")
    return {"name": "own", "gates": gates, "equations": {name: value}, "emits": name}


def test_signals_that_nothing_reads_are_not_written() -> None:
    """With the output unit memory, nothing reads h and its output gate."""
    for to in FRAMEWORKS:
        _, _, text = gatekit.code("gilr_lstm", to=to, output_unit="memory").split('"""', 2)
        assert re.search(r"\b_[a-z]+_output,", text)
        assert not re.search(r"^ +(h|output) = ", text, re.MULTILINE)


def test_no_value_is_computed_twice_and_none_in_vain() -> None:
    """A norm's argument has a line of its own; an option that is off leaves no product."""
    normed = {"activation": "tanh(pre)", "reads": ["x"], "norm": {"of": "read"}}
    text = gatekit.code(with_gates(a=normed))
    assert text.count("x @ self.weight_x") == 1
    assert "\n            a_part, a_part.shape[-1:], self.a_x_scale, self.bias_a, 1e-05\n" in text
    text = gatekit.code(with_gates(a={"kind": "tanh", "reads": {"x": "dense", "h_prev": "skew"}}))
    assert "a_matrix = self.a_h.mT - self.a_h\n" in text
    assert "eye_like" not in text


def test_parts_of_a_long_line_are_in_order() -> None:
    text = gatekit.code("gated_delta_net", to="jax")
    assert "k = split(key, heads) / jnp.sqrt(k_part)" in text
    # A signal may be called as a function of the file.
    assert "step_ = jax.nn.softplus(" in text
    assert "[..., None, None] * s_prev" in text
    low_rank = {"x": {"kind": "low_rank", "rank": 8}, "h_prev": {"kind": "low_rank", "rank": 4}}
    forget = {"kind": "sigmoid", "reads": low_rank}
    text = gatekit.code(with_gates(forget=forget, equation="h: forget"))
    parts = re.findall(r"^ +(forget_\w+) = ", text, re.MULTILINE)
    assert parts == ["forget_part", "forget_pre"]


def test_docstrings_have_constants_and_whole_shapes() -> None:
    text = gatekit.code("mlstm")
    assert "Constants: heads = 4, eps = 1e-06." in text
    assert "(batch x heads x units // heads x units // heads)" in text
    text = gatekit.code("lstm", to="keras")
    assert '"""One step; states are h (batch x units), c (batch x units).' in text


def test_the_same_cell_gives_the_same_file() -> None:
    assert gatekit.code("mlstm") == gatekit.code("mlstm")


# --- your own cells and plugins ----------------------------------------------

OWN = {
    "name": "own",
    "gates": {
        "lambda_": {
            "activation": "sigmoid(pre) * tanh(pre)",
            "reads": {"x": "dense", "h_prev": "block"},
        },
        "print": {"activation": "minimum(softplus(pre), 0.5)", "reads": ["x"]},
        "self": {"kind": "tanh", "reads": {"x": "low_rank", "h_prev": "diagonal"}},
    },
    "parameters": {"train": {"shape": "units", "init": 0.5, "map": "sigmoid"}},
    "equations": {
        "torch": "where(lambda_, 1.0, 0.0) * train",
        "state": "clip(state_prev + print * self + torch, -1, 1)",
        "h": "train * state + positive(self) * floor(2 * print)",
    },
    "emits": "h",
}


def test_names_of_python_and_of_frameworks() -> None:
    """Signals and parameters called like keywords, modules and methods do no harm."""
    own = case(OWN, gradients=True)
    torch_agrees(own)
    keras_agrees(own)
    for to in FRAMEWORKS:
        assert run(generate(own.cell, to).text)


PLUGIN = '''
from gatekit import Function, Gate, LinearMap, Parameter, hookimpl, ops


class Leaky(Gate):
    """A gate with a parameter and a state.

    Reference: unpublished
    """

    rate: float = 0.25
    parameters = {"p": Parameter("units", init=0.5, map="sigmoid")}
    states = {"k": 1.0}

    def activate(self, pre, p, k_prev):
        """Return the value and the state."""
        k = p * ops.sigmoid(pre) + self.rate * k_prev
        return ops.tanh(k) * k, {"k": k}


class Doubled(LinearMap):
    """Twice a dense map."""

    def shapes(self, width_in, width_out):
        """Return the shapes."""
        return {"": (width_in, width_out)}

    def matrix(self, weights):
        """Return the matrix."""
        return 2 * weights[""]


class Sliced(Gate):
    """More than an expression.

    Reference: unpublished
    """

    uses_tensorflow = True

    def activate(self, pre):
        """Return a value."""
        return pre[:, ::-1]


@hookimpl
def gatekit_gates():
    """Register."""
    return {"leaky": Leaky, "sliced": Sliced}


@hookimpl
def gatekit_linear_maps():
    """Register."""
    return {"doubled": Doubled}
'''


@pytest.fixture
def plugin(tmp_path: Path) -> str:
    """Return a plugin file with a gate, a linear map, and a gate that is not an expression."""
    path = tmp_path / "leaky.py"
    path.write_text(PLUGIN)
    return str(path)


WITH_PLUGIN = {
    "name": "mine",
    "gates": {
        "forget": {"kind": "leaky", "reads": {"x": "dense", "h_prev": "doubled"}},
        "candidate": {"kind": "candidate"},
    },
    "equations": {"h": "forget * h_prev + (1 - forget) * candidate"},
    "emits": "h",
}


def test_a_plugin_gate_with_a_parameter_and_a_state(plugin: str) -> None:
    own = case(WITH_PLUGIN, gradients=True, plugins=[plugin])
    torch_agrees(own)
    keras_agrees(own)


def test_all_steps_at_once_of_your_own_cells(plugin: str) -> None:
    """A read of a state unit by unit beside dense ones; a gate with a state."""
    linear = {
        "name": "mine",
        "gates": {
            "forget": {"kind": "leaky", "reads": ["x"]},
            "drive": {
                "activation": "pre",
                "bias": True,
                "reads": {"x": "dense", "x_prev": "dense", "h_prev": "diagonal"},
            },
        },
        "equations": {"h": "forget * h_prev + drive"},
        "emits": "h",
    }
    own = case(linear, gradients=True, plugins=[plugin])
    assert "scan(" in generate(own.cell).text
    torch_agrees(own)


def test_a_gate_that_is_not_an_expression_is_refused_by_name(plugin: str) -> None:
    gates = {"h": {"kind": "sliced", "reads": ["x", "h_prev"]}}
    with pytest.raises(ConfigError, match=r".sliced. of h .*swap"):
        gatekit.code({"name": "mine", "gates": gates, "emits": "h"}, plugins=[plugin])


def test_an_unknown_framework_is_refused() -> None:
    with pytest.raises(ConfigError, check=at("to")):
        gatekit.code("gru", to="troch")


# --- hostile files ----------------------------------------------------------------

HOSTILE = (
    'x"""\nimport os\nos.system("true")\n"""',
    "x\\",
    'ends with a quote"',
    "\\N{BULLET} \\x41 \\",
    "''' \r\n\t\0 \x1b[31m \u202e \u2028 raise SystemExit",
    '""" + 1 / 0 + """',
)


@pytest.mark.parametrize("text", HOSTILE)
def test_texts_of_a_cell_do_not_become_code(text: str) -> None:
    """A file holds the same code, whatever its cell is called and says of itself."""
    plain = {**OWN, "name": "plain", "notes": "plain", "reference": "plain"}
    for to in FRAMEWORKS:
        bodies = []
        for config in (plain, {**plain, "notes": text, "reference": text}):
            tree = ast.parse(generate(built_cell(config, 8, 5, "hidden", None, ()), to).text)
            assert isinstance(tree.body[0], ast.Expr)
            bodies.append([ast.dump(node) for node in tree.body[1:]])
        assert bodies[0] == bodies[1]


@pytest.mark.parametrize("name", [*HOSTILE, "1", "", "class", "None", "é", "a" * 500])
def test_the_name_of_a_cell_becomes_a_class(name: str) -> None:
    cell = built_cell({**OWN, "name": name}, 8, 5, "hidden", None, ())
    generated = generate(cell, "torch")
    [node] = [n for n in ast.parse(generated.text).body if isinstance(n, ast.ClassDef)]
    assert node.name == generated.title
    assert node.name.isidentifier()


def test_an_expression_is_printed_once_while_its_line_is_shortened(monkeypatch):
    terms = " + ".join(f"tanh({k}.5 * h_prev + f * {k}.25)" for k in range(12))
    gate = {"kind": "sigmoid", "reads": ["x", "h_prev"]}
    cell = {"gates": {"f": gate}, "equations": {"h": f"tanh({terms})"}, "emits": "h"}
    printed = []
    original = Printer._composed

    def composed(printer, expr):
        if printer.texts is not None:
            # Kept in the list, so that no other object gets the same id.
            printed.append((printer.texts, expr))
        return original(printer, expr)

    monkeypatch.setattr(Printer, "_composed", composed)
    gatekit.code(cell, "torch", units=4, features=3)
    assert printed
    assert len({(id(texts), id(expr)) for texts, expr in printed}) == len(printed)
