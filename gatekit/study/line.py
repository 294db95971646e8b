"""The overrides of a command line: what may be typed, and the form in which Hydra needs it."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from functools import partial
from typing import TYPE_CHECKING, Any

from gatekit.cell.errors import ConfigError, all_read
from gatekit.faults import Fault, Kind, Place, unknown_option
from gatekit.faults.values import Described, excerpt

from .config import conflict, refuse, refuse_no_file, refuse_removal
from .interpolations import refuse_keywords, refuse_resolvers
from .keys import GROUPS, KEY, LAUNCH_KEYS, NAME, RUN_KEYS, USUAL
from .options import HYDRA_GROUPS, OF_SLURM, is_hydra_key, known_key

if TYPE_CHECKING:
    from hydra.core.override_parser.types import Override

P = Place.of
MAX_WORD = 20_000
LAUNCHER = "hydra.launcher."

QUICK = "_quick"
"""The end of the name of an experiment's small version, and of its study."""


def overrides(typed: Sequence[str], trusted: bool = False) -> list[str]:
    """Return the overrides of a command line as Hydra needs them.

    Args:
        typed: the words as typed, without options.
        trusted: whether they may set keys that are otherwise refused.

    Raises:
        ConfigError: a word is not an override, or sets a key that is refused.
    """
    typed = _with_quick(typed)
    _refuse_without_effect(typed)
    return all_read(partial(prefixed, word, trusted) for word in _with_kinds(typed))


def plugin_files(words: Sequence[str]) -> list[str]:
    """Return the plugin files that overrides name; composing already needs them."""
    for word in words:
        key, _, value = word.partition("=")
        if key.lstrip("+") == "plugins":
            return [v.strip(" '\"[]") for v in value.strip().strip("[]").split(",") if v.strip()]
    return []


def parsed(word: str) -> Override | None:
    """Return a word as Hydra reads it; None if it cannot."""
    from hydra.core.override_parser.overrides_parser import OverridesParser
    from hydra.errors import HydraException

    try:
        read = OverridesParser.create().parse_override(word)
        read.value()
    except (HydraException, ValueError, RecursionError):
        return None
    return read


def _has_several(text: str) -> bool:
    """Return whether a value lists several."""
    from hydra.core.override_parser.types import ChoiceSweep

    read = parsed(f"key={text}")
    return read is not None and isinstance(read.value(), ChoiceSweep)


def refuse_several(words: Sequence[str], alone: bool = False) -> None:
    """Refuse several values of a key where one is needed.

    Args:
        words: overrides for Hydra.
        alone: whether the command takes one value of each key; otherwise, ``-m`` runs each.

    Raises:
        ConfigError: a word lists several values.
    """
    one = "one value is allowed" if alone else "several values need -m (--multirun)"
    for word in words:
        key, _, text = word.lstrip("+").partition("=")
        if (read := parsed(word)) is not None and read.is_sweep_override():
            refuse(Kind.REFUSED, key, given=text, why=one)


def prefixed(word: str, trusted: bool = False) -> str:
    """Return an override as Hydra needs it.

    Hydra refuses keys that no YAML file has, such as a gate's option that has its default. With
    ``++`` Hydra accepts them, and `gatekit.study.config` checks the composed result.

    Args:
        word: an override as typed.
        trusted: whether it may set a key that is otherwise refused.

    Raises:
        ConfigError: the word is not an override, or sets a key that is refused.
    """
    key, equals, value = word.partition("=")
    name = key.lstrip("+~")
    if not equals and not word.startswith("~"):
        raise ConfigError(Fault(Kind.REFUSED, Place((word,)), why="a word is KEY=VALUE"))
    if name.startswith(LAUNCHER):
        known_key(name.removeprefix(LAUNCHER).partition(".")[0], Described(value))
    if word.startswith("~"):
        refuse_removal(name)
    if not trusted:
        _refuse_key(key, name)
    _refuse_value(name, word, trusted)
    if name.startswith("hydra"):
        # A mapping that is empty by default accepts new keys only with ++.
        return f"++{word}" if word.startswith(LAUNCHER) else word
    if word.startswith("~"):
        return word
    if name in GROUPS:
        # A group is already in the defaults, so + is dropped: the word chooses a file.
        return f"{name}={','.join(re.sub(r'[.]ya?ml$', '', each) for each in value.split(','))}"
    return word if word.startswith("+") or "/" in name or "@" in name else f"++{word}"


def _refuse_without_effect(typed: Sequence[str]) -> None:
    """Refuse words that another word would silently replace or make void."""
    keys = {key.lstrip("+~"): value for key, _, value in (w.partition("=") for w in typed)}
    lost = [key for key in keys if key == "cell" or key.startswith("cell.")]
    if lost and "null" not in keys.get("mixers", "null"):
        conflict("mixers", Described(keys["mixers"]), f"{lost[0]} has no effect")
    if "seeds" in keys and _has_several(keys.get("seed", "0")):
        conflict("seeds", keys["seeds"], "it means the seeds from 0, and seed lists others")
    for key, text in keys.items():
        if key in LAUNCH_KEYS and _has_several(text):
            conflict(key, text, "it has one value for all runs of a command")
    if f"{LAUNCHER}backend" not in keys and "hydra/launcher" not in keys:
        for key in keys:
            if key.startswith(LAUNCHER) and key.split(".")[2] in OF_SLURM:
                conflict(key, Described(keys[key]), f"it needs {LAUNCHER}backend=slurm")
    for key in ("task.name", "block.kind"):
        if key in keys:
            refuse(Kind.REFUSED, key, given=keys[key], why="the group itself is the key")
    for index, word in enumerate(typed):
        key = word.lstrip("+").partition("=")[0]
        before = [each.lstrip("+") for each in typed[:index]]
        replaced = any(each.startswith((f"{key}=", f"{key}.")) for each in before)
        if replaced and re.fullmatch(r"swap\.\w+", key):
            refuse(Kind.REFUSED, key, why="it replaces what was typed before it for the same gate")


def _with_quick(typed: Sequence[str]) -> list[str]:
    """Return the words with ``experiment=NAME quick=true`` as the small version of NAME."""
    pairs = [(word, *word.lstrip("+").partition("=")[::2]) for word in typed]
    asked = [value.lower() for _, key, value in pairs if key == "quick"]
    words = [word for word, key, _ in pairs if key != "quick"]
    if not asked or asked[-1] == "false":
        return words
    if asked[-1] != "true":
        refuse(Kind.WRONG, "quick", given=asked[-1], expected="true or false")
    named = [w for w, key, v in pairs if key == "experiment" and re.fullmatch(r"[\w-]+", v)]
    if len(named) != 1:
        refuse(Kind.REFUSED, "quick", why="it runs the small version of one experiment")
    return [f"{word}{QUICK}" if word in named else word for word in words]


def _with_kinds(typed: Sequence[str]) -> list[str]:
    """Return the words with ``swap.ROLE=GATE`` as ``swap.ROLE.kind=GATE`` if options follow."""
    words = []
    for index, word in enumerate(typed):
        gate = re.fullmatch(r"(\+*swap\.\w+)=([\w,]+)", word)
        options = f"{gate[1].lstrip('+')}." if gate and "null" not in gate[2] else "="
        follow = any(later.lstrip("+").startswith(options) for later in typed[index + 1 :])
        words.append(f"{gate[1]}.kind={gate[2]}" if gate and follow else word)
    return words


def _refuse_key(key: str, name: str) -> None:
    if key[: -len(name) or None] not in ("", "+", "++", "~"):
        refuse(Kind.UNKNOWN, key)
    if name.startswith("hydra"):
        if key.startswith("~") or not is_hydra_key(name):
            refuse(Kind.REFUSED, name, why="it has no effect in gatekit")
    elif "/" in name and name.partition("/")[0] not in GROUPS:
        refuse(Kind.UNKNOWN, name, what="groups", known=GROUPS)
    elif "@" in name:
        refuse(Kind.REFUSED, name, why="@ needs --trust-config")
    elif not KEY.fullmatch(name):
        raise ConfigError(unknown_option(Place((key or "=",)), "", (*RUN_KEYS, *LAUNCH_KEYS)))


def _refuse_value(name: str, word: str, trusted: bool) -> None:
    from hydra.core.override_parser.types import RangeSweep

    text = word.partition("=")[2]
    if len(word) > MAX_WORD:
        raise ConfigError(f"{name}=...: a value has at most {MAX_WORD:,} characters")
    read = parsed(word)
    if read is None:
        given = excerpt(text, 200)
        refuse(Kind.REFUSED, name, given=given, why="Hydra's grammar cannot read it")
    value = read.value()
    if isinstance(value, RangeSweep) and not value.step:
        refuse(Kind.REFUSED, name, given=text, why="the step of a range is not 0")
    for element in _elements(value):
        if name in (*GROUPS, *HYDRA_GROUPS):
            _refuse_choice(name, element)
        elif not trusted:
            refuse_resolvers(element, name)
            refuse_keywords(element, f"{name}.")


def _elements(value: object) -> Iterator[Any]:
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


def _refuse_choice(group: str, value: object) -> None:
    """Refuse a value of a group that is not the name of a file."""
    if value is None and group in USUAL:
        refuse_no_file(group)
    chosen = value if isinstance(value, list) and group == "experiment" else [value]
    if not all(each is None or (isinstance(each, str) and NAME.fullmatch(each)) for each in chosen):
        refuse(Kind.WRONG, group, given=value, expected=f"the name of a file in conf/{group}")
