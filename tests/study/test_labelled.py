"""The head is computed only at labelled steps, with the numbers of a head at every step."""

import numpy
import pytest
from seams import Feed, StepData, labelled
from short import trained

pytestmark = pytest.mark.usefixtures("float32")


WORDS = [
    *("units=3", "cell=rnn", "precision=float64", "task.validation_size=8", "task.test_size=8"),
    *("trainer.batch=4", "trainer.steps=3"),
]


@pytest.mark.one_in(1, slow=3)
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
    sparse, scores = trained(tmp_path / "sparse", *WORDS, *words)
    monkeypatch.setattr(Feed, "_few_labels", lambda *a: False)
    dense, expected = trained(tmp_path / "dense", *WORDS, *words)
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
