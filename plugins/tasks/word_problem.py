"""The word problem of a group: the product of all elements so far."""

from itertools import permutations
from typing import Literal

import numpy

from gatekit import AutomatonTask, ConfigError, Task, hookimpl


class WordProblem(AutomatonTask):
    """Random elements of a permutation group; which element is their product so far?

    ``y_t = g_1 g_2 ... g_t``, where ``g_1`` acts first. Elements are tokens, in lexicographic order
    of their permutations, the identity first. Training asks after every element, validation and
    test sets after the last one; in the code of Merrill et al. every step is asked for and scored.

    Args:
        group: ``S3`` (6 elements) and ``S5`` (120), all permutations of three and five elements;
            ``A5`` (60), the even ones of five.
        elements: what is drawn from: ``all`` elements, or ``swaps``, which are the identity and
            the exchanges of two elements, as in Grazzi et al.; A5 holds no exchange.
        length: elements of the longest training sequences.
        shortest: elements of the shortest ones.
        labels: whether training asks after ``every`` element or after the ``last`` one.
        test_lengths: the lengths of the further test sets.

    Chance: 1/6 for S3, 1/60 for A5, 1/120 for S5; more with swaps

    Separates: Cells with a nonlinear recurrence from diagonal linear ones. S3 is solvable, so it
        shows the limit of diagonal matrices; the hard case of complexity theory needs A5 or S5.

    Time: 21 s for S3, more than 2 min for A5

    Measured: S3, 64 units, 2,000 steps, accuracy at lengths 40, 100, 256: LSTM 1, 1, 1, 21 s;
        diagonal linear gates in [0, 1], 2 layers, 0.16; in [-1, 1] 0.86, 0.39, 0.25. A5, LSTM 128,
        4,000 steps: 0.38, 0.19, 0.17, 121 s (PyTorch, one CPU thread, one seed). In gatekit, S3,
        1,500 steps: LSTM 1.000, 0.999, 0.993, 52 s; minGRU 0.167, 0.153, 0.163, 55 s.

    Reference: Merrill, Petty & Sabharwal, The Illusion of State in State-Space Models (2024),
        arXiv:2404.08819; Grazzi et al. (2025), arXiv:2411.12537
    """

    group: Literal["S3", "A5", "S5"] = "S3"
    elements: Literal["all", "swaps"] = "all"
    recipe = "word_problem/1"
    reference = "arXiv:2404.08819; arXiv:2411.12537"
    embedded = True

    def check_options(self) -> None:
        """Refuse exchanges in a group that has none."""
        super().check_options()
        if self.group == "A5" and self.elements == "swaps":
            raise ConfigError(
                "WordProblem: option elements='swaps' needs S3 or S5: an exchange of two elements "
                "is odd, and A5 holds only the even permutations."
            )

    def table(self) -> numpy.ndarray:
        """The product with each element that can be drawn."""
        group = self._permutations()
        place = {element: index for index, element in enumerate(group)}
        drawn = [e for e in group if self.elements == "all" or _moved(e) in (0, 2)]
        return numpy.array([[place[tuple(e[i] for i in g)] for e in drawn] for g in group])

    def answer(self) -> numpy.ndarray:
        """The element."""
        return numpy.arange(len(self._permutations()))

    def _permutations(self) -> list[tuple[int, ...]]:
        found = list(permutations(range(int(self.group[1]))))
        return found if self.group[0] == "S" else [e for e in found if _even(e)]


def _moved(element: tuple[int, ...]) -> int:
    return sum(image != place for place, image in enumerate(element))


def _even(element: tuple[int, ...]) -> bool:
    pairs = [(i, j) for j in range(len(element)) for i in range(j)]
    return sum(element[i] > element[j] for i, j in pairs) % 2 == 0


@hookimpl
def gatekit_tasks() -> dict[str, type[Task]]:
    """Register the task."""
    return {"word_problem": WordProblem}
