"""How often the decision rule errs and finds: ``cd tests; python -m compare.calibration``.

Writes the numbers into docs/calibration.json and the page with their tables, docs/calibration.md.
"""

from __future__ import annotations

import functools
import itertools
import json
from collections.abc import Callable, Mapping
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from seams import (
    ALPHA,
    MIN_FLIPS,
    MIN_SEEDS,
    beyond,
    decide_interim,
    flipped,
    holm,
    next_interim,
    paired_t,
    sign_vectors,
    spent,
    step_down,
    within_margin,
)

Floats = NDArray[np.float64]
PLACE = Path(__file__).parents[2] / "docs" / "calibration.json"
SEEDS = (5, 6, 7, 8, 10, 14, 20)
GROUPS = (2, 5, 20)
"""Groups of a table, with the baseline, in which no group differs."""
DIFFERENT = (2, 10, 20)
"""Groups of a table in which all groups differ from the baseline by an effect."""
EFFECTS = (1.0, 2.0)
UNEVEN_GROUPS = (2, 6)
MARGIN_SEEDS = (5, 8, 10, 20, 40)
COMPARISONS = (1, 5)
"""Comparisons of a table with a margin, each exactly at the margin."""
BEST_SEEDS = (3, 5, 10, 20)
CANDIDATES = (2, 4, 8, 16)
MOST = 20
"""The most seeds of studies with looks, and the seeds of the fixed rule beside them."""
_BATCH = 50
_WORK = 1e8
_SCREEN = 256

NOISES: dict[str, Callable[[np.random.Generator, tuple[int, ...]], Floats]] = {
    "normal": lambda rng, shape: rng.normal(size=shape),
    "t(3)": lambda rng, shape: rng.standard_t(3, shape),
    "lognormal": lambda rng, shape: rng.lognormal(size=shape),
    "30 % never learn": lambda rng, shape: (
        rng.normal(size=shape) + 20.0 * (rng.random(shape) < 0.3)
    ),
    "steps of 1/20": lambda rng, shape: np.round(20 * rng.normal(0.8, 0.05, shape)) / 20,
}
"""The noise of one run. A paired difference is one run's noise minus that of the baseline's run, so
it is symmetric if no group differs, whatever the noise."""


UNEVEN: dict[str, Callable[[np.random.Generator, tuple[int, ...]], Floats]] = {
    "lognormal": lambda rng, shape: rng.lognormal(size=shape) - np.exp(0.5),
    "normal": lambda rng, shape: rng.normal(size=shape),
}
"""The noise of one run, with mean 0, where the baseline's runs have a third of the spread."""

MARGIN: dict[str, Callable[[np.random.Generator, tuple[int, ...]], Floats]] = {
    "10 % fail": lambda rng, shape: 10.0 * (rng.random(shape) < 0.1) + 0.1 * rng.normal(size=shape),
    "normal": lambda rng, shape: 1.0 + 0.5 * rng.normal(size=shape),
}
"""The loss of one run whose mean is above the baseline's by exactly the margin, 1."""

AGAINST = {"1 against 8": (1, 8), "1 against 16": (1, 16), "8 against 8": (8, 8)}
"""The candidates of the baseline and of the group."""


def p_values(d: Floats) -> Floats:
    """Return the rule's p values of many studies: ``(studies, seeds, groups)``; 1 below five."""
    if d.shape[-2] < MIN_SEEDS:
        return np.ones((len(d), d.shape[-1]))
    return holm(paired_t(d)) if d.shape[-2] < MIN_FLIPS else step_down(d)


def _differences(noise: str, groups: int, seeds: int, studies: int, uneven: bool = False) -> Floats:
    rng = np.random.default_rng([list(NOISES).index(noise), groups, seeds])
    runs = (UNEVEN if uneven else NOISES)[noise](rng, (studies, seeds, groups))
    return runs[..., 1:] - runs[..., :1] / (3.0 if uneven else 1.0)


def _decided(d: Floats) -> NDArray[np.bool_]:
    parts = [p_values(d[i : i + _BATCH]) < ALPHA for i in range(0, len(d), _BATCH)]
    return np.concatenate(parts)


def _hopeful(d: Floats, sizes: Mapping[int, float]) -> NDArray[np.bool_]:
    """Return which studies may have a verdict at some look, judged by a few sign vectors.

    Of 256 random sign vectors, so many reach the maximum of a study that is left out that the
    share of all vectors is below the level with a probability below 1e-6, at each look.

    Args:
        d: differences, ``(studies, seeds, groups)``.
        sizes: the level of each number of seeds.
    """
    vectors = sign_vectors(d.shape[-2])
    rows = np.random.default_rng(1).choice(len(vectors), min(_SCREEN, len(vectors)), replace=False)
    few = vectors[[0, *rows]]
    hopeful = np.zeros(len(d), dtype=bool)
    for n, alpha in sizes.items():
        t = flipped(d[:, :n], few).max(axis=-2)
        bar = alpha + 6 * np.sqrt(alpha * (1 - alpha) / _SCREEN) + 2 / _SCREEN
        hopeful |= (t[:, 1:] >= t[:, :1] - 1e-12).mean(axis=-1) < bar
    return hopeful


def false_verdicts(noise: str, groups: int, seeds: int, uneven: bool = False) -> float:
    """Return the share of studies with a verdict although no group differs."""
    vectors = 100 if seeds < MIN_FLIPS else min(2 ** (seeds - 1), 10_000)
    studies = int(min(8000, max(2000, _WORK / vectors / (groups - 1))))
    d = _differences(noise, groups, seeds, studies, uneven)
    if seeds >= MIN_FLIPS:
        d = d[_hopeful(d, {seeds: ALPHA})]
    return float(_decided(d).any(axis=-1).sum() / studies)


def sizes() -> list[int]:
    """Return the numbers of seeds of all looks of a study with at most 20 seeds."""
    found: list[int] = []
    while (n := next_interim(found[-1] if found else None, 0, MOST)) is not None:
        found.append(n)
    return found


def false_over_looks(noise: str, groups: int, studies: int = 4000, uneven: bool = False) -> float:
    """Return the share of studies with a verdict at any look although no group differs."""
    d = _differences(noise, groups, MOST, studies, uneven)
    d = d[_hopeful(d, {n: spent(n / MOST) for n in sizes()})]
    return float(sum(first_verdict(one) is not None for one in d) / studies)


def first_verdict(d: Floats) -> int | None:
    """Return the number of seeds of the first look with a verdict: ``seeds x groups``.

    `decide_interim` is the slow twin.
    """
    vectors = sign_vectors(MOST)
    rejected = np.zeros(len(vectors), dtype=bool)
    for n in sizes():
        t, alpha = flipped(d[:n], vectors).max(axis=-2), spent(n / MOST)
        if (rejected | (t >= t[0] - 1e-12)).mean() < alpha:
            return n
        rejected |= beyond(t, rejected, alpha)
    return None


def power_over_looks(effect: float, groups: int, studies: int = 300) -> tuple[float, float]:
    """Return the share of right verdicts, and the mean number of seeds until all are decided."""
    found, used = 0, 0
    for d in _differences("normal", groups, MOST, studies) + effect * np.sqrt(2):
        table = [dict(enumerate(column.tolist())) for column in d.T]
        tests = [test for test in decide_interim(table, sizes(), MOST) if test is not None]
        decided = [test.interim.seeds for test in tests if test.decides and test.interim]
        found += len(decided)
        used += max(decided) if len(decided) == len(tests) else MOST
    return found / studies / (groups - 1), used / studies


def power(effect: float, groups: int, seeds: int) -> float:
    """Return the share of right verdicts, if each group differs by Cohen's d = ``effect``."""
    # The noise of a difference has the standard deviation sqrt(2).
    d = _differences("normal", groups, seeds, 4000 if seeds <= 10 else 300)
    return float(_decided(d + effect * np.sqrt(2)).mean())


def false_within_margin(noise: str, comparisons: int, seeds: int, studies: int = 2000) -> float:
    """Return the share of tables in which a group at the margin is "no worse" or "equivalent"."""
    rng = np.random.default_rng([list(MARGIN).index(noise), comparisons, seeds])
    loss = MARGIN[noise](rng, (studies, seeds, comparisons))
    # The baseline never fails, and has the same other noise.
    spread = 0.1 if "fail" in noise else 0.5
    gains = spread * rng.normal(size=(studies, seeds, 1)) - loss
    wrong = 0
    for table in gains.transpose(0, 2, 1).tolist():
        found = within_margin(table, [1.0] * comparisons, fewest=MIN_SEEDS)
        wrong += any(min(p) < ALPHA for p in found if p is not None)
    return wrong / studies


def _best(rng: np.random.Generator, candidates: int, seeds: int, agreement: float) -> Floats:
    """Return the test scores of the candidate with the best mean validation score, for 4,000
    studies; validation and test scores of a run have the correlation ``agreement``."""
    validation = rng.normal(size=(4000, seeds, candidates))
    other = rng.normal(size=validation.shape)
    test = agreement * validation + np.sqrt(1 - agreement**2) * other
    chosen = validation.mean(axis=1).argmax(axis=-1)
    return np.take_along_axis(test, chosen[:, None, None], axis=-1)[..., 0]


def optimism(agreement: float, candidates: int, seeds: int) -> float:
    """Return how far the mean of the best candidate is above the true mean, in deviations."""
    rng = np.random.default_rng([int(10 * agreement), candidates, seeds])
    return float(_best(rng, candidates, seeds, agreement).mean())


def false_best_of(against: str, seeds: int) -> float:
    """Return the share of verdicts between the best candidates of groups that do not differ."""
    rng = np.random.default_rng([list(AGAINST).index(against), seeds])
    theirs, ours = (_best(rng, candidates, seeds, 1.0) for candidates in AGAINST[against])
    return float(_decided((ours - theirs)[..., None]).mean())


Row = Callable[[], list[float]]


def rows() -> dict[tuple[str, str, str], Row]:
    """Return what computes each row in percent: of a table, a noise or effect, and groups."""
    found: dict[tuple[str, str, str], Row] = {}
    for noise, groups in itertools.product(NOISES, GROUPS):
        found["false", noise, str(groups)] = functools.partial(_false, noise, groups)
        found["false over looks", noise, str(groups)] = functools.partial(_over, noise, groups)
    for noise, groups in itertools.product(UNEVEN, UNEVEN_GROUPS):
        found["uneven", noise, str(groups)] = functools.partial(_uneven, noise, groups)
    for noise, comparisons in itertools.product(MARGIN, COMPARISONS):
        found["margin", noise, str(comparisons)] = functools.partial(_margin, noise, comparisons)
    for agreement, candidates in itertools.product((1.0, 0.5), CANDIDATES):
        place = f"{agreement:g}", str(candidates)
        found["optimism", *place] = functools.partial(_optimism, agreement, candidates)
    for against in AGAINST:
        found["best of", against, "2"] = functools.partial(_best_of, against)
    for effect, groups in itertools.product(EFFECTS, DIFFERENT):
        place = f"{effect:g}", str(groups)
        found["power", *place] = functools.partial(_power, effect, groups)
        found["power over looks", *place] = functools.partial(_power_over, effect, groups)
    return found


def _false(noise: str, groups: int) -> list[float]:
    return [round(100 * false_verdicts(noise, groups, n), 1) for n in SEEDS]


def _over(noise: str, groups: int) -> list[float]:
    return [round(100 * false_over_looks(noise, groups), 1)]


def _uneven(noise: str, groups: int) -> list[float]:
    fixed = [false_verdicts(noise, groups, n, uneven=True) for n in SEEDS]
    return [round(100 * s, 1) for s in (*fixed, false_over_looks(noise, groups, uneven=True))]


def _margin(noise: str, comparisons: int) -> list[float]:
    return [round(100 * false_within_margin(noise, comparisons, n), 1) for n in MARGIN_SEEDS]


def _optimism(agreement: float, candidates: int) -> list[float]:
    return [round(optimism(agreement, candidates, n), 2) for n in BEST_SEEDS]


def _best_of(against: str) -> list[float]:
    return [round(100 * false_best_of(against, n), 1) for n in BEST_SEEDS]


def _power(effect: float, groups: int) -> list[float]:
    return [round(100 * power(effect, groups, n), 1) for n in SEEDS]


def _power_over(effect: float, groups: int) -> list[float]:
    share, seeds = power_over_looks(effect, groups)
    return [round(100 * share, 1), round(seeds, 1), round(100 * power(effect, groups, MOST), 1)]


def tables() -> dict[str, dict[str, dict[str, list[float]]]]:
    """Return all tables: for each noise or effect and number of groups, a row."""
    found: dict[str, dict[str, dict[str, list[float]]]] = {name: {} for name in TITLES}
    for (name, kind, groups), row in rows().items():
        found[name].setdefault(kind, {})[groups] = row()
    return found


def _by(seeds: tuple[int, ...]) -> list[str]:
    return [f"n = {n}" for n in seeds]


TITLES = {
    "false": (("noise of a run", "groups"), _by(SEEDS), (1,) * len(SEEDS)),
    "uneven": (
        ("noise of a run", "groups"),
        [*_by(SEEDS), "any of the looks"],
        (1,) * (len(SEEDS) + 1),
    ),
    "margin": (("noise of a run", "comparisons"), _by(MARGIN_SEEDS), (1,) * len(MARGIN_SEEDS)),
    "optimism": (("correlation", "candidates"), _by(BEST_SEEDS), (2,) * len(BEST_SEEDS)),
    "best of": (("candidates", "groups"), _by(BEST_SEEDS), (1,) * len(BEST_SEEDS)),
    "power": (("Cohen's d", "groups"), _by(SEEDS), (0,) * len(SEEDS)),
    "false over looks": (("noise of a run", "groups"), ["any of the looks"], (1,)),
    "power over looks": (
        ("Cohen's d", "groups"),
        ["right verdicts with looks", "mean seeds", f"right verdicts with {MOST} seeds"],
        (0, 1, 0),
    ),
}
"""The names of the first two columns of each table, of the others, and their decimals."""

ABOUT = {
    "false": "Comparisons with any false verdict, in %, if no group differs. Groups include the "
    "baseline.\nThe noise is that of single runs; a paired difference is symmetric even where "
    "the noise of a run is not.",
    "uneven": "The same, if all means are equal but the baseline's spread is a third of all "
    "others.\nThe last column is for looks at 10, 12, ... of at most 20 seeds.",
    "margin": "Groups at the margin that are called equivalent or no worse, in %, by the t tests "
    "alone.\nEach of these verdicts is false. In rows with failures a group fails on 10 % of its "
    "seeds, which costs ten margins,\nand otherwise equals the baseline but for noise of a tenth "
    "of the margin.\nWith fewer than ten seeds gatekit gives no such verdict.",
    "optimism": "How far the mean of the chosen candidate is above its true mean if all "
    "candidates are equally good,\nin standard deviations over seeds, by the correlation of "
    "validation and test scores.",
    "best of": "Tables with a false verdict, in %, if each of two equal groups is the best of its "
    "candidates.",
    "power": "Right verdicts, in %, if every group differs from the baseline by Cohen's d of the "
    "paired differences (normal noise).",
    "false over looks": "Tables with a false verdict at any look, in %, with looks at 10, 12, ... "
    "of at most 20 seeds.",
    "power over looks": "Right verdicts, in %, and seeds used, if a study ends when all "
    "differences are decided.",
}
"""What each table shows."""


def markdown(found: dict[str, dict[str, dict[str, list[float]]]]) -> str:
    """Return the page docs/calibration.md."""
    parts = [
        "# How often verdicts are wrong",
        "Simulated studies ([the decision rule](comparing.md#the-decision-rule)), written by "
        "`cd tests; python -m compare.calibration`.\nA slow test computes a row of each table "
        "again.",
    ]
    for name, (first, columns, digits) in TITLES.items():
        lines = [f"| {' | '.join([*first, *columns])} |"]
        lines.append(f"|:--|{'--:|' * (len(columns) + 1)}")
        for kind, rows in found[name].items():
            for groups, values in rows.items():
                pairs = zip(values, digits, strict=True)
                shown = " | ".join(f"{value:.{places}f}" for value, places in pairs)
                lines.append(f"| {kind} | {groups} | {shown} |")
        parts += [f"## {name.capitalize()}", ABOUT[name], "\n".join(lines)]
    return "\n\n".join(parts) + "\n"


if __name__ == "__main__":
    found = tables()
    PLACE.write_text(json.dumps(found, indent=1) + "\n", encoding="utf-8")
    PLACE.with_suffix(".md").write_text(markdown(found), encoding="utf-8")
