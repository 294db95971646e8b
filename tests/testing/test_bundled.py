"""All that gatekit brings passes its own suite; which part of it runs where is said here."""

from __future__ import annotations

from pathlib import Path

import pytest
from seams import IN_A_LAYER, NAMES, Subject
from seams import subject_KINDS as KINDS
from seams import suite_DECLARED as DECLARED
from structure import representatives

from gatekit import registry
from gatekit.testing import FAIL, checks

# Those that start a process, compile or measure take seconds each: they run in CI.
SLOW = ("loads_alone", "asks_for_known", *IN_A_LAYER)
DATA = [name for name, task in registry.tasks().items() if task.source or task.own_file]

# What is compiled or measured depends on what a gate consists of, and these have all of it.
COMPILED = ("compiles_with_xla", "one_trace", "saves_and_loads", "speed")
VARIED = representatives(registry.origins("gates"), lambda name: Subject("gates", name).cell)

THINGS = [(kind, name) for kind in KINDS for name in registry.origins(kind)]


def slow(check: str) -> bool:
    """Return whether a check runs in CI only."""
    return check in SLOW


@pytest.mark.one_in(8)
@pytest.mark.parametrize(("kind", "name"), THINGS, ids=[f"{k}-{n}" for k, n in THINGS])
def test_the_quick_checks_pass(kind: str, name: str, tmp_path: Path) -> None:
    needs_data = name in DATA
    for check in checks(kind, name):
        if not slow(check.name) and (not needs_data or check.name in DECLARED):
            outcome = check.outcome()
            assert outcome.status != FAIL, outcome


@pytest.mark.slow
@pytest.mark.one_in(2, slow=2)
@pytest.mark.parametrize(("kind", "name"), THINGS, ids=[f"{k}-{n}" for k, n in THINGS])
def test_the_other_checks_pass(kind: str, name: str) -> None:
    alike = kind == "gates" and name not in VARIED
    for check in checks(kind, name):
        if slow(check.name) and not (alike and check.name in COMPILED):
            outcome = check.outcome()
            assert outcome.status != FAIL, outcome


def test_only_what_must_be_is_excused() -> None:
    excused = {(n, check) for k, n in THINGS for check in checks(k, n)[0].expected or {}}
    assert excused == {("floor", "function_gradient")}


def test_there_is_a_suite_for_every_kind() -> None:
    assert {kind for kind, _ in THINGS} == set(KINDS)
    assert all(NAMES[kind] for kind in KINDS)
    assert set(COMPILED) < set(SLOW) < set(NAMES["gates"])


@pytest.mark.parametrize("check", NAMES["gates"])
def test_every_check_of_a_gate_stands_in_the_documents(check: str) -> None:
    page = Path(__file__).parents[2] / "docs" / "plugins.md"
    assert f"`{check}`" in page.read_text(encoding="utf-8")
