"""The sets of Lan et al.: the authors' counts, and losses of predictors that count by hand."""

import numpy
import pytest
from gatekit.plugins.formal_languages import AnBn, AnBnCn, BinaryAddition, Dyck1
from seams import DataWarning, check_splits

PRINTED = {  # symbols and least bits per symbol, of training and test set: stats/tacl_stats.json
    (AnBn, 100): (734, 1_030_000, 0.3888, 0.2582),
    (AnBn, 500): (3892, 1_042_000, 0.3813, 0.2582),
    (AnBnCn, 100): (1051, 1_544_500, 0.2715, 0.1722),
    (AnBnCn, 500): (5588, 1_562_500, 0.2656, 0.1722),
    (Dyck1, 100): (252, 125_410, 0.8832, 0.8821),
    (Dyck1, 500): (1306, 125_364, 0.8918, 0.8820),
}


def counting(x):
    """Return the odds of the next symbol of a^n b^n and a^n b^n c^n, by counting."""
    seen, last = x.cumsum(axis=1), x.argmax(axis=2)
    letters = x.shape[2] - 1
    odds = numpy.zeros(x.shape)
    odds[last == 0, 1] = 1
    odds[last == 1] = numpy.eye(letters + 1)[1] * 0.7 + numpy.eye(letters + 1)[2] * 0.3
    for letter in range(2, letters + 1):
        here, done = last == letter, seen[:, :, letter] == seen[:, :, 1]
        odds[here & ~done, letter] = 1
        odds[here & done, (letter + 1) % (letters + 1)] = 1
    return odds


def nesting(x):
    """Return the odds of the next bracket, or of the end, by the number of open ones."""
    depth = (x[:, :, 1] - x[:, :, 2]).cumsum(axis=1)
    return numpy.where((depth > 0)[:, :, None], [0, 0.3, 0.7], [0.7, 0.3, 0])


def bits(batch, odds):
    given = numpy.take_along_axis(odds(batch.x), batch.y[:, :, None], axis=2)[:, :, 0]
    loss = -numpy.log2(given, where=batch.mask, out=numpy.zeros(given.shape))
    return (loss * batch.weights).sum() / batch.weights.sum()


@pytest.mark.parametrize(
    ("kind", "strings"),
    [pytest.param(*k, marks=pytest.mark.slow if k == (AnBnCn, 500) else ()) for k in PRINTED],
)
def test_counts_and_least_losses_are_those_of_the_authors(kind, strings):
    train, test, least_train, least_test = PRINTED[kind, strings]
    splits = kind(strings=strings).splits(None)
    assert (splits["train"].weights.sum(), splits["test"].weights.sum()) == (train, test)
    odds = nesting if kind is Dyck1 else counting
    assert bits(splits["train"], odds) == pytest.approx(least_train, abs=6e-5)
    assert bits(splits["test"], odds) == pytest.approx(least_test, abs=6e-5)


def test_the_numbers_are_those_of_the_old_generator():
    n = numpy.random.RandomState(100).geometric(0.3, 100)
    assert (n[:8].tolist(), n.max()) == ([3, 1, 2, 6, 1, 1, 4, 5], 14)
    strings, counts = AnBn().drawn()["train"]
    found = {len(text) // 2: count for text, count in zip(strings, counts, strict=True)}
    assert found == {value: (n == value).sum() for value in set(n.tolist())}
    assert [len(text) // 3 for text in AnBnCn(test_size=3).drawn()["test"][0]] == [15, 16, 17]


def test_brackets_are_derived_as_the_authors_derive_them():
    random = numpy.random.RandomState(100)

    def derived():
        if random.choice(2, p=[0.3, 0.7]):
            return ""
        return f"[{derived()}]{derived()}"

    drawn = Dyck1(test_size=50).drawn()
    for name, count in (("train", 100), ("test", 50)):
        expected = [derived() for _ in range(count)]
        strings, counts = drawn[name]
        texts = ["".join("#[]"[symbol] for symbol in text) for text in strings]
        assert texts == list(dict.fromkeys(expected))
        assert counts.tolist() == [expected.count(text) for text in texts]


@pytest.mark.parametrize("kind", [AnBn, AnBnCn, Dyck1])
def test_a_sequence_begins_and_ends_with_the_same_symbol(kind):
    with pytest.warns(DataWarning, match="sequences"):
        splits = check_splits(kind(strings=20, test_size=5), numpy.random.default_rng(0))
    for batch in splits.values():
        for x, y, mask in zip(batch.x.argmax(axis=2), batch.y, batch.mask, strict=True):
            assert x[mask][0] == y[mask][-1] == 0
            assert x[mask][1:].tolist() == y[mask][:-1].tolist()
            assert (y[mask][:-1] > 0).all()


@pytest.mark.parametrize("kind", [AnBn, AnBnCn, Dyck1])
def test_chance_is_the_least_loss_of_one_distribution_for_all_steps(kind):
    task = kind(test_size=20)
    batch = task.splits(None)["test"]
    share = numpy.bincount(batch.y[batch.mask], batch.weights[batch.mask])
    constant = share / share.sum()
    assert task.chance() == pytest.approx(bits(batch, lambda x: numpy.ones(x.shape) * constant))


@pytest.mark.parametrize(
    ("numbers", "answers"), [(10, 600), pytest.param(20, 2800, marks=pytest.mark.slow)]
)
def test_carrying_adds_and_the_counts_are_those_of_the_authors(numbers, answers):
    task = BinaryAddition(numbers=numbers)
    splits = check_splits(task, numpy.random.default_rng(0))
    assert (splits["train"].y.size, splits["test"].y.size) == (answers, 687_500)
    for batch in splits.values():
        carry = numpy.zeros(len(batch.x))
        for x, y in zip(batch.x.swapaxes(0, 1), batch.y.swapaxes(0, 1), strict=True):
            total = x.sum(axis=1) + carry
            assert (y[:, 0] == total % 2).all()
            carry = total // 2
        assert not carry.any()
    ones = splits["test"].y.mean()
    given = numpy.where(splits["test"].y, ones, 1 - ones)
    assert task.chance() == pytest.approx(-numpy.log2(given).mean(), rel=1e-5)


def test_validation_shares_nothing_with_the_other_sums():
    splits = BinaryAddition(test_numbers=3).splits(None)
    values = {
        name: {
            tuple(pair)
            for pair in (batch.x * 2.0 ** numpy.arange(batch.x.shape[1])[:, None]).sum(1)
        }
        for name, batch in splits.items()
    }
    assert len(values["validation"]) == 21
    assert not values["validation"] & (values["train"] | values["test"])
    assert values["test"] == {(a, b) for a in (11, 12, 13) for b in (11, 12, 13)}
