"""The head is computed only at labelled steps, with the numbers of a head at every step."""

import threading

import numpy
import pytest

from gatekit.registry import components
from gatekit.runs import metrics
from gatekit.runs.folder import RunFolder
from gatekit.study.command import compose
from gatekit.study.plan import plan
from gatekit.training.batches import StepData, labelled
from gatekit.training.feed import Feed
from gatekit.training.trainer import train

pytestmark = pytest.mark.usefixtures("float32")


def trained(path, *words):
    """Return weights and scores of a short run in float64, and its batches' targets."""
    sizes = ["task.validation_size=8", "task.test_size=8", "trainer.batch=4", "trainer.steps=3"]
    (run,) = plan(compose(["units=3", "cell=rnn", "precision=float64", *sizes, *words])).runs
    folder = RunFolder(path)
    folder.claim()
    folder.write_config(run.config)
    task = components.load().task(run.config["task"])
    train(run.config, task, folder, threading.Event(), 0)
    with numpy.load(path / "weights.npz") as archive:
        weights = {name: archive[name] for name in archive.files}
    return weights, [line.value for line in metrics.read(path / "metrics.jsonl").lines]


@pytest.mark.parametrize(
    "words",
    [
        ["task=mqar", "task.length=12", "task.pairs=2", "task.vocabulary=16", "jit=false"],
        pytest.param(
            [
                "task=mqar",
                "task.length=12",
                "task.pairs=2",
                "task.vocabulary=16",
                "jit=true",
                "probe=true",
            ],
            marks=pytest.mark.slow,
        ),
        pytest.param(
            ["task=selective_copy", "task.length=9", "task.items=2", "jit=true", "dropout=0.1"],
            marks=pytest.mark.slow,
        ),
    ],
)
def test_the_numbers_are_those_of_a_head_at_every_step(tmp_path, monkeypatch, words):
    monkeypatch.chdir(tmp_path)
    seen = []
    few = Feed._few_labels
    monkeypatch.setattr(Feed, "_few_labels", lambda *a: seen.append(few(*a)) or seen[-1])
    sparse, scores = trained(tmp_path / "sparse", *words)
    assert seen == [True]
    monkeypatch.setattr(Feed, "_few_labels", lambda *a: False)
    dense, expected = trained(tmp_path / "dense", *words)
    assert sparse.keys() == dense.keys()
    for name, values in dense.items():
        numpy.testing.assert_allclose(sparse[name], values, rtol=1e-9, atol=1e-12, err_msg=name)
    numpy.testing.assert_allclose(scores, expected, rtol=1e-7)


def test_places_are_in_order_and_rows_with_fewer_labels_are_filled_up():
    weights = numpy.array([[0, 0.5, 0, 1], [0, 0, 1, 0], [0, 0, 0, 0]], "float32")
    y = numpy.arange(24).reshape(3, 4, 2)
    step, places = labelled(StepData(numpy.zeros((3, 4)), None, y, weights), few=False)
    assert places[0].tolist() == [1, 3]
    assert places[1, 0] == 2
    assert step.weights.tolist() == [[0.5, 1], [1, 0], [0, 0]]
    assert step.y[0].tolist() == y[0, [1, 3]].tolist()
    assert step.y[1, 0].tolist() == y[1, 2].tolist()
    one, places = labelled(StepData(numpy.zeros((3, 4)), None, y, 0 * weights), few=True)
    assert (one.weights.sum(), places.shape[0]) == (0, 3)
