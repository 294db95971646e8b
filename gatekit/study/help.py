"""The text of ``gatekit train --help``: every key with its value and a few words."""

from __future__ import annotations

import textwrap
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from omegaconf import DictConfig, OmegaConf

from .keys import KEYS, Key
from .resolve import unresolved

USAGE = """usage: gatekit train [-m] KEY=VALUE ...

Train one run, or with -m one run for each combination of listed values
(KEY=a,b,c). Repeat the command to continue; complete runs are skipped."""

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
    for section, keys in KEYS.items():
        parts.append("\n".join([section, *_lines(keys, values)]))
    names = textwrap.fill(", ".join(sorted(experiments)), 78, break_on_hyphens=False)
    listed = [textwrap.indent(f"experiments\n{names}", "  ").strip()] if names else []
    return "\n\n".join([*parts, *listed, OPTIONS])


def _lines(keys: Mapping[str, Key | str], values: Mapping[str, Any]) -> Iterator[str]:
    for key, declared in keys.items():
        meaning = declared if isinstance(declared, str) else declared.help
        if not meaning:
            continue
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
