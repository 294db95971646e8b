"""Every key of a configuration: its type and range, its default, and an example value.

Types are exact: booleans are not integers, and strings and NaN are not numbers.
"""

from __future__ import annotations

import importlib.util
import math
from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

from gatekit.cell.block.reading import PLAIN
from gatekit.recurrence.executors.choose import EXECUTORS
from gatekit.registry.tracker import NAMES
from gatekit.tasks.seeds import PARTS
from gatekit.training import schedule as schedules

POOLS = ("last", "mean", "all")
HEADS = ("glorot", "torch")
PRECISIONS = ("float32", "float64", "mixed_float16", "mixed_bfloat16")
SCHEDULES = ("constant", "cosine", "linear", "step", "wsd")

Check = Callable[[Any], Any]


class WrongError(Exception):
    """A value is not allowed; the message describes the values that are."""


def whole(low: int, high: int = 2**63 - 1) -> Check:
    """Return a check for an integer in a range."""

    def check(value: object) -> int:
        if isinstance(value, bool) or not isinstance(value, int) or not low <= value <= high:
            beyond = high < 2**63 - 1 or (isinstance(value, int) and value > high)
            raise WrongError(f"an integer from {low}" + (f" to {high:,}" if beyond else ""))
        return value

    return check


def number(
    low: float, high: float = math.inf, *, above: bool = False, below: bool = False
) -> Check:
    """Return a check for a finite number in a range; ``above`` and ``below`` make its ends open."""

    def check(value: Any) -> float:
        wrong = isinstance(value, bool) or not isinstance(value, (int, float))
        if not wrong:
            wrong = not math.isfinite(value) or not low <= value <= high
            wrong = wrong or (above and value == low) or (below and value == high)
        if wrong:
            start = "above" if above else "from"
            end = "" if high == math.inf else f" to {'below ' if below else ''}{high:g}"
            raise WrongError(f"a finite number {start} {low:g}{end}")
        return float(value)

    return check


def flag(value: object) -> bool:
    """Check for true or false."""
    if not isinstance(value, bool):
        raise WrongError("true or false")
    return value


def flag_or_auto(value: object) -> bool | str:
    """Check for true, false or ``auto``."""
    if isinstance(value, bool):
        return value
    if value != "auto":
        raise WrongError("true, false or auto")
    return "auto"


def text(value: object) -> str:
    """Check for a string that is not blank."""
    if not isinstance(value, str) or not value.strip():
        raise WrongError("a string")
    return value


def one_of(*names: str) -> Check:
    """Return a check for one of some names."""

    def check(value: object) -> str:
        if not isinstance(value, str) or value not in names:
            raise WrongError("one of " + ", ".join(names))
        return value

    return check


def texts(value: object) -> list[str]:
    """Check for a list of strings."""
    if not isinstance(value, list) or not all(isinstance(v, str) and v for v in value):
        raise WrongError("a list of strings, such as [a, b]")
    return value


def mapping(value: object) -> dict[str, Any]:
    """Check for a mapping whose keys are strings."""
    if not isinstance(value, Mapping) or not all(isinstance(k, str) for k in value):
        raise WrongError("a mapping whose keys are strings")
    return dict(value)


def optional(check: Check) -> Check:
    """Return a check that also accepts null."""

    def checked(value: object) -> Any:
        if value is None:
            return None
        try:
            return check(value)
        except WrongError as wrong:
            raise WrongError(f"{wrong}, or null") from None

    return checked


def cells(value: Any) -> list[Any]:
    """Check for a list of cells, each a name or a mapping."""
    fine = isinstance(value, list) and value
    if not fine or not all(isinstance(each, (str, Mapping)) and each for each in value):
        raise WrongError("a list of cells in brackets, such as 'mixers=[lstm,gru]'")
    return list(value)


def trackers(value: object) -> list[str]:
    """Check for a list of trackers, each with its module installed."""
    if not isinstance(value, list) or not all(name in NAMES for name in value):
        raise WrongError(f"a list of {', '.join(NAMES)}, such as [tensorboard]")
    for name in value:
        # A folder that is named like a module, such as ./wandb, has no origin.
        if getattr(importlib.util.find_spec(name), "origin", None) is None:
            raise WrongError(f"a list of installed trackers; type {NAMES[name]} for {name}")
    return list(dict.fromkeys(value))


def steps_or_share(value: object) -> int | float:
    """Check for a number of steps, or a share of all steps, which is below 1."""
    if isinstance(value, float) and 0 <= value < 1:
        return value or 0
    try:
        return int(whole(0)(value))
    except WrongError:
        raise WrongError("a number of steps from 0, or a share of all steps below 1") from None


class Key(NamedTuple):
    """A key of a configuration.

    Attributes:
        check: returns the value, converted to the key's type; raises `WrongError` if it is wrong.
        default: the value that a run records if the key is not given; `MISSING` for none.
        example: an example value for messages; None means the default.
    """

    check: Check
    default: Any
    example: Any = None


MISSING: Any = object()
"""The default of a key that must be given, or that a run omits."""

_RUN: dict[str, Key] = {
    "cell": Key(mapping, MISSING),
    "change": Key(optional(text), None, "mine"),
    "swap": Key(mapping, {}),
    "output_unit": Key(mapping, {"kind": "hidden"}),
    "block": Key(mapping, dict(PLAIN)),
    "width": Key(optional(whole(1)), None, 64),
    "mixers": Key(optional(cells), None, ["lstm", "gru"]),
    "units": Key(whole(1), 64),
    "layers": Key(whole(1, 64), 1),
    "bidirectional": Key(flag, False),
    "residual": Key(flag, False),
    "dropout": Key(number(0, 1, below=True), 0.0, 0.1),
    "pool": Key(one_of(*POOLS), "last"),
    "head": Key(one_of(*HEADS), "glorot", "torch"),
    "task": Key(mapping, MISSING),
    "optimizer": Key(mapping, MISSING),
    "trainer": Key(mapping, MISSING),
    "executor": Key(one_of(*EXECUTORS), "auto"),
    # The default is that of runs older than `auto`, which were not compiled. conf/train.yaml sets
    # `auto`, so new runs never have the fingerprint of such a run.
    "jit": Key(flag_or_auto, False, "auto"),
    "precision": Key(one_of(*PRECISIONS), "float32"),
    "seed": Key(whole(0), 0),
    "vary": Key(optional(one_of(*PARTS)), None, "init"),
    "match": Key(optional(text), None, "lstm"),
    "probe": Key(flag, False),
    "plugins": Key(texts, [], ["plugins/mine.py"]),
}
_LAUNCH: dict[str, Key] = {
    "study": Key(optional(text), None, "first"),
    "root": Key(text, "experiments"),
    "seeds": Key(optional(whole(1, 100_000)), None, 3),
    "n_jobs": Key(optional(whole(1, 4096)), None, 2),
    "threads": Key(whole(1, 1024), 1),
    "retry": Key(optional(one_of("failed")), None, "failed"),
    "allow_changed": Key(flag, False),
    "trials": Key(optional(whole(1, 1_000_000)), None, 20),
    "track": Key(trackers, [], ["tensorboard"]),
}

OPTIMIZERS: dict[str, dict[str, Any]] = {
    "adam": {},
    "adamw": {"weight_decay": 0.01, "decayed": "matrices"},
    "sgd": {"momentum": 0.0, "nesterov": False},
    "rmsprop": {"momentum": 0.0},
}
"""For each optimizer, the keys that others may lack and that every run of it records."""

_BETAS = {"beta_1": 0.9, "beta_2": 0.999, "epsilon": 1e-7}
_DECAY = {"weight_decay": 0.0, "decayed": "matrices"}
OMITTED: dict[str, dict[str, Any]] = {
    "adam": {**_BETAS},
    "adamw": {**_BETAS},
    "sgd": {**_DECAY},
    "rmsprop": {"epsilon": 1e-7, **_DECAY},
}
"""For each optimizer, the keys that others may lack and that were added later.

A run with these values omits the keys, which keeps the fingerprints of older runs valid.
"""

ALWAYS_OMITTED: dict[str, Any] = {**schedules.DEFAULTS, "ema": None}
"""Keys of every optimizer that were added later; a run with these values omits them."""

TRAINER_OMITTED: dict[str, Any] = {"tbptt": None}
"""Keys of the trainer that were added later; a run with these values omits them."""

_GROUPS: dict[str, dict[str, Key]] = {
    "optimizer": {
        "name": Key(one_of(*OPTIMIZERS), "adam"),
        "learning_rate": Key(number(0, above=True), 1e-3),
        "clipnorm": Key(optional(number(0, above=True)), None, 1.0),
        "schedule": Key(one_of(*SCHEDULES), "constant", "cosine"),
        "momentum": Key(number(0, 1, below=True), MISSING, 0.9),
        "nesterov": Key(flag, MISSING, True),
        "weight_decay": Key(number(0), MISSING, 0.01),
        "decayed": Key(one_of("matrices", "all"), MISSING, "matrices"),
        "beta_1": Key(number(0, 1, below=True), MISSING, 0.9),
        "beta_2": Key(number(0, 1, below=True), MISSING, 0.999),
        "epsilon": Key(number(0, above=True), MISSING, 1e-7),
        "warmup": Key(steps_or_share, MISSING, 0.1),
        "final": Key(number(0, 1), MISSING, 0.1),
        "decay": Key(number(0, 1, above=True, below=True), MISSING, 0.2),
        "ema": Key(optional(number(0, 1, above=True, below=True)), MISSING, 0.999),
    },
    "trainer": {
        "epochs": Key(optional(whole(1)), None, 20),
        "steps": Key(optional(whole(1)), None, 1000),
        "batch": Key(whole(1), 32),
        "patience": Key(optional(whole(1)), None, 5),
        "tbptt": Key(optional(whole(1)), MISSING, 50),
    },
}

RUN_KEYS: dict[str, Check] = {name: key.check for name, key in _RUN.items()}
"""Keys of a run.

All but `change`, `swap`, `match`, `probe` and `plugins` are part of its fingerprint.
"""

CHANGED = ("swap", "cell", "output_unit", "block", "units", "width", "layers")
"""Keys that a file in ``conf/change`` may set."""

NO_NUMBERS = ("probe", "plugins")
"""Keys of a run that change no number."""

USUAL = {
    "cell": "lstm",
    "output_unit": "hidden",
    "block": "plain",
    "task": "adding",
    "optimizer": "adam",
    "trainer": "default",
    "change": "base",
}
"""The file that ``conf/train.yaml`` chooses for each group."""

LAUNCH_KEYS: dict[str, Check] = {name: key.check for name, key in _LAUNCH.items()}
"""Keys that decide where and how runs are executed, and never what they compute."""

GROUP_KEYS: dict[str, dict[str, Check]] = {
    group: {name: key.check for name, key in keys.items()} for group, keys in _GROUPS.items()
}


def _defaults(keys: Mapping[str, Key]) -> dict[str, Any]:
    return {name: key.default for name, key in keys.items() if key.default is not MISSING}


DEFAULTS: dict[str, Any] = _defaults({**_RUN, **_LAUNCH})
GROUP_DEFAULTS: dict[str, dict[str, Any]] = {
    group: _defaults(keys) for group, keys in _GROUPS.items()
}


def example(name: str) -> Any:
    """Return an example value of a key such as ``trainer.steps``; None if there is none."""
    group, _, inner = name.rpartition(".")
    key = (_GROUPS.get(group, {}) if group else {**_RUN, **_LAUNCH}).get(inner)
    if key is None or key.example is not None:
        return key and key.example
    return None if key.default is MISSING else key.default


def with_omitted(optimizer: Mapping[str, Any]) -> dict[str, Any]:
    """Return the keys of a run's optimizer, including those that the run omits.

    A run of AdamW without ``decayed`` is older than this key, and all its weights decayed.

    Args:
        optimizer: the optimizer as recorded by a run.
    """
    name, kind = optimizer.get("name"), optimizer.get("schedule")
    omitted = {**OMITTED.get(str(name), {}), **ALWAYS_OMITTED}
    if name == "adamw":
        omitted["decayed"] = "all"
    if kind not in schedules.FINAL:
        omitted.pop("final")
    if kind != "wsd":
        omitted.pop("decay")
    return {**omitted, **optimizer}
