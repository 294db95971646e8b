"""The word problem: products of permutations, against permutation matrices."""

import itertools

import numpy
import pytest
from gatekit.plugins.word_problem import WordProblem
from seams import check_sample

GROUPS = {"S3": 6, "A5": 60, "S5": 120}


def rng(seed=5):
    return numpy.random.default_rng(seed)


def matrices(group):
    """Return the permutation matrices of a group; that of g maps unit vector i to g(i)."""
    things = int(group[1])
    lists = itertools.permutations(range(things))
    found = [numpy.eye(things, dtype=int)[:, list(images)] for images in lists]
    return found if group[0] == "S" else [m for m in found if round(numpy.linalg.det(m)) == 1]


@pytest.mark.parametrize("group", GROUPS)
def test_every_answer_is_the_product_so_far(group):
    batch = check_sample(WordProblem(group=group), rng(), 20)
    elements = matrices(group)
    assert len(elements) == GROUPS[group]
    assert WordProblem(group=group).signature().outputs == GROUPS[group]
    for tokens, answers, mask in zip(batch.x, batch.y, batch.mask, strict=True):
        product = numpy.eye(int(group[1]), dtype=int)
        for token, answer in zip(tokens[mask], answers[mask], strict=True):
            product = elements[token] @ product
            assert numpy.array_equal(product, elements[answer])


@pytest.mark.parametrize(("group", "swaps"), [("S3", 3), ("S5", 10)])
def test_swaps_are_the_identity_and_all_exchanges_of_two(group, swaps):
    task = WordProblem(group=group, elements="swaps")
    signature = task.signature()
    assert (signature.vocabulary, signature.outputs) == (swaps + 1, GROUPS[group])
    _, answers = task.walk(rng(), 500, 1)
    moved = [int(group[1]) - numpy.trace(matrices(group)[a]) for a in set(answers[:, 0])]
    assert sorted(moved) == [0] + [2] * swaps


@pytest.mark.parametrize("group", GROUPS)
def test_chance_is_one_over_the_size(group):
    assert WordProblem(group=group).chance() == pytest.approx(1 / GROUPS[group])


def test_with_swaps_the_identity_is_guessed():
    task = WordProblem(elements="swaps", length=4)
    batch = task.judged(rng(), 40000)
    share = (batch.y[batch.weights > 0] == 0).mean()
    assert task.chance() == pytest.approx(share, abs=0.01)
    assert task.chance() > 1 / 6
