"""The fingerprint changes with everything that changes numbers, and with nothing else."""

from pathlib import Path

import pytest
from seams import canonical_json, components, fingerprint, validate, variant

from gatekit.registry import cell_config

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
ADAM, SGD = "f7ac21c27b32f85a", "f55483871aa82c20"
ORIGINS = dict(
    line.split() for line in (Path(__file__).parent / "origins.txt").read_text().splitlines()
)


def optimizer_name(known, **keys):
    given = {**REST, "optimizer": keys, "cell": cell_config("lstm", known.catalogue)}
    return variant(validate(given), known).origin(0)


def test_keys_of_the_recipe_at_their_defaults_change_no_fingerprint():
    """Those of runs made before these keys existed, at commit 0389de5."""
    known = components.load()
    later = {"warmup": 0, "final": 0.0, "decay": 0.1, "wait": 3, "factor": 0.1, "ema": None}
    adam = {"name": "adam", "learning_rate": 0.01, "schedule": "cosine"}
    sgd = {"name": "sgd", "learning_rate": 0.1, "momentum": 0.9, "nesterov": True}
    betas = {"beta_1": 0.9, "beta_2": 0.999, "epsilon": 1e-7}
    assert optimizer_name(known, **adam) == optimizer_name(known, **adam, **betas, **later) == ADAM
    decay = {"weight_decay": 0.0, "decayed": "matrices"}
    assert optimizer_name(known, **sgd) == optimizer_name(known, **sgd, **decay, **later) == SGD


@pytest.mark.parametrize(
    "keys",
    [
        {"warmup": 5},
        {"warmup": 0.1},
        {"schedule": "cosine", "final": 0.1},
        {"schedule": "wsd"},
        {"schedule": "wsd", "decay": 0.2},
        {"schedule": "plateau", "wait": 2},
        {"schedule": "plateau", "factor": 0.5},
        {"ema": 0.9},
        {"beta_1": 0.8},
        {"beta_2": 0.99},
        {"epsilon": 1e-8},
        {"weight_decay": 0.1},
        {"decayed": "all"},
    ],
)
def test_each_key_of_the_recipe_has_a_fingerprint_of_its_own(keys):
    known = components.load()
    plain = {"name": "adamw", "learning_rate": 0.01}
    plain |= {"schedule": keys["schedule"]} if len(keys) > 1 else {}
    assert optimizer_name(known, **{**plain, **keys}) != optimizer_name(known, **plain)


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
