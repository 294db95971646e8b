"""What attacks on `gatekit check FILE.yaml` and on reports of imported cells found, one by one."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from bounded import bounded
from refused import at
from seams import BuiltCell as Cell
from seams import (
    CellError,
    build,
    from_file,
    keras_form,
    limited,
    nearest,
    read_cell,
    read_output_unit,
    report_cells,
)
from seams import drawing_diagram as diagram

from gatekit import GatekitError
from gatekit.registry import catalogue

GATE = "gates: {g: {kind: tanh%s}}\nequations: {h: mean(g) + h_prev / 2 + x}\nemits: h\n"


def built(equations: dict[str, str], gates: dict[str, Any], **more: Any) -> Cell:
    """Return a cell that emits h, with 8 units and 5 features."""
    known = catalogue()
    config = {"gates": gates, "equations": equations, "emits": "h", **more}
    return build(read_cell(config, known), 8, 5, read_output_unit("hidden", known))


def refused(path: Path, data: str) -> str:
    """Return why a file is refused, which takes little processor time."""
    path.write_text(data)
    with bounded(), pytest.raises(GatekitError) as caught:
        from_file(path)
    return str(caught.value)


@pytest.mark.parametrize(
    ("width", "says"),
    [
        ("((((units**16)**16)**16)**16)**16", "cell.gates.g.units"),
        ("units**9", "134,217,728"),
        ("features**16", "cell.gates.g.units"),
        ("1e308", "cell.gates.g.units"),
        ("1e300**16", "cell.gates.g.units"),
        ("(0 - units)**0.5", "cell.gates.g.units"),
        ("units" + " + units" * 40, "at most 200"),
    ],
)
def test_a_width_is_bounded_before_it_is_computed(width: str, says: str, tmp_path: Path) -> None:
    assert says in refused(tmp_path / "cell.yaml", GATE % f", units: {width}")


def test_widths_that_name_each_other_are_computed_once() -> None:
    gates: dict[str, Any] = {
        f"g{k}": {"kind": "tanh", "units": f"g{k + 1} + g{k + 2} - g{k + 2}"} for k in range(25)
    }
    gates |= {"g25": {"kind": "tanh"}, "g26": {"kind": "tanh"}}
    used = " + ".join(gates)
    with bounded():
        assert built({"h": f"{used} + h_prev"}, gates).widths["g0"] == 8


@pytest.mark.parametrize("wide", ["outer(s, s)", "cumsum(softmax(s))", "cumax(s)"])
def test_wide_signals_are_refused_before_they_are_computed(wide: str, tmp_path: Path) -> None:
    data = (
        f"equations: {{s: 'repeat(x, 1999)', w: '{wide}', h: 'sum(w) + h_prev + x'}}\nemits: h\n"
        if "outer" not in wide
        else f"equations: {{s: 'repeat(x, 1999)', w: '{wide}', "
        "h: 'sum(flat(w)) + h_prev + x'}\nemits: h\n"
    )
    assert "at most" in refused(tmp_path / "cell.yaml", data)


def test_aliases_multiply_no_string(tmp_path: Path) -> None:
    works = ", ".join(["*w"] * 2000)
    data = f"notes: &w {'x' * 30_000}\ncite: [{works}]\nemits: h\n"
    assert "more than 10,000 values" in refused(tmp_path / "cell.yaml", data)


@pytest.mark.parametrize(
    "config",
    [
        {"function": "rhn", "depth": 100_000_000},
        {"function": "ltc", "unfolds": 100_000_000},
        {"function": "tau_gru", "delay": 100_000_000},
        {"function": "mogrifier_lstm", "rounds": 100_000_000},
        {"function": "gated_delta_product", "steps": 100_000_000},
        {"function": "mesa_net", "steps": 100_000_000},
        {"function": ["rhn"]},
    ],
)
def test_a_function_of_an_imported_cell_loops_no_longer_than_a_cell_may_be(
    config: dict[str, Any],
) -> None:
    with bounded():
        with pytest.raises(GatekitError):
            read_cell(config, catalogue())
        with pytest.raises(GatekitError):
            report_cells._build_cell({"cell": config}, catalogue(), imported=True)


def test_a_file_loads_no_plugin_that_was_not_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "plugins").mkdir()
    plugin = tmp_path / "plugins" / "evil.py"
    plugin.write_text(
        "from pathlib import Path\nfrom gatekit import Gate, hookimpl, ops\n"
        "Path('owned').touch()\n"
        "class Evil(Gate):\n    def activate(self, pre):\n        return ops.tanh(pre)\n"
        "@hookimpl\ndef gatekit_gates():\n    return {'evil': Evil}\n"
    )
    path = tmp_path / "cell.yaml"
    path.write_text((GATE % "").replace("tanh", "evil"))
    with pytest.raises(CellError, check=at("cell.gates.g.kind", names=("evil",))):
        from_file(path)
    with pytest.raises(CellError, match="evil"):
        limited.name(path, (), {})
    assert not (tmp_path / "owned").exists()
    assert limited.name(path, (str(plugin),), {}) == "cell"


LIMITED = """
from gatekit import hookimpl


def greedy():
    {body}


@hookimpl
def gatekit_cells():
    return {{"greedy": greedy}}
"""


@pytest.mark.slow
@pytest.mark.parametrize(
    ("body", "says"),
    [("while True: pass", "stopped at building"), ("return bytearray(2**31)", "MemoryError")],
)
def test_what_costs_more_than_its_limits_ends_with_a_remedy(
    body: str, says: str, tmp_path: Path
) -> None:
    plugin, path = tmp_path / "greedy_cell.py", tmp_path / "cell.yaml"
    plugin.write_text(LIMITED.format(body=body))
    path.write_text("function: greedy\n")
    with pytest.raises(CellError, match=says):
        limited.name(path, (str(plugin),), {})


def test_a_keras_cell_whose_equations_double_is_compared_by_size() -> None:
    inner = {"e0": "f * c_prev + i * g"}
    inner |= {f"e{k}": f"e{k - 1} * e{k - 1}" for k in range(1, 60)}
    kinds = {"i": "sigmoid", "f": "sigmoid", "o": "sigmoid", "g": "tanh"}
    gates = {name: {"kind": kind} for name, kind in kinds.items()}
    cell = built({**inner, "c": "e59", "h": "o * tanh(c)"}, gates)
    assert keras_form(cell) == "its equations are not those of Keras' LSTM, GRU or SimpleRNN"


def test_a_drawing_with_too_many_lines_is_refused() -> None:
    equations = {"e0": "x"}
    for k in range(1, 60):
        equations[f"e{k}"] = " + ".join(f"e{j}" for j in range(max(0, k - 30), k))
    with pytest.raises(CellError, match="too large to be drawn"):
        diagram(built({**equations, "h": "e59 + h_prev"}, {}))


def test_long_names_are_not_compared() -> None:
    with bounded():
        assert nearest("a" * 50_000, ["ab" * 25_000, "units"]) == ""
        assert nearest("unist", ["b" * 50_000, "units"]) == "; did you mean 'units'?"
