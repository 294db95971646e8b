"""Every key of a configuration, declared once: its type, its defaults, and what it means.

Types are exact: booleans are not integers, and strings and NaN are not numbers.
"""

from __future__ import annotations

import importlib.util
import re
from collections.abc import Mapping
from typing import Any, NamedTuple

from gatekit.cell.block.reading import PLAIN
from gatekit.faults import (
    AnyOf,
    Custom,
    Flag,
    ListOf,
    Mismatch,
    Number,
    OneOf,
    Optional,
    Table,
    Text,
    Type,
    Whole,
    fits,
)
from gatekit.recurrence.executors.choose import EXECUTORS
from gatekit.registry.tracker import NAMES
from gatekit.tasks.seeds import PARTS
from gatekit.training import schedule as schedules

POOLS = ("last", "mean", "all")
HEADS = ("glorot", "torch", "kaiming")
PRECISIONS = ("float32", "float64", "mixed_float16", "mixed_bfloat16")
SCHEDULES = ("constant", "cosine", "linear", "step", "wsd", "plateau")

GROUPS = (
    *("cell", "change", "block", "task", "output_unit", "optimizer", "trainer", "experiment"),
)
"""The folders of ``conf``, each of which has a key."""

KEY = re.compile(r"[A-Za-z_]\w*(?:[./][\w-]+)*", re.ASCII)
"""A key of the configuration, or a group."""

NAME = re.compile(r"(?!.*\.\.)(?!.{201})[A-Za-z0-9_][\w.-]*(?:/[A-Za-z0-9_][\w.-]*)*", re.ASCII)
"""The name of a configuration file within its group."""

LAUNCHING = ("n_jobs", "threads", "devices", "retry", "track", "allow_changed")
"""The keys that are accepted by commands that repeat the runs of a study."""

MISSING: Any = object()
"""The default of a key that must be given, or that a run omits."""


def _cell(value: Any) -> Any:
    if not isinstance(value, (str, Mapping)) or not value:
        raise Mismatch("a cell, by name or as a mapping")
    return value


def _trackers(value: Any) -> list[str]:
    """Accept a list of trackers, each with its module installed."""
    if not isinstance(value, list) or not all(name in NAMES for name in value):
        raise Mismatch(f"a list of {', '.join(NAMES)}, such as [tensorboard]")
    if missing := not_installed(value):
        install = " and ".join(f"{NAMES[name]} for {name}" for name in missing)
        raise Mismatch(f"a list of installed trackers: {install}")
    return list(dict.fromkeys(value))


def not_installed(trackers: list[str]) -> list[str]:
    """Return the trackers whose module is not installed."""
    # A folder that is named like a module, such as ./wandb, has no origin.
    specs = {name: importlib.util.find_spec(name) for name in trackers if name in NAMES}
    return [name for name, spec in specs.items() if getattr(spec, "origin", None) is None]


def _steps_or_share(value: Any) -> int | float:
    if isinstance(value, float) and 0 <= value < 1:
        return value or 0
    if not fits(value, Whole(0)):
        raise Mismatch("a number of steps from 0, or a share of all steps below 1")
    return int(value)


def _head(value: Any) -> str | float:
    if value in HEADS:
        return str(value)
    if not fits(value, Number(0, above=True)):
        raise Mismatch(f"{' or '.join(HEADS)}, or a number r above 0 for U[-r, r]")
    return float(value)


MAPPING = Table()
DEVICES = AnyOf((Whole(1, 64), OneOf(("all",))))
OPTIONAL = Optional(Whole(1))
OPTIONAL_TEXT = Optional(Text())
POSITIVE = Number(0, above=True)
INSIDE = Number(0, 1, above=True, below=True)
CELLS = ListOf(Custom(_cell), "a list of cells in brackets", empty=False)
SHARE = Number(0, 1, below=True)
TEXTS = ListOf(Text())
TRACKERS = Custom(_trackers)
STEPS_OR_SHARE = Custom(_steps_or_share)
TRUE_OR_FALSE = Flag()


class Key(NamedTuple):
    """A key of a configuration.

    Attributes:
        type: the values that are allowed.
        default: the value of a record without the key; `MISSING` for none.
        help: a few words.
        new: the value of a new run, in ``conf/train.yaml``, if it is another one.
    """

    type: Type
    default: Any
    help: str
    new: Any = MISSING


KEYS: dict[str, dict[str, Key | str]] = {
    "the model": {
        "cell": Key(MAPPING, MISSING, "a file in conf/cell (gatekit cells)"),
        "cell.KEY": "any key of the cell, such as cell.dropout=0.1",
        "change": Key(OPTIONAL_TEXT, None, "a file in conf/change: swaps and keys of cells"),
        "swap": Key(MAPPING, {}, ""),
        "swap.ROLE": "another gate for a role: swap.forget=power_law",
        "output_unit": Key(MAPPING, {"kind": "hidden"}, "a layer's output (gatekit output-units)"),
        "block": Key(MAPPING, dict(PLAIN), "the block around a layer (gatekit blocks)"),
        "block.OPTION": "an option of the block, such as block.conv=0",
        "mixers": Key(Optional(CELLS), None, "cells by layer: mixers=[lstm,gru]"),
        "width": Key(OPTIONAL, None, "the model's width; null: the units"),
        "units": Key(Whole(1), 64, "units of each cell; null: 64, or by the block", new=None),
        "layers": Key(Whole(1, 64), 1, "stacked recurrent layers"),
        "bidirectional": Key(TRUE_OR_FALSE, False, "adds a backward layer to each layer"),
        "residual": Key(TRUE_OR_FALSE, False, "adds a layer's input to its output"),
        "dropout": Key(SHARE, 0.0, "share of outputs to drop in training"),
        "pool": Key(OneOf(POOLS), "last", "outputs that the head reads: last, mean or all"),
        "head": Key(Custom(_head), "glorot", "first values: glorot, torch, kaiming, 0.2"),
        "head_bias": Key(TRUE_OR_FALSE, True, "whether the head has a bias"),
        "match": Key(OPTIONAL_TEXT, None, "set units by budget: parameters:50k, state:8k"),
    },
    "the task": {
        "task": Key(MAPPING, MISSING, "the data and the metric (gatekit tasks)"),
        "task.OPTION": "an option of the task, such as task.length=50",
    },
    "training": {
        "optimizer": Key(MAPPING, MISSING, "adam, adamw, sgd, rmsprop or muon"),
        "optimizer.name": Key(
            OneOf(("adam", "adamw", "sgd", "rmsprop", "muon")),
            "adam",
            "the algorithm, in a file of your own",
        ),
        "optimizer.learning_rate": Key(POSITIVE, 1e-3, "the learning rate"),
        "optimizer.clipnorm": Key(Optional(POSITIVE), None, "bound on the norm of all gradients"),
        "optimizer.schedule": Key(
            OneOf(SCHEDULES), "constant", "constant, cosine, linear, step, wsd or plateau"
        ),
        "optimizer.warmup": Key(
            STEPS_OR_SHARE, MISSING, "warm-up steps; below 1, a share of all steps"
        ),
        "optimizer.final": Key(Number(0, 1), MISSING, "last rate as a share: cosine, linear, wsd"),
        "optimizer.decay": Key(INSIDE, MISSING, "share of the steps in which wsd decays"),
        "optimizer.wait": Key(Whole(1), MISSING, "epochs that plateau waits for an improvement"),
        "optimizer.factor": Key(INSIDE, MISSING, "plateau: what multiplies the rate then"),
        "optimizer.ema": Key(Optional(INSIDE), MISSING, "decay of averaged weights, such as 0.999"),
        "optimizer.momentum": Key(SHARE, MISSING, "for sgd, rmsprop and muon"),
        "optimizer.nesterov": Key(TRUE_OR_FALSE, MISSING, "for sgd and muon"),
        "optimizer.beta_1": Key(SHARE, MISSING, "adam, adamw, muon: decay of the mean"),
        "optimizer.beta_2": Key(SHARE, MISSING, "decay of the mean of squares"),
        "optimizer.epsilon": Key(POSITIVE, MISSING, "for adam, adamw, rmsprop and muon"),
        "optimizer.weight_decay": Key(Number(0), MISSING, "decoupled; not for adam"),
        "optimizer.decayed": Key(
            OneOf(("matrices", "all")), MISSING, "weights that decay: matrices or all"
        ),
        "trainer": Key(MAPPING, MISSING, "a file in conf/trainer"),
        "trainer.epochs": Key(OPTIONAL, None, "passes over the training data"),
        "trainer.steps": Key(OPTIONAL, None, "training steps; overrides epochs"),
        "trainer.batch": Key(Whole(1), 32, "examples per step"),
        "trainer.accumulate": Key(
            Whole(1, 65_536), MISSING, "batches for one update: saves memory"
        ),
        "trainer.patience": Key(OPTIONAL, None, "epochs without improvement before stopping"),
        "trainer.until": Key(Optional(Number()), MISSING, "validation score at which a run stops"),
        "trainer.mean": Key(OneOf(("steps", "sequences")), MISSING, "what the loss is a mean of"),
        "trainer.tbptt": Key(OPTIONAL, MISSING, "steps per window; states are carried on"),
        "seed": Key(Whole(0), 0, "determines everything random"),
        "vary": Key(Optional(OneOf(PARTS)), None, "vary only init, order or data with the seed"),
        "seeds": Key(Optional(Whole(1, 100_000)), None, "seeds=3 runs the seeds 0, 1, 2"),
    },
    "the computation": {
        "executor": Key(OneOf(tuple(EXECUTORS)), "auto", "auto, or a name, such as stacked"),
        "chosen": Key(
            Optional(OneOf(tuple(EXECUTORS[1:]))), None, "what auto chose, if once another"
        ),
        # A run older than `auto` was not compiled, and has another fingerprint than any new run.
        "jit": Key(Flag("auto"), False, "auto, true or false: compile with XLA", new="auto"),
        "precision": Key(
            OneOf(PRECISIONS), "float32", "also float64, mixed_float16, mixed_bfloat16"
        ),
        "shards": Key(
            Optional(Whole(1, 1024)), 1, "parts of a batch at a time; null: threads", new=None
        ),
        "probe": Key(TRUE_OR_FALSE, False, "records gates and states after each epoch"),
        "plugins": Key(TEXTS, [], "plugin files: plugins=[my_gate.py]"),
    },
    "the study": {
        "study": Key(OPTIONAL_TEXT, None, "the study; null: the experiment's name"),
        "root": Key(Text(), "experiments", "the folder of all studies"),
        "experiment": "a file in conf/experiment with several keys",
        "quick": "quick=true runs an experiment's small version",
        "trials": Key(
            Optional(Whole(1, 1_000_000)), None, "draws per variant, with hydra/sweeper=random"
        ),
        "n_jobs": Key(Optional(Whole(1, 4096)), None, "runs at a time; null: one per GPU or core"),
        "threads": Key(Whole(1, 1024), 1, "threads of a run, which share its batch"),
        "devices": Key(DEVICES, 1, "devices of a run: a number, or all GPUs here"),
        "retry": Key(Optional(OneOf(("failed",))), None, "retry=failed runs failed runs again"),
        "allow_changed": Key(TRUE_OR_FALSE, False, "continue even if versions have changed"),
        "track": Key(TRACKERS, [], "track=[tensorboard]; mlflow, wandb"),
        "hydra.launcher.KEY": "GPUs, Ray and Slurm (docs/cluster.md)",
    },
}
"""Every key by section, and words about what else can be typed, in the order of the help."""

DECLARED: dict[str, Key] = {
    name: key for keys in KEYS.values() for name, key in keys.items() if isinstance(key, Key)
}
"""Every key, by its full name."""


def _of(group: str) -> dict[str, Key]:
    return {
        name.partition(".")[2]: key
        for name, key in DECLARED.items()
        if name.startswith(f"{group}.")
    }


_WHOLE = {name: key for name, key in DECLARED.items() if "." not in name}

_LAUNCH = ("seeds", *KEYS["the study"])

RUN_KEYS: dict[str, Type] = {n: key.type for n, key in _WHOLE.items() if n not in _LAUNCH}
"""Keys of a run.

All but `change`, `swap`, `match`, `probe` and `plugins` are part of its fingerprint.
"""

LAUNCH_KEYS: dict[str, Type] = {n: key.type for n, key in _WHOLE.items() if n in _LAUNCH}
"""Keys that decide where and how runs are executed, and never what they compute."""

GROUP_KEYS: dict[str, dict[str, Type]] = {
    group: {name: key.type for name, key in _of(group).items()}
    for group in ("optimizer", "trainer")
}

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


def _defaults(keys: Mapping[str, Key]) -> dict[str, Any]:
    return {name: key.default for name, key in keys.items() if key.default is not MISSING}


DEFAULTS: dict[str, Any] = _defaults(_WHOLE)
GROUP_DEFAULTS: dict[str, dict[str, Any]] = {group: _defaults(_of(group)) for group in GROUP_KEYS}
_BETAS = {"beta_1": 0.9, "beta_2": 0.999, "epsilon": 1e-7}

OPTIMIZERS: dict[str, dict[str, Any]] = {
    "adam": {},
    "adamw": {"weight_decay": 0.01, "decayed": "matrices"},
    "sgd": {"momentum": 0.0, "nesterov": False},
    "rmsprop": {"momentum": 0.0},
    "muon": {
        "momentum": 0.95,
        "nesterov": True,
        "weight_decay": 0.01,
        "decayed": "matrices",
        **_BETAS,
    },
}
"""For each optimizer, the keys that others may lack and that every run of it records."""

_DECAY = {"weight_decay": 0.0, "decayed": "matrices"}
OMITTED: dict[str, dict[str, Any]] = {
    "adam": {**_BETAS},
    "adamw": {**_BETAS},
    "sgd": {**_DECAY},
    "rmsprop": {"epsilon": 1e-7, **_DECAY},
    "muon": {},
}
"""For each optimizer, the keys that others may lack and that a run with these values omits."""

ALWAYS_OMITTED: dict[str, Any] = {**schedules.DEFAULTS, "ema": None}
"""Keys of every optimizer that a run with these values omits."""

TRAINER_OMITTED: dict[str, Any] = {"tbptt": None, "accumulate": 1, "until": None, "mean": "steps"}
"""Keys of the trainer that a run with these values omits."""


def named_values(type_: Type) -> list[str]:
    """Return the values of a type that has few, as they are typed; none for other types."""
    if isinstance(type_, Optional) and (values := named_values(type_.inner)):
        return [*values, "null"]
    if isinstance(type_, Flag):
        return ["true", "false", *([type_.word] if type_.word else [])]
    return [*type_.names] if isinstance(type_, OneOf) else []


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
    if kind != "plateau":
        omitted = {key: value for key, value in omitted.items() if key not in ("wait", "factor")}
    return {**omitted, **optimizer}
