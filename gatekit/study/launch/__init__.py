"""How the runs of a plan are made: processes here, a Ray cluster, or Slurm jobs."""

from .entry import launch
from .outcome import SweepOutcome, report

__all__ = ["SweepOutcome", "launch", "report"]
