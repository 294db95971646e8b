"""``gatekit tune``: time executors on this machine, for the table of ``executor=auto``."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from gatekit.cell.errors import ConfigError, nearest_name
from gatekit.cli.arguments import Parser
from gatekit.cli.options import check_ending
from gatekit.cli.output import quiet, write, write_file, write_json, write_table
from gatekit.cli.overrides import read_overrides
from gatekit.faults import Whole
from gatekit.study.keys import DECLARED

from .show import build_cell


def run(parser: Parser) -> int:
    """Time the executors of a cell, and add the fastest to a table if one is given."""
    parser.add_overrides("cell=NAME units=64 features=32")
    parser.add_argument("--batch", type=Whole(1), default=32, help="batch size (default: 32)")
    parser.add_argument(
        "--time", type=Whole(1), default=100, help="number of time steps (default: 100)"
    )
    parser.add_argument(
        "--rounds", type=Whole(1), default=15, help="rounds per executor (default: 15)"
    )
    parser.add_argument(
        "--precision",
        type=DECLARED["precision"].type,
        default="float32",
        help="the precision, as in a run (default: float32)",
    )
    parser.add_argument(
        "--mode",
        choices=("graph", "xla"),
        help="time only this mode (default: both, or with --study: graph; type xla for runs with "
        "jit=true)",
    )
    target = parser.add_mutually_exclusive_group()
    target.add_argument("--study", help="add the fastest executor to this study's table")
    target.add_argument(
        "--to", type=Path, metavar="FILE.json", help="add the fastest executor to this table"
    )
    parser.add_root()
    parser.add_json("write the times as JSON")
    options = parser.read()
    check_ending("--to", options.to, ".json")
    if options.study:
        _refuse_misspelt(options.study, Path(options.root))
    for key in ("batch", "time", "rounds"):
        if getattr(options, key) < 1:
            such = f"--{key} {parser.get_default(key)}"
            raise ConfigError(f"--{key} {getattr(options, key)}: type 1 or more, such as {such}.")
    asked = read_overrides(options.overrides, parser.command)
    if not asked.block.plain:
        raise ConfigError(
            f"block={asked.block.kind}: gatekit tune times a recurrent layer alone. Omit block, "
            "and type features=N for the width of the cell's input inside the block."
        )
    cell = build_cell(asked)

    from gatekit.runs.environment import numeric
    from gatekit.runs.names import table_of

    alone = options.mode or ("graph" if options.study else None)
    modes = (alone,) if alone else ("graph", "xla")
    path = table_of(options.study, options.root) if options.study else options.to
    with quiet():
        earlier = _earlier(path)

    with quiet():
        from gatekit.recurrence.executors import choose, timing

        setting = timing.setting_here(options.precision)
        times = timing.measure(
            cell, options.precision, options.batch, options.time, options.rounds, modes
        )
    fastest = min(times, key=lambda entry: times[entry])
    executor, mode = fastest.split("/")
    choice: dict[str, Any] = {
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
        write_json(choice)
    else:
        rows = [{"executor/mode": k, "ms per training step": f"{v:.2f}"} for k, v in times.items()]
        write_table(rows, ["executor/mode", "ms per training step"])
        sizes = f"{cell.features} features, {cell.units} units"
        write(f"fastest for {cell.spec.name}, {sizes}: {fastest}")
        if path is None:
            write("Nothing was written; type --study NAME or --to FILE.json to store the choice.")
    if path is not None:
        key = choose.key(cell, setting)
        content = choose.table_content(numeric(), {**earlier, key: choice})
        write_file(path, json.dumps(content, indent=2) + "\n")
    return 0


def _refuse_misspelt(study: str, root: Path) -> None:
    """Refuse a new study whose name is close to that of an existing one."""
    known = [path.name for path in root.iterdir()] if root.is_dir() else []
    if study not in known and (near := nearest_name(study, known)):
        raise ConfigError(
            f"--study {study}: there is no such study; did you mean {near!r}? Type --study {near}, "
            "or a less similar name for a new study."
        )


def _earlier(path: Path | None) -> dict[str, Any]:
    """Return the choices that the table already contains."""
    if path is None or not path.exists():
        return {}
    if not path.is_file():
        raise ConfigError(f"{path} is not a regular file; choose another --to FILE.json.")
    from gatekit.recurrence.executors.choose import read_table

    read_table(path)
    choices: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))["choices"]
    return choices
