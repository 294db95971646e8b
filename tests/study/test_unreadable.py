"""What is proposed for an override that Hydra cannot read: it can be read, and is meant."""

from __future__ import annotations

import shlex
from typing import Any

import pytest
from hydra.core.override_parser.overrides_parser import OverridesParser
from refused import at
from seams import Both, Set, Shell, refuse_unreadable

from gatekit import ConfigError

QUOTED = {
    "task.label=日本語": "日本語",
    "root=../rel/é": "../rel/é",
    "root=../a b!": "../a b!",
    "root=/tmp/a(b)": "/tmp/a(b)",
    "task.label=a'é": "a'é",
    "task.label=it's `new` $\\": "it's `new` $\\",
    "task.label='é\"": 'é"',
}


def proposed(override: str) -> list[str]:
    """Return the words that a shell passes on if a user types the proposal."""
    key, _, text = override.partition("=")
    with pytest.raises(ConfigError) as refused:
        refuse_unreadable(key, text)
    assert refused.value.fault is not None
    (fix,) = refused.value.fault.fixes
    sets = fix.fixes if isinstance(fix, Both) else (fix,)
    return shlex.split(Shell().assign(*(one for one in sets if isinstance(one, Set))))


def value_of(word: str) -> Any:
    return OverridesParser.create().parse_override(word).value()


@pytest.mark.parametrize("override", QUOTED)
def test_characters_that_need_quotes(override: str) -> None:
    (word,) = proposed(override)
    assert word.partition("=")[0] == override.partition("=")[0]
    assert value_of(word) == QUOTED[override]


@pytest.mark.parametrize(
    ("override", "typed"),
    [
        ("units=é,b", ["units=64"]),
        ("swap.forget={kind=warm}", ["swap.forget={kind: warm}"]),
        ("swap.forget={kind=warm,eps=0.1}", ["swap.forget={kind: warm, eps: 0.1}"]),
        ("swap={forget=warm}", ["swap={forget: warm}"]),
        ("task={name=adding,length=9}", ["task=adding", "task.length=9"]),
        ("units=(8,16)", ["-m", "units=8,16"]),
        ("cell=lstm(eps=1)", ["cell=lstm"]),
    ],
)
def test_what_is_meant(override: str, typed: list[str]) -> None:
    assert proposed(override) == typed


def test_a_study_keeps_to_the_names_of_folders() -> None:
    with pytest.raises(ConfigError, check=at("study", "='t_st'")):
        refuse_unreadable("study", "täst")
