"""The launcher and the sweeper under the name that Hydra asks for.

Hydra executes what it finds here without importing it, so the classes themselves live elsewhere.
"""

from gatekit.study.hydra.launcher import GridSweeper, ProcessLauncher

__all__ = ["GridSweeper", "ProcessLauncher"]
