"""Mistakes in a cell's file: each is answered at its line, with what to write, in a few lines."""

import re

import pytest
from refused import at, saying
from seams import ExpressionError, build, in_file, plan, read_output_unit

from gatekit import GatekitError
from gatekit.registry import catalogue, load_cell

GATES = """gates:
  update: {kind: sigmoid, reads: [x, h_prev]}
  candidate: {kind: tanh, reads: [x, h_prev]}
"""
REST = "equations:\n  h: update * h_prev + (1 - update) * candidate\nemits: h\n"
FILES = {
    # One level too high, or too low.
    "gates-not-indented": (
        GATES.replace("\n  ", "\n") + REST,
        at("cell.update", "-> cell.gates.update", names=("line 2:", "cell.gates (line 1)")),
    ),
    "equation-not-indented": (
        GATES + REST.replace("\n  ", "\n"),
        at("cell.h", "-> cell.equations.h", names=("line 5:", "cell.equations (line 4)")),
    ),
    "constant-not-indented": (
        GATES + "constants:\nbeta: 0.5\n" + REST,
        at("cell.beta", "-> cell.constants.beta", names=("line 5:", "cell.constants (line 4)")),
    ),
    "state-not-indented": (
        GATES + REST + "initial:\nh: 0.5\n",
        at("cell.h", "-> cell.initial.h", names=("line 8:", "cell.initial (line 7)")),
    ),
    "equations-in-gates": (
        GATES + "  equations:\n    h: update\nemits: h\n",
        at(
            "cell.gates.equations.kind",
            "cell.gates.equations -> cell.equations",
            names=("line 4:",),
        ),
    ),
    "option-as-gate": (
        "gates:\n  update:\n  kind: sigmoid\n" + REST,
        at("cell.gates.kind", "-> cell.gates.update.kind", names=("line 3:",)),
    ),
    "gate-in-gate": (
        "gates:\n  update:\n    kind: sigmoid\n    candidate: {kind: tanh}\n" + REST,
        at("cell.gates.update.candidate", "~", names=("line 4:",)),
    ),
    "all-in-cell": (
        "cell:\n  " + (GATES + REST).replace("\n", "\n  ").rstrip(" "),
        at("cell.cell", names=("line 1:",)),
    ),
    "uneven": (
        GATES.replace("\n  candidate", "\n   candidate") + REST,
        saying("line 3, column 4: "),
    ),
    "parameter-in-gates": (
        GATES + "  alpha: {shape: units}\n" + REST,
        at(
            "cell.gates.alpha.kind",
            "cell.gates.alpha -> cell.parameters.alpha",
            names=("line 4:",),
        ),
    ),
    "equation-in-gates": (
        GATES + "  h: update * h_prev\nemits: h\n",
        at("cell.gates.h", "-> cell.equations.h", names=("line 4:",)),
    ),
    # Numbers and names as YAML reads them.
    "decimal-comma": (
        GATES + "constants: {beta: 0,5}\n" + REST,
        saying("line 4: .*: 0.5"),
    ),
    "octal-comma": (
        GATES + "constants: {beta: 0,05}\n" + REST,
        saying("line 4: .*: 0.05"),
    ),
    "comma-in-text": (
        GATES + "constants:\n  beta: 0,5\n" + REST,
        at("cell.constants.beta", "=0.5", names=("line 5:",)),
    ),
    "thousand": (
        GATES + "constants:\n  beta: 1,000\n" + REST,
        at("cell.constants.beta", "=1000", names=("line 5:",)),
    ),
    "quoted": (
        GATES + "constants: {beta: '0.5'}\n" + REST,
        at("cell.constants.beta", "=0.5", names=("line 4:",)),
    ),
    "infinite": (
        GATES + "constants: {beta: inf}\n" + REST,
        at("cell.constants.beta", "=0.5", names=("line 4:",)),
    ),
    "vector": (
        GATES + "constants: {beta: [1, 2]}\n" + REST,
        at("cell.constants.beta", "=1", names=("line 4:",)),
    ),
    "name-on": (
        "gates:\n  on: {kind: sigmoid}\n" + REST,
        saying("line 2: on can be misread"),
    ),
    "name-null": (
        "gates:\n  null: {kind: sigmoid}\n" + REST,
        at("cell.gates.None", "cell.gates={'gate_1': {'kind': 'sigmoid'}}"),
    ),
    "keyword": (
        GATES + "parameters: {lambda: {shape: units}}\n" + REST.replace("1 -", "lambda -"),
        at("cell.parameters.lambda", "-> cell.parameters.lambda_", names=("line 4:",)),
    ),
    "brace": (
        GATES + "equations:\n  h: {update} * h_prev\n",
        saying("line 5, column "),
    ),
    "comma-in-braces": (
        GATES + "equations: {h: clip(update, 0, 1) * h_prev}\nemits: h\n",
        at(
            "cell.equations.h",
            "cell.equations={'h': 'clip(update, 0, 1) * h_prev'}",
            names=("line 4:", "equations: {h: 'clip(update, 0, 1) * h_prev'"),
        ),
    ),
    "lambda": (
        GATES + "equations:\n  h: lambda u: u * h_prev\n",
        saying("line 5, column "),
    ),
    "twice": (
        "gates:\n  f:\n  kind: tanh\n  g:\n  kind: tanh\n",
        saying("line 5: .*'kind' .*line 3; .*indent each"),
    ),
    # Widths: both sides, and where they are declared.
    "units": (
        GATES + "  a: {kind: sigmoid, reads: [x], units: 4}\n" + REST.replace("1", "a"),
        at("cell.equations.h", names=("line 6:", "'a - update'", "cell.gates.a (line 4)")),
    ),
    "two-units": (
        "gates:\n  a: {kind: tanh, reads: [x], units: 4}\n  b: {kind: tanh, units: 6}\n"
        "equations: {h: a * b + h_prev}\nemits: h\n",
        at("cell.equations.h", names=("cell.gates.a (line 2)", "cell.gates.b (line 3)")),
    ),
    "shape": (
        GATES + "parameters: {alpha: {shape: 4}}\n" + REST.replace("1", "alpha"),
        at("cell.equations.h", names=("cell.parameters.alpha (line 4)",)),
    ),
    "through-an-equation": (
        "gates:\n  a: {kind: tanh, reads: [x], units: 4}\n  b: {kind: tanh}\n"
        "equations: {s: a * 2, h: s * b + h_prev}\nemits: h\n",
        at("cell.equations.h", names=("cell.gates.a (line 2)",)),
    ),
    "input": (GATES + REST.replace("1", "x"), at("cell.equations.h", names=("x_in",))),
    "repeat": (
        GATES + REST.replace("1", "repeat(candidate, 2)"),
        at("cell.equations.h", names=("repeat(candidate, 2)",)),
    ),
    "rows": (
        GATES + "equations:\n  h: update * flat(split(candidate, 3)) + h_prev\nemits: h\n",
        at("cell.equations.h", names=("3", "1, 2, 4, 8")),
    ),
    "vector-and-matrix": (
        GATES + "equations:\n  h: update * split(candidate, 2) + h_prev\nemits: h\n",
        at("cell.equations.h", names=("flat(split(candidate, 2))",)),
    ),
    "outer": (
        GATES + "equations:\n  h: outer(update, candidate) + h_prev\nemits: h\n",
        at("cell.equations.h", names=("line 5:",)),
    ),
    "no-matrix": (
        GATES + "equations:\n  h: matvec(update, candidate) + h_prev\nemits: h\n",
        at("cell.equations.h", names=("dot(update, candidate)",)),
    ),
    # Cells in `defaults`.
    "path": (
        "defaults: [cell/lstm.yaml, _self_]\n",
        at("cell.defaults", "=['lstm', '_self_']", names=("line 1:",)),
    ),
    "group": (
        "defaults:\n  - cell: lstm\n  - self\n",
        at("cell.defaults", "=['lstm', '_self_']", names=("line 1:",)),
    ),
    "self": ("defaults: [lstm, _self]\n", at("cell.defaults", "=['lstm', '_self_']")),
    "near-gate": (
        "defaults: [lstm, _self_]\ngates: {forgett: {kind: power_law}}\n",
        at("cell.gates.forgett", "-> cell.gates.forget", names=("line 2:", "'forget'?")),
    ),
    "role-and-gate": (
        "defaults: [gru, _self_]\ngates: {forget: {kind: power_law}, update: {bias: false}}\n",
        at("cell.gates.update", "~cell.gates.forget", names=("line 2:",)),
    ),
    "nothing-to-remove": (
        "defaults: [lstm, _self_]\ngates: {forgett: null}\n",
        saying("line 2: gates.forgett .*'forget'"),
    ),
    # Norms, states, parameters, circles.
    "norm-of-itself": (
        GATES + REST + "norms: {h: layer}\n",
        at("cell.norms.h", "~ & cell.norms.h_out='h' & cell.emits='h_out'", names=("line 7:",)),
    ),
    "norms": (
        GATES + REST + "norms: layer\n",
        at("cell.norms", "={'h_out': 'h'} & cell.emits='h_out'", names=("line 7:",)),
    ),
    "emits": (
        GATES + REST.replace("  h:", "  h_t:"),
        at("cell.emits", "='h_t'", names=("emits: h_t",)),
    ),
    "zeros": (
        GATES + REST + "initial: {h: zeros}\n",
        at("cell.initial.h", "=0", names=("line 7:",)),
    ),
    "state": (GATES + REST + "initial: {h_prev: 1}\n", at("cell.initial.h_prev", names=("_prev",))),
    "range": (
        GATES + "parameters: {a: {init: 1.0, map: sigmoid}}\n" + REST,
        at("cell.parameters.a.init", "=0.9", names=("line 4:",)),
    ),
    "map": (
        GATES + "parameters: {a: {map: relu}}\n" + REST,
        at("cell.parameters.a.map", "='softplus'", names=("line 4:",)),
    ),
    "circle": (
        GATES.replace("h_prev", "h", 1) + REST,
        at("cell.gates.update.reads", names=("line 2:",)),
    ),
    "current": (GATES + REST.replace("1", "x_t"), at("cell.equations.h", names=("x_prev",))),
    "number": (GATES + REST.replace("1", "beta"), at("cell.equations.h", names=("{beta:",))),
    "function": (GATES + REST.replace("1", "tanh"), at("cell.equations.h", names=("tanh(x)",))),
}


@pytest.mark.parametrize("case", FILES)
def test_a_mistake_is_answered_with_what_to_write(write, case):
    text, check = FILES[case]
    write("conf/cell/mine.yaml", text)
    known = catalogue()
    with pytest.raises(GatekitError, check=check) as caught, in_file("mine"):
        build(load_cell("mine", known), 8, 3, read_output_unit("hidden", known))
    message = str(caught.value)
    assert re.match(r"conf/cell/mine.yaml( is not YAML)?, line \d", message), message
    assert sum(1 + len(line) // 80 for line in message.splitlines()) <= 8, message


def test_a_lambda_of_python_is_answered_with_an_equation(place):
    cell = {"gates": {"u": "sigmoid"}, "equations": {"h": lambda u, h_prev: u * h_prev}}
    with pytest.raises(ExpressionError, check=at("cell.equations.h")):
        load_cell(cell, catalogue())


@pytest.mark.parametrize("case", ["path", "self", "all-in-cell", "gates-not-indented", "near-gate"])
def test_a_plan_answers_as_the_cell_alone(write, case):
    text, check = FILES[case]
    write("conf/cell/mine.yaml", text)
    with pytest.raises(GatekitError, check=check) as caught:
        plan(["cell=mine", "task=adding", "units=8"])
    assert str(caught.value).startswith("conf/cell/mine.yaml, line ")


WORDS = {
    "type": (
        "{type: sigmoid}",
        at("cell.gates.update.kind", "cell.gates.update={'kind': 'sigmoid'}"),
    ),
    "call": (
        "sigmoid(x, h_prev)",
        at("cell.gates.update", "={'kind': 'sigmoid', 'reads': ['x', 'h_prev']}"),
    ),
    "bare": (
        "{sigmoid, reads: [x]}",
        at("cell.gates.update.kind", "cell.gates.update={'kind': 'sigmoid', 'reads': ['x']}"),
    ),
    "brackets": (
        "{kind: tanh, reads: [x: dense]}",
        at("cell.gates.update.reads", "={'x': 'dense'}"),
    ),
    "spaces": (
        "{kind: tanh, reads: [x h_prev]}",
        at("cell.gates.update.reads", "=['x', 'h_prev']"),
    ),
    "concatenated": (
        "{kind: tanh, reads: [concat(x, h_prev)]}",
        at("cell.gates.update.reads", "=['x', 'h_prev']"),
    ),
    "a-comma": (
        "{kind: tanh, reads: [maximum(x, 0), h_prev]}",
        at("cell.gates.update.reads", "=['maximum(x, 0)', 'h_prev']"),
    ),
    "cut": (
        "{activation: maximum(pre, 0)}",
        at("cell.gates.update.activation", "cell.gates.update={'activation': 'maximum(pre, 0)'}"),
    ),
    "first-bias": (
        "{kind: tanh, bias: ones}",
        at("cell.gates.update.bias", "~ & cell.gates.update.initializers={'bias': 'ones'}"),
    ),
    "switch": ("{kind: tanh, bias: 'false'}", at("cell.gates.update.bias", "=False")),
    "number": (
        "{kind: tanh, initializers: {bias: 1}}",
        at("cell.gates.update.initializers.bias", "={'kind': 'constant', 'value': 1}"),
    ),
    "norm": ("{kind: tanh, norm: {of: pre}}", at("cell.gates.update.norm.of", "='sum'")),
    "list": ("{kind: [tanh]}", at("cell.gates.update.kind", "='tanh'")),
}


@pytest.mark.parametrize("case", WORDS)
def test_a_gate_in_other_words_is_answered_in_gatekits(write, case):
    gate, check = WORDS[case]
    write("conf/cell/mine.yaml", f"gates:\n  update: {gate}\n  candidate: tanh\n{REST}")
    with pytest.raises(GatekitError, check=check) as caught:
        load_cell("mine", catalogue())
    assert str(caught.value).startswith("conf/cell/mine.yaml, line 2: cell.gates.update")


def test_the_text_of_a_cell_is_answered_with_its_name_or_a_mapping(place):
    with pytest.raises(GatekitError, match=r"yaml.safe_load\(text\)"):
        load_cell("name: mine\nemits: h\n", catalogue())
