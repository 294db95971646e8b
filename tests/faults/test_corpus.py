"""Every refusal of the corpus is one still, of the same class, place and kind.

The sentences are those of messages.txt, which ``python tests/faults/corpus.py`` writes.
"""

from __future__ import annotations

from pathlib import Path

import corpus
import pytest

BY_ENTRY: dict[str, list[dict[str, object]]] = {}
for _line in corpus.lines():
    BY_ENTRY.setdefault(str(_line["entry"]), []).append(_line)


SLOW = {"layer": [pytest.mark.slow]}  # imports TensorFlow


@pytest.mark.parametrize(
    "entry", [pytest.param(entry, marks=SLOW.get(entry, ())) for entry in BY_ENTRY]
)
def test_no_refusal_is_lost(entry: str) -> None:
    _, call = corpus.entries(layers=entry == "layer")[entry]
    different = []
    for line in BY_ENTRY[entry]:
        error = corpus.refusal(call, entry, line["given"])
        was = {key: line[key] for key in ("class", "place", "kind")}
        now = None if error is None else corpus.told(error, entry, line["given"])
        if now != was:
            different.append((line["given"], was, now, str(error)))
    assert different == []


@pytest.mark.parametrize(
    "entry",
    [pytest.param(e, marks=SLOW.get(e, ())) for e in {e: None for e, *_ in corpus.messages()}],
)
def test_a_message_is_that_of_the_file(
    entry: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    _, call = corpus.entries(layers=entry == "layer")[entry]
    cases = [(given, text) for of, given, text in corpus.messages() if of == entry]
    now = [corpus.shown(corpus.refusal(call, entry, given)) for given, _ in cases]
    assert now == [text for _, text in cases]
