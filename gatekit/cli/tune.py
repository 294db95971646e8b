"""``gatekit tune``: time executors on this machine, for a table that ``executor=auto`` reads."""

from __future__ import annotations

import json
import platform
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from gatekit.cell.errors import ConfigError

from .arguments import Parser
from .commands import COMMANDS
from .output import write, write_file, write_json, write_table
from .overrides import read_overrides
from .show import build_cell


def run(name: str, argv: Sequence[str]) -> int:
    """Time the executors of a cell, and add the fastest to a table.

    Args:
        name: the command's name.
        argv: its arguments.

    Returns:
        0.
    """
    parser = Parser(name, COMMANDS[name].summary)
    parser.add_argument(
        "overrides", nargs="*", metavar="KEY=VALUE", help="cell=NAME units=64 features=32"
    )
    parser.add_argument("--batch", type=_count, default=32, help="rows of a batch (32)")
    parser.add_argument("--time", type=_count, default=100, help="time steps (100)")
    parser.add_argument("--rounds", type=_count, default=15, help="turns of each executor (15)")
    parser.add_argument("--precision", default="float32", help="the dtype policy (float32)")
    parser.add_argument(
        "--to", type=Path, metavar="FILE.json", help="add the fastest to this table"
    )
    parser.add_argument("--json", action="store_true", help="write the times as JSON")
    options = parser.read(argv)
    cell = build_cell(read_overrides(options.overrides))
    earlier = _earlier(options.to)

    from gatekit.recurrence import choose, tune, tuned

    setting = tune.setting_here(options.precision)
    times = tune.measure(cell, options.precision, options.batch, options.time, options.rounds)
    fastest = min(times, key=lambda entry: times[entry])
    executor, mode = fastest.split("/")
    found: dict[str, Any] = {
        "executor": executor,
        "mode": mode,
        "cell": cell.spec.name,
        "units": cell.units,
        "features": cell.features,
        "batch": options.batch,
        "time": options.time,
        "milliseconds": times,
    }
    if options.json:
        write_json(found)
    else:
        rows = [{"executor/mode": k, "ms per training step": f"{v:.2f}"} for k, v in times.items()]
        write_table(rows, ["executor/mode", "ms per training step"])
        write(f"fastest for {cell.spec.name}, {cell.units} units: {fastest}")
    if options.to is not None:
        key = choose.key(cell, setting)
        machine = {"platform": platform.platform(), "processor": platform.processor()}
        content = tuned.table(machine, {**earlier, key: found})
        write_file(options.to, json.dumps(content, indent=2))
    return 0


def _earlier(path: Path | None) -> dict[str, Any]:
    """Return the choices that the table has already."""
    if path is None or not path.exists():
        return {}
    from gatekit.recurrence import tuned

    tuned.read(path)
    choices: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))["choices"]
    return choices


def _count(text: str) -> int:
    if not text.isdigit() or int(text) < 1:
        raise ConfigError(f"{text!r} is no count; a whole number from 1 is expected")
    return int(text)
