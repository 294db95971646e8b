"""What a run traces and compiles, kept for further seeds of its variant in the same process.

Nothing that is traced depends on the seed: weights, seed generators, the optimizer's state, running
metrics and carried states are variables. A later seed therefore builds its model eagerly, and its
tensors are restored into the kept model, exactly as a run continues from a checkpoint at step 0.
Sizes and facts of the data do enter a trace, so they are part of the key.
"""

from __future__ import annotations

from collections.abc import Callable, Hashable, Mapping
from dataclasses import dataclass, field
from typing import Any

from tensorflow import Tensor

from gatekit.recurrence.blocks.layer import BlockLayer
from gatekit.runs.names import canonical_json
from gatekit.tasks.task import Task

from .feed import Fed, Feed
from .jit import Mode
from .model import SequenceModel, recurrent_layers
from .probe import Probe
from .resume import shapes
from .summary import Scores


@dataclass
class Traced:
    """The traced functions of one model.

    Attributes:
        key: all that they depend on; see `key`.
        seed: the seed of the run that traced them.
        step: the training step, a function of a batch.
        scores: evaluates the model.
        probe: records gates and states; None if the run does not.
    """

    key: Hashable
    seed: int
    model: SequenceModel
    step: Callable[[Fed], dict[str, Tensor]]
    scores: Scores
    probe: Probe | None


@dataclass
class Kept:
    """The traced functions that a process keeps from run to run.

    Attributes:
        traced: those of the latest run; None before the first.
        reused: the seed of the run that traced it, if the latest run did not trace it itself.
        about_data: remarks on data, after which another run may follow.
        more: whether another run may follow in this process.
    """

    traced: Traced | None = None
    reused: int | None = None
    about_data: set[str] = field(default_factory=set)
    more: bool = False


def key(
    config: Mapping[str, Any], task: Task, feed: Feed, model: SequenceModel, mode: Mode
) -> Hashable:
    """Return all that the traces of a run depend on.

    Args:
        config: the run's configuration, whose seed does not count.
        task: its task.
        feed: its batches, whose form and number count.
        model: its compiled model, whose tensors count by name, shape and type.
        mode: whether XLA compiles the steps.
    """
    windows = feed.windows and (feed.windows.window, feed.windows.contiguous)
    blocks = [type(each.block.block) for each in model.layers if isinstance(each, BlockLayer)]
    return (
        canonical_json({name: value for name, value in config.items() if name != "seed"}),
        task.signature(),
        (
            str(feed.spec),
            feed.scored,
            feed.masked,
            feed.resets,
            feed.sparse,
            feed.per_epoch,
            feed.per_batch,
            windows,
        ),
        shapes(model),
        (mode.jit, mode.scores),
        # A plugin that was edited meanwhile has new classes, and so other cells.
        tuple((id(each.cell), each.choice) for each in recurrent_layers(model)),
        tuple(blocks),
    )


def foreign(model: SequenceModel, *parts: object) -> bool:
    """Return whether the class of a layer or of another part is neither Keras' nor gatekit's.

    What such a class reads from its seed, or keeps between calls, may be part of a trace.
    """
    every = [*model._flatten_layers(include_self=False), *parts]
    return not all(type(each).__module__.startswith(("keras.", "gatekit.")) for each in every)
