"""Kill real runs at random moments, run them again, and compare with runs that were let be.

    python kills.py FOLDER COUNT

Prints one line of JSON: ``killed``, ``continued`` (from a checkpoint, others had none yet) and
``different``: the runs that did not end like the undisturbed one.
"""

import json
import os
import random
import signal
import sys
from pathlib import Path

import tiny
from seams import components, plan, resume, worker
from twice import VARIANTS, StopAt, told

resume.EPOCH_PERIOD = 0.0


def main(place: Path, count: int) -> dict[str, object]:
    """Kill ``count`` runs; the variants take turns."""
    os.chdir(place)
    load = components._load
    known = load(())
    components._load = lambda _: components.Components(
        known.catalogue, {**known.tasks, **tiny.TASKS}, known.config_folders, ()
    )
    components.Components.hashes = lambda self, *parts: {}
    components.Components.sources = lambda self, *parts: {}
    said = {"killed": 0, "continued": 0, "different": []}
    for turn in range(count):
        name = list(VARIANTS)[turn % len(VARIANTS)]
        (run,) = plan(["units=4", *VARIANTS[name]]).runs
        variant = place / name.split(",")[0]
        whole, cut = variant / "whole", variant / str(turn)
        if not whole.exists():
            assert child(run, whole, None) == 0
        n = random.Random(turn).randint(1, int((variant / "whole.asked").read_text()))
        # every second one could have been killed while it wrote a checkpoint after each batch
        resume.STEP_PERIOD = 0.0 if turn % 2 else 30.0
        assert child(run, cut, n) == -signal.SIGKILL
        said["killed"] += 1
        resume.STEP_PERIOD = 30.0
        assert child(run, cut, None) == 0
        said["continued"] += "continues after" in (cut / "log.txt").read_text()
        if told(whole) != {**told(cut), "result": told(cut)["result"] | of_attempt(whole)}:
            said["different"].append([name, n])
    return said


def of_attempt(whole: Path) -> dict[str, object]:
    """Return the part of a result that says where the folder lies."""
    return {"fingerprint": json.loads((whole / "result.json").read_text())["fingerprint"]}


def child(run, path: Path, kill: int | None) -> int:
    """Make one attempt in a process of its own and return how it ended.

    Beside the run's folder, ``.asked`` says how often a run that ended asked whether it is to stop.
    """
    number = os.fork()
    if not number:
        stop = StopAt(kill or 10**9, lambda: os.kill(os.getpid(), signal.SIGKILL))
        worker.note_stop_signals = lambda: (stop, [])
        worker.work(worker.Request(path, run.config, "d", {}, 1, False))
        path.with_suffix(".asked").write_text(str(10**9 - stop.left))
        os._exit(0)
    return os.waitstatus_to_exitcode(os.waitpid(number, 0)[1])


if __name__ == "__main__":
    sys.stdout.write(json.dumps(main(Path(sys.argv[1]), int(sys.argv[2]))) + "\n")
