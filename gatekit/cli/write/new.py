"""``gatekit new``: a project, a plugin of one file, or a distribution to start from."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

from gatekit._version import __version__
from gatekit.cell.errors import ConfigError
from gatekit.cli.arguments import Parser
from gatekit.cli.commands import COMMANDS
from gatekit.cli.output import write


def run(name: str, argv: Sequence[str]) -> int:
    """Write the files of something new; what is there is never overwritten.

    Args:
        name: the command's name.
        argv: its arguments.

    Returns:
        0.

    Raises:
        ConfigError: kind or name are not allowed, or a file is there already.
    """
    parser = Parser(name, COMMANDS[name].summary)
    parser.add_argument("kind", metavar="KIND", help="project, gate, output-unit, task or function")
    parser.add_argument("name", metavar="NAME", help="what it is called")
    parser.add_argument(
        "--package",
        action="store_true",
        help="write a distribution that pip installs, of plugins/NAME.py where that is there",
    )
    options = parser.read(argv)
    from gatekit.testing import scaffold

    kind = scaffold.checked_kind(options.kind)
    if kind == "project":
        if options.package:
            raise ConfigError("--package is for plugins; type gatekit new project NAME")
        found = scaffold.project(options.name)
        then = [f"cd {options.name}", "gatekit new gate leaky"]
    elif options.package:
        found = scaffold.package(kind, options.name, __version__)
        (folder,) = {path.parts[0] for path in found}
        then = [f"pip install -e ./{folder}", f"gatekit check {options.name}"]
        if own := scaffold.own_file(kind, options.name):
            # both would register the name; a file that begins with _ is passed over
            then.insert(0, f"mv {own} {own.with_name('_' + own.name)}")
    else:
        found = scaffold.plugin(kind, options.name)
        then = scaffold.next_commands(kind, options.name)
    _write(found)
    write("\n".join(["now type", *(f"  {command}" for command in then)]))
    return 0


def _write(found: Mapping[Path, str]) -> None:
    for path, text in found.items():
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            with path.open("x", encoding="utf-8") as file:
                file.write(text)
        except OSError as error:
            raise ConfigError(
                f"{path} cannot be written ({error.strerror}); work in a folder that is yours"
            ) from None
        write(f"wrote {path}")
