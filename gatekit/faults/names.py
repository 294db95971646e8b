"""Names that are nearly right: the nearest name, and what other programs call it."""

from __future__ import annotations

import difflib
import functools
import re
from collections.abc import Collection, Iterable, Mapping
from pathlib import Path

MAX_NEAREST = 64
MAX_CANDIDATES = 500


@functools.cache
def synonyms(scope: str) -> Mapping[str, list[str]]:
    """Return the foreign names of a scope, each with ours; the file is read at the first error."""
    import tomllib

    with Path(__file__).with_name("synonyms.toml").open("rb") as file:
        rows = tomllib.load(file).get(scope, {})
    table: dict[str, list[str]] = {}
    for ours, names in rows.items():
        for theirs in names.split():
            table.setdefault(theirs, []).append(ours)
    return table


def known_as(scope: str, name: str, known: Collection[str] | None = None) -> str:
    """Return our name for a foreign one, if it is known here; else an empty string.

    A name with dots, such as ``regularizers.kernel``, is known by its first part.
    """
    ours = synonyms(scope).get(name, [])
    return next((e for e in ours if known is None or {e, e.partition(".")[0]} & {*known}), "")


def note_for(scope: str, name: str) -> str:
    """Return what to do in place of a foreign name that has no equivalent, as a clause."""
    return next(iter(synonyms(f"{scope}-note").get(name, [])), "")


def nearest_name(name: str, known: Iterable[str]) -> str:
    """Return the nearest known name, or an empty string if none is near."""
    if len(name) > MAX_NEAREST:
        return ""
    names = [str(each) for each in known]
    other = name.lower().replace("-", "_")
    group, dot, last = other.rpartition(".")
    for ours in synonyms("word").get(last, ()):
        for each in (f"{group}{dot}{ours}", f"{ours}_prev"):
            if each in names:
                return each
    start, _, rest = other.partition("_")
    if start in ("prev", "last", "previous") and f"{rest}_prev" in names:
        return f"{rest}_prev"
    # The time of a comparison is quadratic in the length.
    near = [text for text in names if len(text) <= MAX_NEAREST]
    same = [text for text in near if text.lower() == name.lower()]
    # The dashes in front of an option are not part of its name, and case matters to no one.
    bare = {text.lstrip("-").lower(): text for text in reversed(near[:MAX_CANDIDATES])}
    low = name.lower().lstrip("-")
    starts = [text for text in near if len(name) >= 5 and text.lower().startswith(low)]
    # Long names share many letters by chance, and one typing error is a small part of them.
    cutoff = 0.6 if len(name) < 8 else 0.65
    match = same or (starts if len(starts) == 1 else [])
    close = [] if match else difflib.get_close_matches(low, bare, 1, cutoff)
    # gru_cell is gru, and not gru_lr, although that has more letters in common.
    whole = [b for b in bare if len(b) > 2 and other.startswith(f"{b}_")]
    if close and whole and difflib.SequenceMatcher(None, low, close[0]).ratio() < 0.8:
        close = [max(whole, key=len)]
    close = [each for each in close if not _apart(other, each)]
    match = match or [bare[found] for found in close]
    match = match or [text for b, text in bare.items() if len(name) > 2 and f"{low}_" in b][:1]
    match = match or _of_one_word(name, bare)
    return match[0] if match else ""


def nearest_key(name: str, known: Iterable[str]) -> str:
    """Return the key that a name misspells; the value of one that only shares a word differs."""
    near, low = nearest_name(name, known), name.lower()
    same = near in synonyms("word").get(low, ()) or near.startswith(low)
    longer = near and low.startswith(near) and "_" not in low  # convolution is conv
    share = 0.7 if len(name) > 4 else 0.6
    alike = difflib.SequenceMatcher(None, low, near.lower()).ratio() >= share
    return near if same or longer or alike else ""


def _apart(name: str, known: str) -> bool:
    """Return whether names share a word and differ in another: ``train_size``, ``test_size``."""
    ours, theirs = ({*re.split(r"[\W_]+", text)} for text in (name, known.lower()))
    a, b = ("_".join(sorted(words)) for words in (ours - theirs, theirs - ours))
    like = a[:3] == b[:3] or difflib.SequenceMatcher(None, a, b).ratio() >= 0.6
    return bool(ours & theirs and a and b) and not like


def _of_one_word(name: str, known: Mapping[str, str]) -> list[str]:
    """Return the known names with a word that begins alike: ``copying`` for ``copy_memory``."""

    def words(text: str) -> set[str]:
        return {word[:4] for word in re.split(r"[\W_]+", text.lower()) if len(word) >= 4}

    ours = words(name)
    near = {bare: text for bare, text in known.items() if not _apart(name.lower(), bare)}
    shared = {text: len(ours & words(bare)) for bare, text in near.items()} if ours else {}
    return sorted((t for t, count in shared.items() if count), key=lambda t: (-shared[t], len(t)))
