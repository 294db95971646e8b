"""How long comparing takes: ``cd tests; python -m compare.benchmark [RUNS [SEEDS]]``."""

from __future__ import annotations

import io
import re
import sys
import tempfile
import time
from pathlib import Path

import numpy as np
from seams import compare_runs as compare
from seams import print_table, to_json

from .synthetic import CELLS, configuration, curve, write_run


def write_many(root: Path, count: int, seeds: int = 10, epochs: int = 40) -> None:
    """Write a study of so many runs, one in a hundred of them damaged in one of four ways."""
    rng = np.random.default_rng(0)
    runs = root / "many" / "runs"
    cells = list(CELLS)
    for index in range(count):
        group, seed = divmod(index, seeds)
        cell = cells[group % len(cells)]
        config = configuration(cell, seed, optimizer__learning_rate=0.001 + group * 1e-5)
        test = 8.7 + float(rng.normal()) * 0.05
        folder = write_run(runs, config, test, validation=curve(test + 0.05, epochs))
        if index % 100 == 0:
            damage(folder, index // 100 % 4)


def damage(folder: Path, way: int) -> None:
    """Cut result.json, flip a bit of config.yaml, tear metrics.jsonl, or empty result.json."""
    name = ("result.json", "config.yaml", "metrics.jsonl", "result.json")[way]
    data = (folder / name).read_bytes()
    if way == 1:
        middle = len(data) // 2
        (folder / name).write_bytes(data[:middle] + bytes([data[middle] ^ 1]) + data[middle + 1 :])
    else:
        (folder / name).write_bytes(b"" if way == 3 else data[: len(data) // 2])


def main(count: int, seeds: int = 10) -> None:
    """Write the study, compare it, and print the seconds and the memory."""
    with tempfile.TemporaryDirectory() as folder:
        write_many(Path(folder), count, seeds)
        start, began = time.perf_counter(), time.process_time()
        comparison = compare("many", folder)
        compared, busy = time.perf_counter(), time.process_time() - began
        print_table(comparison, io.StringIO())
        to_json(comparison)
        printed = time.perf_counter()
        peak = _peak()
        corrupt = sum(run.state == "CORRUPT" for run in comparison.study.runs)
        sys.stdout.write(
            f"{len(comparison.study.runs)} runs, {len(comparison.rows)} groups, {corrupt} corrupt:"
            f" compared in {compared - start:.2f} s"
            f" ({busy:.2f} s of CPU), printed in {printed - compared:.2f} s, peak {peak:.0f} MB\n"
        )


def _peak() -> float:
    """Return the most memory that this process had, in MB.

    Not ``ru_maxrss``, which begins with what the process that started this one had.
    """
    found = re.search(r"VmHWM:\s+(\d+) kB", Path("/proc/self/status").read_text())
    assert found is not None
    return int(found[1]) / 1024


if __name__ == "__main__":
    main(*map(int, sys.argv[1:] or ["10000"]))
