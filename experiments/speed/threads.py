"""How many threads a process may compute with."""

from __future__ import annotations

import os

VARIABLES = (
    "OMP_NUM_THREADS",
    "OPENBLAS_NUM_THREADS",
    "MKL_NUM_THREADS",
    "TF_NUM_INTRAOP_THREADS",
    "TF_NUM_INTEROP_THREADS",
)


def limit_threads(threads: int) -> None:
    """Bound the threads and cores of this process; call it before any library is imported."""
    os.environ.update({name: str(threads) for name in VARIABLES})
    # A dozen processes would each greet with TensorFlow's start-up messages.
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
    # The pools of XLA and JAX on a CPU are as large as the number of cores that may be used.
    cores = sorted(os.sched_getaffinity(0))
    os.sched_setaffinity(0, cores[-threads:])
