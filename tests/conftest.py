"""What every test shares: the environment it runs in, and which cases run.

Slow tests run in CI and with ``--slow``. ``--quick`` leaves out the functions of ``long.txt``,
which ``--measure`` writes. Of a test with the mark ``one_in(n, slow=m)`` one case in ``n`` runs;
when slow tests run, one in ``m``, which is half of n if it is not given. A test
marked ``every`` runs only with ``--every``, and so do all cases.

Nothing of yours affects a test: installed plugins are switched off, and the working folder is an
empty one, so that ``./plugins`` and ``./conf`` of the clone are gatekit's own and nothing else.
"""

from __future__ import annotations

import collections
import gc
import hashlib
import itertools
import os
import re
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterable
from pathlib import Path

import processes
import pytest

# Fixtures that tests of several folders share.
pytest_plugins = ("browser",)

# Its assertions are those of the tests that call it.
pytest.register_assert_rewrite("refused")

# Set before any test imports TensorFlow, whose start-up messages would drown a failure.
os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")

# Compiled code is fast enough as it comes: what it computes is tested, and how fast by no test.
os.environ.setdefault("XLA_FLAGS", "--xla_backend_optimization_level=0")

# Each core has a test process: further threads would only wait for one another.
for _name in ("TF_NUM_INTRAOP_THREADS", "TF_NUM_INTEROP_THREADS", "OMP_NUM_THREADS"):
    os.environ.setdefault(_name, "1")

# A forked child has no threads of TensorFlow. If it collected an iterator of an earlier test, it
# would wait for one of them forever.
os.register_at_fork(after_in_child=gc.freeze)

# Hundreds of processes would each compile gatekit's modules again.
os.environ.pop("PYTHONDONTWRITEBYTECODE", None)
sys.dont_write_bytecode = False

# What a user's shell may set and gatekit, or a library that it uses, reads.
for _name in [
    *("COLUMNS", "LINES", "NO_COLOR", "FORCE_COLOR", "CLICOLOR", "CLICOLOR_FORCE"),
    *("TTY_COMPATIBLE", "TTY_INTERACTIVE", "LANGUAGE", "PYTHONIOENCODING", "PYTHONWARNINGS"),
    *("HYDRA_FULL_ERROR", "GATEKIT_TUNE", "GATEKIT_DISABLE_PLUGIN_AUTOLOAD"),
    "GATEKIT_TRACEBACK",
    *(name for name in os.environ if name.startswith("LC_")),
]:
    os.environ.pop(_name, None)
os.environ |= {"LANG": "C.UTF-8", "TZ": "UTC", "TERM": "xterm-256color"}
os.environ["KERAS_BACKEND"] = "tensorflow"  # some tests import Keras before gatekit
# Entry points of plugins that are installed beside gatekit; a test names those that it installs.
os.environ["GATEKIT_LOAD_PLUGINS"] = ""
time.tzset()
processes.heed_signals()


def pytest_addoption(parser: pytest.Parser) -> None:
    """Add ``--slow``, which is on where the environment variable CI is set."""
    parser.addoption(
        "--slow",
        action="store_true",
        default=is_ci(),
        help="run the tests marked slow, too",
    )
    parser.addoption(
        "--quick",
        action="store_true",
        help="leave out the functions of tests/long.txt, too",
    )
    parser.addoption(
        "--measure",
        action="store_true",
        help="write tests/long.txt: the functions whose cases take half a second together",
    )
    parser.addoption(
        "--every",
        action="store_true",
        help="run every case, also of tests of which one case in a few runs in CI",
    )


_FOLDERS = pytest.StashKey[tuple[str, str]]()


@pytest.hookimpl(tryfirst=True)
def pytest_collection(session: pytest.Session) -> None:
    """Work in an empty folder from here on; pytest resolves paths by where it was started."""
    session.config.stash[_FOLDERS] = (os.getcwd(), tempfile.mkdtemp(prefix="gatekit-tests-"))
    os.chdir(session.config.stash[_FOLDERS][1])
    gc.disable()  # what is imported now is kept to the end


def pytest_unconfigure(config: pytest.Config) -> None:
    """Remove the empty folder."""
    if _FOLDERS in config.stash:
        before, empty = config.stash[_FOLDERS]
        os.chdir(before)
        shutil.rmtree(empty, ignore_errors=True)


# The files that take longest start first, so that no process is left with one at the end. They are
# not those with the most tests; a rough order is enough, and the others follow by their names.
EARLY = (
    "docs/test_tutorial.py",
    "study/test_kills.py",
    "docs/test_pages.py",
    "study/test_command.py",
    "study/test_launch.py",
    "recurrence/test_fused.py",
    "recurrence/test_masked_gradients.py",
    "study/test_search.py",
    "study/test_worker.py",
    "recurrence/test_layer_executors.py",
    "study/test_train.py",
    "recurrence/test_layer_witness.py",
    "study/test_resume.py",
    "recurrence/test_layer_xla.py",
    "generated/test_values.py",
    "generated/test_blocks.py",
    "cli/test_messages.py",
    "reference/test_run.py",
    "study/test_probe.py",
    "recurrence/test_layer_masks.py",
    "study/test_blocks.py",
    "recurrence/test_chunk.py",
    "cli/test_show.py",
    "study/test_plan.py",
    "recurrence/test_keras_behaviour.py",
    "faults/test_refusals.py",
    "recurrence/test_layer_saving.py",
    "recurrence/test_layer_precision.py",
    "docs/test_zoo.py",
    "generated/test_pairs.py",
    "study/test_damaged_files.py",
    "generated/test_text.py",
    "compare/test_figure_kinds.py",
    "recurrence/test_blocks.py",
    "recurrence/test_inputs.py",
    "registry/test_hostile.py",
)


LONG = Path(__file__).with_name("long.txt")
_SECONDS: collections.Counter[str] = collections.Counter()


def function(node: str) -> str:
    """Return the file below tests/ and the name of the function of a test, as in long.txt."""
    return node.partition("[")[0].removeprefix("tests/")


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_auto_num_workers() -> int:
    """Return one process more than there are cores, for some tests wait; four at most."""
    return min(len(os.sched_getaffinity(0)) + 1, 4)


def pytest_configure(config: pytest.Config) -> None:
    """Keep xdist from sorting files by how many tests they have, skipped ones included."""
    config.option.loadscopereorder = False


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Move the long files to the start; leave out what runs only where all tests are asked for."""
    places = {Path(__file__).parent / name: place for place, name in enumerate(EARLY)}
    items.sort(key=lambda item: places.get(item.path, len(EARLY)))
    if config.getoption("--every"):
        return
    slow_too = config.getoption("--slow")
    long = set(LONG.read_text(encoding="utf-8").split("\n")) if config.getoption("--quick") else ()

    def runs(item: pytest.Item) -> bool:
        if item.get_closest_marker("every") or (long and function(item.nodeid) in long):
            return False
        return slow_too or item.get_closest_marker("slow") is None

    stay = some([item for item in items if runs(item)], slow_too)
    left = [item for item in items if item not in stay]
    if left:  # not skipped: five thousand reports would take seconds and fill the screen
        config.hook.pytest_deselected(items=left)
        items[:] = [item for item in items if item in stay]


def some(items: Iterable[pytest.Item], slow_too: bool) -> set[pytest.Item]:
    """Return the items that ``one_in`` does not leave out: one of each n that follow one another.

    Chosen is the case whose name has most words that no chosen case of its test had, then of its
    file; of equals, a hash of the name decides. Every n-th case would always have the same inner
    parameter where n divides their number.
    """
    chosen: set[pytest.Item] = set()
    cases: dict[tuple[str, int], list[pytest.Item]] = {}
    for item in items:
        if (mark := item.get_closest_marker("one_in")) is None:
            chosen.add(item)
            continue
        few = mark.kwargs.get("slow", max(1, mark.args[0] // 2)) if slow_too else mark.args[0]
        cases.setdefault((item.nodeid.partition("[")[0], few), []).append(item)
    met: dict[str, set[str]] = collections.defaultdict(set)
    for (test, few), several in cases.items():
        places = test, test.partition("::")[0]

        def rank(item: pytest.Item, places: tuple[str, ...] = places) -> tuple[int | str, ...]:
            unmet = [len(words(item) - met[place]) for place in places]
            return *unmet, hashlib.sha256(item.nodeid.encode()).hexdigest()

        for first in range(0, len(several), few):
            case = max(several[first : first + few], key=rank)
            chosen.add(case)
            for place in places:
                met[place] |= words(case)
    return chosen


def words(item: pytest.Item) -> set[str]:
    """Return what a case's name says of its parameters."""
    return set(item.nodeid.partition("[")[2].removesuffix("]").split("-"))


def pytest_collection_finish() -> None:
    """Keep what imports have made, a million objects, out of every later search for garbage."""
    gc.collect()
    gc.freeze()
    gc.enable()
    stacks = sys.modules.get("tensorflow.python.util.tf_stack")
    if hasattr(stacks, "extract_stack"):
        # Each traced operation keeps the calls that led to it, of which pytest alone makes sixty.
        # They are for messages of TensorFlow; to list them is a tenth of the time to trace.
        shallow = stacks.extract_stack()
        stacks.extract_stack = lambda stacklevel=1: shallow


def is_ci() -> bool:
    """Return whether the environment variable CI is set."""
    return os.environ.get("CI", "").lower() not in ("", "0", "false")


def unlisted(reports: Iterable[pytest.TestReport | pytest.CollectReport]) -> list[str]:
    """Return the tests that were skipped for a reason that is not in skips.txt, with it."""
    lines = Path(__file__).with_name("skips.txt").read_text(encoding="utf-8").splitlines()
    listed = [line for line in lines if line and not line.startswith("#")]
    found = []
    for report in reports:
        reason = report.longrepr[2] if isinstance(report.longrepr, tuple) else str(report.longrepr)
        reason = reason.removeprefix("Skipped: ")
        if not any(re.fullmatch(pattern, reason, re.DOTALL) for pattern in listed):
            found.append(f"{report.nodeid}: {reason}")
    return found


def pytest_runtest_logreport(report: pytest.TestReport) -> None:
    """Add up what the cases of a function took."""
    _SECONDS[function(report.nodeid)] += report.duration


@pytest.hookimpl(tryfirst=True)
def pytest_sessionfinish(session: pytest.Session) -> None:
    """Fail in CI if a test was skipped for want of something that CI is to have; write long.txt."""
    worker = hasattr(session.config, "workerinput")
    if session.config.getoption("--measure") and not worker:
        head = itertools.takewhile(lambda line: line.startswith("#"), LONG.open(encoding="utf-8"))
        long = sorted(f"{name}\n" for name, seconds in _SECONDS.items() if seconds >= 0.5)
        LONG.write_text("".join([*head, *long]), encoding="utf-8")
    reporter = session.config.pluginmanager.get_plugin("terminalreporter")
    if is_ci() and reporter is not None and unlisted(reporter.stats.get("skipped", ())):
        session.exitstatus = pytest.ExitCode.TESTS_FAILED


def own_files(root: Path) -> list[str]:
    """Return the files in ``conf`` and ``plugins`` of a clone that git does not know."""
    listed = ["git", "ls-files", "--others", "--exclude-standard", "--", "conf", "plugins"]
    try:
        done = subprocess.run(listed, cwd=root, capture_output=True, text=True, check=True)
    except (OSError, subprocess.CalledProcessError):
        return []  # there is no git, or this is not a clone
    return done.stdout.splitlines()


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Tell what did not run; after a failure, name files of your own, taken for gatekit's."""
    if not terminalreporter.config.getoption("--every"):
        some = "some cases" if terminalreporter.config.getoption("--slow") else "slow tests"
        more = "" if some == "some cases" else "--slow runs most of them, "
        terminalreporter.write_line(f"{some} did not run: {more}--every runs all")
    for skipped in unlisted(terminalreporter.stats.get("skipped", ())) if is_ci() else ():
        terminalreporter.write_line(f"in CI this is a failure, see tests/skips.txt: {skipped}")
    if not terminalreporter.stats.get("failed"):
        return
    for name in own_files(Path(__file__).parents[1]):
        terminalreporter.write_line(
            f"{name} is not in git, and the tests take it for gatekit's own. If it is yours, move "
            "it to a project: gatekit new project my-study. If gatekit is to have it, see "
            "CONTRIBUTING.md."
        )
