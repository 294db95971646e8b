"""The help of ``gatekit train`` shows each key with its value, as it would be typed."""

import pytest
from seams import WIDTH, _lines

VALUES = {
    "units": 64,
    "match": None,
    "jit": "auto",
    "bidirectional": False,
    "plugins": ["a.py", "b.py"],
    "trainer.": {"epochs": 50, "patience": None, "swa": True},
    "task": "a_task_whose_name_is_rather_long",
}


@pytest.mark.parametrize(
    ("key", "typed"),
    [
        ("units", "units=64"),
        ("match", "match=null"),
        ("jit", "jit=auto"),
        ("bidirectional", "bidirectional=false"),
        ("plugins", "plugins=['a.py','b.py']"),
        ("trainer.epochs", "trainer.epochs=50"),
        ("trainer.patience", "trainer.patience=null"),
        ("trainer.swa", "trainer.swa=true"),
        ("trainer.none", "trainer.none"),
        ("swap.ROLE", "swap.ROLE"),
    ],
)
def test_a_key_has_its_value(key: str, typed: str) -> None:
    assert list(_lines({key: "what it means"}, VALUES)) == [f"  {typed:<{WIDTH}}  what it means"]


def test_a_long_value_has_a_line_of_its_own() -> None:
    first, second = _lines({"task": "what it means"}, VALUES)
    assert first == "  task=a_task_whose_name_is_rather_long"
    assert second.strip() == "what it means"
    assert second.index("what") == WIDTH + 4
