"""The embedded Reber grammar, against strings that are made edge by edge and thrown away."""

import re
from collections import Counter

import numpy
import pytest
from gatekit.plugins.embedded_reber import SYMBOLS, EmbeddedReber
from gatekit.plugins.embedded_reber_1997 import EmbeddedReber1997
from seams import check_sample, check_splits

GRAMMAR = {
    "begin": [("T", "left"), ("P", "right")],
    "left": [("S", "left"), ("X", "cross")],
    "right": [("T", "right"), ("V", "back")],
    "cross": [("X", "right"), ("S", "end")],
    "back": [("P", "cross"), ("V", "end")],
}
# the same language, as the paths through the graph
REBER = re.compile(r"B(TS*X(XT*VP)*(S|XT*VV)|PT*V(PXT*V)*(V|PS))E")


def rng(seed=5):
    return numpy.random.default_rng(seed)


def slow(random, shortest, length):
    """Return a string by walking the graph until one has an allowed length."""
    while True:
        inner, state = "B", "begin"
        while state != "end":
            symbol, state = GRAMMAR[state][random.integers(2)]
            inner += symbol
        outer = "TP"[random.integers(2)]
        if shortest <= len(inner) + 5 <= length:
            return f"B{outer}{inner}E{outer}E"


def strings(batch):
    """Return the strings of a batch, from the first input to the last answer."""
    found = []
    for x, y, mask in zip(batch.x.argmax(axis=2), batch.y, batch.mask, strict=True):
        symbols = [*x[mask][:1], *y[mask]]
        assert x[mask].tolist() == symbols[:-1]
        found.append("".join(SYMBOLS[symbol] for symbol in symbols))
    return found


def test_every_string_belongs_to_the_grammar():
    for string in strings(check_sample(EmbeddedReber(), rng(), 500)):
        assert string[0] == "B"
        assert string[1] == string[-2]
        assert string[1] in "TP"
        assert string[-1] == "E"
        assert REBER.fullmatch(string[2:-2])


@pytest.mark.parametrize(("shortest", "length"), [(9, 14), (12, 12), (20, 24)])
def test_strings_are_as_frequent_as_by_walking_the_graph(shortest, length):
    random = rng(1)
    count = 3000
    task = EmbeddedReber(shortest=shortest, length=length)
    fast = Counter(strings(task.sample(rng(), count)))
    walked = Counter(slow(random, shortest, length) for _ in range(count))
    for string, times in walked.most_common(12):
        assert fast[string] / count == pytest.approx(times / count, abs=0.03)
    lengths = [Counter(len(s) for s in c.elements()) for c in (fast, walked)]
    assert set(lengths[0]) <= set(range(shortest, length + 1))
    for n in lengths[1]:
        assert lengths[0][n] / count == pytest.approx(lengths[1][n] / count, abs=0.04)


def test_training_counts_every_symbol_and_judging_the_one_that_needs_memory():
    batch = EmbeddedReber().sample(rng(), 50)
    assert numpy.array_equal(batch.weights, batch.mask)
    for judged in EmbeddedReber(test_size=50, validation_size=50).splits(None).values():
        assert (judged.weights.sum(axis=1) == 1).all()
        for string, y, weights in zip(strings(judged), judged.y, judged.weights, strict=True):
            place = int(weights.argmax())
            assert (place + 1, SYMBOLS[y[place]]) == (len(string) - 2, string[1])


def test_chance_is_one_of_two():
    judged = EmbeddedReber().judged(rng(), 10000)
    answers = judged.y[judged.weights > 0]
    assert set(answers) == {SYMBOLS.index("T"), SYMBOLS.index("P")}
    assert (answers == 1).mean() == pytest.approx(EmbeddedReber().chance(), abs=0.02)


def followed(string):
    """Return the symbols that may come after each symbol of a string but the last, sorted."""
    state, after = "begin", ["PT", "B", "PT"]
    for symbol in string[3:-3]:
        state = dict(GRAMMAR[state])[symbol]
        after.append("E" if state == "end" else "".join(sorted(s for s, _ in GRAMMAR[state])))
    return [*after, string[1], "E"]


def symbols(array, mask):
    return ["".join(sorted(SYMBOLS[i] for i in numpy.flatnonzero(row))) for row in array[mask]]


def counted(batch):
    """Return how often each string of a batch counts; in training, how often it was drawn."""
    found = Counter()
    for x, mask, weights in zip(batch.x, batch.mask, batch.weights, strict=True):
        assert set(weights[mask]) == {weights[0]}
        assert not weights[~mask].any()
        found["".join([*symbols(x, mask), "E"])] += int(weights[0])
    return found


def test_the_sets_of_1997_have_all_possible_symbols_and_training_has_the_next_one():
    task = EmbeddedReber1997(train_size=6, test_size=20)
    sets = check_splits(task, rng())
    for batch in sets.values():
        for x, y, mask in zip(batch.x, batch.y, batch.mask, strict=True):
            assert symbols(y, mask) == followed("".join([*symbols(x, mask), "E"]))
    both, test = counted(sets["validation"]), counted(sets["test"])
    assert (both.total(), test.total(), both >= test) == (26, 20, True)
    drawn = check_sample(task, rng(), 60)
    for x, y, mask in zip(drawn.x, drawn.y, drawn.mask, strict=True):
        assert symbols(y, mask) == [*symbols(x, mask)[1:], "E"]
    assert set(counted(drawn)) == set(both - test)


def test_chance_of_1997_is_the_best_fixed_order():
    batch = EmbeddedReber1997(test_size=2000).splits(None)["test"]
    scores = numpy.array([6 - "TVXSPEB".index(symbol) for symbol in SYMBOLS])
    low = numpy.where(batch.y > 0, scores, 9).min(axis=2)
    high = numpy.where(batch.y > 0, -9, scores).max(axis=2)
    right = numpy.average(low > high, weights=batch.weights)
    assert right == pytest.approx(EmbeddedReber1997().chance(), abs=0.02)


def test_the_numbers_of_1997_stay():
    # a change here needs a new version in the recipe
    batch = EmbeddedReber1997(test_size=2).splits(None)["test"]
    assert counted(batch) == {"BPBPVPSEPE": 1, "BPBTXXVVEPE": 1}
