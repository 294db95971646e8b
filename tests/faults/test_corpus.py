"""Every refusal of the corpus is one still, of the same class, place and kind."""

from __future__ import annotations

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
