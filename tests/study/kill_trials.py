"""Kill the processes of a tiny real study at drawn moments, and run the one next command.

    python tests/study/kill_trials.py [--seed N] [--only NAME] [--json PATH]

Each trial copies a study, runs a command of gatekit on it, kills the launcher, the fork server, a
worker or all of them, and types the same command once more. That command must end with 0 and leave
what an undisturbed one leaves, bit for bit, or end with 1 and give a reason.

A moment is a time, or a call: ``rename 3`` kills a process just before it gives the third file
its name, after the file was written and synchronised.
"""

from __future__ import annotations

import argparse
import contextlib
import hashlib
import json
import os
import random
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))
import processes

ROOT = Path(__file__).resolve().parents[2]
SCRIPT = """
import sys
from pathlib import Path

if __name__ == "__main__":
    if sys.argv[1] == "publish":
        sys.path.append(sys.argv[3])
        from experiments import publish

        publish.main(sys.argv[2], Path.cwd())
    else:
        from gatekit.cli.main import main

        sys.exit(main(sys.argv[1:]))
"""
# In a sitecustomize, which every Python process imports first: the launcher is known by its
# script, a worker by the fork server that it is a copy of. Only one process is killed.
HOOK = """
import os
import signal
import sys

here, kind, event, number = os.environ["KILL"].split("|")
command = open("/proc/self/cmdline", "rb").read()
mine = b"script.py" in command if kind == "launcher" else b"forkserver" in command
left = [int(number)]


def hook(name, arguments):
    if name != event or ".pyc" in str(arguments[:2]):
        return
    left[0] -= 1
    if left[0] == 0:
        try:
            os.close(os.open(here + "/killed", os.O_CREAT | os.O_EXCL))
        except FileExistsError:
            return
        os.kill(os.getpid(), signal.SIGKILL)


if mine:
    sys.addaudithook(hook)
"""
TASK = ["task=adding", "task.length=10", "units=4", "trainer.batch=8", "task.validation_size=64"]
TRAIN = ["train", "-m", "cell=lstm", *TASK, "seed=0,1", "trainer.steps=60", "n_jobs=2"]
RATE = "optimizer.learning_rate=tag(log,interval(1e-4,1e-1))"
README = "```console\ngatekit compare default\n```\n"
SMALL = [*TASK, "trainer.steps=6", "n_jobs=2"]


@dataclass(frozen=True)
class Trial:
    """A command and when which of its processes is killed.

    Attributes:
        name: the command.
        target: ``launcher``, ``server``, ``worker`` or ``group``.
        moment: ``start``, ``importing``, ``training``, or a call and which one of a process.
    """

    name: str
    target: str
    moment: str


COMMANDS: dict[str, list[str]] = {
    "train": TRAIN,
    "extend": ["extend", "default", "--seeds", "3", "n_jobs=2"],
    "decide": [
        "extend",
        "default",
        "--until-decided",
        "--most",
        "8",
        "--margin",
        "1000",
        "n_jobs=2",
    ],
    "confirm": ["confirm", "tuned", "--seeds", "2", "n_jobs=2"],
    "watch": ["report", "default", "--watch", "--seconds", "1", "--to", "page.html"],
    "report": ["report", "default", "--to", "page.html"],
    "publish": ["publish", "default", str(ROOT)],
    "bundle": ["bundle", "default", "--output", "x.zip"],
    "import": ["import", "y.zip"],
}
"""Every command that writes; those of a study begin with the one that `template` makes."""

TRIALS = (
    *(
        Trial("train", *words)
        for words in (
            ("launcher", "start"),
            ("launcher", "importing"),
            ("server", "importing"),
            ("group", "importing"),
            ("launcher", "training"),
            ("server", "training"),
            ("worker", "training"),
            ("group", "training"),
            ("launcher", "os.link 1"),
            ("worker", "os.rename 1"),
            ("worker", "os.rename 3"),
            ("worker", "os.rename 5"),
            ("worker", "os.link 1"),
        )
    ),
    *(
        Trial("extend", *words)
        for words in (
            ("launcher", "importing"),
            ("group", "training"),
            ("worker", "os.rename 2"),
            ("launcher", "os.link 1"),
        )
    ),
    *(
        Trial("decide", *words)
        for words in (
            ("launcher", "training"),
            ("server", "importing"),
            ("launcher", "os.link 1"),
            ("worker", "os.rename 4"),
        )
    ),
    *(
        Trial("confirm", *words)
        for words in (
            ("group", "importing"),
            ("worker", "training"),
            ("launcher", "os.link 1"),
            ("server", "training"),
        )
    ),
    *(Trial("watch", "launcher", moment) for moment in ("os.rename 1", "start")),
    *(Trial("report", "launcher", moment) for moment in ("os.rename 1", "start")),
    *(Trial("publish", "launcher", moment) for moment in ("os.rename 1", "os.rename 2", "start")),
    *(Trial("bundle", "launcher", moment) for moment in ("os.rename 1", "start")),
    *(Trial("import", "launcher", moment) for moment in ("os.rename 1", "start")),
)


def command(place: Path, words: list[str]) -> list[str]:
    """Return the command line that runs a command of gatekit in a place."""
    (place / "script.py").write_text(SCRIPT)
    return [sys.executable, "script.py", *words]


def run(place: Path, words: list[str]) -> subprocess.CompletedProcess[str]:
    """Run a command to its end."""
    if "--watch" in words:  # it ends by Ctrl-C alone; the page is what `report` writes, too
        words = [w for w in words if w not in ("--watch", "--seconds", "1")]
    return processes.run(command(place, words), cwd=place, capture_output=True, text=True)


def children(pid: int) -> list[int]:
    """Return the numbers of a process's children; none if it is gone."""
    with contextlib.suppress(OSError):
        return [int(n) for n in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]
    return []


def server(launcher: int) -> int | None:
    """Return the number of the fork server, None before it is there."""
    for pid in children(launcher):
        with contextlib.suppress(OSError):
            if b"multiprocessing.forkserver" in Path(f"/proc/{pid}/cmdline").read_bytes():
                return pid
    return None


def kill(target: str, launcher: int) -> None:
    """Kill one of the processes, or the group of all."""
    if target == "group":
        with contextlib.suppress(ProcessLookupError):
            os.killpg(launcher, signal.SIGKILL)
        return
    at = server(launcher)
    worker = next(iter(children(at)), None) if at is not None else None
    number = {"launcher": launcher, "server": at, "worker": worker}[target]
    if number is not None:
        with contextlib.suppress(ProcessLookupError):
            os.kill(number, signal.SIGKILL)


def imports_tensorflow(pid: int | None) -> bool:
    """Return whether a process has TensorFlow's libraries, or is about to."""
    with contextlib.suppress(OSError):
        return pid is not None and "tensorflow" in Path(f"/proc/{pid}/maps").read_text()
    return False


def disturbed(place: Path, trial: Trial, draw: random.Random) -> str:
    """Run a trial's command and kill it; return how it ended, empty if it was not killed."""
    words = COMMANDS[trial.name]
    options: dict[str, Any] = {"cwd": place, "stdout": subprocess.PIPE, "text": True}
    event, _, number = trial.moment.partition(" ")
    environment = dict(os.environ)
    if number:
        (place / "site").mkdir()
        (place / "site" / "sitecustomize.py").write_text(HOOK)
        environment["KILL"] = f"{place}|{trial.target}|{event}|{number}"
        environment["PYTHONPATH"] = str(place / "site")
    known = set(place.glob("experiments/*/runs/*/metrics.jsonl"))

    def seen() -> bool:
        if trial.moment == "importing":
            return imports_tensorflow(server(process.pid))
        return bool(set(place.glob("experiments/*/runs/*/metrics.jsonl")) - known)

    with processes.started(
        command(place, words), stderr=subprocess.STDOUT, env=environment, **options
    ) as process:
        if not number:
            if trial.moment in ("importing", "training"):
                processes.until(seen, process)
            time.sleep(draw.random() * (1.5 if trial.moment == "start" else 0.7))
            kill(trial.target, process.pid)
        elif trial.name == "watch":
            end = time.monotonic() + 60
            while process.poll() is None and time.monotonic() < end:
                time.sleep(0.1)
        if trial.target in ("launcher", "group"):
            if trial.name == "watch":
                kill("launcher", process.pid)
            process.wait(processes.PATIENCE)
            said = ""
        else:
            said, _ = process.communicate(timeout=processes.PATIENCE)
        gone = process.returncode
        # At once: workers may still be at their last batch.
        again = run(place, words)
    killed = (place / "killed").exists() if number else True
    shutil.rmtree(place / "site", ignore_errors=True)
    (place / "killed").unlink(missing_ok=True)
    if not killed:
        return f"no process was killed (it ended with {gone})"
    output = again.stdout + again.stderr
    if "Traceback" in said + output:
        return f"a traceback: {(said + output)[-800:]}"
    if again.returncode == 1 and again.stderr.strip():
        return f"the next command ends with 1: {output[-400:]}"
    if again.returncode:
        return f"the next command ends with {again.returncode}: {output[-400:]}"
    return ""


def content(place: Path) -> dict[str, str]:
    """Return a hash of what a place holds but for times, process numbers and attempts."""
    from twice import told

    found: dict[str, str] = {}
    for path in sorted(place.rglob("*")):
        name = str(path.relative_to(place))
        if path.is_dir() or name.endswith(("script.py", "beat", ".log", "log.txt", ".pyc")):
            continue
        if "attempts" in path.parts:
            continue
        if (name.endswith(".tmp") and "/runs/" not in name) or "/.import-" in name:
            continue  # what a command was about to put in place; in a run it is swept
        if "/runs/" in name and "/imported/" not in name:
            if path.name == "result.json":
                run = told(path.parent)
                for key in ("warnings", "notes"):
                    run["result"].pop(key, None)
                found[name] = repr(sorted(run["result"].items())) + repr(run["numbers"])
                found[name] += hashlib.sha256(run["weights"]).hexdigest()
            elif path.name in ("config.yaml", "weights.npz"):
                found[name] = hashlib.sha256(path.read_bytes()).hexdigest()
            elif path.name not in ("env.json", "status.json", "metrics.jsonl"):
                found[name] = "a file"
        elif path.name == "looks.jsonl":
            lines = [json.loads(line) for line in path.read_text().splitlines()]
            found[name] = repr([{**x, "asked": 0, "crc": 0, "added": 0} for x in lines])
        elif path.suffix in (".json", ".html", ".zip", ".journal"):
            found[name] = "a file"  # times are in it
        else:
            found[name] = hashlib.sha256(path.read_bytes()).hexdigest()
    return found


def templates(folder: Path) -> dict[str, Path]:
    """Make the studies that commands begin with, each by one undisturbed command."""
    one, empty, tuned = folder / "one", folder / "empty", folder / "tuned"
    made = dict.fromkeys(COMMANDS, one) | {"train": empty, "confirm": tuned}
    if tuned.exists():
        return made
    for place in (one, empty, tuned):
        place.mkdir()
    words = ["train", "-m", "cell=lstm,gru", *SMALL, "seeds=2"]
    done = run(one, words)
    assert done.returncode == 0, done.stdout + done.stderr
    done = run(one, ["bundle", "default", "--output", "y.zip"])
    assert done.returncode == 0, done.stdout + done.stderr
    (one / "experiments/default/README.md").write_text(README)
    search = ["train", "-m", "hydra/sweeper=random", "study=tuned", "trials=2", RATE, *SMALL]
    done = run(tuned, search)
    assert done.returncode == 0, done.stdout + done.stderr
    return made


def trials(
    folder: Path, seed: int, only: Sequence[str], begin: int, say: Callable[[str], None]
) -> Iterator[dict[str, Any]]:
    """Yield what each trial found: its fault is empty if the next command completed the study."""
    files = templates(folder)
    say("templates made")
    whole: dict[str, dict[str, str]] = {}
    for number, trial in enumerate(TRIALS):
        if trial.name not in only or number < begin:
            continue
        if trial.name not in whole:
            place = folder / f"whole-{trial.name}"
            if not place.exists():
                shutil.copytree(files[trial.name], place)
                done = run(place, COMMANDS[trial.name])
                assert done.returncode == 0, done.stdout + done.stderr
            whole[trial.name] = content(place)
        place = folder / f"trial-{seed}-{number}"
        shutil.rmtree(place, ignore_errors=True)
        shutil.copytree(files[trial.name], place)
        draw = random.Random(f"{seed} {number}")
        fault = disturbed(place, trial, draw)
        after = content(place)
        if not fault and after != whole[trial.name]:
            names = {
                n
                for n in after.keys() | whole[trial.name].keys()
                if after.get(n) != whole[trial.name].get(n)
            }
            fault = f"it differs in {sorted(names)}"
        say(f"{trial}: {fault or 'whole'}")
        yield {**vars(trial), "fault": fault}
        if not fault:
            shutil.rmtree(place)


def main() -> int:
    """Run the trials, print each, and return 1 if one of them found a fault."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--only", nargs="+", choices=sorted(COMMANDS), default=sorted(COMMANDS))
    parser.add_argument("--begin", type=int, default=0, help="the number of the first trial")
    parser.add_argument("--json", type=Path)
    parser.add_argument("--keep", type=Path, help="where to work, kept at the end")
    options = parser.parse_args()
    processes.heed_signals()

    def say(text: str) -> None:
        sys.stdout.write(text + "\n")
        sys.stdout.flush()

    with tempfile.TemporaryDirectory() as temporary:
        place = options.keep or Path(temporary)
        place.mkdir(parents=True, exist_ok=True)
        found = list(trials(place, options.seed, options.only, options.begin, say))
    if options.json:
        options.json.write_text(json.dumps(found, indent=1) + "\n")
    faults = sum(bool(each["fault"]) for each in found)
    say(f"{len(found)} kills, {faults} faults")
    return 1 if faults else 0


if __name__ == "__main__":
    sys.exit(main())
