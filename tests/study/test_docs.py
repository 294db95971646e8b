"""The page about studies names every key, and the bundled configuration is what the code says."""

from pathlib import Path

import gatekit.conf
import pytest
import yaml

from gatekit.study.config import DEFAULTS, LAUNCH_KEYS, RUN_KEYS, validate

PAGE = Path(__file__).parents[2] / "docs" / "studies.md"
CONF = Path(next(iter(gatekit.conf.__path__)))


@pytest.mark.parametrize("key", [*RUN_KEYS, *LAUNCH_KEYS, "experiment"])
def test_every_key_is_in_the_table(key):
    rows = [line.split("|")[1] for line in PAGE.read_text().splitlines() if line.startswith("| `")]
    assert any(f"`{key}" in row or f" {key}" in row for row in rows)


def test_the_bundled_defaults_are_the_codes_defaults():
    bundled = yaml.safe_load((CONF / "train.yaml").read_text())
    assert {k: bundled[k] for k in DEFAULTS if k in bundled} == {
        k: v for k, v in DEFAULTS.items() if k != "output_unit"
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
