"""The word problem: products of permutations, against permutation matrices."""

import itertools

import numpy
import pytest
from gatekit.plugins.word_problem import WordProblem, gatekit_tasks
from refused import at
from seams import check_sample, check_splits

from gatekit import ConfigError

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


def test_the_group_of_even_permutations_has_no_swap():
    with pytest.raises(ConfigError, match="needs S3 or S5"):
        WordProblem(group="A5", elements="swaps")
    with pytest.raises(ConfigError, check=at("group", names=("A5", "S5"))):
        WordProblem(group="S4")


def test_sets_are_fixed_and_have_three_lengths():
    splits = check_splits(WordProblem(test_size=7), rng(1))
    assert [batch.x.shape for batch in splits.values()] == [(1000, 40), (7, 40), (7, 100), (7, 256)]
    again = WordProblem(test_size=7).splits(rng(2))
    assert all(numpy.array_equal(splits[name].x, again[name].x) for name in splits)


def test_the_numbers_of_recipe_1_stay():
    # a change here needs a new version in the recipe
    batch = WordProblem(test_lengths=[9], test_size=1).splits(None)["test_9"]
    assert batch.x[0].tolist() == [4, 2, 5, 4, 1, 1, 4, 0, 3]
    assert batch.y[0].tolist() == [4, 5, 0, 4, 2, 4, 3, 3, 4]


def test_the_plugin_offers_the_task():
    assert gatekit_tasks() == {"word_problem": WordProblem}
