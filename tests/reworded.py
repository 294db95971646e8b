"""Other words in each message of a fault, to find the tests that read sentences::

    PYTHONPATH=tests pytest -p reworded tests/study

A test that fails only with this plugin reads a sentence, or what the sentence quotes of the input.
Tests check class, place and fixes instead (`refused.at`). The sentences stand in
tests/faults/messages.txt, whose test fails here, as it must.
"""

from __future__ import annotations

import re
import sys

import gatekit.faults
from gatekit.cell import errors
from gatekit.faults import Channel, Fault

WORDS = """
    add after allowed and another any are argument as attribute be because before but by called can
    cannot did do does each empty environment example expected file finite folder for from give
    given has have in integer is it its key keys larger least machine mapping mean
    missing more most must named needs neither no not nothing number of on one only option options
    or other others outside path reads remove rename run runs same several should smaller step
    string such than that the their them there these they this times to type unknown use used value
    values variable was which with without would write you
"""
"""Words of the sentences; where a message quotes them without quotation marks, they change, too."""

_KEPT = re.compile(r"'[^']*'|`[^`]*`|\{[^}]*\}|line \d+: [^:]*:|\n.*|[^\s.,;:?]*[=_./('\[][^\s]*")
_SAID = re.compile(rf"(?<![-\w.])({'|'.join(WORDS.split())})\b", re.IGNORECASE)
_plainly = gatekit.faults.speak


def speak(fault: Fault, channel: Channel | None = None) -> str:
    """Return the message of a fault with the words of its sentences in other cases."""
    text, said, end = _plainly(fault, channel), [], 0
    for kept in _KEPT.finditer(text):
        said += [_SAID.sub(lambda word: word[0].swapcase(), text[end : kept.start()]), kept[0]]
        end = kept.end()
    return "".join(said) + _SAID.sub(lambda word: word[0].swapcase(), text[end:])


for _module in [*sys.modules.values()]:
    if getattr(_module, "speak", None) is _plainly:
        _module.speak = speak  # type: ignore[attr-defined]
assert errors.speak is speak
