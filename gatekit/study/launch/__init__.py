"""Execute the runs of a plan: as processes on this machine, on a Ray cluster, or in Slurm jobs."""

from .entry import launch
from .outcome import SweepOutcome, report

__all__ = ["SweepOutcome", "launch", "report"]
