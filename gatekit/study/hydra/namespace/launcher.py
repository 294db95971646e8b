"""The launcher and the sweepers under the name that Hydra asks for.

Hydra executes what it finds here without importing it, so the classes themselves live elsewhere.
"""

from gatekit.study.hydra.launcher import ProcessLauncher
from gatekit.study.hydra.sweepers import GridSweeper, OptunaSweeper, RandomSweeper

__all__ = ["GridSweeper", "OptunaSweeper", "ProcessLauncher", "RandomSweeper"]
