"""Results of checks are kept by the hash of the source, and damage is passed over."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest
from seams import certify, loading, subject

from gatekit import __version__, registry
from gatekit.testing import FAIL, PASS, XFAIL, Outcome, store

from .planted import source

Write = Callable[[str, str], Path]
GOOD = [Outcome("shape_kept", PASS), Outcome("speed", PASS, "1.0 x")]
HASH = "a" * 64


def test_what_was_put_is_looked_up(place: Path) -> None:
    path = store.put(HASH, "gates", "leaky", GOOD)
    assert path is not None
    assert path.is_relative_to(place / "cache")
    record = store.lookup(HASH)["gates.leaky"]
    assert record["gatekit"] == __version__
    assert [o["check"] for o in record["outcomes"]] == ["shape_kept", "speed"]
    assert store.status(record) == "2 passed"


def test_nothing_is_known_of_another_hash_or_of_no_hash(place: Path) -> None:
    store.put(HASH, "gates", "leaky", GOOD)
    assert store.lookup("b" * 64) == {}
    assert store.lookup("../" + HASH) == {}
    assert store.status(None) == "not checked"


@pytest.mark.parametrize("text", ["", "{", "[]", '{"schema": 2}', "null", '{"schema": 1}'])
def test_damage_is_passed_over(text: str, place: Path) -> None:
    path = store.put(HASH, "gates", "leaky", GOOD)
    assert path is not None
    path.write_text(text)
    assert store.lookup(HASH) == {}


def test_failures_excuses_and_another_version_are_told(place: Path) -> None:
    path = store.put(HASH, "gates", "leaky", [*GOOD, Outcome("a", FAIL), Outcome("b", XFAIL, "x")])
    assert path is not None
    assert store.status(store.lookup(HASH)["gates.leaky"]) == "1 of 4 failed, 1 excused"
    data = json.loads(path.read_text())
    path.write_text(json.dumps({**data, "gatekit": "0.0.1"}))
    assert store.status(store.lookup(HASH)["gates.leaky"]).endswith("(gatekit 0.0.1)")


def test_a_folder_that_cannot_be_written_is_no_error(
    place: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (place / "file").write_text("")
    monkeypatch.setenv("XDG_CACHE_HOME", str(place / "file"))
    assert store.put(HASH, "gates", "leaky", GOOD) is None


def test_the_hash_is_that_of_a_run_and_a_change_is_unchecked(write: Write) -> None:
    path = write("plugins/planted.py", source())
    made = subject("gates", "planted")
    certify(made, GOOD)
    assert set(store.lookup(made.source)) == {"gates.planted"}
    known = registry.catalogue()
    spec = registry.load_cell(
        {
            "name": "one",
            "gates": {"g": {"kind": "planted"}},
            "equations": {"h": "g"},
            "emits": "h",
        },
        known,
    )
    assert registry.plugin_hashes(spec, None, None)["planted"] == made.source
    path.write_text(source("return ops.tanh(pre)"))
    assert store.lookup(registry.object_hash("gates", "planted")) == {}


def test_with_options_of_its_own_nothing_is_kept(place: Path) -> None:
    made = subject("gates", "power_law", options={"eps": 0.5})
    certify(made, GOOD)
    assert store.lookup(made.source) == {}


def test_what_is_known_of_plugins_is_told_by_name(write: Write) -> None:
    write("plugins/planted.py", source())
    bare = (
        "from gatekit import hookimpl\n\n\n@hookimpl\ndef gatekit_callbacks(run):\n    return []\n"
    )
    write("plugins/looks_on.py", bare)
    loading._registry.cache_clear()
    hashes = {"planted": HASH, "looks_on": "b" * 64, "forget_gate": "c" * 64}
    # one's own that nobody checked is told; what has no checks, and gatekit's own, are not
    assert store.of_plugins(hashes) == {"planted": "not checked"}
    store.put(HASH, "gates", "planted", [*GOOD, Outcome("a", FAIL)])
    store.put("c" * 64, "gates", "forget", GOOD)
    assert store.of_plugins(hashes) == {"planted": "1 of 3 failed", "forget_gate": "2 passed"}
