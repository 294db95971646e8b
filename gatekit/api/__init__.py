"""gatekit from Python and in a notebook: train, plan, extend, report, show, diagram, probe.

Each function does the same as the command of its name and returns the result. Where the command
would end with a message, the function raises an error with it. `probe` has no command.
Modules: `runs`, `cells`, `models`, and `words`, which writes the keys of a call as the words of a
command line. Start with `runs.py`.

No module here is public: `import gatekit` has these functions.
"""

from __future__ import annotations

from .cells import Shown, diagram, show
from .models import probe
from .runs import Planned, extend, plan, report, train

__all__ = ["Planned", "Shown", "diagram", "extend", "plan", "probe", "report", "show", "train"]
