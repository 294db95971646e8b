"""Let every call that writes fail, one run after another, and count what is lost.

    python tests/faults/kth_call.py [--all] [--plant BUG] [--mode MODE] [--json PATH]

One small run is made through the folder, its progress and the checkpoint as a real one is, with a
few numbers in place of a network. Its k-th writing call kills the process (``kill``; ``torn``: in
the middle of a write), fails (``error``: once, or from then on; six errors), or is the last before
the power goes (``power``: names and contents that were not synchronised are gone; ``names``: only
contents are). Then the same run is made undisturbed. Of a run that reported something, it must be
found; the end must be that of a run that was never disturbed.
"""

from __future__ import annotations

import argparse
import collections
import contextlib
import dataclasses
import fcntl
import io
import itertools
import json
import os
import shutil
import sys
import tempfile
from pathlib import Path

import numpy

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))
from faulty_disks import ERRORS, FailingDisk, KillingDisk, PowerDisk
from seams import ClaimedError, RunFolder, durable, metrics, resume, seeds

EPOCHS, STEPS = 3, 2
MADE_WITH = {"numpy": numpy.__version__, "threads": 1, "executor": "stacked", "jit": False}
MODES = ("kill", "torn", "error", "power", "names")
PLANTS = (
    "no fsync of a file",
    "no fsync of a line",
    "no fsync of a folder",
    "written in place",
    "metrics not cut on resume",
)


def attempt(path: Path, say) -> None:
    """Make one attempt as a worker does, and say what is safe."""
    folder = RunFolder(path)
    try:
        folder.claim()
    except ClaimedError:
        say("claimed already")
        return
    try:
        train(folder, say)
    except OSError as error:
        with contextlib.suppress(OSError):
            folder.status("FAILED", durable.trouble(error, path))
        raise


def train(folder: RunFolder, say) -> None:
    """Make epochs of two steps, with a checkpoint within each and at its end."""
    os.close(durable.open_log(folder.path / "log.txt"))
    folder.write_config({"units": 1, "seed": 3})
    folder.write_env({"made": "here"})
    checkpoint = resume.checkpoint_of(folder)
    book = resume.TrainingProgress(folder, "mse", "min", MADE_WITH)
    weights = numpy.zeros(3)
    if checkpoint is not None:
        resume.agreed(checkpoint, MADE_WITH, folder, False)
        book.resume(checkpoint)
        weights = checkpoint.arrays["weight/w"].copy()
    say("begins", book.step)
    while book.step < EPOCHS * STEPS:
        book.epoch, book.closed = book.step // STEPS + 1, False
        weights = 0.9 * weights + seeds.generator(3, "step", book.step).random(3)
        book.step += 1
        book.loss = float(weights.sum())
        if book.step % STEPS == 0:
            book.judge(abs(float(weights.prod()) - 2), lambda w=weights: {"w": w.copy()})
            say("logged", book.epoch)
        book.save({"weight/w": weights}, [])
        say("saved", book.step)
    book.log("test", "mse", float(weights.prod()))
    folder.finish(
        {
            "state": "COMPLETED",
            "best": book.best,
            "steps": book.step,
            "last": book.validation,
            "seconds": book.seconds(),
        }
    )
    say("finished")


class Trial:
    """One run on one faulty disk, and again undisturbed.

    Args:
        place: an empty folder.
        whole: what an undisturbed run tells.
    """

    def __init__(self, place: Path, whole: object) -> None:
        self.root, self.whole = place / "root", whole
        self.left = place / "left"
        os.mkdir(self.root)
        self.path = self.root / "runs" / "00"

    def run(self, disk) -> tuple[bool, str | None]:
        """Return whether the fault came, and what was lost, None for nothing."""
        came, said = self._child(disk)
        if self.left.exists():
            shutil.rmtree(self.root)
            self.left.rename(self.root)
        state = RunFolder(self.path).state().name
        problem = self._reported(said, state)
        if problem:
            return came, problem
        _, again = self._child(None)
        if state == "COMPLETED" and again != [["claimed already"]]:
            return came, "duplicated: a complete run was made again"
        begins = [words[1] for words in again if words[0] == "begins"]
        saved = max((words[1] for words in said if words[0] == "saved"), default=0)
        if state != "COMPLETED" and begins[-1:] != [saved] and not begins[-1:] > [saved]:
            return came, f"lost: began again at step {begins}, though {saved} was saved"
        if RunFolder(self.path).state().name != "COMPLETED" or told(self.path) != self.whole:
            return came, "lost: the run did not end like an undisturbed one"
        return came, None

    def _reported(self, said, state: str) -> str | None:
        if ["finished"] in said and state != "COMPLETED":
            return f"lost: the run had finished and is {state}"
        if state == "COMPLETED" and told(self.path) != self.whole:
            return "lost: COMPLETED with missing or other parts"
        lines = metrics.read(self.path / "metrics.jsonl", "validation").lines
        kept = [line.epoch for line in lines]
        for words in said:
            if words[0] == "logged" and words[1] not in kept:
                return f"lost: the record of epoch {words[1]}"
        return None

    def _child(self, disk) -> tuple[bool, list]:
        ear, mouth = os.pipe()
        number = os.fork()
        if not number:
            os.close(ear)
            with contextlib.redirect_stdout(io.StringIO()):
                code = self._live(disk, mouth)
            os._exit(code)
        os.close(mouth)
        with os.fdopen(ear) as heard:
            said = [json.loads(line) for line in heard]
        code = os.waitstatus_to_exitcode(os.waitpid(number, 0)[1])
        return code != 0 or ["fault"] in said, [words for words in said if words != ["fault"]]

    def _live(self, disk, mouth: int) -> int:
        def say(*words) -> None:
            os.write(mouth, json.dumps(words).encode() + b"\n")

        durable.disk = disk() if disk else durable.Disk()
        durable.disk.fsync = durable.disk.fsync if disk else lambda number: None
        try:
            attempt(self.path, say)
        except Exception as error:
            if not isinstance(error, OSError) and not isinstance(error.__cause__, OSError):
                say("raised", repr(error))
            return 1
        finally:
            if disk and durable.disk.calls >= durable.disk.k:
                say("fault")
        return 0


def told(path: Path) -> object:
    """Return what a run tells but for durations, with each record as often as it stands there."""
    result = json.loads((path / "result.json").read_text())
    for key in ("seconds", "sizes", "sha256"):
        result.pop(key)
    result["files"].pop("metrics.jsonl")
    measured = metrics.read(path / "metrics.jsonl")
    numbers = [dataclasses.replace(line, seconds=0.0) for line in measured.lines]
    return [result, numbers, measured.lost, (path / "weights.npz").read_bytes().hex()]


def disks(mode: str, k: int, everything: bool, root: Path, left: Path):
    """Yield the faulty disks of a mode at the k-th call."""
    if mode in ("kill", "torn"):
        yield lambda: KillingDisk(k, torn=mode == "torn")
    elif mode in ("power", "names"):
        yield lambda: PowerDisk(k, root, left, names_kept=mode == "names")
    else:
        combined = list(itertools.product(ERRORS, (False, True)))
        for code, stays in combined if everything else [combined[k % len(combined)]]:
            yield lambda code=code, stays=stays: FailingDisk(k, code, stays)


def survey(place: Path, modes, everything: bool = False, first_loss: bool = False):
    """Try every call in every mode; return the counts, and the losses in words."""
    counts: dict[str, collections.Counter] = {}
    losses: list[str] = []
    trial = Trial(fresh(place, "whole"), None)
    _, said = trial._child(None)
    assert ["finished"] in said, said
    whole = told(trial.path)
    for mode in modes:
        counted = counts[mode] = collections.Counter()
        for k in itertools.count(1):
            came = False
            spot = fresh(place, "spot")
            for disk in disks(mode, k, everything, spot / "root", spot / "left"):
                spot = fresh(place, "spot")
                came, problem = Trial(spot, whole).run(disk)
                if not came:
                    break
                counted["faults tried"] += 1
                counted["survived"] += problem is None
                if problem:
                    losses.append(f"{mode} at call {k}: {problem}")
                    counted["runs duplicated" if "duplicated" in problem else "records lost"] += 1
            if not came or (first_loss and losses):
                counted["calls"] = k - 1
                break
    return counts, losses


def fresh(place: Path, name: str) -> Path:
    """Return an empty folder."""
    path = place / name
    shutil.rmtree(path, ignore_errors=True)
    os.makedirs(path)
    return path


def plant(bug: str) -> None:
    """Let the disk, or the folder, behave as if the code that writes had a bug."""
    sync = PowerDisk.fsync

    def forgetful(disk, number):
        appended = bool(fcntl.fcntl(number, fcntl.F_GETFL) & os.O_APPEND)
        folder = disk.paths[number].is_dir()
        kind = "folder" if folder else "line" if appended else "file"
        if bug != f"no fsync of a {kind}":
            sync(disk, number)

    def in_place(disk, source, target):
        number = disk.open(target, os.O_WRONLY | os.O_CREAT | os.O_TRUNC)
        disk.write(number, Path(source).read_bytes())
        os.close(number)
        disk.unlink(source)

    if bug == "written in place":
        KillingDisk.replace = in_place
    elif bug == "metrics not cut on resume":
        RunFolder.go_back = lambda folder, checkpoint: None
    else:
        PowerDisk.fsync = forgetful


def main() -> int:
    """Print the counts as JSON; 1 when something was lost."""
    parser = argparse.ArgumentParser(description="Let every call that writes fail, once.")
    parser.add_argument("--all", action="store_true", help="every error at every call")
    parser.add_argument("--mode", action="append", choices=MODES, help="instead of all")
    parser.add_argument("--plant", choices=PLANTS, help="a bug, which must be found")
    parser.add_argument("--json", type=Path, help="where to write the counts")
    words = parser.parse_args()
    if words.plant:
        plant(words.plant)
    shared = Path("/dev/shm")
    with tempfile.TemporaryDirectory(dir=shared if shared.is_dir() else None) as place:
        counts, losses = survey(
            Path(place), words.mode or MODES, words.all, first_loss=bool(words.plant)
        )
    total = collections.Counter()
    for counted in counts.values():
        total.update(counted)
    names = ("faults tried", "survived", "records lost", "runs duplicated", "skipped")
    said = {
        **{name: total[name] for name in names},
        "by mode": {mode: {n: c[n] for n in ("calls", *names)} for mode, c in counts.items()},
        "losses": losses[:20],
    }
    text = json.dumps(said, indent=1) + "\n"
    sys.stdout.write(text)
    if words.json:
        words.json.write_text(text)
    return 1 if losses else 0


if __name__ == "__main__":
    sys.exit(main())
