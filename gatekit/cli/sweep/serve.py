"""``gatekit serve``: a local page over all studies while their runs train."""

from __future__ import annotations

import signal
import sys
import threading
from collections.abc import Sequence
from pathlib import Path

from gatekit.cli.arguments import Parser
from gatekit.cli.commands import COMMANDS
from gatekit.cli.options import add_root
from gatekit.cli.output import write, write_json


def run(name: str, argv: Sequence[str]) -> int:
    """Serve the page until Ctrl-C or SIGTERM.

    Args:
        name: the command's name.
        argv: its arguments.

    Returns:
        0.
    """
    from gatekit.compare.live.server import PORT, Server

    parser = Parser(name, COMMANDS[name].summary)
    add_root(parser)
    parser.add_argument(
        "--port", type=int, default=PORT, help=f"the port; 0 takes a free one (default: {PORT})"
    )
    parser.add_argument("--json", action="store_true", help="write the address as JSON")
    options = parser.read(argv)
    with Server(Path(options.root), options.port) as server:
        if options.json:
            write_json({"address": server.address, "root": str(options.root)})
        else:
            write(f"{server.address} shows the studies of {options.root}; Ctrl-C ends it")
        sys.stdout.flush()
        if threading.current_thread() is threading.main_thread():
            # As Ctrl-C; also for nohup, which shields from a closed terminal only.
            signal.signal(signal.SIGTERM, signal.default_int_handler)
        try:
            server.serve_forever()
        except KeyboardInterrupt:
            sys.stderr.write("\n")
    return 0
