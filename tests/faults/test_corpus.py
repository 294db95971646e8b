"""Every refusal of the corpus is one still, of the same class, place and kind.

The sentences are those of messages.txt, which ``python tests/faults/corpus.py`` writes.
"""

from __future__ import annotations

import functools
from pathlib import Path
from typing import Any

import corpus
import pytest

BY_ENTRY: dict[str, list[dict[str, Any]]] = {}
for _line in corpus.lines():
    BY_ENTRY.setdefault(str(_line["entry"]), []).append(_line)


SLOW = {entry: [pytest.mark.slow] for entry in ("layer", "keras")}  # they import TensorFlow


@functools.cache
def replayed(entry: str) -> tuple[list[object], set[tuple[str, int]]]:
    """Return what is refused otherwise than it was, and the lines of code at which it is found."""
    _, call = corpus.entries(layers=entry in SLOW)[entry]
    different: list[object] = []
    with corpus.watched() as reached:
        for line in BY_ENTRY[entry]:
            error = corpus.refusal(call, entry, line["given"])
            was = {key: line[key] for key in ("class", "place", "kind")}
            now = None if error is None else corpus.told(error, entry, line["given"])
            if now != was:
                different.append((line["given"], was, now, str(error)))
    return different, reached


@pytest.mark.parametrize(
    "entry", [pytest.param(entry, marks=SLOW.get(entry, ())) for entry in BY_ENTRY]
)
def test_no_refusal_is_lost(entry: str) -> None:
    assert replayed(entry)[0] == []


@pytest.mark.parametrize(
    "entry",
    [pytest.param(e, marks=SLOW.get(e, ())) for e in {e: None for e, *_ in corpus.messages()}],
)
def test_a_message_is_that_of_the_file(
    entry: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    _, call = corpus.entries(layers=entry in SLOW)[entry]
    cases = [(given, text) for of, given, text in corpus.messages() if of == entry]
    now = [corpus.shown(corpus.refusal(call, entry, given)) for given, _ in cases]
    assert now == [text for _, text in cases]
