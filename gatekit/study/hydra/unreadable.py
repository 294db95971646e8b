"""What to type instead of an override that Hydra's grammar cannot read."""

from __future__ import annotations

import re
from collections.abc import Iterator

from hydra.core.override_parser.overrides_parser import OverridesParser
from hydra.errors import HydraException

from gatekit.cell.errors import ConfigError, excerpt
from gatekit.faults.values import in_shell
from gatekit.runs.names import study_name
from gatekit.study.config import meant_key
from gatekit.study.keys import RUN_KEYS
from gatekit.study.typed import GROUPS

EXCERPT = 200
"""The most characters of a value that a message shows."""

_SWEEPS = ("choice", "range", "glob", "interval", "tag", "sort")
"""Hydra's functions of values."""

_FOREIGN = re.compile(r"[^ \t\w/\\+.$%*@?|()\[\]{},:=;'\"-]", re.ASCII)
"""A character that Hydra's grammar reads only within quotes."""

_PART = re.compile(r"[^()\[\]{},:=;]+")


def unreadable(override: str) -> str:
    """Return a message about an override that Hydra cannot read, with what to type.

    Args:
        override: the override, with its ``+``.
    """
    key, _, value = override.lstrip("+").partition("=")
    if len(value) > EXCERPT:
        return f"{key}={excerpt(value, EXCERPT)} cannot be read: check its brackets and quotes."
    if key == "study":
        try:
            study_name(value.strip("'\""))
        except ConfigError as error:
            return str(error)
    for why, words in _proposals(key, value.strip("'")):
        swept = [_is_sweep(word) for word in words]
        if None not in swept and words != [f"{key}={value}"]:
            typed = " ".join([*(["-m"] if True in swept else []), *map(in_shell, words)])
            reason = f": {why}. Type {typed}" if why else f"; type {typed}"
            both = " with both kinds of quotes" if re.search("=['\"]", words[0]) else ""
            return f"{key}={value} cannot be read{reason}{both}."
    function = re.fullmatch(r"([a-z_]\w*)\(.*", value.strip("'"))
    if function and function[1] not in _SWEEPS:
        return (
            f"{key}={value} cannot be read: there is no function {function[1]}. List the values: "
            f"type -m {key}=A,B,C, or -m '{key}=range(START,STOP,STEP)' for whole numbers. To "
            f"draw values, type hydra/sweeper=random trials=20 '{key}=interval(LOW,HIGH)'."
        )
    return f"{key}={value} cannot be read: check its brackets and quotes."


def _proposals(key: str, bare: str) -> Iterator[tuple[str, list[str]]]:
    """Yield pairs of a reason and the words that may be meant; Hydra may not read these either."""
    own = "options are keys of their own"
    options = re.fullmatch(r"([\w.-]+)\(((?:\w+=[^,()]+,? *)+)\)", bare)
    if options and key.startswith(("swap.", *GROUPS)):
        yield own, [f"{key}={options[1]}", *_options(key, options[2])]
    if key in GROUPS and (called := re.fullmatch(r"(\w+)\(.*", bare)):
        yield own, [f"{key}={called[1].lower()}", f"{key}.NAME=VALUE"]
    if mapping := re.fullmatch(r"\{([^{}]*=[^{}]*)\}", bare):
        pairs = [re.split(" *[=:] *", pair.strip(), maxsplit=1) for pair in mapping[1].split(",")]
        if key == "swap":
            yield "roles are keys of their own", [f"swap.{'='.join(pair)}" for pair in pairs]
        elif key not in GROUPS:
            inner = ", ".join(": ".join(pair) for pair in pairs)
            yield "a mapping has colons, not =", [f"{key}={{{inner}}}"]
        elif pairs[0][0] in ("name", "kind"):
            first, *others = (
                pair[-1] if pair[0] in ("name", "kind") else f"{key}.{'='.join(pair)}"
                for pair in pairs
            )
            yield own, [f"{key}={first}", *others]
    function = re.fullmatch(r"([a-z_]\w*)\(.*", bare)
    if function and function[1] not in _SWEEPS:
        return
    if ";" in bare and re.fullmatch(r"(range|choice|interval)\([^()]*\)", bare):
        yield "", [f"{key}={bare.replace(';', ',')}"]
    if key == "swap" and (pair := re.fullmatch(r"(\w+)[=:] *(\w+)", bare)):
        yield "", [f"swap.{pair[1]}={pair[2]}"]
    if called := re.fullmatch(r"(choice|range|interval|glob)[\[({]([^\[\](){}]+)[\])}]?", bare):
        yield "", [f"{key}={called[1]}({called[2]})"]
    if foreign := _FOREIGN.search(bare):
        why = f"Hydra reads {foreign[0]} only within quotes"
        if not set(bare) & set("'\""):
            yield why, [f"{key}={_PART.sub(_within, bare)}"]
        yield why, [f"{key}={_whole(bare)}"]
    values = [each.strip(" '\"") for each in re.split("[,;]+", bare.strip("()[]{}; ,"))]
    if values and all(re.fullmatch(r"[\w.+-]+", each) for each in values):
        yield "", [f"{key}={','.join(values)}"]
    if second := re.fullmatch(r"([\w-]+)([.=])(?:(\w+)=)?([\w.-]+)", bare):
        if key == "match":
            yield "", [f"{key}={second[1]}:{second[4]}"]
        if second[2] == "." and second[3] and key in GROUPS:
            yield own, [f"{key}={second[1]}", f"{key}.{second[3]}={second[4]}"]
    why = "a value with ( ) [ ] { } , = or ; needs quotes inside the shell's quotes"
    yield why, [f"{key}={_whole(bare)}"]


def _options(key: str, typed: str) -> list[str]:
    """Return the options of a call, such as ``eps=0.1, units=16``, as words."""
    pairs = [pair.strip() for pair in typed.split(",") if pair.strip()]
    # units=16 is a key of a run, and eps=0.1 is a key of the gate.
    names = [p if p.partition("=")[0] in RUN_KEYS else f"{key}.{p}" for p in pairs]
    return [f"{meant_key(n.partition('=')[0])}={n.partition('=')[2]}" for n in names]


def _within(part: re.Match[str]) -> str:
    """Return a part of a value, in quotes if it has a character that needs them."""
    text = part[0].strip()
    return part[0].replace(text, _whole(text)) if text and _FOREIGN.search(text) else part[0]


def _whole(text: str) -> str:
    """Return a string as Hydra reads it within quotes."""
    # Within double quotes of a shell, these characters would need a backslash.
    mark = '"' if set(text) & set("'`$!\\") else "'"
    escaped = re.sub(rf"(\\*)({mark}|$)", lambda m: m[1] * 2 + (m[2] and f"\\{m[2]}"), text)
    return f"{mark}{escaped}{mark}"


def _is_sweep(word: str) -> bool | None:
    """Return whether an override lists several values; None if Hydra cannot read it."""
    try:
        return OverridesParser.create().parse_override(word).is_sweep_override()
    except (HydraException, ValueError, RecursionError):
        return None
