"""The files of new projects, plugins and distributions."""

from __future__ import annotations

import ast
import keyword
import re
import string
from collections.abc import Mapping
from importlib.resources import files
from pathlib import Path

from gatekit.cell.errors import ConfigError, listed, nearest
from gatekit.cell.language.ops import FUNCTIONS
from gatekit.cell.schema import RESERVED
from gatekit.registry import origins

KINDS = {
    "gate": "gates",
    "output-unit": "output_units",
    "block": "blocks",
    "task": "tasks",
    "function": "functions",
}
_NAME = re.compile(r"[a-z][a-z0-9_]{0,39}\Z")
_PROJECT = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.-]{0,79}\Z")
_TRAIN = {
    "gates": "gatekit train cell=lstm swap.forget={name} task=adding units=16 trainer.steps=50",
    "output_units": "gatekit train output_unit={name} cell=lstm task=adding trainer.steps=50",
    "blocks": "gatekit train block={name} cell=lstm task=adding units=16 trainer.steps=50",
    "tasks": "gatekit train task={name} cell=lstm units=16 trainer.steps=50",
    "functions": "gatekit train cell={name}_rnn task=adding units=16 trainer.steps=50",
}
_EXAMPLES = {
    "gates": "cell/{name}_lstm.yaml",
    "output_units": "experiment/{name}.yaml",
    "blocks": "experiment/{name}.yaml",
    "tasks": "experiment/{name}.yaml",
    "functions": "cell/{name}_rnn.yaml",
}


def project(name: str) -> dict[Path, str]:
    """Return the files of a new project, by path in the working folder.

    Args:
        name: the folder's name.

    Raises:
        ConfigError: the name is not valid for a folder on every system, or the folder exists.
    """
    if not _PROJECT.match(name):
        raise ConfigError(f"{name!r}: a folder's name of letters, digits, - and _ is expected")
    root = Path(name)
    values = {"name": name}
    contents = {
        root / "README.md": _filled("readme_project.md", values),
        root / ".gitignore": _filled("gitignore", values),
        root / "conf/experiment/first.yaml": _filled("experiment.yaml", values),
        root / "conf/cell/.gitkeep": "",
        root / "plugins/.gitkeep": "",
        root / "experiments/.gitkeep": "",
    }
    _refuse_existing(root)
    return contents


def plugin(kind: str, name: str) -> dict[Path, str]:
    """Return the one file of a new plugin, by path in the working folder.

    Args:
        kind: ``gate``, ``output-unit``, ``block``, ``task`` or ``function``.
        name: the name that it registers.

    Raises:
        ConfigError: the name is not allowed or taken, or the file exists.
    """
    _check_name(kind, name)
    path = Path("plugins") / f"{name}.py"
    _refuse_existing(path)
    return {path: _filled(f"{_stem(kind)}.py", _values(kind, name))}


def package(kind: str, name: str, version: str) -> dict[Path, str]:
    """Return the files of a new distribution, by path in the working folder.

    If ``./plugins/NAME.py`` registers the name, this file is packaged.

    Args:
        kind: ``gate``, ``output-unit``, ``block``, ``task`` or ``function``.
        name: the name that it registers.
        version: the version of gatekit for which the package is written.

    Raises:
        ConfigError: the name is not allowed or taken, or the folder exists.
    """
    own = own_file(kind, name)
    if own is None:
        _check_name(kind, name)
    kinds = KINDS[kind]
    example = _EXAMPLES[kinds].format(name=name)
    values = {
        **_values(kind, name),
        "version": version,
        "module": f"gatekit_{name}",
        "distribution": f"gatekit-{name.replace('_', '-')}",
        "checks": f"{kinds.removesuffix('s')}_checks",
        "example": example,
        "listing": f"{kind}s",
        "train": _TRAIN[kinds].format(name=name),
    }
    root = Path(values["distribution"])
    _refuse_existing(root)
    source = root / "src" / values["module"]
    plugin = own.read_text(encoding="utf-8") if own else _filled(f"{_stem(kind)}.py", values)
    module = _with_config_dirs(plugin, own)
    return {
        root / "pyproject.toml": _filled("pyproject.toml", values),
        root / "README.md": _filled("readme_package.md", values),
        source / "__init__.py": module,
        source / "conf" / example: _filled(f"example_{kinds}.yaml", values),
        root / "tests" / f"test_{name}.py": _filled("test_package.py", values),
    }


def own_file(kind: str, name: str) -> Path | None:
    """Return ``plugins/NAME.py`` of the working folder if it registers the name, else None."""
    path = Path("plugins") / f"{name}.py"
    origin = origins(KINDS[kind]).get(name)
    if origin is None or origin.path is None or not path.is_file():
        return None
    return path if path.samefile(origin.path) else None


def _with_config_dirs(source: str, own: Path | None) -> str:
    if "def gatekit_config_dirs(" in source:
        return source
    imported = {
        alias.asname or alias.name
        for node in ast.walk(ast.parse(source))
        if isinstance(node, ast.ImportFrom) and node.module == "gatekit"
        for alias in node.names
    }
    if "hookimpl" not in imported:
        raise ConfigError(f"{own} does not import hookimpl from gatekit")
    return source.rstrip("\n") + "\n" + _filled("config_dirs", {})


def next_commands(kind: str, name: str) -> list[str]:
    """Return the commands to type once a plugin's file has been written."""
    commands = [f"gatekit check {name}"]
    if kind != "function":
        commands.append(_TRAIN[KINDS[kind]].format(name=name))
    return commands


def _stem(kind: str) -> str:
    return kind.replace("-", "_")


def _values(kind: str, name: str) -> dict[str, str]:
    return {
        "name": name,
        "class_name": "".join(part.capitalize() for part in name.split("_")),
        "latex": name.replace("_", r"\_"),
        "what": kind.replace("-", " "),
    }


def _filled(template: str, values: Mapping[str, str]) -> str:
    folder = files("gatekit.testing") / "templates"
    text = (folder / f"{template}.txt").read_text(encoding="utf-8")
    return string.Template(text).substitute(values)


def _check_name(kind: str, name: str) -> None:
    if not _NAME.match(name):
        raise ConfigError(
            f"the name {name!r} of the {kind} should have at most 40 lower-case letters, digits "
            "and _, the first a letter"
        )
    if keyword.iskeyword(name) or name in RESERVED or name in FUNCTIONS:
        raise ConfigError(f"{name!r} is reserved in Python or in cells, or is a function")
    taken = origins(KINDS[kind])
    if name in taken:
        place = taken[name].path or taken[name].distribution
        raise ConfigError(f"the {kind} {name!r} already exists ({place})")


def _refuse_existing(path: Path) -> None:
    if path.exists() or path.is_symlink():
        raise ConfigError(f"{path} already exists, and nothing is overwritten")


def checked_kind(kind: str) -> str:
    """Return the kind if `gatekit new` can create it.

    Raises:
        ConfigError: `gatekit new` cannot create this kind.
    """
    known = ("project", *KINDS)
    if kind not in known:
        near = nearest(kind, known)
        raise ConfigError(f"new cannot create {kind!r}; kinds: {listed(known)}{near}")
    return kind
