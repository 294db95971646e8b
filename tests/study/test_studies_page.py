"""The page about studies names every key, and the bundled configuration is what the code says."""

import json
import re
from pathlib import Path

import gatekit.conf
import pytest
import yaml
from seams import DEFAULTS, GROUP_KEYS, LAUNCH_KEYS, RUN_KEYS, validate

PAGE = Path(__file__).parents[2] / "docs" / "studies.md"
CONF = Path(next(iter(gatekit.conf.__path__)))


CHOSEN = {
    "jit": "auto",
    "units": None,
    "shards": None,
    "block": "plain",
    "cell": "lstm",
    "change": "base",
    "task": "adding",
    "optimizer": "adam",
    "trainer": "default",
}
CHOSEN |= {"output_unit": "hidden", "study": "default", "swap": "none", "experiment": "none"}
"""What train.yaml chooses, or what a default that is empty stands for."""


def rows():
    """Return type, default and meaning of every key in the table."""
    table = PAGE.read_text().split("## Keys")[1].split("\n## ")[0]
    cells = [
        [cell.strip() for cell in line.split("|")[1:-1]]
        for line in table.splitlines()
        if line.startswith("| `")
    ]
    return {key: cells[1:] for cells in cells for key in re.findall("`([^`]+)`", cells[0])}


def shown(value):
    return value if isinstance(value, str) else json.dumps(value)


@pytest.mark.parametrize("key", [*RUN_KEYS, *LAUNCH_KEYS, "experiment"])
def test_every_key_has_type_default_and_meaning(key):
    row = rows()["swap.ROLE" if key == "swap" else key]
    kind, default, meaning = row
    assert kind
    assert meaning
    value = shown({**DEFAULTS, **CHOSEN}[key])
    assert re.search(rf"(?<!\w){re.escape(value)}(?!\w)", default)


@pytest.mark.parametrize(
    ("group", "key"), [(group, key) for group, known in GROUP_KEYS.items() for key in known]
)
def test_every_key_of_a_group_has_the_default_of_its_files(group, key):
    kind, default, _ = rows()[f"{group}.{key}"]
    assert kind
    for path in (CONF / group).glob("*.yaml"):
        bundled = yaml.safe_load(path.read_text())
        if key != "name" and key in bundled:
            assert shown(bundled[key]) in default


def test_no_key_of_the_table_is_made_up():
    known = {*RUN_KEYS, *LAUNCH_KEYS, "experiment"}
    for key in rows():
        group, dot, inner = key.partition(".")
        assert group in known
        assert not dot or not inner.islower() or inner in GROUP_KEYS[group]


def test_the_bundled_defaults_are_the_codes_defaults():
    bundled = yaml.safe_load((CONF / "train.yaml").read_text())
    assert {k: bundled[k] for k in DEFAULTS if k in bundled} == {
        key: value
        for key, value in {**DEFAULTS, "jit": "auto", "units": None, "shards": None}.items()
        if key not in ("block", "change", "output_unit")
    }


@pytest.mark.parametrize("group", ["optimizer", "trainer"])
def test_every_bundled_choice_is_valid(group):
    found = sorted((CONF / group).glob("*.yaml"))
    assert found
    for path in found:
        config = {
            "cell": {},
            "task": {"name": "x"},
            "trainer": {"epochs": 1},
            group: yaml.safe_load(path.read_text()),
        }
        assert validate(config)[group]
