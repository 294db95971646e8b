"""Configurations read section by section mean what YAML says they mean."""

from __future__ import annotations

import datetime
import math
from pathlib import Path
from typing import Any

import pytest
import yaml
from seams import (
    ConfigReader,
    chosen_by,
    flatten,
    refuse_unusual,
    run_settings,
    sized_alike,
    untyped,
)
from seams import dumped_config as dumped
from seams import read_config as read

CONFIG = {
    "study": "demo",
    "cell": {
        "name": "lstm",
        "gates": {"forget": {"kind": "forget", "bias": 1.0}, "input": {"kind": "input"}},
        "update": "c = forget * c_prev + input",
        "notes": "two lines,\n\nand a: colon",
    },
    "swap": {"forget": "power_law"},
    "optimizer": {"name": "adam", "learning_rate": 1e-05, "clipnorm": None},
    "plugins": [],
    "seed": 3,
}


@pytest.mark.parametrize("sort", [True, False])
def test_a_configuration_is_read_as_yaml_reads_it(sort: bool) -> None:
    text = yaml.safe_dump(CONFIG, sort_keys=sort)
    assert ConfigReader().read(text.encode()) == yaml.safe_load(text)


def test_what_is_written_is_read_back(tmp_path: Path) -> None:
    path = tmp_path / "config.yaml"
    path.write_text(dumped(CONFIG))
    assert read(path) == CONFIG
    assert list(read(path)) == list(CONFIG)


@pytest.mark.parametrize(
    "text",
    [
        "a: 1\nb:\n- 1\n- 2\nc: {d: [1,\n  2]}\n",
        'a: "one\nb: two"\nc: 3\n',
        "a: &x {k: 1}\nb: *x\n",
        "a: |\n  b: 1\n\n  c: 2\nd: 3\n",
        "# comment\na: 1\n\n# another\nb: 2\n",
        "a: 1\nb: 2\na: 3\n",
        "? a\n: 1\nb: 2\n",
        "---\na: 1\nb: 2\n",
        "{a: 1, b: 2}\n",
    ],
)
def test_every_spelling_means_what_the_whole_document_means(text: str) -> None:
    reader = ConfigReader()
    assert reader.read(text.encode()) == yaml.safe_load(text)
    assert reader.read(text.encode()) == yaml.safe_load(text)


@pytest.mark.parametrize(
    ("data", "says"),
    [
        (b"", "no keys"),
        (b"- 1\n- 2\n", "not a mapping"),
        (b"a: [1\n", "expected"),
        (b"a: !!python/object/apply:os.system [true]\n", "could not determine"),
        (b"\xff\xfe\x00", "utf-8"),
        (b"a: " + b"x" * 2_000_000, "more than a run configuration has"),
        (b"a: " + b"[" * 5000 + b"]" * 5000, "nesting"),
    ],
)
def test_what_is_no_configuration_is_said(data: bytes, says: str) -> None:
    with pytest.raises(ValueError, match=says):
        ConfigReader().read(data)


def test_an_alias_bomb_is_refused() -> None:
    lines = ["a0: &a0 [x, x, x, x, x, x, x, x]"]
    lines += [f"a{i}: &a{i} [{', '.join([f'*a{i - 1}'] * 8)}]" for i in range(1, 12)]
    with pytest.raises(ValueError, match="more than 20000 values"):
        ConfigReader().read("\n".join(lines).encode())


def test_plugins_that_were_not_typed_are_named() -> None:
    recorded = {"plugins": ["a.py", "b.py"]}
    assert "trained with plugins=[a.py,b.py]: type this, too" in untyped(recorded, [])
    assert untyped(recorded, ["a.py"]) == ""
    assert untyped({"plugins": []}, []) == untyped({"plugins": "a.py"}, []) == ""


def test_nested_keys_become_dotted_and_empty_mappings_vanish() -> None:
    assert flatten({"a": {"b": 1, "c": {"d": [1, 2]}}, "e": {}, "f": None}) == {
        "a.b": 1,
        "a.c.d": [1, 2],
        "f": None,
    }


def test_models_are_sized_alike_if_only_gates_and_equations_of_their_cells_differ() -> None:
    task, cell = {"name": "adding", "length": 5}, {"name": "lstm", "gates": {"a": {}}}
    config: dict[str, Any] = {"task": task, "units": 4, "cell": cell}
    alike = sized_alike(config)
    assert alike == sized_alike({**config, "seed": 7, "cell": {"name": "lstm", "equations": {}}})
    others: list[dict[str, Any]] = [
        {"units": 5},
        {"layers": 2},
        {"task": {**task, "length": 6}},
        {"cell": {**cell, "name": "gru"}},
        {"mixers": [{"name": "gru"}]},
    ]
    found = {sized_alike({**config, **change}) for change in others}
    assert len(found | {alike}) == 6
    assert None not in found
    for none in ({"cell": "lstm"}, {"cell": None}, {"mixers": ["gru"]}):
        assert sized_alike({**config, **none}) is None


@pytest.mark.parametrize(
    ("match", "budget"),
    [
        ("parameters:50k", "parameters"),
        ({"to": "state:1k", "target": 1000}, "state"),
        ("cell:lstm", None),
        (None, None),
    ],
)
def test_a_budget_that_chose_a_size_is_named(match: object, budget: str | None) -> None:
    assert chosen_by(match) == budget


def test_the_settings_of_a_run_name_its_cells_and_leave_out_what_makes_no_variant() -> None:
    config = {"seed": 3, "plugins": ["a.py"], "units": 4, "trainer": {"steps": 7, "epochs": None}}
    cells: list[dict[str, Any]] = [{"name": "lstm"}, {"name": "gru"}]
    rest = {"units": 4, "trainer.steps": 7, "trainer.epochs": None}
    assert run_settings({**config, "cell": cells[0]}) == {"cell": "lstm", **rest}
    mixed = {**config, "cell": cells[0], "mixers": cells}
    assert run_settings(mixed) == {"cell": "lstm+gru", **rest}
    assert run_settings({**config, "cell": cells[1], "mixers": []}) == {"cell": "gru", **rest}
    assert run_settings(config) == rest


def test_what_no_run_has_is_refused_up_to_its_bound() -> None:
    refuse_unusual([0] * 19_999)  # with the list itself 20,000
    for value, says in (
        ([0] * 20_000, "more than 20000"),
        ({"a": [math.nan]}, "nan"),
        ({"a": {"b": -math.inf}}, "-inf"),
        ({datetime.date(2026, 1, 1): 1}, "type date"),
        ([b"x"], "type bytes"),
    ):
        with pytest.raises(ValueError, match=says):
            refuse_unusual(value)
