"""The page about places names every option of the launcher, with its default."""

import json
import re
from pathlib import Path

import pytest
from seams import CHECKS, SHARED, defaults

PAGE = Path(__file__).parents[2] / "docs" / "cluster.md"


def rows():
    """Return type, default, place and meaning of every option in the table."""
    table = PAGE.read_text().split("## Options")[1].split("\n## ")[0]
    cells = [
        [cell.strip() for cell in line.split("|")[1:-1]]
        for line in table.splitlines()
        if line.startswith("| `")
    ]
    return {key: cells[1:] for cells in cells for key in re.findall("`([^`]+)`", cells[0])}


@pytest.mark.parametrize("key", [*CHECKS, *SHARED])
def test_every_option_has_type_default_and_meaning(key):
    kind, default, _, meaning = rows()[key]
    assert kind
    assert len(meaning) > 10 or key == "n_jobs"
    if key in CHECKS:
        value = defaults()[key]
        assert (value if isinstance(value, str) else json.dumps(value)) in default


def test_no_option_of_the_table_is_made_up():
    assert rows().keys() == {*CHECKS, *SHARED}
