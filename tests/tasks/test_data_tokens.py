"""Texts by word and by byte pair: vocabularies, windows, perplexity."""

import math

import numpy as np
import pytest
from seams import pooled_metric

from gatekit import ConfigError, DataError
from gatekit.tasks import TokenModel

TRAIN = "the cat, the dog; the end.\nthe cat's tail: <unk> N\n"


class Small(TokenModel):
    """A text of two lines."""

    test = "the cow\nthe cat"

    def texts(self):
        return {"train": TRAIN, "validation": TRAIN, "test": self.test}

    def text_hash(self):
        return "0" * 64


def test_words_are_by_frequency_then_by_the_alphabet():
    task = Small(vocabulary=6, length=2)
    assert task.characters() == ["\ufffd", "the", "\n", ",", ".", ":"]
    assert task.signature().vocabulary == task.signature().outputs == 6
    whole = Small(length=2)
    assert {"cat's", "<unk>", "N", ";"} < set(whole.characters())
    assert whole.decode(whole.encode(TRAIN)) == TRAIN
    split = Small(length=2, punctuation=False)
    assert {"cat,", "dog;", "cat's", "<unk>"} < set(split.characters())
    assert split.decode(split.encode("the end.\nthe\n")) == "the end.\nthe\n"


def test_windows_follow_one_another_and_unknown_words_are_one_token():
    task = Small(length=2)
    batch = task.splits(None)["test"]
    the, line = task.encode("the\n")
    np.testing.assert_array_equal(batch.x, [[the, 0], [line, the]][: len(batch.x)])
    np.testing.assert_array_equal(batch.y[0], [0, line])
    assert batch.x.dtype == np.int32
    with pytest.raises(DataError, match="the test text has 5 tokens"):
        Small(length=9).splits(None)


def test_chance_is_the_perplexity_of_frequencies():
    task = Small(length=2)
    count = len(task.characters())
    frequency = np.bincount(task.encode(TRAIN), minlength=count) + 0.5
    frequency /= frequency.sum()
    predicted = task.splits(None)["test"].y.ravel()
    assert task.chance() == pytest.approx(np.exp(-np.log(frequency[predicted]).mean()))
    assert (task.metric.name, task.metric.direction) == ("perplexity", "min")


def test_a_root_and_a_perplexity_are_functions_of_the_mean():
    assert pooled_metric("rmse", 0.25) == 0.5
    assert pooled_metric("perplexity", 2.0) == math.exp(2.0)
    assert pooled_metric("nll", 2.0) == 2.0
    assert pooled_metric("perplexity", 1e6) == math.inf


def test_options_are_in_the_hash():
    hashes = {
        task.data_hash()
        for task in (Small(), Small(vocabulary=9), Small(punctuation=False), Small(length=7))
    }
    assert len(hashes) == 4


def test_byte_pairs_lose_no_character():
    library = pytest.importorskip(
        "tokenizers", reason="needs the extra text: pip install -e .[text]"
    )
    task = Small(unit="byte_pair", vocabulary=262, length=2)
    assert len(task.characters()) == 262
    text = TRAIN + "never seen: \N{SNOWMAN} é"
    tokens = task.encode(text)
    assert task.decode(tokens) == text
    assert len(tokens) < len(text.encode())
    assert task.encode("the the")[0] != 0
    assert Small(unit="byte_pair", vocabulary=262, length=2).encode(text) == tokens
    assert task.data_hash() != Small(vocabulary=262, length=2).data_hash()
    whole = library.Tokenizer.from_str(task.library_files()["tokenizer.json"])
    assert whole.encode(text).ids == tokens
    assert Small(length=2).library_files() == {}
    with pytest.raises(ConfigError, match=r"task\.vocabulary=100: at least 257"):
        Small(unit="byte_pair", vocabulary=100)
