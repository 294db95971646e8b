"""The tool that mutates functions: what it changes, what it leaves alone, and how it counts."""

from __future__ import annotations

import ast
import tomllib
from pathlib import Path

import mutate
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


def mutant_of(tree: Path, file: str) -> mutate.Mutant:
    """Return the mutant that divides where a file multiplies."""
    source = (tree / file).read_text()
    (divided,) = (m for m in mutate.mutants(file, source) if "/" in m.after)
    return divided


def test_the_files_nearest_to_a_function_run_first_then_its_package_then_all(tree: Path) -> None:
    (tree / "tests/study/test_other.py").write_text("def test_paint():\n    assert colour\n")
    mutant = mutant_of(tree, "gatekit/study/uses.py")
    files = ["tests/study/test_uses.py", "tests/study/test_other.py"]
    assert mutate.stages(tree, mutant, near=False) == [files, ["tests/study"], ["tests"]]
    assert mutate.stages(tree, mutant, near=True) == [files, ["tests/study"]]


USES = [["tests/study/test_uses.py"]]


def test_a_mutant_that_makes_a_test_fail_is_caught(tree: Path) -> None:
    mutant, judge = mutant_of(tree, "gatekit/runs/sums.py"), mutate.Judge(tree)
    source = (tree / "gatekit/runs/sums.py").read_text()
    assert judge.result(mutant, USES) == ("caught", "tests/study/test_uses.py::test_it")
    assert (tree / "gatekit/runs/sums.py").read_text() == source
    (tree / "tests/study/test_uses.py").write_text("def test_other():\n    pass\n")
    assert judge.result(mutant, USES) == ("survived", "")


def test_a_test_that_fails_without_the_mutant_catches_nothing(tree: Path) -> None:
    text = "def test_it():\n    assert False\n\n\ndef test_other():\n    pass\n"
    (tree / "tests/study/test_uses.py").write_text(text)
    judge = mutate.Judge(tree)
    assert judge.result(mutant_of(tree, "gatekit/runs/sums.py"), USES) == ("survived", "")
    assert judge.unsound == ["tests/study/test_uses.py::test_it"]


@pytest.mark.parametrize(
    ("text", "arguments", "code"),
    [
        ("import nothing_of_this_name\n", (), 2),
        ("def test_it():\n    import os\n    os._exit(3)\n", (), 3),
        ("def test_it():\n    pass\n", ("--no-such-option",), 4),
        ("", (), 5),
        ("def test_it():\n    import os\n    os.kill(os.getpid(), 9)\n", (), -9),
    ],
)
def test_any_other_end_of_the_tests_is_an_error(
    tree: Path, text: str, arguments: tuple[str, ...], code: int
) -> None:
    (tree / "tests/study/test_uses.py").write_text(text)
    judge = mutate.Judge(tree, arguments)
    result, why = judge.result(mutant_of(tree, "gatekit/runs/sums.py"), USES)
    assert result == "error"
    assert f"with {code}:" in why


def test_tests_that_do_not_end_are_an_error(tree: Path) -> None:
    text = "def test_it():\n    import time\n    time.sleep(1000)\n"
    (tree / "tests/study/test_uses.py").write_text(text)
    judge = mutate.Judge(tree, seconds=3)
    assert judge.result(mutant_of(tree, "gatekit/runs/sums.py"), USES)[0] == "error"


def test_the_score_counts_errors_and_equivalent_mutants_apart() -> None:
    found = mutate.score(["caught"] * 3 + ["survived"] * 2 + ["equivalent", "error"])
    assert (found["caught"], found["of"], found["errors"]) == (3, 5, 1)
    # Wilson's interval of 3 of 5, from Brown, Cai & DasGupta 2001, equation 4
    assert found["low"] == pytest.approx(0.2307, abs=1e-4)
    assert found["high"] == pytest.approx(0.8824, abs=1e-4)
    assert mutate.score(["equivalent"])["of"] == 0


def test_each_equivalent_mutant_has_a_reason() -> None:
    reasons = tomllib.loads(mutate.EQUIVALENT.read_text(encoding="utf-8"))["equivalent"]
    for name, reason in reasons.items():
        assert (mutate.ROOT / name.partition(":")[0]).is_file(), name
        assert reason.strip(), name
