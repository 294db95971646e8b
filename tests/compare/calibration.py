"""How often the decision rule errs and finds: ``cd tests; python -m compare.calibration``.

Prints the tables of docs/comparing.md, and writes their numbers into docs/calibration.json.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from gatekit.compare.stats.rule import ALPHA, MIN_FLIPS, MIN_SEEDS, holm, paired_t, step_down

Floats = NDArray[np.float64]
PLACE = Path(__file__).parents[2] / "docs" / "calibration.json"
SEEDS = (5, 6, 7, 8, 10, 14, 20)
GROUPS = (2, 5, 20)
"""Groups of a table, with the baseline, in which no group differs."""
DIFFERENT = (2, 10, 20)
"""Groups of a table in which all groups differ from the baseline by an effect."""
EFFECTS = (1.0, 2.0)
_BATCH = 50
_WORK = 1e8

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


def p_values(d: Floats) -> Floats:
    """Return the rule's p values of many studies: ``(studies, seeds, groups)``; 1 below five."""
    if d.shape[-2] < MIN_SEEDS:
        return np.ones((len(d), d.shape[-1]))
    return holm(paired_t(d)) if d.shape[-2] < MIN_FLIPS else step_down(d)


def _differences(noise: str, groups: int, seeds: int, studies: int) -> Floats:
    rng = np.random.default_rng([list(NOISES).index(noise), groups, seeds])
    runs = NOISES[noise](rng, (studies, seeds, groups))
    return runs[..., 1:] - runs[..., :1]


def _decided(d: Floats) -> NDArray[np.bool_]:
    parts = [p_values(d[i : i + _BATCH]) < ALPHA for i in range(0, len(d), _BATCH)]
    return np.concatenate(parts)


def false_verdicts(noise: str, groups: int, seeds: int) -> float:
    """Return the share of studies with a verdict although no group differs."""
    vectors = 100 if seeds < MIN_FLIPS else min(2 ** (seeds - 1), 10_000)
    studies = int(min(12_000, max(2000, _WORK / vectors / (groups - 1))))
    return float(_decided(_differences(noise, groups, seeds, studies)).any(axis=-1).mean())


def power(effect: float, groups: int, seeds: int) -> float:
    """Return the share of right verdicts, if each group differs by Cohen's d = ``effect``."""
    # The noise of a difference has the standard deviation sqrt(2).
    d = _differences("normal", groups, seeds, 4000 if seeds <= 10 else 300)
    return float(_decided(d + effect * np.sqrt(2)).mean())


def tables() -> dict[str, dict[str, dict[str, list[float]]]]:
    """Return both tables in percent: for each noise or effect and number of groups, a row."""
    return {
        "false": {
            noise: {
                str(groups): [round(100 * false_verdicts(noise, groups, n), 1) for n in SEEDS]
                for groups in GROUPS
            }
            for noise in NOISES
        },
        "power": {
            f"{effect:g}": {
                str(groups): [round(100 * power(effect, groups, n), 1) for n in SEEDS]
                for groups in DIFFERENT
            }
            for effect in EFFECTS
        },
    }


def markdown(found: dict[str, dict[str, dict[str, list[float]]]]) -> str:
    """Return the tables as docs/comparing.md shows them."""
    titles = {"false": "noise of a run", "power": "Cohen's d"}
    parts = []
    for name, title in titles.items():
        columns = " | ".join(f"n = {n}" for n in SEEDS)
        lines = [f"| {title} | groups | {columns} |", f"|:--|{'--:|' * (len(SEEDS) + 1)}"]
        for kind, rows in found[name].items():
            for groups, values in rows.items():
                digits = 1 if name == "false" else 0
                shown = " | ".join(f"{value:.{digits}f}" for value in values)
                lines.append(f"| {kind} | {groups} | {shown} |")
        parts.append("\n".join(lines))
    return "\n\n".join(parts) + "\n"


if __name__ == "__main__":
    found = tables()
    PLACE.write_text(json.dumps(found, indent=1) + "\n", encoding="utf-8")
    sys.stdout.write(markdown(found))
