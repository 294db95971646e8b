"""The FitzHugh-Nagumo oscillator: predict the next value of the fast variable."""

import functools

import numpy

from gatekit import Batch, Metric, Signature, Task, hookimpl
from gatekit.tasks import recipe_hash

CURRENT, A, B, EPSILON = 0.5, 0.7, 0.8, 1 / 50
END, STEPS = 400, 1000
CHANCE = 1.4769
SCORED = 128
"""The authors' script scores the last batch of the test set only."""


class FitzHughNagumo(Task):
    """The fast variable of an oscillator with two time scales; predict its next value at each step.

    ``v' = v - v^3/3 - w + 0.5``, ``w' = (v + 0.7 - 0.8 w) / 50``, ``v(0) ~ U[-1, 1)``,
    ``w(0) = 0``, at 1,001 times from 0 to 400, solved by ``scipy.integrate.solve_ivp`` with its
    default tolerances. ``w`` is never shown. With the default options, the three sets are those of
    the authors, drawn one after another by NumPy's old generator; the run's seed does not change
    them. Further test set: ``test_last`` is the last 128 sequences of the test set, the only ones
    that the authors' script scores.

    Args:
        train_size: sequences of the training set.
        validation_size: sequences of the validation set.
        test_size: sequences of the test set.
        data_seed: seed of the initial values.

    Chance: 1.477, the standard deviation of the default test set

    Separates: Not measured.

    Time: 84 s for 1,000 steps of an LEM of 16 units, batch 32; the sets take 45 s more

    Measured: The error of giving the input back is 0.079; that of the equations, with w computed
        from the values so far, 0.0011: the solver's tolerance.

    Published: In the log of the authors' best run, the RMSE of an LEM of 16 units on the last 128
        test sequences is 0.0023766.

    Reference: Rusch, Mishra, Erichson & Mahoney, Long Expressive Memory for Sequence Modeling
        (2022), arXiv:2110.04744
    """

    train_size: int = 128
    validation_size: int = 128
    test_size: int = 1024
    data_seed: int = 1234
    lowest = {"train_size": 1, "validation_size": 1, "test_size": 1, "data_seed": 0}
    metric = Metric("rmse", direction="min", unit="error")
    reference = "arXiv:2110.04744"

    def signature(self) -> Signature:
        """One number a step; the number of the next step."""
        return Signature(features=1, vocabulary=None, outputs=1, loss="mse", emission="every")

    def chance(self) -> float:
        """Return the standard deviation of the default test set; other orbits have nearly it."""
        return CHANCE

    def data_hash(self) -> str:
        """Return the hash of the recipe and its options."""
        return recipe_hash("fitzhugh_nagumo/1", self.options())

    def splits(self, rng: numpy.random.Generator) -> dict[str, Batch]:
        """Return x and y ``sequences x 1000 x 1``; y is x one step later."""
        count = self.train_size + self.validation_size + self.test_size
        values = orbits(self.data_seed, count).astype("float32")[:, :, None]
        ends = numpy.cumsum([self.train_size, self.validation_size])
        names = ("train", "validation", "test")
        parts = dict(zip(names, numpy.split(values, ends), strict=True))
        parts["test_last"] = parts["test"][-SCORED:]
        return {name: Batch(part[:, :-1], part[:, 1:]) for name, part in parts.items()}


@functools.cache
def orbits(seed: int, count: int) -> numpy.ndarray:
    """Return the fast variable of some orbits, ``count x 1001``; a process computes them once."""
    # Imported here: every command loads this file, and importing SciPy is slow.
    from scipy.integrate import solve_ivp

    times = numpy.linspace(0, END, STEPS + 1)
    starts = numpy.random.RandomState(seed).random_sample(count) * 2 - 1
    found = [solve_ivp(slopes, (0, END), (v, 0.0), t_eval=times).y[0] for v in starts.tolist()]
    return numpy.array(found)


def slopes(time: float, state: numpy.ndarray) -> tuple[float, float]:
    """Return the derivatives of v and w."""
    v, w = state
    return v - v**3 / 3 - w + CURRENT, EPSILON * (v + A - B * w)


@hookimpl
def gatekit_tasks() -> dict[str, type[Task]]:
    """Register the task."""
    return {"fitzhugh_nagumo": FitzHughNagumo}
