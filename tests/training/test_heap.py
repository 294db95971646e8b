"""A run's process keeps the memory that a step frees: the kernel need not clear it again."""

from __future__ import annotations

import sys

import processes
import pytest

COUNT = """
import resource
from gatekit.runs.process import keep_freed
{first}

def block():
    data = bytearray({size})
    del data

def faults():
    before = resource.getrusage(resource.RUSAGE_SELF).ru_minflt
    for _ in range(50):
        block()
    return resource.getrusage(resource.RUSAGE_SELF).ru_minflt - before

block()
print(faults())
"""


def faults(first: str, size: int) -> int:
    """Return how many pages the kernel hands out for 50 blocks of so many bytes, one at a time."""
    code = COUNT.format(first=first, size=size)
    done = processes.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    return int(done.stdout)


@pytest.mark.skipif(sys.platform != "linux", reason="of the GNU C library of Linux")
@pytest.mark.parametrize("mib", [4, pytest.param(30, marks=pytest.mark.slow)])
def test_freed_blocks_are_kept(mib: int) -> None:
    size = mib * 2**20
    pages = size // 4096
    # Told to trim at once it asks for each block anew: what is counted is what the setting saves.
    given_back = "import ctypes; ctypes.CDLL(None).mallopt(-1, 0)"
    assert faults(given_back, size) > 25 * pages
    assert faults("assert keep_freed()", size) < 2 * pages


def test_a_library_without_the_setting_is_left_as_it_is(monkeypatch: pytest.MonkeyPatch) -> None:
    from seams import run_process as process

    monkeypatch.setattr(process.ctypes, "CDLL", lambda name: object())
    assert process.keep_freed() is False
