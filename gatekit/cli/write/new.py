"""``gatekit new``: create a project, a plugin file, or a distribution to start from."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from gatekit._version import __version__
from gatekit.cell.errors import ConfigError
from gatekit.cli.arguments import Parser
from gatekit.cli.output import print_text


def run(parser: Parser) -> int:
    """Create files from a template; existing files are never overwritten.

    Raises:
        ConfigError: the kind or the name is not allowed, or a file exists.
    """
    parser.add_argument(
        "kind", metavar="KIND", help="project, gate, output-unit, block, task or function"
    )
    parser.add_argument("name", metavar="NAME", nargs="?", help="the new name")
    parser.add_argument(
        "--package",
        action="store_true",
        help="create a distribution for pip, from plugins/NAME.py if it exists",
    )
    options = parser.read()
    from gatekit.testing import scaffold

    kind = scaffold.checked_kind(options.kind)
    if options.name is None:
        such = "my-study" if kind == "project" else f"my_{kind.replace('-', '_')}"
        raise ConfigError(f"gatekit new needs a name; type for example gatekit new {kind} {such}")
    if kind == "project":
        if options.package:
            raise ConfigError("--package is for plugins; type gatekit new project NAME")
        files = scaffold.project(options.name)
        then = [f"cd {options.name}", "gatekit new gate leaky"]
    elif options.package:
        files = scaffold.package(kind, options.name, __version__)
        (folder,) = {path.parts[0] for path in files}
        then = [f"pip install -e ./{folder}", f"gatekit check {options.name}"]
        if own := scaffold.own_file(kind, options.name):
            # Both files would register the name; gatekit skips files that begin with _.
            then.insert(0, f"mv {own} {own.with_name('_' + own.name)}")
    else:
        files = scaffold.plugin(kind, options.name)
        then = scaffold.next_commands(kind, options.name)
    _write_files(files)
    print_text("\n".join(["Now type:", *(f"  {command}" for command in then)]))
    return 0


def _write_files(files: Mapping[Path, str]) -> None:
    for path, text in files.items():
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            with path.open("x", encoding="utf-8") as file:
                file.write(text)
        except OSError as error:
            raise ConfigError(
                f"{path} cannot be written ({error.strerror}); work in a folder where you may write"
            ) from None
        print_text(f"wrote {path}")
