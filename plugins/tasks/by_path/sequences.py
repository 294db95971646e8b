"""Sequences in a file of your own."""

from gatekit import hookimpl
from gatekit.tasks import FileTask


class Sequences(FileTask):
    """Predict the targets in a file of your own: one for each sequence, or one for each step.

    An ``.npz`` archive has the arrays ``inputs`` (sequences x time x features, or integer tokens,
    sequences x time), ``targets`` (one or several for each sequence, or for each of its steps),
    ``split`` (``train``, ``validation``, ``test`` or ``test_NAME`` for each sequence), and perhaps
    ``mask`` (sequences x time, true where a step is valid). An ``.npy`` file has them as the fields
    of a structured array. A ``.csv`` file has a row for each step and the columns ``sequence``,
    ``split``, ``input`` (or ``input_1``, ``input_2`` ...; or ``token``) and ``target`` (or
    ``target_1`` ...). The target of a whole sequence is in its last row, and other rows have none.

    Args:
        path: the file, of at most 1 GiB, also once it is unpacked; not a link. Objects in it are
            not read. A run is identified by the content of the file, not by its path.
        targets: ``classes`` for integers from 0, scored by accuracy; ``numbers`` for numbers,
            scored by the mean squared error.

    Chance: that of the most frequent training class, or of the training mean, read from the file.

    Separates: Depends on the file.

    Time: not measured

    Reference: none; the data are yours
    """

    reference = "the data are yours"


@hookimpl
def gatekit_tasks() -> dict[str, type[FileTask]]:
    """Register the task."""
    return {"file": Sequences}
