"""``gatekit show``: a cell as text, JSON, LaTeX and diagram."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import pytest
from seams import EXIT_REFUSED, main

import gatekit


def shown(argv: list[str], capsys: pytest.CaptureFixture[str]) -> Any:
    """Return what ``gatekit show`` writes as JSON."""
    assert main(["show", *argv, "--json"]) == 0
    return json.loads(capsys.readouterr().out)


def test_json_has_what_scripts_rely_on(capsys: pytest.CaptureFixture[str]) -> None:
    cell = shown(["cell=lstm", "units=5", "features=3"], capsys)
    assert cell["parameters"] == 4 * (5 * (5 + 3) + 5)
    assert [state["name"] for state in cell["states"]] == ["h", "c"]
    assert cell["stages"]
    assert "odot" in cell["latex"]


def test_text_is_at_most_100_columns_wide(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["show", "cell=peephole"]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert max(map(len, lines)) <= 100
    assert any("Gers" in line for line in lines)


def test_latex_is_that_of_the_json(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["show", "cell=gru", "--latex"]) == 0
    assert capsys.readouterr().out.strip() == shown(["cell=gru"], capsys)["latex"].strip()


def test_a_swap_puts_the_gate_into_the_role(capsys: pytest.CaptureFixture[str]) -> None:
    gates = shown(["cell=gru", "swap.forget=power_law", "units=4"], capsys)["gates"]
    assert {gate["name"]: gate["kind"] for gate in gates}["update"] == "power_law"


def test_what_a_swapped_gate_adds(capsys: pytest.CaptureFixture[str]) -> None:
    swapped = ["cell=gru", "swap.forget=power_law", "units=4", "features=2"]
    cell, plain = shown(swapped, capsys), shown(["cell=gru", "units=4", "features=2"], capsys)
    assert cell["added"] == {
        "parameters": cell["parameters"] - plain["parameters"],
        "state": cell["state_size"] - plain["state_size"],
        "flops": cell["flops_per_token"] - plain["flops_per_token"],
    }
    assert (cell["added"]["parameters"], cell["added"]["state"]) == (4, 4)
    assert plain["added"] is None
    assert main(["show", *swapped]) == 0
    text = capsys.readouterr().out
    assert "+4 parameters, +4 numbers of state, +" in text
    units = gatekit.show("gru", 4, 2, swap={"forget": "power_law"})
    assert units.data["added"] == cell["added"]
    assert gatekit.show("gru", 4, 2).data["added"] is None


def test_in_a_block_a_swapped_gate_adds_as_much(capsys: pytest.CaptureFixture[str]) -> None:
    cell = shown(["cell=gru", "swap.forget=power_law", "units=4", "block=residual"], capsys)
    assert (cell["added"]["parameters"], cell["added"]["state"]) == (4, 4)


def test_without_a_plain_cell_nothing_is_shown_of_what_a_gate_adds(
    capsys: pytest.CaptureFixture[str],
) -> None:
    # The gate update of a GRU has no option eps.
    option = "++cell.gates.update.eps=0.01"
    cell = shown(["cell=gru", "swap.forget=power_law", option, "units=4"], capsys)
    assert cell["added"] is None


@pytest.mark.slow
def test_a_swapped_gate_brings_its_own_reads(capsys: pytest.CaptureFixture[str]) -> None:
    swapped = shown(["cell=lstm", "swap.input=coupled", "units=4"], capsys)
    assert swapped["parameters"] == shown(["cell=cifg", "units=4"], capsys)["parameters"]


def test_an_option_changes_the_cell(capsys: pytest.CaptureFixture[str]) -> None:
    plain = shown(["cell=lstm", "units=4", "features=2"], capsys)
    without = shown(["cell=lstm", "units=4", "features=2", "cell.gates.forget.bias=false"], capsys)
    assert without["parameters"] == plain["parameters"] - 4


@pytest.mark.slow
def test_an_output_unit_with_an_option(capsys: pytest.CaptureFixture[str]) -> None:
    cell = shown(["cell=lstm", "output_unit=projection", "output_unit.units=7"], capsys)
    assert cell["output_unit"] == {"kind": "projection", "width": 7}


def test_the_diagram_is_svg(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    file = tmp_path / "new" / "lstm.svg"
    assert main(["show", "cell=lstm", "--diagram", str(file)]) == 0
    assert ElementTree.parse(file).getroot().tag.endswith("svg")
    assert f"wrote {file}" in capsys.readouterr().err


def test_a_diagram_that_cannot_be_written(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "file").write_text("")
    file = tmp_path / "file" / "lstm.svg"
    assert main(["show", "cell=lstm", "--diagram", str(file)]) == EXIT_REFUSED
    assert "choose another path" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("argv", "told"),
    [
        ([], "cell=NAME is expected"),
        (["cell=lsmt"], "lstm"),
        (["cell=lstm", "swap.forgt=power_law"], "forget"),
        (["cell=lstm", "swap.forget=power_lwa"], "power_law"),
        (["cell=lstm", "output_unit=hiden"], "hidden"),
        (["cell=lstm", "cell.gatse.forget.bias=false"], "gates"),
        (["cell=lstm", "--json", "--latex"], "--latex: "),
    ],
)
def test_refusals_name_the_remedy(
    argv: list[str], told: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["show", *argv]) == EXIT_REFUSED
    out, err = capsys.readouterr()
    assert out == ""
    assert told in err
    assert "Traceback" not in err


@pytest.mark.slow
def test_options_and_keys_may_be_mixed(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["show", "--json", "cell=lstm", "--debug", "units=2"]) == 0
    assert json.loads(capsys.readouterr().out)["units"] == 2


def test_a_program_is_listed_as_in_the_json(capsys: pytest.CaptureFixture[str]) -> None:
    program = shown(["cell=hyper_lstm"], capsys)["program"]
    assert {op["when"] for op in program} == {"before", "step", "after"}
    assert main(["show", "cell=hyper_lstm", "--program"]) == 0
    text = capsys.readouterr().out
    assert all(len(line) <= 80 for line in text.splitlines())
    words = " ".join(text.split())
    assert all(" ".join(op["text"].split()) in words for op in program)
