"""gatekit from Python and in a notebook: train, plan, extend, report, show, diagram.

Each function does the same as the command of its name and returns the result. Where the command
would end with a message, the function raises an error with the remedy. Modules: `runs`, `cells`,
and `words`, which writes the keys of a call as the words of a command line.
"""

from __future__ import annotations

from .cells import Shown, diagram, show
from .runs import Planned, extend, plan, report, train

__all__ = ["Planned", "Shown", "diagram", "extend", "plan", "report", "show", "train"]
