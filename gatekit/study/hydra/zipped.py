"""Values that are swept together: ``'sizes=zip(cell=choice(lstm,gru),units=[64,74])'``.

The grammar follows Hydra's design of July 2026 (docs/design/zipped_sweeps.md), so that a command
stays valid once Hydra has it. Hydra cannot read it yet, so gatekit expands it.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from hydra.core.override_parser.types import ChoiceSweep

from gatekit.cell.errors import ConfigError, excerpt
from gatekit.study.config import KNOWN
from gatekit.study.keys import LAUNCH_KEYS
from gatekit.study.line import parsed, prefixed

_ZIP = re.compile(r"\+*([\w.]+)=\s*zip\((.*)\)\s*", re.DOTALL)
_EXAMPLE = "'sizes=zip(cell=choice(lstm,gru),units=[64,74])'"


@dataclass(frozen=True)
class Zip:
    """Keys whose values are swept together.

    Attributes:
        name: the word on the left.
        keys: the keys of the members.
        words: the overrides of each job.
    """

    name: str
    keys: tuple[str, ...]
    words: list[tuple[str, ...]]


def apart(words: Sequence[str]) -> tuple[list[str], list[str]]:
    """Return the overrides that Hydra reads, and those with a zip."""
    zips = [word for word in words if _ZIP.fullmatch(word)]
    return [word for word in words if word not in zips], zips


def read(word: str, trusted: bool) -> Zip:
    """Return the values of a zip.

    Args:
        word: ``NAME=zip(KEY=[A,B],...)``.
        trusted: whether members may set keys that are otherwise refused.

    Raises:
        ConfigError: a member has no list of values, or the lists have several lengths.
    """
    found = _ZIP.fullmatch(word)
    assert found is not None
    name, inner = found[1], found[2]
    if name in KNOWN:
        raise ConfigError(
            f"{name}=zip(...): {name} is a key. Type a name of your own, such as {_EXAMPLE}."
        )
    values: dict[str, list[str]] = {}
    for member in _members(inner):
        key, equals, listed = member.partition("=")
        key = key.strip()
        if not equals or not (each := _listed(key, listed.strip())):
            raise ConfigError(
                f"{name}=zip(...): the member {excerpt(member)} is not KEY=[A,B] or "
                f"KEY=choice(A,B). Type for example {_EXAMPLE}."
            )
        if key in values:
            raise ConfigError(f"{name}=zip(...) has the member {key} twice; remove one of them.")
        if key in LAUNCH_KEYS:
            raise ConfigError(f"{name}=zip(...): {key} cannot be swept; type {key}={each[0]}.")
        values[key] = [prefixed(f"{key}={value}", trusted) for value in each]
    lengths = {key: len(each) for key, each in values.items()}
    if len(lengths) < 2 or len({*lengths.values()}) > 1:
        shown = ", ".join(f"{key} has {count}" for key, count in lengths.items())
        raise ConfigError(
            f"{name}=zip(...) pairs at least two lists of one length, and {shown}. Type for "
            f"example {_EXAMPLE}."
        )
    return Zip(name, tuple(values), [*zip(*values.values(), strict=True)])


def _members(inner: str) -> Iterator[str]:
    """Yield the parts between the commas that are not within brackets or quotes."""
    depth, begin, quote = 0, 0, ""
    for place, mark in enumerate(inner):
        if quote:
            quote = "" if mark == quote and inner[place - 1] != "\\" else quote
        elif mark in "'\"":
            quote = mark
        elif mark == "," and not depth:
            yield inner[begin:place].strip()
            begin = place + 1
        else:
            depth += (mark in "([{") - (mark in ")]}")
    if rest := inner[begin:].strip():
        yield rest


def _listed(key: str, text: str) -> list[str]:
    """Return the values of a list or a choice as they are typed; none if it is neither."""
    if text.startswith("[") and text.endswith("]"):
        text = f"choice({text[1:-1]})"
    override = parsed(f"{key}={text}")
    value = None if override is None else override.value()
    if override is None or not isinstance(value, ChoiceSweep) or value.simple_form:
        return []
    return list(override.sweep_string_iterator())
