"""``gatekit logs``: show the log of a run."""

from __future__ import annotations

from gatekit.cell.errors import RunError
from gatekit.cell.terminal import without_sequences
from gatekit.cli.arguments import Parser
from gatekit.cli.output import print_text, write_json
from gatekit.faults import Whole
from gatekit.runs.names import ATTEMPTS, LOG

from .status import entry

MOST_BYTES = 32 * 2**20


def run(parser: Parser) -> int:
    """Show the log of a run."""
    parser.add_run()
    parser.add_root()
    parser.add_argument("--lines", type=Whole(1), metavar="N", help="only the last N lines")
    parser.add_argument(
        "--attempt", type=Whole(1), metavar="N", help="the log of an earlier attempt"
    )
    parser.add_json()
    options = parser.read()

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
        print_text("\n".join([f"{path}  ({record.state}, {record.label})", *shown]))
    return 0
