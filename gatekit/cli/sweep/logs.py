"""``gatekit logs``: show the log of a run."""

from __future__ import annotations

from collections.abc import Sequence

from gatekit.cell.errors import ConfigError, RunError
from gatekit.cell.terminal import without_sequences
from gatekit.cli.arguments import Parser
from gatekit.cli.commands import COMMANDS
from gatekit.cli.options import add_root
from gatekit.cli.output import write, write_json
from gatekit.runs.names import ATTEMPTS, LOG

from .status import entry

MOST_BYTES = 32 * 2**20


def run(name: str, argv: Sequence[str]) -> int:
    """Show the log of a run.

    Args:
        name: the command's name.
        argv: its arguments.

    Returns:
        0.
    """
    parser = Parser(name, COMMANDS[name].summary)
    parser.add_argument(
        "run", metavar="RUN", help="the first digits of the run's id, STUDY/ID, or its folder"
    )
    add_root(parser)
    parser.add_argument("--lines", type=int, metavar="N", help="only the last N lines")
    parser.add_argument("--attempt", type=int, metavar="N", help="the log of an earlier attempt")
    parser.add_argument("--json", action="store_true", help="write JSON")
    options = parser.read(argv)
    if options.lines is not None and options.lines < 1:
        raise ConfigError(f"--lines {options.lines}: type a number from 1, such as --lines 20.")

    from gatekit.runs import durable
    from gatekit.runs.studies.survey import find

    record = find(options.run, options.root)
    folder = record.path
    if options.attempt is not None and options.attempt != record.attempt:
        folder = record.path / ATTEMPTS / str(options.attempt)
    path = folder / LOG
    try:
        with durable.opened(path) as file:
            text = file.read(MOST_BYTES).decode("utf-8", errors="replace")
    except OSError as error:
        why = "is missing" if durable.missing(error) else f"cannot be read: {error.strerror}"
        there = sorted(p.name for p in (record.path / ATTEMPTS).glob("*") if p.is_dir())
        hint = f" Attempts with a log: {', '.join(there)}." if there else ""
        hint = hint or f" `gatekit logs {record.id[:8]}` shows the log of its last attempt."
        hint = hint if options.attempt is not None else ""
        raise RunError(f"run {record.id} is {record.state}; {path} {why}.{hint}") from None
    # Split at line feeds only: a progress bar's carriage returns belong to its line.
    lines = text.removesuffix("\n").split("\n") if text else []
    lines = lines[-options.lines :] if options.lines else lines
    if options.json:
        write_json({**entry(record), "log": str(path), "lines": lines})
    else:
        shown = map(without_sequences, lines)
        write("\n".join([f"{path}  ({record.state}, {record.label})", *shown]))
    return 0
