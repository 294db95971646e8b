"""Doing what a message about a cell says first, at most a few times, gives a cell that is read.

Every key, section, gate, option and equation of a cell has each of some mistakes. What is written
for a YAML file and for a call is YAML and Python with the value of the fix.
"""

from __future__ import annotations

import copy
import functools
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from seams import (
    CELL_KEYS,
    File,
    Layer,
    Place,
    Remove,
    Rename,
    Set,
    apply,
    read_cell,
    read_output_unit,
    safe_yaml,
    with_gates,
)
from seams import faults_Call as Call

from gatekit import GatekitError
from gatekit.registry import catalogue

MOST_STEPS = 4
KNOWN = catalogue()
WRONG = ("yes", "0,5", "50%", -1, 0.5, 3, 10**30, [], [1, 2], ["h"], {"a": 1}, True, "", "relu")
BASE: dict[str, Any] = {
    "cell": {
        "gates": {
            "update": {"kind": "sigmoid", "reads": ["x", "h_prev"], "norm": {"of": "sum"}},
            "slow": {
                "kind": "power_law",
                "reads": {"x": "dense"},
                "initializers": {"bias": "ones"},
            },
            "candidate": {"activation": "tanh(pre)"},
        },
        "equations": {"c": "update * c_prev + alpha * candidate", "h": "slow * c_out + beta * x"},
        "emits": "h",
        "parameters": {"alpha": {"shape": "units", "init": 0.5, "map": "sigmoid"}},
        "constants": {"beta": 2},
        "inputs": {"context": 8},
        "norms": {"c_out": "c"},
        "roles": {"forget": "update"},
        "initial": {"c": 0.5},
        "zoneout": {"c": 0.1},
        "initializers": {"kernel": "glorot_uniform"},
        "learned_initial_state": ["h"],
        "dropout": 0.1,
        "year": 1997,
    },
    "output_unit": {"kind": "projection", "units": 4},
}
OF_LAYERS = ("dropout", "recurrent_dropout", "zoneout", "learned_initial_state")
"""Keys of a cell that are arguments of a layer, too."""
EQUATIONS = (
    "tahn(c)", "c^2", "2x + h_prev", "c h_prev", "np.tanh(c)", "tf.nn.relu(c)", "torch.sigmoid(c)",
    "hadamard(c, x)", "max(c, x)", "sigma(c)", "leaky_relu(c)", "σ(c) ⊙ x", "α · c", "h[t-1] * c",
    "c_{t-1} * 2", "tanh(c", "c +", "h = c", "(1 - lambda) * c", "std(c) * 2", "relu6(c + 1)",
    "math.exp(-c)", "\\tanh(c) \\odot x", "c\n+ x", "pow(c, 2)", "sinh(c)", "(c)(x)", "x ** * c",
)  # fmt: skip


def misspelt(name: str) -> str:
    return name[:-1] if len(name) > 3 else f"{name}{name[-1]}"


def put(path: tuple[str | int, ...], value: Any) -> dict[str, Any]:
    return apply(Set(Place(path), value), BASE) or {}


def renamed(path: tuple[str, ...], name: str) -> dict[str, Any]:
    return apply(Rename(Place(path), Place((*path[:-1], name))), BASE) or {}


def paths(value: Any, at: tuple[str, ...]) -> Iterator[tuple[str, ...]]:
    yield at
    for key, inner in value.items() if isinstance(value, Mapping) else ():
        yield from paths(inner, (*at, key))


def mistakes() -> Iterator[tuple[str, dict[str, Any]]]:
    for path in [*paths(BASE, ())][2:]:
        had = functools.reduce(lambda data, key: data[key], path, BASE)
        for wrong in WRONG:
            if not isinstance(wrong, str) or isinstance(had, (int, float)):
                yield f"{'.'.join(path)}={wrong!r}", put(path, wrong)
        if isinstance(had, str):
            yield f"{'.'.join(path)}={misspelt(had)!r}", put(path, misspelt(had))
        yield f"{'.'.join(path)} misspelt", renamed(path, misspelt(path[-1]))
        yield f"~{'.'.join(path)}", apply(Remove(Place(path)), BASE) or {}
    for key in CELL_KEYS:
        yield f"cell.{misspelt(key)}", put(("cell", misspelt(key)), BASE["cell"].get(key, "h"))
    for kind, gate in [*KNOWN.gates.items()][::5]:
        where = ("cell", "gates", "slow")
        yield f"gate {kind}", put(where, f"{kind}x")
        for option in gate.option_names():
            yield f"{kind}.{misspelt(option)}", put(where, {"kind": kind, misspelt(option): 1})
            for wrong in ("yes", -1, [1], "0.5"):
                yield f"{kind}.{option}={wrong!r}", put(where, {"kind": kind, option: wrong})
    for entry in (
        {"type": "tanh"},
        {"kind:tanh": None},
        {"tanh": None},
        ["tanh"],
        [{"kind": "tanh"}],
    ):
        yield f"gate {entry}", put(("cell", "gates", "slow"), entry)
        yield f"swap {entry}", put(("swap", "forget"), entry)
    for gate in ("power_lw", 3, {"eps": 0.1, "kind": "powerlaw"}, {"kind": "power_law", "epss": 1}):
        yield f"swap {gate}", put(("swap", "forget"), gate)
    yield "swap of no role", put(("swap",), {"forgot": "power_law"})
    for reads in ("x h_prev", "x, h_prev", ["x h_prev"], [{"x": "dense"}], ["concat(x", "h_prev)"]):
        yield f"reads {reads}", put(("cell", "gates", "slow", "reads"), reads)
    for text in EQUATIONS:
        yield f"equation {text}", put(("cell", "equations", "h"), text)
        yield f"activation {text}", put(("cell", "gates", "candidate", "activation"), text)
        yield f"read {text}", put(("cell", "gates", "slow", "reads"), [text])
    for name in ("lambda", "a-b", "α", "1st", "x", "tanh", "h_prev", True, None):
        for section in ("gates", "equations", "parameters", "constants", "norms"):
            value = {**BASE["cell"][section], name: [*BASE["cell"][section].values()][-1]}
            yield f"{section}.{name}", put(("cell", section), value)


def check(data: Mapping[str, Any]) -> None:
    try:
        read_cell(with_gates(data.get("cell", {}), data.get("swap", {}), KNOWN), KNOWN)
    except GatekitError as error:
        moved = (Place.of("cell.gates.update"), Place.of("swap.forget"))
        raise error.spoken(File(), *[moved] * ("swap" in data)) from None
    read_output_unit(data.get("output_unit", "hidden"), KNOWN)


def short(value: Any) -> Any:
    """Return the name of a part without options."""
    return value["kind"] if isinstance(value, Mapping) and [*value] == ["kind"] else value


def unreadable(fix: Any, data: Mapping[str, Any]) -> Iterator[str]:
    """Yield what is written for a fix if it is not YAML, and Python, that has its effect."""
    if isinstance(fix, Set) and len(repr(fix.value)) < 160:
        line, call = File().assign(fix), Call(given=data).assign(fix)
        if safe_yaml.parse(line, Path("mine.yaml")) != {fix.place.last: fix.value}:
            yield line
        scope = copy.deepcopy(data)
        exec(call, {}, scope)
        after = apply(fix, data) or {}
        if {key: short(scope[key]) for key in data} != {key: short(after[key]) for key in after}:
            yield call
        if len(fix.place.path) > 1 and (argument := str(fix.place.path[1])) in OF_LAYERS:
            given = copy.deepcopy(data["cell"])
            call = Layer(given=given).assign(fix)
            exec(call, {}, given)
            if given[argument] != after["cell"][argument]:
                yield call


def followed(data: dict[str, Any], wrote: list[str]) -> tuple[list[str], bool]:
    """Return the messages of which each is about what the one before said to do.

    Args:
        data: the cell.
        wrote: receives what is written for a fix and is not YAML, or not Python.

    Returns:
        The messages, and whether the last first fix led to a cell that is read.
    """
    said: list[str] = []
    while len(said) < MOST_STEPS:
        try:
            check(data)
        except GatekitError as error:
            said.append(str(error))
            fault = error.fault
            first = fault.fixes[0] if fault is not None and fault.fixes else None
            fixed = None if first is None else apply(first, data)
            wrote += unreadable(first, data)
            if fixed is None or repr(fixed) == repr(data):
                break
            data = fixed
        else:
            return said, True
    return said, False


def test_following_the_first_fix_ends_in_a_cell_that_is_read() -> None:
    check(BASE)
    wrote: list[str] = []
    tried = {what: followed(data, wrote) for what, data in mistakes()}
    failed = {what: said for what, (said, read) in tried.items() if not read}
    again = {what: said for what, (said, read) in tried.items() if read and said[1:]}
    assert wrote == []
    assert len(tried) > 1000
    assert len(failed) < len(tried) / 20, failed
    assert len(again) < len(tried) / 40, again
