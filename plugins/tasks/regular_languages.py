"""Regular languages: parity, even pairs, navigation on a cycle, modular arithmetic."""

import numpy

from gatekit import AutomatonTask, Task, hookimpl

CHOMSKY = "arXiv:2207.02098"


class Parity(AutomatonTask):
    """Random bits; is the number of ones so far odd?

    ``y_t = (b_1 + ... + b_t) mod 2``, bits one-hot. Training asks after every bit, validation and
    test sets after the last one. Delétang et al. ask in training, too, after the last one only,
    give all sequences of a batch one length, and report the mean accuracy over lengths 41 and more.

    Args:
        length: bits of the longest training sequences.
        shortest: bits of the shortest ones.
        labels: whether training asks after ``every`` bit or after the ``last`` one.
        test_lengths: the lengths of the further test sets.

    Chance: 1/2

    Separates: Cells with a nonlinear recurrence, which solve every length, from linear recurrences
        with eigenvalues from 0 to 1, which stay at chance; with eigenvalues from -1 to 1 these
        solve lengths near those of training.

    Time: 10 to 33 s

    Measured: 64 units, 1,500 steps, accuracy at lengths 40, 100, 256: LSTM, GRU and RNN 1, 1, 1;
        diagonal linear gates in [0, 1] 0.47 to 0.53; in [-1, 1] 1.00, 0.996, 0.60; 10 to 33 s. With
        labels at the last step only, LSTM 1, 1, 1 after 4,000 steps, 42 s (PyTorch, one CPU thread,
        one seed). In gatekit LSTM 1, 1, 1 after 1,500 steps, 39 s; minGRU 0.505, 0.499, 0.482 after
        1,000 steps, 62 s.

    Published: Grazzi et al. Table 3, scaled accuracy (0 is chance) at lengths 40 to 256, best of
        3: Transformer 0.022, mLSTM 0.087, sLSTM 1.000, Mamba with eigenvalues in [0, 1] 0.000, in
        [-1, 1] 1.000, DeltaNet 0.017 and 1.000.

    Reference: Delétang et al., Neural Networks and the Chomsky Hierarchy (2023), arXiv:2207.02098;
        Grazzi et al., Unlocking State-Tracking in Linear RNNs Through Negative Eigenvalues (2025),
        arXiv:2411.12537
    """

    recipe = "parity/1"
    reference = f"{CHOMSKY}; arXiv:2411.12537"

    def table(self) -> numpy.ndarray:
        """A one flips the state."""
        return numpy.array([[0, 1], [1, 0]])

    def answer(self) -> numpy.ndarray:
        """The state itself."""
        return numpy.arange(2)


class EvenPairs(AutomatonTask):
    """Random bits; is the number of unequal neighbours so far odd?

    ``y_t`` is 1 where an odd number of the pairs ``b_1 b_2, ..., b_{t-1} b_t`` are unequal, which
    is where ``b_1`` and ``b_t`` differ: the first bit has to be kept. Bits are one-hot. Training
    asks after every bit, validation and test sets after the last one.

    Args:
        length: bits of the longest training sequences.
        shortest: bits of the shortest ones, at least two: one bit has no pair.
        labels: whether training asks after ``every`` bit or after the ``last`` one.
        test_lengths: the lengths of the further test sets.

    Chance: 1/2

    Separates: Nothing that has been measured.

    Time: 52 s

    Measured: In gatekit, LSTM, 600 steps, accuracy up to 40 and at 100 and 256: 1, 1, 1, 52 s.

    Published: Delétang et al., abstract: LSTMs solve regular tasks, of which this is one.

    Reference: Delétang et al., Neural Networks and the Chomsky Hierarchy (2023), arXiv:2207.02098
    """

    shortest = 2
    lowest = AutomatonTask.lowest | {"length": 2, "shortest": 2}
    recipe = "even_pairs/1"
    reference = CHOMSKY

    def table(self) -> numpy.ndarray:
        """State 0 is the beginning, 1 + 2 first + last what follows."""
        later = [[1 + 2 * first + bit for bit in (0, 1)] for first in (0, 1) for _ in (0, 1)]
        return numpy.array([[1, 4], *later])

    def answer(self) -> numpy.ndarray:
        """Whether the first and the last bit differ."""
        return numpy.array([0, 0, 1, 1, 0])


class CycleNavigation(AutomatonTask):
    """Random steps forward, backward or none on a cycle of five positions; where does the walk end?

    ``y_t = (s_1 + ... + s_t) mod positions`` with ``s`` uniform over 0, 1, -1, one-hot in this
    order. Training asks after every step, validation and test sets after the last one.

    Args:
        positions: positions of the cycle.
        length: steps of the longest training sequences.
        shortest: steps of the shortest ones.
        labels: whether training asks after ``every`` step or after the ``last`` one.
        test_lengths: the lengths of the further test sets.

    Chance: 0.210, the starting position, at lengths 1 to 40

    Separates: Nothing that has been measured.

    Time: 86 s

    Measured: In gatekit, LSTM, Adam 5e-3, 1,500 steps, accuracy up to 40 and at 100 and 256: 1.000,
        0.992, 0.961, 86 s; with Adam 2e-3 and 600 steps 0.723, 0.259, 0.225.

    Published: Delétang et al., abstract: LSTMs solve regular tasks, of which this is one.

    Reference: Delétang et al., Neural Networks and the Chomsky Hierarchy (2023), arXiv:2207.02098
    """

    positions: int = 5
    lowest = AutomatonTask.lowest | {"positions": 2}
    recipe = "cycle_nav/1"
    reference = CHOMSKY

    def table(self) -> numpy.ndarray:
        """The position after each step."""
        return (numpy.arange(self.positions)[:, None] + [0, 1, -1]) % self.positions

    def answer(self) -> numpy.ndarray:
        """The position."""
        return numpy.arange(self.positions)


class ModArithmetic(AutomatonTask):
    """An expression of digits with +, - and *, no brackets; what is its value modulo five?

    Digits 0 to modulus - 1 and operators take turns, each drawn evenly, one-hot in the order
    digits, +, -, *. A product binds closer than a sum. After an operator the answer is the value of
    what comes before it, so that every length has one; Delétang et al. use odd lengths only.
    Training asks after every symbol, validation and test sets after the last one.

    Args:
        modulus: the value is taken modulo this number.
        length: symbols of the longest training sequences.
        shortest: symbols of the shortest ones.
        labels: whether training asks after ``every`` symbol or after the ``last`` one.
        test_lengths: the lengths of the further test sets.

    Chance: 0.206, the value 0, at lengths 1 to 40

    Separates: Nothing that has been measured here.

    Time: 54 s up to length 12

    Measured: In gatekit, LSTM, length 12, Adam 5e-3, 2,500 steps, accuracy up to 12 and at 40 and
        100: 0.996, 0.809, 0.496, 54 s. Length 40, Adam 2e-3, 2,000 steps: 0.386 up to 40 and chance
        at 100 and 256, 98 s. Length 40, 128 units, Adam 5e-3, 4,000 steps: 1.0, 1.0, 0.996, 282 s.

    Published: Grazzi et al. Table 3, without brackets, scaled accuracy (0 is chance) at lengths 40
        to 256, best of 3: Transformer 0.031, mLSTM 0.040, sLSTM 0.787, Mamba with eigenvalues in
        [0, 1] 0.095, in [-1, 1] 0.241, DeltaNet 0.314 and 0.971.

    Reference: Delétang et al., Neural Networks and the Chomsky Hierarchy (2023), arXiv:2207.02098;
        Grazzi et al. (2025), arXiv:2411.12537
    """

    modulus: int = 5
    lowest = AutomatonTask.lowest | {"modulus": 2}
    recipe = "mod_arithmetic/1"
    reference = f"{CHOMSKY}; arXiv:2411.12537"

    def table(self) -> numpy.ndarray:
        """A state holds the sum of the terms before, the current term, and what came last."""
        m = self.modulus
        total, term, last = (part.ravel() for part in numpy.indices((m, m, 4)))
        digit = numpy.arange(m)
        # last: 0 +, 1 -, 2 *, 3 a digit; the beginning is a + after the value 0
        sums = numpy.where(last == 2, total, total + term)[:, None] + 0 * digit
        factor = numpy.choose(last, [1, -1, term, 0])
        after_digit = self._state(sums, factor[:, None] * digit, 3)
        after_operator = self._state(total[:, None], term[:, None], numpy.arange(3))
        return numpy.hstack([after_digit, after_operator])

    def answer(self) -> numpy.ndarray:
        """The sum of all terms."""
        total, term, _ = (part.ravel() for part in numpy.indices((self.modulus, self.modulus, 4)))
        return (total + term) % self.modulus

    def odds(self) -> numpy.ndarray:
        """Digits and operators take turns."""
        m = self.modulus
        operator_next = (numpy.arange(4 * m * m) % 4 == 3)[:, None]
        digits = numpy.repeat([1 / m, 0], [m, 3])
        operators = numpy.repeat([0, 1 / 3], [m, 3])
        return numpy.where(operator_next, operators, digits)

    def _state(
        self, total: numpy.ndarray, term: numpy.ndarray, last: numpy.ndarray | int
    ) -> numpy.ndarray:
        return (total % self.modulus * self.modulus + term % self.modulus) * 4 + last


@hookimpl
def gatekit_tasks() -> dict[str, type[Task]]:
    """Register the tasks."""
    return {
        "parity": Parity,
        "even_pairs": EvenPairs,
        "cycle_nav": CycleNavigation,
        "mod_arithmetic": ModArithmetic,
    }
