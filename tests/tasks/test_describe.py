"""A task in words, from its docstring."""

from seams import as_text
from seams import describe_task as describe

from gatekit import Metric, StreamedTask


class Walk(StreamedTask):
    """Steps up or down; where does the ``walk`` end?

    The target is the sum of all steps, however many there are.

    Args:
        length: steps of each walk, of which every one has the same chance to go up or down.

    Chance: the variance of the walk's end, which grows with its length.
    """

    length: int = 4
    metric = Metric("mse", direction="min", unit="squared error")


def test_a_task_in_lines_of_a_width():
    text = as_text(describe("walk", Walk), 40)
    assert (
        text
        == """\
walk: Steps up or down; where does the
walk end?

The target is the sum of all steps,
however many there are.

options
  task.length (4): steps of each walk,
    of which every one has the same
    chance to go up or down.

data: drawn for every step
metric: mse (min), squared error
chance: the variance of the walk's end,
  which grows with its length."""
    )
