"""The text of ``gatekit train --help``: every key with its value and a few words."""

from __future__ import annotations

import textwrap
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from omegaconf import DictConfig, OmegaConf

from .resolve import unresolved

USAGE = """usage: gatekit train [-m] KEY=VALUE ...

Train one run, or with -m one run for each combination of listed values
(KEY=a,b,c). Repeat the command to continue; complete runs are skipped."""

SECTIONS: dict[str, dict[str, str]] = {
    "the model": {
        "cell": "a file in conf/cell (gatekit cells)",
        "cell.KEY": "any key of the cell, such as cell.dropout=0.1",
        "change": "a file in conf/change: swaps and keys of cells",
        "swap.ROLE": "another gate for a role: swap.forget=power_law",
        "output_unit": "a layer's output (gatekit output-units)",
        "block": "the block around a layer (gatekit blocks)",
        "block.OPTION": "an option of the block, such as block.conv=0",
        "mixers": "cells by layer: mixers=[lstm,gru]",
        "width": "the model's width; null: the units",
        "units": "units of each cell; null: 64, or by the block",
        "layers": "stacked recurrent layers",
        "bidirectional": "adds a backward layer to each layer",
        "residual": "adds a layer's input to its output",
        "dropout": "share of outputs to drop in training",
        "pool": "outputs that the head reads: last, mean or all",
        "head": "initial values of the head: glorot or torch",
        "match": "set units by budget: parameters:50k, state:8k",
    },
    "the task": {
        "task": "the data and the metric (gatekit tasks)",
        "task.OPTION": "an option of the task, such as task.length=50",
    },
    "training": {
        "optimizer": "adam, adamw, sgd or rmsprop",
        "optimizer.name": "the algorithm, in a file of your own",
        "optimizer.learning_rate": "the learning rate",
        "optimizer.clipnorm": "bound on the norm of all gradients",
        "optimizer.schedule": "constant, cosine, linear, step or wsd",
        "optimizer.warmup": "warm-up steps; below 1, a share of all steps",
        "optimizer.final": "last rate as a share: cosine, linear, wsd",
        "optimizer.decay": "share of the steps in which wsd decays",
        "optimizer.ema": "decay of averaged weights, such as 0.999",
        "optimizer.momentum": "for sgd and rmsprop",
        "optimizer.nesterov": "for sgd",
        "optimizer.beta_1": "for adam and adamw: decay of the mean",
        "optimizer.beta_2": "decay of the mean of squares",
        "optimizer.epsilon": "for adam, adamw and rmsprop",
        "optimizer.weight_decay": "decoupled; for adamw, sgd and rmsprop",
        "optimizer.decayed": "weights that decay: matrices or all",
        "trainer": "a file in conf/trainer",
        "trainer.epochs": "passes over the training data",
        "trainer.steps": "training steps; overrides epochs",
        "trainer.batch": "examples per step",
        "trainer.patience": "epochs without improvement before stopping",
        "trainer.tbptt": "steps per window; states are carried on",
        "seed": "determines everything random",
        "vary": "vary only init, order or data with the seed",
        "seeds": "seeds=3 runs the seeds 0, 1, 2",
    },
    "the computation": {
        "executor": "auto, or a name, such as fused",
        "jit": "auto, true or false: compile with XLA",
        "precision": "also float64, mixed_float16, mixed_bfloat16",
        "probe": "records gates and states after each epoch",
        "plugins": "plugin files: plugins=[my_gate.py]",
    },
    "the study": {
        "study": "the study; null: the experiment's name",
        "root": "the folder of all studies",
        "experiment": "a file in conf/experiment with several keys",
        "quick": "quick=true runs an experiment's small version",
        "trials": "draws per variant, with hydra/sweeper=random",
        "n_jobs": "runs at a time; null: one per GPU or core",
        "threads": "threads within a run",
        "retry": "retry=failed runs failed runs again",
        "allow_changed": "continue even if versions have changed",
        "track": "track=[tensorboard]; mlflow, trackio, wandb",
        "hydra.launcher.KEY": "GPUs, Ray and Slurm (docs/cluster.md)",
    },
}
"""What each key means, by section."""

OPTIONS = """options
  -m, --multirun      run every combination of listed values
  --cfg job           print the composed configuration; train nothing
  --resolve           with --cfg: replace references such as ${task.length}
  --info defaults     show which files are composed, in which order
  --hydra-help        show the options of Hydra
  --trust-config      allow more in files that you wrote (docs/security.md)
  -sc install=bash    print the completion script for keys and names
  --version, --debug, --help

Your own files are conf/KEY/NAME.yaml. docs/studies.md describes every key."""

WIDTH = 30


def help_text(config: DictConfig, experiments: Sequence[str] = ()) -> str:
    """Return the help of ``gatekit train``.

    Args:
        config: the composed configuration, whose values are shown.
        experiments: the names of experiments.
    """
    values = {**unresolved(config), **_choices(config)}
    parts = [USAGE]
    for section, keys in SECTIONS.items():
        parts.append("\n".join([section, *_lines(keys, values)]))
    names = textwrap.fill(", ".join(sorted(experiments)), 78, break_on_hyphens=False)
    listed = [textwrap.indent(f"experiments\n{names}", "  ").strip()] if names else []
    return "\n\n".join([*parts, *listed, OPTIONS])


def _lines(keys: Mapping[str, str], values: Mapping[str, Any]) -> Iterator[str]:
    for key, meaning in keys.items():
        value = _value(key, values)
        shown = key if value is None else f"{key}={value}"
        if len(shown) > WIDTH:
            yield f"  {shown}"
            shown = ""
        yield f"  {shown:<{WIDTH}}  {meaning}"


def _value(key: str, values: Mapping[str, Any]) -> str | None:
    """Return a key's value as you would type it; None if the key has no value."""
    value: Any = values.get(key)
    if key not in values:
        group, _, inner = key.partition(".")
        keys = values.get(f"{group}.", {})
        if inner not in keys:
            return None
        value = keys[inner]
    shown = {None: "null", True: "true", False: "false"}
    if value is None or isinstance(value, bool):
        return shown[value]
    return str(value).replace(" ", "")


def _choices(config: DictConfig) -> dict[str, Any]:
    """Return the file chosen in each group, and the keys of each group as ``GROUP.``."""
    choices: Any = OmegaConf.to_container(config.hydra.runtime.choices)
    groups = [group for group in choices if "/" not in group and "@" not in group]
    composed = unresolved(config)
    return {
        **{group: choices[group] for group in groups},
        **{f"{group}.": composed.get(group) or {} for group in groups},
    }
