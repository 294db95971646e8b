"""The tables and examples of the page about cells agree with the code."""

from __future__ import annotations

import re
from pathlib import Path

import yaml
from seams import RESERVED, build, read_cell, read_output_unit
from seams import cell_text as text
from seams import describe_cell as describe

from gatekit.registry import bibliography, catalogue, cell_config

from .shown import cell

PAGE = (Path(__file__).parents[2] / "docs/cells.md").read_text(encoding="utf-8")
# the first example of each language
BLOCKS = dict(reversed(re.findall(r"^```(\w+)\n(.*?)^```", PAGE, re.MULTILINE | re.DOTALL)))


def test_the_example_of_a_text() -> None:
    shown = describe(cell("gru", units=64, features=32), bibliography())
    assert BLOCKS["text"].rstrip("\n") == text(shown)


def test_the_example_of_a_cell() -> None:
    known = catalogue()
    config = cell_config(yaml.safe_load(BLOCKS["yaml"]), known)
    unit = read_output_unit("hidden", known)
    d = describe(build(read_cell(config, known), 8, 4, unit))
    assert d["equations"][-3] == "c = forget * c_prev + alpha * (1 - forget) * candidate"
    assert [gate["name"] for gate in d["gates"]] == ["forget", "output", "candidate"]


def test_every_function_and_linear_map_is_named() -> None:
    known = catalogue()
    equations = PAGE.split("### Equations")[1].split("## ")[0]
    rows = re.findall(r"^\| `(\w+)\((.*?)\)` \| .*? \| (.*) \|$", equations, re.MULTILINE)
    assert [(name, len(arguments.split(",")), summary) for name, arguments, summary in rows] == [
        (name, function.arity, function.summary) for name, function in known.functions.items()
    ]
    reads = PAGE.split("### Reads")[1].split("###")[0]
    assert re.findall(r"^\| `(\w+)`", reads, re.MULTILINE) == list(known.linear_maps)


def test_every_initializer_is_named() -> None:
    table = PAGE.split("### Initializers")[1].split("###")[0].split("|---|---|")[1]
    first = "".join(re.findall(r"^\| (.*?) \|", table, re.MULTILINE))
    assert sorted(re.findall(r"`(\w+)`", first)) == sorted(catalogue().initializers)


def test_reserved_names_and_keys_of_the_json_are_complete() -> None:
    names = PAGE.split("- **Names**")[1].split("###")[0]
    assert {name for name in RESERVED if f"`{name}`" in names} == set(RESERVED)
    keys = set(re.findall(r"`(\w+)`", PAGE.split("**JSON**")[1])) - {"null"}
    assert keys == {*describe(cell("lstm"))}
