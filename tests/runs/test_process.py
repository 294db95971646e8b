"""What is known of a process: the memory that it used itself, not what its parent had."""

import os
import sys

import processes
import pytest

from gatekit.runs.process import peak_memory

FORKED = """
import os, sys
from gatekit.runs.process import peak_memory
large = b"x" * (400 << 20)
del large
reader, writer = os.pipe()
number = os.fork()
if not number:
    os.write(writer, str(peak_memory(os.getpid())).encode())
    os._exit(0)
os.waitpid(number, 0)
sys.stdout.write(f"{peak_memory(os.getpid())} {os.read(reader, 100).decode()}")
"""


@pytest.mark.skipif(not peak_memory(os.getpid()), reason="this system counts no peak of memory")
def test_a_forked_process_does_not_report_the_memory_of_its_parent():
    done = processes.run([sys.executable, "-c", FORKED], capture_output=True, text=True, check=True)
    parent, child = map(int, done.stdout.split())
    assert parent > 400 << 20
    assert 0 < child < 400 << 20


def test_of_a_process_that_is_gone_nothing_is_known():
    assert peak_memory(2**22 + 1) == 0
