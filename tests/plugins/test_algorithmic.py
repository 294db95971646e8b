"""Algorithmic tasks: solutions that read the input alone, chance, and what is refused."""

import numpy
import pytest
from gatekit.plugins import strings
from gatekit.plugins.flip_flop import FlipFlop
from gatekit.plugins.k_hop import KHop
from gatekit.plugins.keep_nth import KeepNth
from gatekit.plugins.strings import BucketSort, MissingDuplicate, ReverseString, StackManipulation
from scipy.stats import chisquare
from seams import check_sample, check_splits

TASKS = {
    "flip_flop": FlipFlop,
    "k_hop": KHop,
    "keep_nth": KeepNth,
    "reverse_string": ReverseString,
    "bucket_sort": BucketSort,
    "missing_duplicate": MissingDuplicate,
    "stack_manipulation": StackManipulation,
}
STRINGS = [name for name, kind in TASKS.items() if issubclass(kind, strings.StringTask)]
each = pytest.mark.parametrize("name", TASKS)


def rng(seed=5):
    return numpy.random.default_rng(seed)


# Reference solutions: the answer at each step that counts, from the tokens of one sequence.


def read(tokens):
    bit, found = None, {}
    for step in range(0, len(tokens), 2):
        done, after = tokens[step], tokens[step + 1] if step + 1 < len(tokens) else None
        if done == 0:
            bit = after - 3
        elif done == 1:
            found[step] = bit
            assert after in (None, bit + 3)
    return found


def hop(tokens, hops=2):
    found = {}
    for start in range(len(tokens)):
        place = start
        for _ in range(hops):
            before = [s for s in range(place) if tokens[s] == tokens[place]]
            if not before:
                break
            place = before[-1] + 1
        else:
            found[start] = tokens[place]
    return found


def after(solve, blank):
    """Return a solution that begins to answer at the first blank."""

    def found(tokens):
        length = tokens.index(blank)
        assert set(tokens[length:]) == {blank}
        return {length + i: token for i, token in enumerate(solve(tokens[:length]))}

    return found


def complete(string):
    half = len(string) // 2
    first, second = string[:half], string[half : 2 * half]
    assert [string[2 * half :], (first + second).count(2)] == [[3] * (len(string) % 2), 1]
    return [b if a == 2 else a for a, b in zip(first, second, strict=True) if 2 in (a, b)]


def obey(string):
    stack = []
    for token in string:
        if token == 2:
            stack = stack[:-1]
        else:
            stack.append(token if token < 2 else token - 3)
    return [*stack[::-1], 2]


SOLVE = {
    "flip_flop": read,
    "k_hop": hop,
    "reverse_string": after(lambda bits: bits[::-1], 2),
    "bucket_sort": after(lambda s: [t for t in range(5) for _ in range(s.count(t))], 5),
    "missing_duplicate": after(complete, 4),
    "stack_manipulation": after(obey, 5),
}


def rows(batch):
    """Return for each sequence its valid tokens and the answers that count, by step."""
    x = batch.x if batch.x.ndim == 2 else batch.x.argmax(axis=2)
    mask = numpy.ones(x.shape, bool) if batch.mask is None else batch.mask
    for tokens, valid, y, weights in zip(x, mask, batch.y, batch.weights, strict=True):
        steps = numpy.flatnonzero(weights)
        yield tokens[valid].tolist(), dict(zip(steps.tolist(), y[steps].tolist(), strict=True))


@pytest.mark.parametrize("name", SOLVE)
def test_a_solution_that_reads_the_input_alone_is_right(name):
    for tokens, answers in rows(check_sample(TASKS[name](), rng(), 100)):
        assert SOLVE[name](tokens) == answers


def test_one_hop_is_the_induction_task_and_the_token_at_a_place_is_kept():
    for tokens, answers in rows(check_sample(KHop(hops=1), rng(), 20)):
        assert hop(tokens, 1) == answers
    batch = check_sample(KeepNth(n=3), rng(), 20)
    assert (batch.y == batch.x[:, 2]).all()


@pytest.mark.parametrize("symbols", [4, 16])
def test_two_hops_often_lead_back_to_the_same_token(symbols):
    batch = KHop(length=400, symbols=symbols).sample(rng(), 200)
    late = batch.weights[:, 200:] > 0
    same = (batch.x == batch.y)[:, 200:][late]
    assert same.mean() == pytest.approx(2 / symbols, abs=0.01)


def test_no_token_follows_itself_and_the_others_follow_evenly():
    x = KHop().sample(rng(), 200).x
    pairs = numpy.bincount((4 * x[:, :-1] + x[:, 1:]).ravel(), minlength=16).reshape(4, 4)
    assert (numpy.diag(pairs) == 0).all()
    assert chisquare(pairs[~numpy.eye(4, dtype=bool)]).pvalue > 0.001
    assert chisquare(numpy.bincount(x[:, 0])).pvalue > 0.001


@pytest.mark.parametrize("name", STRINGS)
def test_longer_strings_are_judged(name):
    splits = check_splits(TASKS[name](test_size=10), rng())
    assert list(splits) == ["validation", "test", "test_100", "test_256"]
    for tokens, answers in rows(splits["test_100"]):
        assert SOLVE[name](tokens) == answers
        assert min(answers) == 100


def test_instructions_and_bits_of_the_flip_flop_language_have_their_odds():
    splits = check_splits(FlipFlop(test_size=200), rng())
    assert list(splits) == ["validation", "test", "test_sparse", "test_dense"]
    for name, ignore in (("test", 0.8), ("test_sparse", 0.98), ("test_dense", 0.1)):
        x = splits[name].x
        assert (x[:, 0] == 0).all()
        assert (x[:, -1] == 1).all()
        drawn = x[:, 2:-1:2]
        share = numpy.array([(1 - ignore) / 2, (1 - ignore) / 2, ignore])
        assert chisquare(numpy.bincount(drawn.ravel()), share * drawn.size).pvalue > 0.001
        free = x[:, 1::2][x[:, :-1:2] != 1]
        assert chisquare(numpy.bincount(free)[3:]).pvalue > 0.001


@each
def test_chance_is_what_the_most_frequent_answer_reaches(name):
    batch = TASKS[name]().sample(rng(), 4000)
    answers = batch.y if batch.weights is None else batch.y[batch.weights > 0]
    share = numpy.bincount(answers).max() / len(answers)
    assert TASKS[name]().chance() == pytest.approx(share, abs=0.015)
