"""Mistakes in a cell's file: each is answered at its line, with what to write, in a few lines."""

import re

import pytest

from gatekit.cell.errors import ExpressionError, GatekitError
from gatekit.cell.graph import build
from gatekit.cell.schema import read_output_unit
from gatekit.registry import catalogue, load_cell
from gatekit.registry.cells import in_file
from gatekit.study.command import compose
from gatekit.study.plan import plan

GATES = """gates:
  update: {kind: sigmoid, reads: [x, h_prev]}
  candidate: {kind: tanh, reads: [x, h_prev]}
"""
REST = "equations:\n  h: update * h_prev + (1 - update) * candidate\nemits: h\n"
FILES = {
    # One level too high, or too low.
    "gates-not-indented": (
        GATES.replace("\n  ", "\n") + REST,
        r"line 2: cell.update: cell.gates \(line 1\) is empty; if update belongs to it, indent",
    ),
    "equation-not-indented": (
        GATES + REST.replace("\n  ", "\n"),
        r"line 5: cell.h: cell.equations \(line 4\) is empty",
    ),
    "constant-not-indented": (
        GATES + "constants:\nbeta: 0.5\n" + REST,
        r"line 5: cell.beta: cell.constants \(line 4\) is empty",
    ),
    "state-not-indented": (
        GATES + REST + "initial:\nh: 0.5\n",
        r"line 8: cell.h: cell.initial \(line 7\) is empty",
    ),
    "equations-in-gates": (
        GATES + "  equations:\n    h: update\nemits: h\n",
        "line 4: cell.gates.equations.kind is missing",
    ),
    "option-as-gate": (
        "gates:\n  update:\n  kind: sigmoid\n" + REST,
        "line 3: .*`kind` is an option of a gate: indent it",
    ),
    "gate-in-gate": (
        "gates:\n  update:\n    kind: sigmoid\n    candidate: {kind: tanh}\n" + REST,
        "line 4: cell.gates.update.candidate is not a key",
    ),
    "all-in-cell": (
        "cell:\n  " + (GATES + REST).replace("\n", "\n  ").rstrip(" "),
        "line 1: .*remove the line `cell:`",
    ),
    "uneven": (
        GATES.replace("\n  candidate", "\n   candidate") + REST,
        "line 3, column 4: ",
    ),
    "parameter-in-gates": (
        GATES + "  alpha: {shape: units}\n" + REST,
        "line 4: cell.gates.alpha.kind is missing",
    ),
    "equation-in-gates": (
        GATES + "  h: update * h_prev\nemits: h\n",
        "line 4: cell.gates.h=.*no such gate",
    ),
    # Numbers and names as YAML reads them.
    "decimal-comma": (GATES + "constants: {beta: 0,5}\n" + REST, "line 4: .*: write beta: 0.5"),
    "octal-comma": (GATES + "constants: {beta: 0,05}\n" + REST, "line 4: .*: write beta: 0.05"),
    "comma-in-text": (GATES + "constants:\n  beta: 0,5\n" + REST, "line 5: .*Write beta: 0.5"),
    "thousand": (GATES + "constants:\n  beta: 1,000\n" + REST, "line 5: .*Write beta: 1000"),
    "quoted": (GATES + "constants: {beta: '0.5'}\n" + REST, "line 4: .*Write beta: 0.5"),
    "infinite": (GATES + "constants: {beta: inf}\n" + REST, "line 4: .*is a finite number"),
    "vector": (GATES + "constants: {beta: [1, 2]}\n" + REST, "line 4: .*Write beta: 1"),
    "name-on": ("gates:\n  on: {kind: sigmoid}\n" + REST, "line 2: .*another name, such as on_1"),
    "name-null": ("gates:\n  null: {kind: sigmoid}\n" + REST, "null and ~ as nothing"),
    "keyword": (
        GATES + "parameters: {lambda: {shape: units}}\n" + REST.replace("1 -", "lambda -"),
        "line 4: .*Python keyword cannot be a name.*Write lambda_: ",
    ),
    "brace": (
        GATES + "equations:\n  h: {update} * h_prev\n",
        "line 5, column ",
    ),
    "comma-in-braces": (
        GATES + "equations: {h: clip(update, 0, 1) * h_prev}\nemits: h\n",
        r"line 4: .*in quotes. Write equations: \{h: 'clip\(update, 0, 1\) \* h_prev'",
    ),
    "lambda": (
        GATES + "equations:\n  h: lambda u: u * h_prev\n",
        "line 5, column ",
    ),
    "twice": (
        "gates:\n  f:\n  kind: tanh\n  g:\n  kind: tanh\n",
        "line 5: the key 'kind' is written twice, first in line 3; .*indent each",
    ),
    # Widths: both sides, and where they are declared.
    "units": (
        GATES + "  a: {kind: sigmoid, reads: [x], units: 4}\n" + REST.replace("1", "a"),
        r"line 6: .*in 'a - update' .*; cell.gates.a \(line 4\) has units: 4: remove `units: 4`",
    ),
    "two-units": (
        "gates:\n  a: {kind: tanh, reads: [x], units: 4}\n  b: {kind: tanh, units: 6}\n"
        "equations: {h: a * b + h_prev}\nemits: h\n",
        r"cell.gates.a \(line 2\) has units: 4 and cell.gates.b \(line 3\) has units: 6",
    ),
    "shape": (
        GATES + "parameters: {alpha: {shape: 4}}\n" + REST.replace("1", "alpha"),
        r"cell.parameters.alpha \(line 4\) has shape: 4: write `shape: units`",
    ),
    "through-an-equation": (
        "gates:\n  a: {kind: tanh, reads: [x], units: 4}\n  b: {kind: tanh}\n"
        "equations: {s: a * 2, h: s * b + h_prev}\nemits: h\n",
        r"cell.gates.a \(line 2\) has units: 4: remove",
    ),
    "input": (GATES + REST.replace("1", "x"), "write x_in in place of x"),
    "repeat": (GATES + REST.replace("1", "repeat(candidate, 2)"), "write candidate in its place"),
    "rows": (
        GATES + "equations:\n  h: update * flat(split(candidate, 3)) + h_prev\nemits: h\n",
        "cannot be cut into 3 equal rows; write a number that divides it: 1, 2, 4, 8",
    ),
    "vector-and-matrix": (
        GATES + "equations:\n  h: update * split(candidate, 2) + h_prev\nemits: h\n",
        r"flat\(split\(candidate, 2\)\) turns the matrix into a vector",
    ),
    "outer": (
        GATES + "equations:\n  h: outer(update, candidate) + h_prev\nemits: h\n",
        r"line 5: .*write S: outer\(update, candidate\) \+ S_prev, and h: matvec\(S, update\)",
    ),
    "no-matrix": (
        GATES + "equations:\n  h: matvec(update, candidate) + h_prev\nemits: h\n",
        r"write update \* candidate, or dot\(update, candidate\)",
    ),
    # Cells in `defaults`.
    "path": ("defaults: [cell/lstm.yaml, _self_]\n", r"line 1: .*write defaults: \[lstm, _self_\]"),
    "group": ("defaults:\n  - cell: lstm\n  - self\n", r"line 1: .*defaults: \[lstm, _self_\]"),
    "self": ("defaults: [lstm, _self]\n", r"write defaults: \[lstm, _self_\]"),
    "near-gate": (
        "defaults: [lstm, _self_]\ngates: {forgett: {kind: power_law}}\n",
        "line 2: .*did you mean 'forget'[?] Gates: candidate, forget, input, output",
    ),
    "role-and-gate": (
        "defaults: [gru, _self_]\ngates: {forget: {kind: power_law}, update: {bias: false}}\n",
        "line 2: .*are one gate, because update has the role forget",
    ),
    "nothing-to-remove": (
        "defaults: [lstm, _self_]\ngates: {forgett: null}\n",
        "line 2: gates.forgett is null.*did you mean 'forget'",
    ),
    # Norms, states, parameters, circles.
    "norm-of-itself": (
        GATES + REST + "norms: {h: layer}\n",
        r"line 7: .*Rename cell.norms.h to cell.norms.h_out and write emits: h_out",
    ),
    "norms": (GATES + REST + "norms: layer\n", r"line 7: .*Write norms: \{h_out: h\}"),
    "emits": (GATES + REST.replace("  h:", "  h_t:"), "did you mean 'h_t'[?] Write emits: h_t"),
    "zeros": (GATES + REST + "initial: {h: zeros}\n", "line 7: .*Write h: 0"),
    "state": (GATES + REST + "initial: {h_prev: 1}\n", "Write h: 1"),
    "range": (
        GATES + "parameters: {a: {init: 1.0, map: sigmoid}}\n" + REST,
        "line 4: .*between 0 and 1, both excluded: .*Write init: 0.9",
    ),
    "map": (
        GATES + "parameters: {a: {map: relu}}\n" + REST,
        r"line 4: .*softplus \(greater than 0\).*Write map: softplus",
    ),
    "circle": (
        GATES.replace("h_prev", "h", 1) + REST,
        r"line 2: cell.gates.update.reads: signals .*; write h_prev, .* in place of h\.$",
    ),
    "current": (GATES + REST.replace("1", "x_t"), "write x, or x_prev for its value one step"),
    "number": (GATES + REST.replace("1", "beta"), r"parameters: \{beta: .* constants: \{beta:"),
    "function": (GATES + REST.replace("1", "tanh"), r"write tanh\(x\)"),
}


@pytest.mark.parametrize("case", FILES)
def test_a_mistake_is_answered_with_what_to_write(write, case):
    text, says = FILES[case]
    write("conf/cell/mine.yaml", text)
    known = catalogue()
    with pytest.raises(GatekitError) as caught, in_file("mine"):
        build(load_cell("mine", known), 8, 3, read_output_unit("hidden", known))
    message = str(caught.value)
    assert re.search(says, message, re.DOTALL), message
    assert re.match(r"conf/cell/mine.yaml( is not YAML)?, line \d", message), message
    assert sum(1 + len(line) // 80 for line in message.splitlines()) <= 8, message


def test_a_lambda_of_python_is_answered_with_an_equation(place):
    cell = {"gates": {"u": "sigmoid"}, "equations": {"h": lambda u, h_prev: u * h_prev}}
    with pytest.raises(ExpressionError, match="a string, such as"):
        load_cell(cell, catalogue())


@pytest.mark.parametrize("case", ["path", "self", "all-in-cell", "gates-not-indented", "near-gate"])
def test_a_plan_answers_as_the_cell_alone(write, case):
    text, says = FILES[case]
    write("conf/cell/mine.yaml", text)
    with pytest.raises(GatekitError) as caught:
        plan(compose(["cell=mine", "task=adding", "units=8"]))
    assert re.search(says, str(caught.value), re.DOTALL), caught.value
    assert str(caught.value).startswith("conf/cell/mine.yaml, line ")


WORDS = {
    "type": ("{type: sigmoid}", "kind is missing: .*Write update: {kind: sigmoid}"),
    "call": ("sigmoid(x, h_prev)", r"Write update: \{kind: sigmoid, reads: \[x, h_prev\]\}"),
    "bare": (
        "{sigmoid, reads: [x]}",
        r"kind is missing: .*Write update: \{kind: sigmoid, reads: \[x\]\}",
    ),
    "brackets": ("{kind: tanh, reads: [x: dense]}", r"Write reads: \{x: dense\}"),
    "spaces": ("{kind: tanh, reads: [x h_prev]}", r"Write reads: \[x, h_prev\]"),
    "concatenated": (
        "{kind: tanh, reads: [concat(x, h_prev)]}",
        r"with its own matrix.*Write reads: \[x, h_prev\]",
    ),
    "a-comma": (
        "{kind: tanh, reads: [maximum(x, 0), h_prev]}",
        r"Write reads: \['maximum\(x, 0\)', h_prev\]",
    ),
    "cut": ("{activation: maximum(pre, 0)}", r"Write update: \{activation: 'maximum\(pre, 0\)'\}"),
    "first-bias": ("{kind: tanh, bias: ones}", r"initializers: \{bias: ones\}"),
    "switch": ("{kind: tanh, bias: 'false'}", "Write bias: false"),
    "number": (
        "{kind: tanh, initializers: {bias: 1}}",
        r"Write bias: \{kind: constant, value: 1\}",
    ),
    "norm": ("{kind: tanh, norm: {of: pre}}", "Write of: sum"),
    "list": ("{kind: [tanh]}", "Write kind: tanh"),
}


@pytest.mark.parametrize("case", WORDS)
def test_a_gate_in_other_words_is_answered_in_gatekits(write, case):
    gate, says = WORDS[case]
    write("conf/cell/mine.yaml", f"gates:\n  update: {gate}\n  candidate: tanh\n{REST}")
    with pytest.raises(GatekitError, match=says) as caught:
        load_cell("mine", catalogue())
    assert str(caught.value).startswith("conf/cell/mine.yaml, line 2: cell.gates.update")


def test_the_text_of_a_cell_is_answered_with_its_name_or_a_mapping(place):
    with pytest.raises(GatekitError, match=r"is the text of a cell; .* yaml.safe_load\(text\)"):
        load_cell("name: mine\nemits: h\n", catalogue())
