"""A task that packs documents: the same scores as padded, and runs that train and are probed."""

import dataclasses
import threading

import numpy
import pytest
from gatekit.plugins.nottingham import Nottingham
from seams import Feed, Probe, Scores, Shards, build_model, plan

pytestmark = pytest.mark.usefixtures("float32")

LENGTHS = {"train": (3, 9, 4, 6, 2), "validation": (5, 8, 2, 2), "test": (7, 3, 3)}


@pytest.fixture(autouse=True)
def _tunes(monkeypatch):
    """Let Nottingham hold few short tunes, drawn at random."""
    rng = numpy.random.default_rng(0)
    drawn = {
        split: [(rng.random((length, 88)) < 0.1).astype("uint8") for length in lengths]
        for split, lengths in LENGTHS.items()
    }
    monkeypatch.setattr(Nottingham, "rolls", lambda self: drawn)
    monkeypatch.setattr(Nottingham, "require", lambda self: None)


def model_scores_feed(pack, *words):
    words = ("task=nottingham", "units=3", "precision=float64", *words)
    (run,) = plan(words).runs
    task = Nottingham(pack=pack)
    feed = Feed(task, task.splits(numpy.random.default_rng(0)), 0, 2, few=True)
    facts = {"resets": feed.resets, "sparse": feed.sparse}
    model = build_model(run.config, task.signature(), feed.masked, **facts)
    return model, Scores(model, task, feed, threading.Event(), Shards()), feed


@pytest.mark.slow
@pytest.mark.parametrize("words", [(), ("bidirectional=true", "layers=2")])
def test_packed_and_padded_score_alike(words):
    scores = []
    for pack in (False, True):
        model, score, feed = model_scores_feed(pack, *words)
        rng = numpy.random.default_rng(1)
        for weight in model.weights:
            weight.assign(rng.normal(size=weight.shape))
        scores.append([score.of(split) for split in LENGTHS])
        assert feed.resets is pack
    numpy.testing.assert_allclose(scores[1], scores[0], rtol=1e-12)


def test_the_hash_of_the_data_tells_them_apart():
    assert Nottingham(pack=True).data_hash() != Nottingham().data_hash()
    assert Nottingham().data_hash() == super(Nottingham, Nottingham()).data_hash()


def test_a_step_has_resets_for_rows_that_are_missing_and_steps_that_are_added():
    _, _, feed = model_scores_feed(True)
    (x, mask, resets), y, weights = feed.step(feed.per_epoch - 1)
    assert x.shape[:2] == mask.shape == resets.shape == y.shape[:2] == weights.shape
    assert not (resets & ~mask).any()
    assert [spec.shape.rank for spec in feed.spec[0]] == [3, 2, 2]


def test_split_without_resets_gets_none():
    _, _, feed = model_scores_feed(True)
    feed.splits["test"] = dataclasses.replace(feed.splits["test"], resets=None)
    for inputs, _, _ in feed.split("test"):
        assert not inputs[2].any()


@pytest.mark.slow
def test_the_probe_looks_at_packed_rows():
    model, _, feed = model_scores_feed(True)
    record = Probe(model, feed, "bits").record()
    assert record["sequences"] == 2
