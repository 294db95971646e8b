"""Execute the runs of a plan: as processes on this machine, on a Ray cluster, or in Slurm jobs.

No module here is public.
"""

from .entry import launch
from .outcome import SweepOutcome, report

__all__ = ["SweepOutcome", "launch", "report"]
