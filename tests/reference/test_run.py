"""The driver of the reference recurrences: masks, direction, and gradients of every cell."""

from __future__ import annotations

import functools
import types
from typing import Any

import numpy as np
import pytest

from . import functions, loop, lstm
from .cases import CASES, Case
from .functions import Array, States, Weights
from .run import Gradients, draw, gradients, run

BATCH, TIME, FEATURES, UNITS = 3, 5, 2, 4
MASK = np.array(
    [[1, 1, 1, 0, 0], [0, 1, 0, 1, 1], [0, 0, 0, 0, 0]], dtype=bool
)  # padded at the end, with a hole and a late start, and masked altogether


def _functions(of: Any) -> set[str]:
    """What a function calls of NumPy and of functions.py, itself or through others."""
    if isinstance(of, functools.partial):
        lines = of.args[0].lines if of.func is loop.step else ()
        inner = [
            line.activation if isinstance(line, loop.Gates) else line.function for line in lines
        ]
        return set().union(*map(_functions, inner or [of.func]))
    if not isinstance(of, types.FunctionType):
        return {of.__name__}
    codes = [of.__code__]
    for code in codes:
        codes += [inner for inner in code.co_consts if isinstance(inner, types.CodeType)]
    names = {name for code in codes for name in code.co_names}
    called = [of.__globals__[n] for n in names if callable(of.__globals__.get(n))]
    called += [cell.cell_contents for cell in of.__closure__ or () if callable(cell.cell_contents)]
    found = {n for n in names if callable(getattr(np, n, None) or getattr(functions, n, None))}
    return found.union(*(_functions(f) for f in called if not isinstance(f, type)))


def _structures() -> list[str]:
    """Few small cases in which, between them, every function occurs."""
    sizes = {n: sum(map(np.prod, c.shapes(c.features, c.units).values())) for n, c in CASES.items()}
    chosen: list[str] = []
    seen: set[str] = set()
    for name in sorted(CASES, key=sizes.__getitem__):
        found = _functions(CASES[name].step)
        if not found <= seen:
            chosen.append(name)
            seen |= found
    return chosen


EACH = _structures()
# A complex step goes through a function wherever it is used.
of_each_structure = pytest.mark.parametrize(
    "name",
    [n if n in EACH else pytest.param(n, marks=pytest.mark.weekly) for n in CASES],
    indirect=True,
)


def _problem(case: Case, seed: int = 0) -> tuple[Array, dict[str, Array], dict[str, Array]]:
    rng = np.random.default_rng(seed)
    x = rng.standard_normal((BATCH, TIME, case.columns))
    return x, case.drawn_states(rng, BATCH), draw(case.shapes(case.features, case.units), rng)


def _dirty(x: Array) -> Array:
    """What no step may read, in turn, in the masked elements of x."""
    dirty = x.copy()
    dirty[~MASK] = np.resize([np.nan, np.inf, 1e300], x[~MASK].shape)
    return dirty


@functools.cache
def _exact(name: str, dirty: bool = False) -> Gradients:
    """The gradients of a weighted sum of all outputs and final states, masked."""
    case = CASES[name]
    x, states, w = _problem(case)
    x = _dirty(x) if dirty else x
    return gradients(case.step, x, states, w, _cotangent(case), MASK, False, _final(case))


def _cotangent(case: Case) -> Array:
    x, states, w = _problem(case)
    width = case.step(x[:, 0], states, w)[0].shape[-1]
    return np.random.default_rng(1).standard_normal((BATCH, TIME, width))


def _final(case: Case) -> States:
    rng = np.random.default_rng(2)
    return {n: rng.standard_normal(s.shape) for n, s in _problem(case)[1].items()}


@pytest.fixture(params=CASES, name="name")
def _name(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture(name="case")
def _case(name: str) -> Case:
    return CASES[name]


def test_every_weight_is_read_and_none_else(case: Case) -> None:
    class Spy(dict[str, Array]):
        read: set[str] = set()

        def __getitem__(self, name: str) -> Array:
            self.read.add(name)
            return super().__getitem__(name)

    x, states, w = _problem(case)
    spy = Spy(w)
    emission, after = case.step(x[:, 0], states, spy)
    assert spy.read == set(w)
    assert emission.shape[0] == BATCH
    assert {n: value.shape for n, value in after.items()} == {
        n: (BATCH, case.width(n)) for n in case.states
    }


@of_each_structure
def test_gradients_are_those_of_central_differences(name: str, case: Case) -> None:
    x, states, w = _problem(case)
    rng = np.random.default_rng(3)
    cotangent, final, exact = _cotangent(case), _final(case), _exact(name)

    def loss(x: Array, states: States, w: Weights) -> float:
        outputs, after = run(case.step, x, states, w, MASK)
        return float(np.sum(outputs * cotangent) + sum(np.sum(after[n] * final[n]) for n in after))

    direction_x = rng.standard_normal(x.shape)
    direction_s = {n: rng.standard_normal(s.shape) for n, s in states.items()}
    direction_w = {n: rng.standard_normal(s.shape) for n, s in w.items()}

    def along(of: str, h: float) -> float:
        """The loss after a step of size h along the direction of one argument."""
        return loss(
            x + h * direction_x if of == "x" else x,
            {n: s + h * direction_s[n] if of == f"state {n}" else s for n, s in states.items()},
            {n: s + h * direction_w[n] if of == n else s for n, s in w.items()},
        )

    expected = {"x": np.sum(exact.x * direction_x)}
    expected |= {f"state {n}": np.sum(g * direction_s[n]) for n, g in exact.states.items()}
    expected |= {n: np.sum(g * direction_w[n]) for n, g in exact.w.items()}
    h = 1e-4
    for of, value in expected.items():
        # Richardson's combination leaves an error of order h^4
        coarse = (along(of, h) - along(of, -h)) / (2 * h)
        fine = (along(of, h / 2) - along(of, -h / 2)) / h
        assert value == pytest.approx((4 * fine - coarse) / 3, rel=1e-7, abs=1e-8), of


def test_every_argument_has_a_gradient(case: Case) -> None:
    x, states, w = _problem(case)
    rng, cotangent, final = np.random.default_rng(4), _cotangent(case), _final(case)

    def stepped(array: Array) -> Array:
        return array + 1e-30j * rng.standard_normal(array.shape)

    def slopes(x: Array, states: States, w: Weights) -> Array:
        """The derivative of each row's loss along the imaginary part."""
        outputs, after = run(case.step, x, states, w, MASK)
        last = sum(np.sum(after[n] * final[n], axis=-1) for n in after)
        return np.imag(np.sum(outputs * cotangent, axis=(1, 2)) + last)

    for n in w.keys() - {*case.flat}:
        assert np.any(slopes(x, states, {**w, n: stepped(w[n])})), n
    for n in states.keys() - {*case.flat}:
        assert np.any(slopes(x, {**states, n: stepped(states[n])}, w)), n
    reached = np.zeros(x.shape, bool)
    for t, column in np.ndindex(x.shape[1:]):
        probe = x.astype(complex)
        probe[:, t, column] = stepped(x[:, t, column])
        reached[:, t, column] = slopes(probe, states, w) != 0
    assert np.all(np.any(reached[MASK], axis=0) if "x" in case.flat else reached[MASK])


def test_a_masked_step_changes_no_state_and_repeats_the_emission(case: Case) -> None:
    x, states, w = _problem(case)
    outputs, after = run(case.step, x, states, w, MASK)
    for row in range(BATCH):
        alone = {n: s[row : row + 1] for n, s in states.items()}
        expected = np.zeros(outputs.shape[-1])
        for t in range(TIME):
            if MASK[row, t]:
                emission, alone = case.step(x[row : row + 1, t], alone, w)
                expected = emission[0]
            np.testing.assert_allclose(outputs[row, t], expected, rtol=0, atol=1e-14)
        for name, value in alone.items():
            np.testing.assert_allclose(after[name][row], value[0], rtol=0, atol=1e-14)


@of_each_structure
def test_what_stands_in_a_masked_step_has_no_effect(name: str, case: Case) -> None:
    found, clean = _exact(name, dirty=True), _exact(name)
    np.testing.assert_array_equal(found.x, clean.x)
    assert np.all(found.x[~MASK] == 0)
    for weight in clean.w:
        np.testing.assert_array_equal(found.w[weight], clean.w[weight])
    for state in clean.states:
        np.testing.assert_array_equal(found.states[state], clean.states[state])
    x, states, w = _problem(case)
    np.testing.assert_array_equal(
        run(case.step, _dirty(x), states, w, MASK)[0], run(case.step, x, states, w, MASK)[0]
    )


def test_two_chunks_are_the_whole(case: Case) -> None:
    x, states, w = _problem(case)
    outputs, after = run(case.step, x, states, w)
    first, between = run(case.step, x[:, :2], states, w)
    second, last = run(case.step, x[:, 2:], between, w)
    np.testing.assert_array_equal(np.concatenate([first, second], axis=1), outputs)
    for name in after:
        np.testing.assert_array_equal(last[name], after[name])


def test_zero_states_start_every_cell(case: Case) -> None:
    x, _, w = _problem(case)
    outputs, _ = run(case.step, x, case.zeros(BATCH), w, MASK)
    assert np.all(np.isfinite(outputs))


def test_going_backwards_reads_the_flipped_sequence_and_mask() -> None:
    x, states, w = _problem(CASES["lstm"])
    flipped = run(lstm.step, x[:, ::-1], states, w, MASK[:, ::-1])
    found = run(lstm.step, x, states, w, MASK, go_backwards=True)
    np.testing.assert_array_equal(found[0], flipped[0])
    np.testing.assert_array_equal(found[1]["c"], flipped[1]["c"])
    assert not np.allclose(found[0], run(lstm.step, x, states, w, MASK)[0])


@pytest.mark.parametrize("mask", [np.ones((BATCH, TIME)), np.ones((BATCH, TIME + 1), bool)])
def test_a_mask_of_another_kind_is_refused(mask: Array) -> None:
    x, states, w = _problem(CASES["lstm"])
    with pytest.raises(ValueError, match="mask must be bool"):
        run(lstm.step, x, states, w, mask)


def test_a_state_the_step_does_not_return_is_refused() -> None:
    x, states, w = _problem(CASES["lstm"])
    with pytest.raises(ValueError, match="was given"):
        run(lstm.step, x, {**states, "k": states["c"]}, w)
