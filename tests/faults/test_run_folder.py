"""What can go wrong with a run and its folder: files fail, are damaged, missing or changed."""

import contextlib
import errno
import json
import os
import resource
import signal
import time
import unicodedata
from pathlib import Path

import pytest
import seams
from seams import ClaimedError, RunFolder, durable, metrics, result, resume

import gatekit
from gatekit import RunError
from gatekit.compare import load

# Forked processes here touch files only.
pytestmark = pytest.mark.filterwarnings("ignore:This process .* is multi-threaded")
STUDY = Path(durable.__file__).parent
RESULT = {"state": "COMPLETED"}
MADE_WITH = {"threads": 1, "executor": "stacked", "jit": False}


@pytest.fixture
def folder(tmp_path):
    return RunFolder(tmp_path / "study" / "runs" / "00")


def child(deed):
    """Do something in a forked process; return its number."""
    number = os.fork()
    if not number:
        code = 1
        with contextlib.suppress(BaseException):
            code = int(deed() or 0)
        os._exit(code)
    return number


def ended(number):
    """Wait for a process and return its exit code."""
    return os.waitstatus_to_exitcode(os.waitpid(number, 0)[1])


def appears(path):
    """Wait for a file."""
    deadline = time.monotonic() + 30
    while not path.exists():
        assert time.monotonic() < deadline
        time.sleep(0.01)


def test_a_stopped_process_is_no_lost_one(folder, tmp_path):
    def run():
        folder.claim()
        folder.status("RUNNING")
        appears(tmp_path / "go")
        folder.write_config({"a": 1})
        folder.finish(RESULT)

    number = child(run)
    appears(folder.path / "status.json")
    os.kill(number, signal.SIGSTOP)
    try:
        os.waitpid(number, os.WUNTRACED)
        assert folder.state().name == "RUNNING"
        with pytest.raises(ClaimedError, match="is working on"):
            RunFolder(folder.path).claim()
    finally:
        (tmp_path / "go").write_text("")
        os.kill(number, signal.SIGCONT)
    assert ended(number) == 0
    assert folder.state().name == "COMPLETED"
    assert [p.name for p in (folder.path / "attempts").iterdir()] == ["1.claim"]


def test_the_message_has_path_and_space(folder, monkeypatch):
    class Full(durable.Disk):
        def open(self, path, flags):
            raise OSError(28, "No space left on device", str(path))

    seams.disk(monkeypatch, Full())
    os.makedirs(folder.path / "attempts")
    with pytest.raises(RunError, match=r"1\.claim.*MiB"):
        folder.claim()


def unchanged(place):
    """Return all that is known of a file but when it was last read."""
    found = place.lstat()
    names = (name for name in dir(found) if name.startswith("st_") and "atime" not in name)
    return {name: getattr(found, name) for name in names}


@pytest.mark.parametrize("kind", ["a file", "a dangling link", "a link in a circle"])
def test_what_stands_in_the_way_is_named(tmp_path, kind):
    place = tmp_path / "runs"
    if kind == "a file":
        place.write_text("kept")
    else:
        place.symlink_to(tmp_path / ("nowhere" if kind == "a dangling link" else "runs"))
    before = unchanged(place)
    with pytest.raises(RunError, match=r"failed at .*runs"):
        RunFolder(place / "00").claim()
    assert unchanged(place) == before
    assert not (tmp_path / "nowhere").exists()


@pytest.mark.parametrize("code", ["EACCES", "EROFS"])
def test_a_read_only_place_is_named(folder, monkeypatch, code):
    number = getattr(errno, code)

    class ReadOnly(durable.Disk):
        def mkdir(self, path):
            raise OSError(number, os.strerror(number), str(path))

    seams.disk(monkeypatch, ReadOnly())
    with pytest.raises(RunError, match=os.strerror(number)):
        folder.claim()


def test_too_many_open_files(folder):
    def run():
        hard = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
        resource.setrlimit(resource.RLIMIT_NOFILE, (len(os.listdir("/proc/self/fd")) - 1, hard))
        opened = []
        with contextlib.suppress(OSError):
            while True:
                opened.append(os.open("/dev/null", os.O_RDONLY))
        try:
            folder.claim()
        except RunError as error:
            return 7 if os.strerror(errno.EMFILE) in str(error) else 8
        return 9

    assert ended(child(run)) == 7
    assert folder.claim() == 1


DAMAGES = {
    "cut": lambda data: data[:-9],
    "zeros at the end": lambda data: data[:-40] + bytes(40),
    "one bit": lambda data: data[:100] + bytes([data[100] ^ 4]) + data[101:],
    "a block of zeros": lambda data: data[:60] + bytes(64) + data[124:],
    "CRLF": lambda data: data.replace(b"\n", b"\r\n"),
    "glued lines": lambda data: data.replace(b"\n", b"", 1),
}


@pytest.mark.parametrize("damage", DAMAGES)
def test_a_damaged_record_never_invents_a_number(folder, damage, capsys):
    folder.claim()
    book = resume.TrainingProgress(folder, "mse", "min", MADE_WITH)
    for epoch in (1, 2, 3):
        book.epoch, book.step, book.loss = epoch, epoch, 1.0 / epoch
        book.judge(0.5 / epoch, dict)
        book.save({}, [])
    path = folder.path / "metrics.jsonl"
    whole = metrics.read(path).lines
    path.write_bytes(DAMAGES[damage](path.read_bytes()))
    read = metrics.read(path).lines
    assert all(record in whole for record in read)
    assert len(read) >= 4
    folder.status("INTERRUPTED", "stopped")
    folder.claim()
    # What belongs to the checkpoint has changed: nothing goes on from doubtful numbers.
    assert resume.checkpoint_of(folder) is None
    assert "starts again" in capsys.readouterr().out
    assert not path.exists()


def test_foreign_files_and_links_are_left_alone(folder):
    folder.claim()
    (folder.path / ".DS_Store").write_text("x")
    (folder.path / "notes").mkdir()
    (folder.path / "loop").symlink_to(folder.path)
    folder.status("FAILED", "because")
    folder.claim()
    folder.write_config({"a": 1})
    folder.finish(RESULT)
    assert folder.state().name == "COMPLETED"
    assert (folder.path / ".DS_Store").read_text() == "x"
    assert (folder.path / "loop").is_symlink()
    assert (folder.path / "notes").is_dir()


def test_of_many_at_once_one_works(folder, tmp_path):
    durable.folder(folder.path / "attempts")

    def run():
        appears(tmp_path / "go")
        try:
            RunFolder(folder.path).claim()
        except ClaimedError:
            (tmp_path / f"ended{os.getpid()}").touch()
            return 3
        # A claim counts as long as its process lives: wait for all others.
        (tmp_path / f"ended{os.getpid()}").touch()
        while len(list(tmp_path.glob("ended*"))) < 8:
            time.sleep(0.01)
        return 0

    numbers = [child(run) for _ in range(8)]
    (tmp_path / "go").write_text("")
    assert sorted(ended(number) for number in numbers) == [0, *[3] * 7]
    assert len(list((folder.path / "attempts").glob("*.claim"))) == 1


def test_a_dead_owner_locks_nothing(folder):
    assert ended(child(lambda: folder.claim() and 0)) == 0
    assert folder.state().name == "LOST"
    (folder.path / ".status.json.00.tmp").write_text("half")
    assert folder.claim() == 2
    assert not (folder.path / ".status.json.00.tmp").exists()


@pytest.mark.parametrize("days", [-1, 1, 4000])
def test_dates_of_files_and_of_the_clock_decide_nothing(folder, days, monkeypatch):
    folder.claim()
    folder.write_config({"a": 1})
    then = time.time() + days * 86_400
    for path in [*folder.path.rglob("*"), folder.path]:
        os.utime(path, (then, then))
    assert folder.state().name == "RUNNING"
    with pytest.raises(ClaimedError):
        RunFolder(folder.path).claim()
    monkeypatch.setattr(time, "time", lambda: then)
    book = resume.TrainingProgress(folder, "mse", "min", MADE_WITH)
    assert 0 <= book.seconds() < 60
    folder.finish(RESULT)
    assert folder.state().name == "COMPLETED"


NAMES = ["two words", "quote'\"", "a/b", "..", "~", "$(touch x)", "line\nbreak", "🙂", "\u202eabc"]
NAMES += ["CON", "x" * 300, "-rf", unicodedata.normalize("NFD", "é"), "é", "ABC", "abc"]
NAMES += ["<script>alert(1)</script>", '"><img onerror=x>', "{{7*7}}", "javascript:x", "=cmd()"]


def test_any_text_is_a_label_and_never_a_path(tmp_path):
    for name in NAMES:
        with gatekit.run("mine", {"variant": name}, seed=0, root=tmp_path) as run:
            run.log(1, val=0.5)
    made = sorted(path.name for path in (tmp_path / "mine" / "runs").iterdir())
    assert len(made) == len(NAMES)
    assert all(len(name) == 16 and int(name, 16) >= 0 for name in made)
    assert os.listdir(tmp_path) == ["mine"]
    loaded = load("mine", tmp_path)
    assert sorted(run.config["variant"] for run in loaded.runs) == sorted(NAMES)


def test_a_run_that_was_moved_goes_on(folder, tmp_path):
    def begin():
        folder.claim()
        book = resume.TrainingProgress(folder, "mse", "min", MADE_WITH)
        book.epoch = book.step = 1
        book.judge(0.5, dict)
        book.save({}, [])

    assert ended(child(begin)) == 0
    os.rename(tmp_path / "study", tmp_path / "elsewhere")
    moved = RunFolder(tmp_path / "elsewhere" / "runs" / "00")
    assert moved.claim() == 2
    assert resume.checkpoint_of(moved).position["step"] == 1
    moved.write_config({"a": 1})
    moved.finish(RESULT)
    os.rename(tmp_path / "elsewhere", tmp_path / "again")
    assert RunFolder(tmp_path / "again" / "runs" / "00").state().name == "COMPLETED"


def test_the_result_of_a_newer_gatekit_is_not_made_again(folder, monkeypatch):
    folder.claim()
    folder.write_config({"a": 1})
    with monkeypatch.context() as patch:
        patch.setattr(result, "SCHEMA", 9)
        folder.finish(RESULT)
    path = folder.path / "result.json"
    kept = path.read_text()
    with pytest.raises(RunError, match=r"format 9, .*pip install"):
        RunFolder(folder.path).claim()
    assert path.read_text() == kept
    assert json.loads(kept)["state"] == "COMPLETED"
