"""Words of a command line: options and overrides, judged before Hydra acts on them."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

from gatekit.cell.errors import ConfigError, listed, nearest

from .options import known_key
from .references import refuse_keywords, refuse_resolvers

GROUPS = ("cell", "task", "output_unit", "optimizer", "trainer", "experiment")
HYDRA_GROUPS = ("hydra/launcher", "hydra/sweeper")
SWEEPER_KEYS = ("params", "grids", "seed", "startup", "pruner")
MODES = ("-m", "--multirun", "-r", "--run")
MAX_WORD = 20_000

TRUST = "or add --trust-config"
NAME = re.compile(r"(?!.*\.\.)[A-Za-z0-9_][\w.-]*(?:/[A-Za-z0-9_][\w.-]*)*", re.ASCII)
"""The name of a configuration file within its group."""

KEY = re.compile(r"[A-Za-z_]\w*(?:[./][\w-]+)*", re.ASCII)
"""A key of the configuration, or a group."""

_FLAGS = (*MODES, "--help", "-h", "--hydra-help", "--version")
_WITH_VALUE = ("--cfg", "-c", "--package", "-p", "--info", "-i")


def is_value(before: str, word: str) -> bool:
    """Return whether a word belongs to the option before it, as in ``--cfg job``."""
    return before in _WITH_VALUE and "=" not in word and not word.startswith("-")


def prefixed(word: str, trusted: bool = False) -> str:
    """Return a word of the command line as Hydra needs it.

    Hydra refuses keys that no YAML file has, such as a gate's option at its default; with ``++`` it
    takes them, and `gatekit.study.config` judges the composed result.

    Args:
        word: an option, or an override.
        trusted: whether it may set what Hydra itself executes.

    Raises:
        ConfigError: the word is neither, or sets what Hydra itself would execute.
    """
    if word.startswith("-"):
        if not trusted:
            _refuse_option(word)
        return word
    key, equals, value = word.partition("=")
    name = key.lstrip("+~")
    if not equals and not word.startswith("~"):
        raise ConfigError(f"{word!r} is not KEY=VALUE; type for example units=64 or cell=lstm.")
    if name.startswith("hydra.launcher."):
        known_key(name.removeprefix("hydra.launcher.").partition(".")[0])
    if not trusted:
        _refuse_key(key, name)
    if not trusted or name in GROUPS:
        _refuse_value(name, word, trusted)
    if name.startswith("hydra"):
        # A mapping that is empty by default takes keys only so.
        return f"++{word}" if word.startswith("hydra.launcher.") else word
    if word.startswith("~"):
        return word
    if name in GROUPS:
        # A group is in the defaults already, so that adding to it means choosing.
        return f"{name}={value}"
    return word if word.startswith("+") or "/" in name or "@" in name else f"++{word}"


def _refuse_option(word: str) -> None:
    name = word.partition("=")[0]
    if name.startswith(("--config-", "-cd", "-cp", "-cn")):
        raise ConfigError(f"{word}: put your files into ./conf, which is searched first, {TRUST}.")
    if word not in _FLAGS and name not in _WITH_VALUE:
        known = ("-m", "--cfg job", "--info defaults", "--help", "--debug")
        raise ConfigError(f"{word} is not an option of this command; type {listed(known)} {TRUST}.")


def _refuse_key(key: str, name: str) -> None:
    if key[: -len(name) or None] not in ("", "+", "++", "~"):
        raise ConfigError(f"{key!r} is not a key; type {name}=VALUE.")
    if name.partition(".")[0].partition("/")[0] == "hydra" or name.startswith("hydra"):
        if key.startswith("~") or not _of_hydra(name):
            raise ConfigError(f"{name} is gatekit's own business; take it away {TRUST}.")
        return
    if "/" in name and (group := name.partition("/")[0]) not in GROUPS:
        raise ConfigError(
            f"{name} is not a group of configurations{nearest(group, GROUPS) or '.'} "
            f"Groups: {listed(GROUPS)}."
        )
    if "@" in name:
        raise ConfigError(
            f"{name}: a configuration is put elsewhere by @; type {name.partition('@')[0]}=NAME "
            f"{TRUST}."
        )
    if not KEY.fullmatch(name):
        raise ConfigError(
            f"{key!r} is not a key; type for example units=64 or task.length=9 {TRUST}."
        )


def _of_hydra(name: str) -> bool:
    """Return whether a key of Hydra's chooses runs or how they are made, and executes nothing."""
    if name in ("hydra.mode", "hydra.verbose", *HYDRA_GROUPS):
        return True
    node, _, rest = name.removeprefix("hydra.").partition(".")
    head = rest.partition(".")[0]
    return bool(KEY.fullmatch(name)) and (
        node == "launcher" or (node == "sweeper" and head in SWEEPER_KEYS)
    )


def _refuse_value(name: str, word: str, trusted: bool) -> None:
    from hydra.core.override_parser.overrides_parser import OverridesParser
    from hydra.errors import HydraException

    if len(word) > MAX_WORD:
        raise ConfigError(
            f"{name}=... has {len(word):,} characters; a value has at most {MAX_WORD:,}."
        )
    try:
        value = OverridesParser.create().parse_override(word).value()
    except (HydraException, ValueError):
        return  # Hydra reports it with the command line.
    except RecursionError:
        raise ConfigError(f"{name}=... is nested too deeply.") from None
    for element in _elements(value):
        if name in (*GROUPS, *HYDRA_GROUPS):
            _refuse_choice(name, element)
        elif not trusted:
            refuse_resolvers(element, name)
            refuse_keywords(element, f"{name}.")


def _elements(value: Any) -> Iterator[Any]:
    from hydra.core.override_parser.types import ChoiceSweep, Glob, QuotedString, Sweep

    if isinstance(value, ChoiceSweep):
        for inner in value.list:
            yield from _elements(inner)
    elif isinstance(value, QuotedString):
        yield value.text
    elif isinstance(value, list):
        yield [element for inner in value for element in _elements(inner)]
    elif isinstance(value, dict):
        yield {key: next(_elements(inner), None) for key, inner in value.items()}
    elif not isinstance(value, (Sweep, Glob)):
        yield value


def _refuse_choice(group: str, value: Any) -> None:
    chosen = value if isinstance(value, list) else [value]
    if all(v is None or (isinstance(v, str) and NAME.fullmatch(v)) for v in chosen):
        return
    example = f" {group}.NAME=VALUE changes one of its keys." if group != "experiment" else ""
    raise ConfigError(f"{group}={value}: the name of a file in conf/{group} is expected.{example}")
