"""The fingerprint changes with everything that changes numbers, and with nothing else."""

from pathlib import Path

import pytest

from gatekit.registry import cell_config, components
from gatekit.runs.fingerprint import canonical_json, fingerprint
from gatekit.study.config import validate
from gatekit.study.variant import variant

CONFIG = {"cell": {"name": "lstm"}, "units": 64, "seed": 0}


def name(**changes):
    arguments = {"config": CONFIG, "defaults": {}, "data_hash": "d", "plugins": {"forget": "1"}}
    return fingerprint(**{**arguments, **changes})


def test_it_is_sixteen_hex_digits_and_blind_to_order():
    assert len(name()) == 16
    assert int(name(), 16) >= 0
    assert name() == name(config=dict(reversed(CONFIG.items())))


@pytest.mark.parametrize(
    "changes",
    [
        {"config": {**CONFIG, "seed": 1}},
        {"config": {**CONFIG, "units": 65}},
        {"config": {**CONFIG, "cell": {"name": "gru"}}},
        {"data_hash": "e"},
        {"plugins": {"forget": "2"}},
        {"numerics": 99},
    ],
)
def test_it_changes_with(changes):
    assert name(**changes) != name()


def test_a_key_at_its_default_is_left_out():
    later = {**CONFIG, "residual": False}
    assert name(config=later, defaults={"residual": False}) == name()
    assert name(config={**CONFIG, "residual": True}, defaults={"residual": False}) != name()


def test_canonical_json_has_one_spelling():
    assert canonical_json({"b": [1, 2.5], "a": "µ"}) == '{"a":"\\u00b5","b":[1,2.5]}'
    with pytest.raises(ValueError):
        canonical_json(float("nan"))


REST = {
    "task": {"name": "adding"},
    "optimizer": {"name": "adam", "learning_rate": 0.001},
    "trainer": {"epochs": 1, "batch": 32},
}
ORIGINS = dict(
    line.split() for line in (Path(__file__).parent / "origins.txt").read_text().splitlines()
)


def test_bundled_cells_keep_their_fingerprints():
    """Without the hashes of plugins, as in commit 1084987, before cells cited by key.

    A cell whose equations or first values are corrected has a new one, and the change log names it.
    """
    known = components.load()
    configs = {
        cell: validate({**REST, "cell": cell_config(cell, known.catalogue)}) for cell in ORIGINS
    }
    assert {cell: variant(config, known).origin(0) for cell, config in configs.items()} == ORIGINS


def test_where_a_cell_comes_from_changes_no_fingerprint():
    known = components.load()
    cell = cell_config("gru", known.catalogue)
    plain = {key: cell[key] for key in ("name", "gates", "equations", "roles", "emits")}
    cited = {**plain, "cite": ["nobody1900"], "reference": "a", "year": 1999, "notes": "b"}
    cited |= {"doi": "10.1/a", "arxiv": "1406.1078", "tier": "unverified"}
    names = {
        variant(validate({**REST, "cell": c}), known).fingerprint(0) for c in (cell, plain, cited)
    }
    assert len(names) == 1
