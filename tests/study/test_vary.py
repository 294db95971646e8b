"""The key ``vary``: which part of a run follows from the seed, and which parts stay fixed."""

import threading

import numpy
import pytest
from seams import RunFolder, batches, components, plan, seeds, trainer

pytestmark = pytest.mark.usefixtures("place")


class BuiltError(Exception):
    """Raised when model and feed are made, before anything is traced."""


def parts(monkeypatch, tmp_path, seed, *words):
    """Return the initial weights, the order of the first epoch, and the data of a run."""
    made = {}

    def stop(model, task, feed, *_, **__):
        made["init"] = numpy.concatenate([w.numpy().ravel() for w in model.weights])
        made["order"] = batches.shuffled(feed.order, 0, len(feed.splits["train"].x))
        made["data"] = feed.splits["train"].x
        raise BuiltError

    monkeypatch.setattr(trainer, "Scores", stop)
    (run,) = plan(["task=echo", "cell=rnn", "units=3", f"seed={seed}", *words]).runs
    folder = RunFolder(tmp_path / run.fingerprint)
    folder.claim()
    task = components.load().task(run.config["task"])
    with pytest.raises(BuiltError):
        trainer.train(trainer.Attempt(run.config, task, folder, threading.Event(), verbose=0))
    return made


@pytest.mark.parametrize("vary", [None, "init", "order", "data"])
def test_only_the_part_that_varies_follows_from_the_seed(monkeypatch, tmp_path, vary):
    words = [] if vary is None else [f"vary={vary}"]
    one, two = (parts(monkeypatch, tmp_path, seed, *words) for seed in (1, 2))
    changed = {name for name in one if not numpy.array_equal(one[name], two[name])}
    expected = {"init", "order", "data"} if vary is None else {vary}
    assert changed == expected


def test_the_fixed_parts_are_those_of_seed_0():
    config = {"seed": 5, "vary": "init"}
    assert {name: seeds.part(config, name) for name in seeds.PARTS} == {
        "init": 5,
        "order": 0,
        "data": 0,
    }
    # A run that is older than the key.
    assert {seeds.part({"seed": 5}, name) for name in seeds.PARTS} == {5}
