"""What every test shares: the environment it runs in, and which cases run.

A push has two stages. ``--quick`` is the first: no test marked slow, and no function of
``long.txt``, which ``--measure`` writes. ``--second`` is the rest of what a push runs; ``--slow``
is both. ``--weekly`` runs everything, also tests marked weekly. Of a test with the mark
``one_in(n, slow=m)`` one case in ``n`` runs on a push, or one in m of those that are slow, which is
half of n if it is not given.

Nothing of yours affects a test: installed plugins are switched off, and the working folder is an
empty one, so that ``./plugins`` and ``./conf`` of the clone are gatekit's own and nothing else.
"""

from __future__ import annotations

import collections
import gc
import hashlib
import itertools
import os
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
    """Add the options that say which tests run."""
    for name, text in (
        ("--quick", "the first stage of a push: what is neither slow nor in tests/long.txt"),
        ("--second", "the second stage of a push: what --quick leaves out"),
        ("--weekly", "everything, also what no push runs"),
        ("--measure", "write tests/long.txt: functions whose cases take half a second together"),
    ):
        parser.addoption(name, action="store_true", help=text)
    ci = os.environ.get("CI", "").lower() not in ("", "0", "false")
    parser.addoption(
        "--slow", action="store_true", default=ci, help="run the tests marked slow, too"
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
    """Let ``--slow`` say whether slow tests run."""
    config.option.slow |= config.option.second or config.option.weekly
    config.option.slow &= not config.option.quick


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Leave out what this stage does not run."""
    if config.option.weekly:
        return
    stay = some(item for item in items if item.get_closest_marker("weekly") is None)
    if not config.option.slow:
        stay = {item for item in stay if item.get_closest_marker("slow") is None}
    if config.option.quick or config.option.second:
        long = set(LONG.read_text(encoding="utf-8").split("\n"))
        second = {i for i in stay if i.get_closest_marker("slow") or function(i.nodeid) in long}
        stay = second if config.option.second else stay - second
    left = [item for item in items if item not in stay]
    if left:  # not skipped: five thousand reports would take seconds and fill the screen
        config.hook.pytest_deselected(items=left)
        items[:] = [item for item in items if item in stay]


def some(items: Iterable[pytest.Item]) -> set[pytest.Item]:
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
        few = mark.args[0]
        if item.get_closest_marker("slow") is not None:
            few = mark.kwargs.get("slow", max(1, few // 2))
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


def pytest_runtest_logreport(report: pytest.TestReport) -> None:
    """Add up what the cases of a function took."""
    _SECONDS[function(report.nodeid)] += report.duration


def pytest_sessionfinish(session: pytest.Session) -> None:
    """Write long.txt if asked to."""
    if session.config.option.measure and not hasattr(session.config, "workerinput"):
        head = itertools.takewhile(lambda line: line.startswith("#"), LONG.open(encoding="utf-8"))
        long = sorted(f"{name}\n" for name, seconds in _SECONDS.items() if seconds >= 0.5)
        LONG.write_text("".join([*head, *long]), encoding="utf-8")


def own_files(root: Path) -> list[str]:
    """Return the files in ``conf`` and ``plugins`` of a clone that git does not know."""
    listed = ["git", "ls-files", "--others", "--exclude-standard", "--", "conf", "plugins"]
    try:
        done = subprocess.run(listed, cwd=root, capture_output=True, text=True, check=True)
    except (OSError, subprocess.CalledProcessError):
        return []  # there is no git, or this is not a clone
    return done.stdout.splitlines()


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """After a failure, name files of your own, which the tests take for gatekit's."""
    if not terminalreporter.stats.get("failed"):
        return
    for name in own_files(Path(__file__).parents[1]):
        terminalreporter.write_line(
            f"{name} is not in git, and the tests take it for gatekit's own. If it is yours, move "
            "it to a project: gatekit new project my-study. If gatekit is to have it, see "
            "CONTRIBUTING.md."
        )
