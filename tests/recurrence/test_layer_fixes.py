"""Doing what a layer's message says first, again and again, ends with a layer.

Every keyword argument of each layer has each of some mistakes; what a message says to write is
evaluated as Python.
"""

from __future__ import annotations

import copy
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from seams import Both, Fault, Layer, Remove, Rename, Set, own_arguments

from gatekit import RNN, BlockLayer, Cell, GatekitError

MOST_STEPS = 4
PLUGIN = """from gatekit import hookimpl


@hookimpl
def gatekit_gates():
    return {}
"""
WRONG = ("yes", "50%", "12", -1, 0.5, 3, [], ["h"], {"a": 1}, True, "relu", 10**30)
NAMES = ("cell", "block", "output_unit", "regularizers", "constraints")
CELL = {"cell": "lstm", "units": 2}
BASE: dict[Any, dict[str, Any]] = {RNN: CELL, Cell: CELL, BlockLayer: {**CELL, "block": "modern"}}
USUAL: dict[str, Any] = {
    "output_unit": "hidden",
    "swap": {"forget": "power_law"},
    "dropout": 0.1,
    "recurrent_dropout": 0.1,
    "zoneout": {"h": 0.1},
    "learned_initial_state": ["h"],
    "regularizers": {"kernel": "l2"},
    "constraints": {"kernel": "non_neg"},
    "executor": "stacked",
    "seed": 0,
    "features": 3,
    "plugins": ["plugins/mine.py"],
}
INNER: dict[str, tuple[Any, ...]] = {
    "output_unit": ("hiden", {"kind": "projection", "unit": 4}, {"kind": "projection"}),
    "swap": (
        *({"forgt": "power_law"}, {"forget": "power_lw"}),
        {"forget": {"kind": "power_law", "ep": 1}},
    ),
    "zoneout": ({"h": 2}, {"h": "10%"}, {"hh": 0.1}),
    "learned_initial_state": (["hh"], "h", [0]),
    "block": ({"kind": "modern", "con": 4}, {"kind": "modrn"}, {"kind": "modern", "conv": "4"}),
    "cell": ("lst", "LSTM", {"name": "lstm"}),
    "plugins": ("plugins/mine.py", ["plugins/min.py"], ["nowhere.py"]),
}


def misspelt(name: str) -> str:
    return name[:-1] if len(name) > 3 else f"{name}{name[-1]}"


def mistakes() -> Iterator[tuple[Any, str, dict[str, Any]]]:
    for kind, base in BASE.items():
        for name in own_arguments(kind):
            for value in (*WRONG, *INNER.get(name, ())):
                if name not in NAMES or not isinstance(value, str) or value not in WRONG:
                    yield kind, f"{name}={value!r}", {**base, name: value}
            given = {**base, name: base.get(name, USUAL.get(name, True))}
            given[misspelt(name)] = given.pop(name)
            yield kind, misspelt(name), given
    for option in ("conv", "expnd", "hidden_size", "return_sequence", "go_backward"):
        yield BlockLayer, option, {**BASE[BlockLayer], option: 4}


def followed(kind: Any, data: dict[str, Any]) -> str:
    """Return the messages if the first fixes do not lead to a layer."""
    said: list[str] = []
    while len(said) < MOST_STEPS:
        try:
            kind(**data)
        except GatekitError as error:
            said.append(str(error))
            after = copy.deepcopy(data)
            if error.fault is not None and error.fault.fixes:
                follow(error.fault, after)
            if repr(after) == repr(data):
                break
            data = after
        else:
            return ""
    return " THEN ".join(said)


def follow(fault: Fault, given: dict[str, Any]) -> None:
    """Do to the arguments what the message of a fault says first."""
    channel, first = Layer(given=copy.deepcopy(given)), fault.fixes[0]
    parts = first.fixes if isinstance(first, Both) else (first,)
    sets = [part for part in parts if isinstance(part, Set)]
    for part in parts:
        if isinstance(part, (Remove, Rename)):
            exec(f"del {channel.name(part.place)}", {}, given)
        if isinstance(part, Rename):
            given.update(eval(f"dict({channel.rename(part, fault.given)})"))
    given.update(eval(f"dict({channel.assign(*sets)})"))


def test_following_the_first_fix_ends_in_a_layer(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    Path("plugins").mkdir()
    Path("plugins/mine.py").write_text(PLUGIN)
    tried = [(f"{kind.__name__} {what}", followed(kind, data)) for kind, what, data in mistakes()]
    failed = {what: said for what, said in tried if said}
    assert len(tried) > 500
    assert len(failed) < len(tried) / 20, failed
