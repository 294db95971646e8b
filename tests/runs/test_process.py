"""What is known of a process: its memory, not its parent's; its owner; its signals and locks."""

import dataclasses
import os
import platform
import subprocess
import sys

import processes
import pytest
from seams import Owner, peak_memory
from seams import run_process as process

FORKED = """
import os, sys
from gatekit.runs.process import forget_peak, peak_memory
large = b"x" * (400 << 20)
del large
reader, writer = os.pipe()
number = os.fork()
if not number:
    os.write(writer, str(peak_memory(os.getpid())).encode())
    os._exit(0)
os.waitpid(number, 0)
sys.stdout.write(f"{peak_memory(os.getpid())} {os.read(reader, 100).decode()}")
forget_peak()
sys.stdout.write(f" {peak_memory(os.getpid())}")
"""


@pytest.mark.skipif(not peak_memory(os.getpid()), reason="this system counts no peak of memory")
def test_a_forked_process_does_not_report_the_memory_of_its_parent():
    done = processes.run([sys.executable, "-c", FORKED], capture_output=True, text=True, check=True)
    parent, child, forgotten = map(int, done.stdout.split())
    assert parent > 400 << 20
    assert 0 < child < 400 << 20
    assert 0 < forgotten < 400 << 20


def test_of_a_process_that_is_gone_nothing_is_known():
    assert peak_memory(2**22 + 1) == 0


IGNORED = """
import os, signal
from gatekit.runs import process
stop, received = process.note_stop_signals()
os.kill(os.getpid(), signal.SIGINT)
assert not stop.is_set()
signal.pthread_sigmask(signal.SIG_BLOCK, process.STOP_SIGNALS)
os.kill(os.getpid(), signal.SIGTERM)
process.ignore_stop_signals()
assert not signal.pthread_sigmask(signal.SIG_BLOCK, ()) & set(process.STOP_SIGNALS)
for number in process.STOP_SIGNALS:
    os.kill(os.getpid(), number)
assert (received, stop.is_set()) == ([], False)
"""


def test_stop_signals_are_ignored_also_blocked_and_pending_ones():
    processes.run([sys.executable, "-c", IGNORED], check=True)


def test_an_owner_is_near_if_nothing_that_is_known_differs():
    this = Owner.this()
    assert this.near()
    assert this.alive()
    assert dataclasses.replace(this, space=None, machine=None).near()
    for key in ("host", "space", "machine"):
        assert not dataclasses.replace(this, **{key: "other"}).near()
    assert not dataclasses.replace(this, born="1").alive()
    assert not dataclasses.replace(this, pid=2**22 + 1).alive()


def test_an_owner_is_read_from_a_record_or_is_none():
    this = Owner.this()
    assert Owner.read(dataclasses.asdict(this)) == this
    record = {"host": platform.node(), "pid": 7}
    assert Owner.read({**record, "space": 3, "machine": []}) == Owner(platform.node(), 7, None)
    assert Owner.read({**record, "pid": 2**31 - 1}).pid == 2**31 - 1
    for wrong in ({"host": 1}, {"pid": 0}, {"pid": 2**31}, {"pid": True}, {"born": 3}):
        assert Owner.read({**record, **wrong}) is None


def test_a_zombie_does_not_live():
    with subprocess.Popen([sys.executable, "-c", ""]) as ended:
        os.waitid(os.P_PID, ended.pid, os.WEXITED | os.WNOWAIT)
        assert not process.living(ended.pid)
    assert process.living(os.getpid())


def test_locks_exclude_each_other_unless_both_are_shared(tmp_path):
    path = tmp_path / "lock"
    assert process.lock(path) is None
    path.touch()
    first = process.lock(path)
    assert process.lock(path) is process.lock(path, shared=True) is None
    os.close(first)
    first, second = process.lock(path, shared=True), process.lock(path, shared=True)
    assert None not in (first, second)
    assert process.lock(path) is None
    os.close(first)
    os.close(second)
    assert process.lock_table(path) == process.lock_table(tmp_path)
    assert process.lock_table(tmp_path / "none") is None


def test_the_remedy_for_too_little_memory_names_the_limit(monkeypatch):
    unlimited = process.resource.RLIM_INFINITY
    for limit, says in ((unlimited, "lower n_jobs"), (4096, "ulimit -v unlimited: it is 4 KiB")):
        monkeypatch.setattr(process.resource, "getrlimit", lambda _, limit=limit: (limit, 7))
        assert process.memory_limited() is (limit != unlimited)
        assert says in process.memory_remedy()
