"""Delayed recall: name the first cue at the end, after many distractors."""

import numpy

from gatekit import Batch, Metric, Signature, StreamedTask, Task, hookimpl


class DelayedRecall(StreamedTask):
    """A cue first, uniform distractors, a query flag last; the label is the cue.

    Tokens are one-hot, in the order cues, distractors, query flag. Cues and distractors share no
    token, so that the task measures how long a cell keeps something, not how it selects. The
    recipe is gatekit's own, after the noise and long-lag tasks of Hochreiter & Schmidhuber; no
    published number belongs to it.

    Args:
        length: steps of a sequence; the lag is ``length - 1`` steps.
        cues: number of different cues.
        distractors: number of different distractors.

    Chance: 1 / cues = 0.125

    Separates: Initial biases of the forget gate: chrono initialisation from biases 0 and 1,
        GRU and plain RNN, which stay at chance.

    Time: 13 to 28 s

    Measured: length 200, 64 units, batch 32, Adam 2e-3, 700 steps: chrono LSTM 1.00 (3 of 3 seeds),
        uniform gate initialisation 0.28, forget bias 0 0.13, bias 1 0.14, 13 s each; GRU 0.14,
        28 s; RNN 0.13 (PyTorch, one CPU thread, one seed but for chrono).

    Reference: Hochreiter & Schmidhuber, Long Short-Term Memory (1997),
        doi:10.1162/neco.1997.9.8.1735
    """

    length: int = 200
    cues: int = 8
    distractors: int = 8
    validation_size = 500
    test_size = 1000
    lowest = StreamedTask.lowest | {"length": 2, "cues": 2, "distractors": 1}
    recipe = "delayed_recall/1"
    metric = Metric("accuracy", direction="max", unit="share of sequences")
    reference = "doi:10.1162/neco.1997.9.8.1735"

    def signature(self) -> Signature:
        """One-hot tokens; one of the cues at the end."""
        features = self.cues + self.distractors + 1
        return Signature(features, vocabulary=None, outputs=self.cues, loss="categorical")

    def chance(self) -> float:
        """Return the accuracy of guessing one cue: all are equally likely."""
        return 1 / self.cues

    def sample(self, rng: numpy.random.Generator, size: int) -> Batch:
        """Return fresh sequences: x ``size x length x features``, y ``size`` labels."""
        query = self.cues + self.distractors
        tokens = rng.integers(self.cues, query, (size, self.length))
        cue = rng.integers(0, self.cues, size)
        tokens[:, 0], tokens[:, -1] = cue, query
        return Batch(numpy.eye(query + 1, dtype="float32")[tokens], cue.astype("int32"))


@hookimpl
def gatekit_tasks() -> dict[str, type[Task]]:
    """Register the task."""
    return {"delayed_recall": DelayedRecall}
