"""The numbers of two commits, compared bit for bit."""

from __future__ import annotations

import subprocess
from collections.abc import Mapping
from typing import Any

import bits
import pytest
from seams import step

NUMBER = 150
"""How many cases CI compares with the commit before."""


@pytest.fixture(scope="module")
def selected() -> list[bits.Case]:
    """What CI compares."""
    return bits.chosen(bits.cases(), NUMBER)


def test_the_selection_has_every_executor_with_every_call_and_the_tutorial(
    selected: list[bits.Case],
) -> None:
    calls = {(executor, call) for executor in bits.EXECUTORS for call in bits.CALLS}
    assert {case[1:] for case in selected} == calls - {("step", "resets"), ("step", "noise")}
    of_tutorial = {case[1] for case in selected if case[0] == "tutorial"}
    assert of_tutorial == {"reference", "stacked", "unroll", "step"}
    assert len(set(selected)) == NUMBER


def test_the_same_numbers_have_the_same_hashes(monkeypatch: pytest.MonkeyPatch) -> None:
    case = ("tutorial", "reference", "noise")
    before, again = bits.record([case]), bits.record([case])
    assert {*before[" ".join(case)]} == {"outputs", "states", "gradients"}
    assert bits.different(before, again) == {}
    total = step.total
    monkeypatch.setattr(step, "total", lambda parts: total([*reversed(parts)]))
    assert bits.different(before, bits.record([case]))


def test_a_case_that_only_one_commit_refuses_differs() -> None:
    fine: Mapping[str, Any] = {"a b c": {"outputs": "1"}, "only here": {"outputs": "2"}}
    refused = {"a b c": {"error": "ConfigError"}}
    assert bits.different(fine, refused) == {"a b c": ["error", "outputs"]}


@pytest.mark.slow
def test_the_numbers_are_those_of_the_commit_before(selected: list[bits.Case]) -> None:
    """A change of numbers also increments NUMERICS, so runs made before are not mixed with new."""
    known = subprocess.run(["git", "rev-parse", "HEAD^"], cwd=bits.ROOT, capture_output=True)
    if known.returncode:
        pytest.skip("no commit before this one is here: not a git checkout, or a shallow one")
    before, after = bits.compared("HEAD^", selected)
    assert before["numerics"] != after["numerics"] or before["cases"] == after["cases"]
