"""The tool that mutates functions: what it changes, what it leaves alone, and how it counts."""

from __future__ import annotations

import ast
import tomllib
from pathlib import Path

import mutate
import planted
import pytest

SAMPLE = '''"""A module."""

from __future__ import annotations

import os


def kept(values: list[int], first: int = 1, *, deep: bool = False) -> int:
    """Return -1 or 1 < 2."""
    total = sum(sorted(values), axis=0) - first * 2
    os.fsync(total)
    print(total, first, flush=deep)
    if total < 7 and not deep:
        raise ValueError(f"{total + 1} is not {-total}")
    return total


class Holder:
    """Holds."""

    def __repr__(self) -> str:
        return "a" + str(1 + 1)

    def text(self) -> str:
        """Return what is held."""
        return self.held
'''


def by_kind() -> dict[str, set[tuple[str, str]]]:
    kinds: dict[str, set[tuple[str, str]]] = {}
    for mutant in mutate.mutants("gatekit/sample.py", SAMPLE):
        kinds.setdefault(mutant.kind, set()).add((mutant.before, mutant.after))
    return kinds


def test_a_sample_has_these_mutants_and_no_others() -> None:
    total = "sum(sorted(values), axis=0) - first * 2"
    assert by_kind() == {
        "default": {("1", "2"), ("False", "True")},
        "comparison": {("total < 7", "total <= 7")},
        "off by one": {("0", "1"), ("2", "3"), ("7", "8")},
        "dropped call": {
            ("sorted(values)", "values"),
            ("print(total, first, flush=deep)", "pass"),
        },
        "dropped fsync": {("os.fsync(total)", "pass")},
        "dropped argument": {
            ("sum(sorted(values), axis=0)", "sum(sorted(values))"),
            ("print(total, first, flush=deep)", "print(total, first)"),
        },
        "swapped arguments": {
            ("print(total, first, flush=deep)", "print(first, total, flush=deep)")
        },
        "axis": {("sum(sorted(values), axis=0)", "sum(sorted(values), axis=1)")},
        "sign": {(total, total.replace("-", "+"))},
        "arithmetic": {("first * 2", "first / 2")},
        "negation": {
            ("total < 7 and (not deep)", "total < 7 or not deep"),
            ("total < 7 and (not deep)", "not (total < 7 and (not deep))"),
            ("not deep", "deep"),
        },
        "returned constant": {("total", "0"), ("self.held", "''")},
    }


def test_each_mutant_changes_one_place_of_the_tree() -> None:
    for mutant in mutate.mutants("gatekit/sample.py", SAMPLE):
        assert ast.dump(ast.parse(mutant.source)) != ast.dump(ast.parse(SAMPLE))
        assert SAMPLE.splitlines()[:8] == mutant.source.splitlines()[:8] or mutant.kind == "default"
    ids = [mutant.id for mutant in mutate.mutants("gatekit/sample.py", SAMPLE)]
    assert len(set(ids)) == len(ids)


@pytest.fixture
def tree(tmp_path: Path) -> Path:
    """A repository with a tested function and an untested one."""
    for package in ("gatekit", "gatekit/runs", "gatekit/study"):
        (tmp_path / package).mkdir()
        (tmp_path / package / "__init__.py").touch()
    (tmp_path / "gatekit/runs/sums.py").write_text("def twice(x):\n    return x * 2\n")
    text = "from gatekit.runs.sums import twice\n\n\ndef again(x):\n    return twice(x) * 3\n"
    (tmp_path / "gatekit/study/uses.py").write_text(text)
    tests = tmp_path / "tests/study"
    tests.mkdir(parents=True)
    text = "from gatekit.study.uses import again\n\n\ndef test_it():\n    assert again(1) == 6\n"
    (tests / "test_uses.py").write_text(text)
    return tmp_path


def test_a_seed_chooses_the_same_mutants(tree: Path) -> None:
    several = [mutate.chosen(tree, seed, 2) for seed in (1, 1, 2, 3, 4, 5)]
    assert several[0] == several[1]
    assert len({mutant.function for mutant in several[0]}) == 2
    assert len({tuple(mutant.id for mutant in picked) for picked in several}) > 1
    assert [m.function for m in mutate.chosen(tree, 1, 9, "runs")] == ["twice"]


def test_the_tests_of_a_function_use_its_words(tree: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tree / "tests/study/test_other.py").write_text("def test_paint():\n    assert colour\n")
    monkeypatch.setattr(mutate, "FILES", 1)
    monkeypatch.setattr(mutate, "TESTS", 0)
    uses = ["tests/study/test_uses.py"]
    assert mutate.Tests(tree).of("gatekit/study/uses.py", "again") == uses
    # its own words count more than those of its module
    text = "def other(x):\n    return again(x)\n\n\ndef paint(x):\n    return colour(x)\n"
    (tree / "gatekit/study/uses.py").write_text(text)
    assert mutate.Tests(tree).of("gatekit/study/uses.py", "other") == uses
    assert mutate.Tests(tree).of("gatekit/study/uses.py", "paint") == ["tests/study/test_other.py"]


def test_of_a_long_file_only_the_nearest_tests_run(
    tree: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tree / "tests/study/test_uses.py").write_text(
        "def test_paint():\n    assert colour\n\n\ndef test_it():\n    assert again(1) == 6\n"
    )
    monkeypatch.setattr(mutate, "LONG", {"tests/study/test_uses.py"})
    monkeypatch.setattr(mutate, "OF_LONG", 1)
    monkeypatch.setattr(mutate, "TESTS", 0)
    nearest = ["tests/study/test_uses.py::test_it"]
    assert mutate.Tests(tree).of("gatekit/study/uses.py", "again") == nearest
    # the nearest tests of all files run first
    monkeypatch.setattr(mutate, "TESTS", 2)
    both = [*nearest, "tests/study/test_uses.py::test_paint"]
    assert mutate.Tests(tree).of("gatekit/study/uses.py", "again") == both


def test_a_mutant_that_breaks_a_tested_function_is_caught(tree: Path) -> None:
    source = (tree / "gatekit/runs/sums.py").read_text()
    (divided,) = [m for m in mutate.mutants("gatekit/runs/sums.py", source) if "/" in m.after]
    failing = ("caught", "tests/study/test_uses.py::test_it")
    assert mutate.judged(divided, ["tests/study/test_uses.py"], tree, None) == failing
    assert (tree / "gatekit/runs/sums.py").read_text() == source
    assert mutate.unsound(tree, [failing[1]]) == set()
    (tree / "tests/study/test_uses.py").write_text("def test_other():\n    pass\n")
    assert mutate.judged(divided, ["tests/study/test_uses.py"], tree, None) == ("survived", "")
    text = "def test_it():\n    assert False\n\n\ndef test_other():\n    pass\n"
    (tree / "tests/study/test_uses.py").write_text(text)
    assert mutate.unsound(tree, [failing[1]]) == {failing[1]}
    without = ["tests/study/test_uses.py", f"--deselect={failing[1]}"]
    assert mutate.judged(divided, without, tree, None) == ("survived", "")


def test_the_score_leaves_out_what_no_test_could_notice() -> None:
    found = mutate.score(["caught"] * 3 + ["survived", "equivalent", "unfinished"])
    assert (found["caught"], found["of"]) == (3, 5)
    # Wilson's interval of 3 of 5, from Brown, Cai & DasGupta 2001, equation 4
    assert found["low"] == pytest.approx(0.2307, abs=1e-4)
    assert found["high"] == pytest.approx(0.8824, abs=1e-4)
    assert mutate.score(["equivalent"])["of"] == 0


def test_each_equivalent_mutant_has_a_reason() -> None:
    reasons = tomllib.loads(mutate.EQUIVALENT.read_text(encoding="utf-8"))["equivalent"]
    for name, reason in reasons.items():
        assert (planted.ROOT / name.partition(":")[0]).is_file(), name
        assert reason.strip(), name


def test_of_a_mutant_that_its_own_tests_miss_the_whole_package_decides(tree: Path) -> None:
    (tree / "tests/conftest.py").write_text(
        "def pytest_addoption(parser):\n    parser.addoption('--quick', action='store_true')\n"
    )
    (tree / "tests/study/test_far.py").write_text("def test_far():\n    pass\n")
    source = (tree / "gatekit/study/uses.py").read_text()
    (divided,) = (m for m in mutate.mutants("gatekit/study/uses.py", source) if "/" in m.after)
    far = ["tests/study/test_far.py"]
    assert mutate.judged(divided, far, tree, None) == ("survived", "")
    (tree / "tests/long.txt").write_text("")
    assert mutate.judged(divided, far, tree, None)[0] == "caught"
    (tree / "tests/study/test_uses.py").write_text("def test_other():\n    pass\n")
    assert mutate.judged(divided, far, tree, None) == ("survived", "")
