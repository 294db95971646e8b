"""Cells from strangers: whatever they hold is refused, or built and shown, within bounds."""

from __future__ import annotations

import contextlib
import gc
import itertools
import math
import resource
import signal
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml
from bounded import SECONDS
from replacing import places, replaced
from seams import (
    Catalogue,
    CellError,
    build,
    equations,
    errors,
    from_file,
    keras_form,
    mathml,
    read_cell,
    read_output_unit,
    safe_yaml,
    step_cost,
)
from seams import analyse_affine as analyse
from seams import cell_text as text
from seams import describe_cell as describe
from seams import drawing_diagram as diagram

from gatekit import GatekitError
from gatekit.registry import catalogue

from .cells import hostile, hostile_text

MEMORY = 1024**3
CASES = 4_000
SHARE = 1_000


class _SlowError(BaseException):
    """A case took too long; no handler of errors may take it for one of its own."""


@contextlib.contextmanager
def limits() -> Iterator[None]:
    """Allow a gibibyte more memory than is in use, and raise where processor time runs out.

    What earlier tests of this process left behind is collected before, and no garbage is
    collected during a case: else a case pays for the tests before it.
    """
    gc.collect()
    gc.freeze()
    gc.disable()
    used = int(Path("/proc/self/statm").read_text().split()[5]) * resource.getpagesize()
    before = resource.getrlimit(resource.RLIMIT_DATA)
    resource.setrlimit(resource.RLIMIT_DATA, (used + MEMORY, before[1]))

    def late(*_: object) -> None:
        raise _SlowError(f"more than {SECONDS:.0f} s of processor time")

    handler = signal.signal(signal.SIGPROF, late)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_PROF, 0)
        signal.signal(signal.SIGPROF, handler)
        resource.setrlimit(resource.RLIMIT_DATA, before)
        gc.enable()
        gc.unfreeze()


def show(config: dict[str, Any], known: Catalogue, drawn: bool) -> None:
    """Read, build and show a cell in every way that needs no TensorFlow."""
    spec = read_cell(config, known)
    cell = build(spec, 8, 5, read_output_unit("hidden", known))
    assert text(describe(cell))
    assert mathml(equations(cell))
    assert step_cost(cell) >= 0
    assert analyse(cell)
    assert keras_form(cell)
    if drawn:
        # Of all that a built cell is asked for, only its drawing may be refused.
        with contextlib.suppress(CellError):
            assert diagram(cell)


def fault(seed: int, known: Catalogue, folder: Path) -> str:
    """Return what is wrong with how a cell is taken, or an empty string."""
    config = hostile(seed)
    begun = time.process_time()
    signal.setitimer(signal.ITIMER_PROF, SECONDS)
    try:
        if seed % 50 == 0:
            path = folder / "cell.yaml"
            path.write_text(yaml.safe_dump(config, allow_unicode=True), encoding="utf-8")
            from_file(path)
        elif seed % 10 == 5:
            path = folder / "cell.yaml"
            path.write_text(hostile_text(seed), encoding="utf-8")
            from_file(path)
        show(config, known, drawn=seed % 10 == 0)
    except GatekitError as error:
        if len(str(error)) > 2 * errors.MAX_MESSAGE:
            return "the message has no end"
    except (Exception, _SlowError) as error:
        return f"{type(error).__name__}: {error}"
    finally:
        signal.setitimer(signal.ITIMER_PROF, 0)
    return "" if time.process_time() - begun <= SECONDS else "late"


def first_fault(seeds: range, folder: Path) -> str:
    """Return the first fault of the cells of some seeds, or an empty string."""
    known = catalogue()
    with limits():
        for seed in seeds:
            if seed % 20 == 0:
                gc.collect()
            found = fault(seed, known, folder)
            if found and fault(seed, known, folder):  # the machine itself may have paused once
                return f"hostile({seed}): {found}"
    return ""


def test_the_generator_is_seeded() -> None:
    assert [repr(hostile(seed)) for seed in range(50)] == [repr(hostile(s)) for s in range(50)]
    assert len({repr(hostile(seed)) for seed in range(200)}) > 150


def test_some_hostile_cells_are_built_and_most_are_refused() -> None:
    known, built = catalogue(), 0
    for seed in range(100):
        with contextlib.suppress(GatekitError):
            build(read_cell(hostile(seed), known), 8, 5, read_output_unit("hidden", known))
            built += 1
    assert 10 <= built <= 60


def test_few_hostile_cells(tmp_path: Path) -> None:
    assert first_fault(range(CASES, CASES + 60), tmp_path) == ""


# Values of a type that no key, or not this one, expects.
WRONG: tuple[Any, ...] = (
    *({}, [], [[]], [{}], {"a": {}}, {1: 2}, {"kind": []}, {"kind": {}}, None, True),
    *(-1, 1e300, math.nan, 10**30, "", "x y"),
)


def test_a_value_of_a_wrong_type_gets_an_error_of_gatekit(request: pytest.FixtureRequest) -> None:
    """Each value of each bundled cell is replaced by one other, in CI by three, in turn."""
    known, unexpected = catalogue(), []
    count = 3 if request.config.getoption("--weekly") else 1
    wrong = itertools.cycle(WRONG)
    for file in sorted((Path(__file__).parents[2] / "conf/cell").glob("*.yaml")):
        config = yaml.safe_load(file.read_text("utf-8"))
        config.pop("defaults", None)
        for path in places(config):
            for value in itertools.islice(wrong, count):
                try:
                    spec = read_cell(replaced(config, path, value), known)
                    build(spec, 8, 5, read_output_unit("hidden", known))
                except GatekitError:
                    continue
                except Exception as error:
                    unexpected.append(f"{file.name}: {path}: {value!r}: {error!r}")
    assert unexpected == []


@pytest.mark.slow
@pytest.mark.one_in(1, slow=4)
@pytest.mark.parametrize("start", range(0, CASES, SHARE))
def test_hostile_cells_are_refused_or_shown_within_bounds(start: int, tmp_path: Path) -> None:
    assert first_fault(range(start, start + SHARE), tmp_path) == ""


# Bounds, what each is replaced by, and the seeds of which one must report it.
HOLES: dict[str, tuple[Callable[[pytest.MonkeyPatch], None], range]] = {
    "keras": (
        lambda patch: patch.setattr(sys.modules[keras_form.__module__], "walk", lambda expr: ()),
        range(CASES),
    ),
    # Few places of a file take an integer of any size, and only files hold such integers.
    "integers": (
        lambda patch: patch.setattr(safe_yaml, "_MAX_DIGITS", 10**9),
        range(5, 3 * CASES, 10),
    ),
    "loops": (
        lambda patch: patch.setitem(catalogue().cells["ltc"].__globals__, "MAX_EQUATIONS", 10**12),
        range(CASES),
    ),
}


@pytest.mark.slow
@pytest.mark.parametrize("hole", HOLES)
def test_a_planted_hole_is_found(
    hole: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    plant, seeds = HOLES[hole]
    plant(monkeypatch)
    assert first_fault(seeds, tmp_path).startswith("hostile(")
