"""The fingerprint changes with everything that changes numbers, and with nothing else."""

import pytest

from gatekit.runs.fingerprint import canonical_json, fingerprint

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
