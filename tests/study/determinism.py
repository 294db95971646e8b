"""Train a few steps of some cells and print a hash of each one's weights, as one line of JSON.

python determinism.py FOLDER THREADS CELL...
"""

import hashlib
import json
import os
import sys
import threading
from pathlib import Path

from seams import RunFolder, components, plan

from gatekit import GatekitError

WORDS = ["task=adding", "task.length=12", "task.validation_size=16", "task.test_size=16"]
WORDS += ["units=8", "trainer.steps=4", "trainer.batch=8", "dropout=0.2"]


def digests(place: Path, cells: list[str]) -> dict[str, str]:
    """Return the SHA-256 of the weights that each cell ends with; why, where it has none here."""
    from seams import train_run as train

    made = {}
    for cell in cells:
        try:
            (run,) = plan([*WORDS, f"cell={cell}"]).runs
        except GatekitError as error:
            # A cell that reads further inputs has no use for this task.
            made[cell] = f"refused: {error}"
            continue
        folder = RunFolder(place / cell)
        folder.claim()
        task = components.load().task(run.config["task"])
        train(run.config, task, folder, threading.Event(), verbose=0)
        made[cell] = hashlib.sha256((folder.path / "weights.npz").read_bytes()).hexdigest()
    return made


if __name__ == "__main__":
    from seams import make_deterministic

    make_deterministic(int(sys.argv[2]))
    os.chdir(sys.argv[1])
    sys.stdout.write(json.dumps(digests(Path(sys.argv[1]), sys.argv[3:])) + "\n")
