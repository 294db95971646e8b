"""Lists of the site, generated from gatekit: a comment ``<!-- gates -->`` becomes a list."""

from __future__ import annotations

import contextlib
import inspect
import io
import os
import re
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

os.environ["GATEKIT_DISABLE_PLUGIN_AUTOLOAD"] = "1"  # list only what is bundled
sys.path.insert(0, str(Path(__file__).parent))

from browse import browse_page
from mkdocs.structure.files import File, Files

import gatekit
from gatekit import registry
from gatekit.cli.commands import COMMANDS
from gatekit.cli.listing import entries
from gatekit.cli.main import main

ROOT = Path(__file__).parents[2]
BROWSE = "browse.html"
# The marks of the tables that `python -m experiments.protocols` writes stay as they are.
WRITTEN = "verdict|checks|table|second|findings|end"
MARK = re.compile(rf"^<!-- (?!(?:{WRITTEN}) )(\w+) -->$", re.MULTILINE)
COMMON = (gatekit.Gate, gatekit.OutputUnit, gatekit.Block, gatekit.Task)
EQUATION = re.compile(r"``([^`]*[=<>][^`]*)``")


def on_page_markdown(markdown: str, **_: Any) -> str:
    """Return a page with its marks replaced by lists."""
    return MARK.sub(lambda mark: LISTS[mark[1]](), markdown)


def commands() -> str:
    """Return a section for each command, with its own help."""
    parts = []
    for name in COMMANDS:
        text = help_of(name)
        parts.append(f"## gatekit {name}\n\n```text\n{text.strip()}\n```")
    return "\n\n".join(parts)


def help_of(name: str) -> str:
    """Return what ``gatekit NAME --help`` prints."""
    written = io.StringIO()
    with contextlib.redirect_stdout(written), contextlib.suppress(SystemExit):
        os.environ["COLUMNS"] = "90"
        main([name, "--help"])
    return written.getvalue()


def hooks() -> str:
    """Return a table of the hooks, with the bundled plugins that implement each."""
    found: dict[str, set[str]] = {}
    for origin in registry.plugin_origins():
        for hook in origin.hooks:
            found.setdefault(hook, set()).add(origin.plugin)
    rows = [
        f"| `{hook}` | {', '.join(f'`{name}`' for name in sorted(names))} |"
        for hook, names in sorted(found.items())
    ]
    return "\n".join(["| hook | bundled plugins that implement it |", "|---|---|", *rows])


def bundled(kind: str) -> str:
    """Return a table of everything of a kind: name, description, options, reference."""
    known: Any = registry.catalogue()
    things = registry.tasks() if kind == "tasks" else getattr(known, kind)
    rows = []
    for row in entries(kind):
        thing = things[row["name"]]
        text = inspect.getdoc(thing) or ""
        equation = EQUATION.search(text.partition("\n\n")[2].split("\n\n")[0])
        what = row["summary"] + (f" `{' '.join(equation[1].split())}`" if equation else "")
        cells = (f"`{row['name']}`", what, options(thing), row["reference"])
        rows.append("| " + " | ".join(cell.replace("|", r"\|") for cell in cells) + " |")
    return "\n".join(["| name | description | options | reference |", "|---|---|---|---|", *rows])


def options(thing: Any) -> str:
    """Return the options of a class with their defaults, without those that its kind shares."""
    if not inspect.isclass(thing):
        return ""
    common = {name for base in COMMON if issubclass(thing, base) for name in base.option_names()}
    own = [name for name in thing.option_names() if name not in common]
    return ", ".join(f"`{name}={getattr(thing, name, '')}`" for name in own)


def browse() -> str:
    """Return the link to the page on which the cells are browsed."""
    return f"[Browse the cells by family, year, tier and parallel form]({BROWSE})."


def on_files(files: Files, config: Any, **_: Any) -> Files:
    """Add the page on which the cells are browsed."""
    names = {path.stem for path in (ROOT / "conf/cell").glob("*.yaml")}
    page = browse_page(names, pages="zoo/{}.html")
    files.append(File.generated(config, BROWSE, content=page))
    return files


LISTS: dict[str, Callable[[], str]] = {
    "browse": browse,
    "commands": commands,
    "hooks": hooks,
    **{
        kind: (lambda kind=kind: bundled(kind))
        for kind in (
            "gates",
            "output_units",
            "blocks",
            "tasks",
            "functions",
            "linear_maps",
            "initializers",
        )
    },
}
