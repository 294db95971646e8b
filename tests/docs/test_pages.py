"""Every page works: its files are written, its Python is run, its commands are parsed."""

from __future__ import annotations

import contextlib
import functools
import io
import itertools
import random
import re
from pathlib import Path
from typing import Any

import pytest
import yaml
from compare.synthetic import configuration, write_run, write_study
from seams import COMMANDS, build, loading, main, read_output_unit, safe_yaml

from gatekit.registry import catalogue, load_cell, plugin_names

from .pages import ROOT, RUN_BY_OTHERS, Block, blocks, pages
from .typed import type_in

LANGUAGES = ("bibtex", "console", "diff", "json", "math", "python", "text", "toml", "yaml")


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Work in an empty folder."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    loading._registry.cache_clear()
    return tmp_path


@pytest.mark.parametrize("page", pages())
def test_every_block_says_its_language(page: str) -> None:
    assert [b.line for b in blocks(page) if b.language not in LANGUAGES] == []


# What these train and export is tested elsewhere always, and takes many seconds.
LONG = ("docs/howto/resets.md",)


@pytest.mark.parametrize(
    "page",
    [
        pytest.param(p, marks=pytest.mark.slow) if p in LONG else p
        for p in pages()
        if p not in RUN_BY_OTHERS
    ],
)
@pytest.mark.one_in(2, slow=2)
def test_a_page_is_true(page: str, folder: Path) -> None:
    namespace: dict[str, Any] = {"__name__": "page"}
    for block in blocks(page):
        where = f"{page}, line {block.line}"
        if block.language == "console":
            for words in block.commands():
                type_in(words)
        elif block.file:
            written(folder, block)
        elif block.language == "python":
            prepared(page, folder)
            loading._registry.cache_clear()
            exec(compile(block.source, where, "exec"), namespace)
        elif block.language == "yaml":
            assert isinstance(yaml.safe_load(block.text), dict), where


def helped(command: str) -> str:
    """Return what ``gatekit COMMAND --help`` prints."""
    text = io.StringIO()
    with contextlib.redirect_stdout(text), contextlib.suppress(SystemExit):
        main([command, "--help"])
    return text.getvalue()


def test_every_command_within_a_line_is_there_with_its_options() -> None:
    known = functools.cache(helped)
    strange = []
    for page in pages():
        text = (ROOT / page).read_text(encoding="utf-8")
        for command, rest in re.findall(r"`gatekit ([a-z-]+)\b([^`]*)`", text):
            if command.startswith("-"):
                continue
            if command not in COMMANDS:
                strange.append(f"{page}: gatekit {command}")
                continue
            own = {"--debug", "--trust-config"}  # of every command, and of train
            options = set(re.findall(r"--[a-z][a-z-]*", rest)) - own
            strange += [f"{page}: {command} {o}" for o in options if o not in known(command)]
    assert strange == []


def written(folder: Path, block: Block) -> None:
    """Write the file of a block into the page's working folder, and read it."""
    assert block.file is not None
    path = Path(block.file)
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(block.text, encoding="utf-8")
    loading._registry.cache_clear()
    if path.parts[:2] == ("conf", "cell"):
        known = catalogue()
        spec = load_cell(path.stem, known)
        assert spec.name == path.stem
        build(spec, 8, 4, read_output_unit("hidden", known))
    elif path.suffix == ".yaml":
        safe_yaml.read_yaml(path)
    elif path.parts[0] == "plugins":
        assert path.stem in plugin_names()
    else:
        compile(block.text, str(path), "exec")


def prepared(page: str, folder: Path) -> None:
    """Create what the page's commands would have created for its Python."""
    if page == "docs/howto/compare.md":
        write_study(folder / "experiments", {"lstm": (1.0, 1.1), "gru": (0.9, 1.2)}, "which")
    if page == "docs/analysis.md" and not (folder / "experiments").exists():
        rng = random.Random(0)
        cells, tasks, rates = ("lstm", "gru"), ("adding", "parity"), (0.003, 0.01)
        for cell, task, rate, seed in itertools.product(cells, tasks, rates, range(5)):
            score = 0.02 + 0.04 * rng.random() + (task == "parity") + rate
            changes = {"task__name": task, "optimizer__learning_rate": rate}
            config = configuration(cell, seed, **changes)
            falling = [score + 0.5**k for k in range(10)]
            runs = folder / "experiments" / "rates" / "runs"
            write_run(runs, config, score, validation=falling)
