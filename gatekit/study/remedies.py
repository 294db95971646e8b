"""What to type instead of a key or a value that is nearly right."""

from __future__ import annotations

import math
import re
import shlex
from collections.abc import Collection, Mapping, Sequence
from typing import Any

from gatekit.cell.errors import SWITCHES, amount_of, as_typed, excerpt, nearest_name, safe_repr
from gatekit.registry.tracker import NAMES

from .schema import Check, WrongError, flag, flag_or_auto

KEY = re.compile(r"[a-z_]\w*(?:\.\w+)*")
"""A key without placeholders, unlike ``swap.ROLE=GATE``."""

_OTHER_NAMES = {
    "n_jobs": "j workers num_workers parallel jobs cpus",
    "optimizer.learning_rate": "lr learning_rate",
    "trainer.batch": "batch_size batch batchsize bs",
    "trainer.epochs": "max_epochs n_epochs num_epochs",
    "trainer.steps": "max_steps iterations num_steps n_steps",
    "trainer.patience": "early_stopping",
    "units": "hidden_size hidden_units hidden_dim hidden n_hidden num_units",
    "width": "d_model model_dim",
    "layers": "num_layers n_layers depth",
    "precision": "dtype",
    "task": "dataset tasks data datasets",
    "study": "name experiment_name project",
    "root": "output_dir out_dir save_dir log_dir logdir output results_dir "
    "checkpoint_dir out folder path dir",
    "seed": "random_state",
    "cell": "model cells cell_type rnn rnn_type network architecture arch",
    "optimizer.weight_decay": "wd",
    "optimizer.beta_1": "beta1",
    "optimizer.beta_2": "beta2",
    "optimizer.beta_1 and optimizer.beta_2": "betas",
    "optimizer.epsilon": "eps",
    "optimizer.schedule": "lr_scheduler scheduler",
    "optimizer.warmup": "warmup_steps warmup_ratio",
    "optimizer.final": "min_lr",
    "optimizer.ema": "ema_decay ema_momentum use_ema",
    "optimizer.clipnorm": "clip_norm gradient_clip_val grad_clip clip",
    "swap.ROLE=GATE or cell.gates.NAME": "gates",
    "swap.ROLE=GATE": "gate activation",
    "cell.equations.NAME": "equations",
    "cell.parameters.NAME": "parameters",
    "trainer.tbptt": "bptt truncate stateful",
    "track=[wandb]": "wandb logger",
    "task.length": "seq_len",
    "jit": "jit_compile xla",
    "seeds": "n_seeds num_seeds repeats",
    "trials": "n_trials num_trials max_trials",
    "optimizer.decay": "decay_rate",
    "optimizer": "opt",
    "track": "tracker",
    "track=[tensorboard]": "tensorboard",
    "track=[mlflow]": "mlflow",
    "dropout": "dropout_rate",
    "bidirectional": "bidir",
    "precision=mixed_float16": "fp16 amp mixed_precision",
    "experiment": "config preset",
}
OTHER_NAMES = {name: key for key, names in _OTHER_NAMES.items() for name in names.split()}
"""Names that other libraries use for keys, with the key that is meant."""

HYDRA_KEYS = {
    "hydra.run": "root=FOLDER and study=NAME choose where runs are stored",
    "hydra.sweep": "root=FOLDER and study=NAME choose where runs are stored",
    "hydra.output_subdir": "root=FOLDER and study=NAME choose where runs are stored",
    "hydra.job": "study=NAME names the study; a run works in the folder where you type the command",
    "hydra.searchpath": "put your files into ./conf, which is searched first",
    "hydra.sweeper": "trials=N is the number of draws of hydra/sweeper=random or optuna",
    "hydra.job_logging": "gatekit logs shows the log of a run",
    "hydra.hydra_logging": "gatekit logs shows the log of a run",
    "hydra.callbacks": "a plugin can register callbacks (docs/plugins.md)",
}
"""What to type instead of keys of Hydra that have no effect in gatekit."""


def instead(key: str, value: object, check: Check, example: object = None) -> str:
    """Return what to type for a value that is not allowed, as a sentence.

    Args:
        key: the full key.
        value: the value that was given.
        check: the check for values of the key.
        example: an allowed value; None if there is none.

    Returns:
        The sentence with a space before it; an empty string if there is nothing to suggest.
    """
    groups = ("cell", "task", "block", "output_unit", "optimizer", "trainer")
    if key in groups:
        name = excerpt(value) if isinstance(value, str) and value else "NAME"
        return f" Type {key}={name} to choose one, and {key}.KEY=VALUE to set one of its keys."
    if key == "swap":
        words = value if isinstance(value, str) else "power_law"
        role, colon, gate = words.replace("=", ":").partition(":")
        typed = f"swap.{role}={gate}" if colon else f"swap.forget={words}"
        return f" Name the role that the gate plays: type {excerpt(typed)}."
    names = [value] if isinstance(value, str) else value
    if key == "track" and isinstance(names, list) and all(name in NAMES for name in names):
        missing = [name for name in names if not allowed(check, [name])]
        install = "; ".join(NAMES[name] for name in missing)
        then = "" if allowed(check, names) else f"{install}, then "
        return f" Type {then}'track=[{','.join(names)}]'."
    if key == "precision" and (near := _PRECISIONS.get(str(value).lower())):
        return f" Type precision={near}."
    if key == "trainer.tbptt":
        return " Type trainer.tbptt=50 for windows of 50 steps, or null for whole sequences."
    if key == "match" and (amount := amount_of(str(value))):
        return f" Type match=parameters:{value}, a budget of {amount:,} parameters."
    if key == "seeds":
        return " seeds=3 runs the seeds 0, 1, 2; to choose other seeds, type -m seed=4,5 instead."
    if isinstance(value, str) and (ends := re.fullmatch(r"(\d+) *(?:\.\.\.?|:|-) *(\d+)", value)):
        return f" For a range, type -m '{key}=range({ends[1]},{int(ends[2]) + 1})'."
    if isinstance(value, str) and (several := re.fullmatch(r"[\w.+-]+(?:[ ;|]+[\w.+-]+)+", value)):
        each = re.findall(r"[\w.+-]+", several[0])
        amounts = [amount_of(one) for one in each]
        if all(allowed(check, one) for one in each) or all(allowed(check, a) for a in amounts):
            return f" To run each of them, type -m {key}={','.join(map(excerpt, each))}."
    if isinstance(value, list) and value and allowed(check, value[0]):
        word = f"{key}={','.join(excerpt(as_typed(v)) for v in value)}"
        return f" To run each of them, type -m {word}." if value[1:] else f" Type {word}."
    for nearly in (*_nearly(value, check), example):
        if nearly is not None and allowed(check, nearly):
            return f" Type {in_shell(f'{key}={as_typed(nearly)}')}."
    return ""


def in_shell(word: str) -> str:
    """Return a word as it is typed in a shell, with the fewest quotes."""
    if shlex.quote(word) == word or not set(word) & set(" \t()[]{}*?;&|<>'\"$`\\!#~"):
        return word
    return shlex.quote(word) if set(word) & set('"$`\\!') or "'" not in word else f'"{word}"'


def _nearly(value: object, check: Check) -> list[Any]:
    """Return values that are probably meant, the likeliest first."""
    candidates: list[Any] = []
    if check in (flag, flag_or_auto):
        candidates.append(SWITCHES.get(str(value).lower()))
        if check is flag and isinstance(value, str) and value.lower() not in ("", "none", "null"):
            candidates.append(True)
    if isinstance(value, float) and math.isfinite(value):
        candidates.append(int(value) if value.is_integer() else round(value))
    if isinstance(value, int) and (most := re.search(r" to ([\d,]+)", _reason(check, value))):
        candidates.append(int(most[1].replace(",", "")) if value > 0 else None)
    if isinstance(value, str):
        candidates += [value.lower(), _PRECISIONS.get(value.lower()), [value]]
        if (amount := amount_of(value)) is not None:
            candidates.append(amount)
        try:
            check(value)
        except WrongError as wrong:
            names = str(wrong).removesuffix(", or null").removeprefix("one of ").split(", ")
            candidates.append(nearest_name(value, names) or None)
    return candidates


def _reason(check: Check, value: object) -> str:
    try:
        check(value)
    except WrongError as wrong:
        return str(wrong)
    return ""


def allowed(check: Check, value: object) -> bool:
    """Return whether a key may have a value."""
    try:
        check(value)
    except WrongError:
        return False
    return True


_PRECISIONS = {
    **dict.fromkeys(("fp16", "float16", "half", "16", "16-mixed", "mixed"), "mixed_float16"),
    **dict.fromkeys(("bf16", "bfloat16", "bf16-mixed"), "mixed_bfloat16"),
    **dict.fromkeys(("fp32", "single", "32"), "float32"),
    **dict.fromkeys(("fp64", "double", "64"), "float64"),
}
"""Names of precisions in other libraries, with gatekit's names for them."""
_ELSEWHERE = {
    "compare": "by baseline figure draw margin level where label best-of split",
    "plan": "list dry-run dry dryrun what-if",
    "status": "runs verify progress",
    "extend": "until-decided add-seeds",
    "report": "watch",
    "prune": "yes delete",
    "serve": "port live dashboard",
    "sample": "prompt temperature",
    "bundle": "weights",
}
"""Options that people type after the wrong command, by the command that has them."""

_TAKES = {"sample": "RUN", "serve": ""}

NOT_KEYS = {
    **dict.fromkeys(
        ("loss", "metric", "metrics", "criterion"),
        "the task sets loss and metric (`gatekit tasks`)",
    ),
    **dict.fromkeys(("callbacks", "callback"), "a plugin registers callbacks (docs/plugins.md)"),
    **dict.fromkeys(("deterministic", "reproducible"), "every run is already deterministic"),
    **dict.fromkeys(
        ("verbose", "verbosity", "log_level", "log_every"), "`gatekit logs RUN` shows the log"
    ),
    "return_sequences": "the task decides, and pool=all reads every step",
    "resume": "the same command continues a study",
    "overwrite": "nothing is overwritten; study=NAME begins another study",
}
"""Keys of other programs that gatekit does not have, and what to do instead."""

_DEVICES = ("device", "devices", "gpu", "gpus", "cuda", "accelerator")


def meant(key: str, known: list[str], prefix: str, places: Mapping[str, Collection[str]]) -> str:
    """Return the key that is likely meant, as the end of a sentence.

    The typed key may come from another library, lack its group, or be misspelt.

    Args:
        key: as typed, without its group.
        known: the keys that are allowed here.
        prefix: the group with a dot; empty for keys of a run.
        places: all keys by prefix.
    """
    if not prefix and (device := without_device(key)):
        return device
    likely = likely_key(key, known, prefix, places)
    return f"; did you mean {likely}?" if likely else "."


def without_device(key: str) -> str:
    """Return how to choose a device, as the end of a sentence; empty for other keys."""
    if key not in _DEVICES:
        return ""
    return (
        ": each run uses one of the visible GPUs, and n_jobs=N starts N runs at a time. To use no "
        "GPU, put CUDA_VISIBLE_DEVICES= in front of the command."
    )


def elsewhere(option: str, program: str, words: Sequence[str]) -> str:
    """Return which command has an option, as the end of a sentence; empty if none is known.

    Args:
        option: as typed, such as ``--by`` or ``--by=cell``.
        program: the command that was typed, such as ``gatekit train``.
        words: its further arguments after the option.
    """
    name, _, value = option.lstrip("-").replace("_", "-").partition("=")
    if name in _ELSEWHERE:
        return f"; `gatekit {name}` is a command; `gatekit {name} --help` describes it."
    for command, options in _ELSEWHERE.items():
        if name not in options.split():
            continue
        if command == "plan" and program not in ("gatekit train", "gatekit plan"):
            continue
        if command == "plan":
            return "; `gatekit plan` with the same words shows what would run; --list is faster."
        if program != f"gatekit {command}":
            value = value or next((w for w in words[:1] if w[:1] != "-" and "=" not in w), "")
            typed = f"gatekit {command} {_TAKES.get(command, 'STUDY')} --{name} {value}"
            return f"; --{name} is an option of another command: `{' '.join(typed.split())}`."
    return ""


def key_of_part(key: str, data: Mapping[str, Any]) -> str:
    """Return the full key of a role of the cell, or of an option of the task or block.

    Args:
        key: as typed, such as ``forget``, ``swap_forget`` or ``length``.
        data: the composed configuration.

    Returns:
        ``swap.forget`` or ``task.length``; an empty string if it is none of these.
    """
    from gatekit.registry import catalogue, tasks

    parts = {name: data.get(name) for name in ("cell", "task", "block")}
    cell, task, block = (part if isinstance(part, Mapping) else {} for part in parts.values())
    roles = {*(cell.get("gates") or ()), *(cell.get("roles") or ())}
    role = key.removeprefix("swap_").removesuffix("_gate")
    if role in roles:
        return f"swap.{role}"
    for group, kinds, name in (
        ("task", tasks(), str(task.get("name"))),
        ("block", catalogue().blocks, str(block.get("kind"))),
    ):
        if name in kinds and key in kinds[name].option_names():
            return f"{group}.{key}"
    return ""


def likely_key(
    key: str, known: list[str], prefix: str, places: Mapping[str, Collection[str]]
) -> str:
    """Return the full key that is likely meant, or an empty string; arguments as for `meant`."""
    if key in _DEVICES and not prefix:
        return ""
    if key in OTHER_NAMES:
        return OTHER_NAMES[key]
    for place in places:
        if bool(place) != bool(prefix) and key in places[place]:
            return place + key
    group, _, option = key.partition("_")
    if option and not prefix and group in ("task", "block", "optimizer", "trainer"):
        return f"{group}.{option}"
    near = nearest_name(key, known)
    return prefix + near if near else ""


def shown(value: object) -> str:
    """Return a value as you would type it, cut to 80 characters."""
    typed = as_typed(value) if value is None or isinstance(value, bool) else safe_repr(value)
    return excerpt(typed)
