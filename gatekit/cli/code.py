"""``gatekit code``: write a cell, block, stack or whole model as code; ``gatekit cite``."""

from __future__ import annotations

import io
import re
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from gatekit.cell.errors import ConfigError
from gatekit.cli.options import Parser
from gatekit.cli.output import print_text, quiet, write_file, write_json

if TYPE_CHECKING:
    from argparse import Namespace

    from gatekit.cell.block.built_block import BuiltBlock
    from gatekit.cell.block.stack import Stack
    from gatekit.cell.graph import Cell
    from gatekit.cli.show import Overrides
    from gatekit.code import Generated
    from gatekit.code.folder import Scored
    from gatekit.code.from_run import TrainedModel
    from gatekit.runs.studies.survey import SurveyedRun
    from gatekit.tasks import Task


def code(parser: Parser) -> int:
    """Write a cell, a block with its cell, a stack of layers, or a run's whole model as code.

    Raises:
        ConfigError: an option is missing or not allowed, or a part of the cell cannot be written.
    """
    from gatekit.code import FRAMEWORKS, generate
    from gatekit.registry import bibliography

    parser.add_overrides(
        "RUN, for its whole model; or cell=NAME units=64 features=32 block=NAME width=64 layers=2 "
        "output_unit=NAME swap.ROLE=GATE plugins=[FILE.py]; and task=NAME for a whole model"
    )
    parser.add_argument(
        "--to",
        choices=[*FRAMEWORKS, "transformers"],
        default="torch",
        help="the framework (default: torch); transformers: with RUN or task, a language model",
    )
    parser.add_argument(
        "-o",
        "--output",
        type=Path,
        metavar="FILE.py",
        help="write to this file; with RUN or task, into this folder: the model; with RUN, also "
        "weights, test data, score.py",
    )
    parser.add_argument(
        "--with-weights",
        metavar="RUN",
        help="take the cell and its weights from this run; write the weights to FILE.npz",
    )
    parser.add_argument(
        "--layer",
        metavar="NAME",
        help="with --with-weights: write only this layer or block of the run",
    )
    parser.add_argument("--no-weights", action="store_true", help="with RUN: write model.py alone")
    parser.add_argument(
        "--no-test", action="store_true", help="with RUN: write no test data and no score.py"
    )
    parser.add_root()
    parser.add_json("write the code and the names of its weights as JSON")
    options = parser.read()
    run = next((word for word in options.overrides if _is_run(word, options.root)), None)
    if run is not None and not options.with_weights:
        if options.layer:
            raise ConfigError(
                f"--layer belongs to --with-weights RUN, and not to the model of {run}"
            )
        return _model(run, options)
    if any(word.lstrip("+").startswith(("task=", "task.")) for word in options.overrides):
        return _untrained(options, parser.command)
    path: Path | None = options.output
    if path is None and options.with_weights:
        raise ConfigError("--with-weights writes a file next to the code, so -o FILE.py is needed")
    if group := next((word for word in options.overrides if "/" in word and "=" not in word), ""):
        raise ConfigError(f"{group}: the id of one run is expected")
    if path is not None and (path.suffix != ".py" or not path.stem.isidentifier()):
        raise ConfigError(f"-o {path}: the name of a Python module is expected")

    if path is not None:
        _refuse_foreign(path)

    weights = None
    built: Cell | BuiltBlock | Stack
    if options.with_weights:
        from gatekit.code.from_run import read_trained
        from gatekit.runs.studies.survey import find
        from gatekit.study.line import plugin_files

        others = [w for w in options.overrides if not w.lstrip("+").startswith("plugins=")]
        if others:
            raise ConfigError(
                f"--with-weights takes the cell from the run; omit {' '.join(others)}"
            )
        folder = find(options.with_weights, options.root).path
        model = read_trained(folder, options.layer, plugin_files(options.overrides))
        built, plugins, weights = model.built, model.plugins, model.weights
    else:
        from gatekit.cli.show import build_around, build_cell, read_overrides

        _refuse_parts_of_models(options.overrides)
        asked = read_overrides(options.overrides, parser.command)
        if len(asked.layers) > 1:
            built = _stacked(asked)
        else:
            built = build_around(asked, last=True) or build_cell(asked)
        plugins = asked.plugins
    code = generate(built, options.to, bibliography(plugins))
    if options.json:
        stacks = {stack.attribute: list(stack.weights) for stack in code.layout.stacks}
        write_json({"to": options.to, "name": code.title, "code": code.text, "weights": stacks})
    if path is None:
        if not options.json:
            print_text(code.text)
        return 0
    write_file(path, code.text)
    if weights is not None:
        import numpy as np

        from gatekit.code.loading import loading_code

        archive = io.BytesIO()
        np.savez(archive, **code.layout.pack(weights))  # type: ignore[arg-type]
        write_file(path.with_suffix(".npz"), archive.getvalue())
        if not options.json:
            print_text(loading_code(code, options.to, path.stem))
    return 0


def _stacked(asked: Overrides) -> Stack:
    from gatekit.cell.block.stack import build_stack

    return build_stack(
        asked.layers,
        asked.output_unit,
        asked.block,
        units=asked.units,
        features=asked.features,
        width=asked.width,
        dropout=asked.dropout,
    )


def _is_run(word: str, root: str) -> bool:
    """Return whether a word names a run, or the study of one, and not a cell."""
    id_or_part = re.fullmatch(r"([\w.-]+/)?[0-9a-f]{3,16}", word)
    return bool(id_or_part) or any(place.is_dir() for place in (Path(word), Path(root) / word))


def _untrained(options: Namespace, command: str) -> int:
    """Write the whole model of a task into a folder, without a run and without weights."""
    from gatekit.cli.show import read_overrides
    from gatekit.code import folder as files
    from gatekit.code import generate
    from gatekit.code.from_run import untrained
    from gatekit.registry import bibliography, components

    for option in ("layer", "with_weights"):
        if getattr(options, option):
            name = option.replace("_", "-")
            raise ConfigError(f"--{name} belongs to layers alone; omit it, or omit task")
    asked = read_overrides(options.overrides, command)
    task = components.load(asked.plugins).task(asked.config["task"])
    built = untrained(asked.config, task, asked.layers)
    generated = generate(built, options.to, bibliography(asked.plugins))
    return _folder(
        options,
        generated,
        lambda: files.files(generated, None, options.to) | _tokenizer(generated, task),
    )


def _tokenizer(generated: Generated, task: Task) -> dict[str, bytes]:
    """Return the files of the tokenizer beside a language model for transformers."""
    from gatekit.tasks import TokenModel

    if not generated.files or not isinstance(task, TokenModel):
        return {}
    return {name: text.encode() for name, text in task.library_files().items()}


def _folder(
    options: Namespace, generated: Generated, contents: Callable[[], Mapping[str, bytes]]
) -> int:
    """Write the files of a model into a folder, or print its code."""
    from gatekit.code import folder as files

    if options.output is not None and options.output.suffix:
        raise ConfigError(f"-o {options.output}: the folder of a whole model is expected")
    if options.json:
        stacks = {stack.attribute: list(stack.weights) for stack in generated.layout.stacks}
        write_json(
            {"to": options.to, "name": generated.title, "code": generated.text, "weights": stacks}
        )
    if options.output is None:
        if not options.json:
            print_text(generated.text)
        return 0
    where: Path = options.output
    for name in (*generated.files, files.MODEL, files.SCORE):
        _refuse_foreign(where / name)
    for name, content in contents().items():
        write_file(where / name, content)
    return 0


def _model(run: str, options: Namespace) -> int:
    """Write the whole model of a run into a folder."""
    from gatekit.code import folder as files
    from gatekit.code import generate
    from gatekit.code.from_run import read_model
    from gatekit.registry import bibliography
    from gatekit.runs.studies.survey import find
    from gatekit.study.line import plugin_files

    others = [w for w in options.overrides if w != run and not w.startswith("plugins=")]
    if others:
        raise ConfigError(f"the model of a run takes no keys; omit {' '.join(others)}")
    found = find(run, options.root)
    plugins = plugin_files(options.overrides)
    model = read_model(found.path, plugins)
    generated = generate(model.built, options.to, bibliography(plugins))

    def contents() -> Mapping[str, bytes]:
        scored = None
        if not (options.no_test or options.no_weights or generated.files):
            scored = _scored(found, model)
        whole = files.files(generated, model, options.to, scored, weights=not options.no_weights)
        return whole | _tokenizer(generated, model.task)

    return _folder(options, generated, contents)


def _scored(found: SurveyedRun, model: TrainedModel) -> Scored:
    """Return the test data of a run, with its scores."""
    from gatekit.code.folder import Scored
    from gatekit.runs import config
    from gatekit.runs.names import CONFIG

    with quiet():
        from gatekit.training.exported import test_sets
        from gatekit.training.feed import Drawing

    record = found.folder().result()
    if record["data_hash"] != model.task.data_hash():
        raise ConfigError(
            f"the data of run {found.id} have changed since then, so its score cannot be reproduced"
        )
    best = record["best"] or {}
    scores = {"test": best.get("test"), **best.get("splits", {})}
    scores = {name: score for name, score in scores.items() if score is not None}
    with config.used(found.path / CONFIG):
        drawing = Drawing.of(model.config)
    return Scored(test_sets(drawing, model.task), scores)


def _refuse_foreign(path: Path) -> None:
    """Refuse to overwrite a file that `gatekit code` did not write."""
    if not path.is_file() or path.suffix != ".py":
        return
    head = path.read_bytes()[:20_000]
    if b"\nWritten by gatekit " not in head:
        raise ConfigError(f"{path} exists, and gatekit code did not write it")


# Keys that add parts of a model around a recurrent layer, each with the value that adds none.
_AROUND = {
    "bidirectional": "false",
    "residual": "false",
    "dropout": "0",
}


def _refuse_parts_of_models(words: Sequence[str]) -> None:
    values = dict(word.lstrip("+").partition("=")[::2] for word in words)
    block = values.get("block", "plain") != "plain"
    several = values.get("layers", "1") != "1" or values.get("mixers", "null") != "null"
    for key, value in values.items():
        if block and key == "features":
            raise ConfigError(f"features={value}: a block reads the model's width")
        if key not in _AROUND or value.lower() in (_AROUND[key], f"{_AROUND[key]}.0"):
            continue
        if key != "dropout" or not (block or several):
            what = "layers" if several else "one block" if block else "one recurrent layer"
            raise ConfigError(
                f"{key}={value}: gatekit code writes {what}, not the parts of a model around it"
            )


def cite(parser: Parser) -> int:
    """Print the works that a cell cites.

    Raises:
        ConfigError: no cell is named, it cites no work, or a references.bib cannot be read.
    """
    from gatekit.cell.show.works import bibtex, cited
    from gatekit.cli.show import read_overrides
    from gatekit.registry import bibliography

    parser.add_overrides("cell=NAME plugins=[FILE.py]")
    parser.add_json("write a JSON list of works")
    options = parser.read()
    asked = read_overrides(options.overrides, parser.command)
    about, known = dict(asked.cell.about), bibliography(asked.plugins)
    works = cited(about, known)
    starts = {n: cited({"cite": c}, known) for n, c in about.get("starts_from", {}).items()}
    if not works and not any(starts.values()) and not options.json:
        raise ConfigError(
            f"cell={asked.name} cites no work. Its reference: {about.get('reference', 'none')}. "
            "docs/cells.md describes the key cite."
        )
    if options.json:
        write_json([work.data() for work in works])
    else:
        parts = [bibtex(works)] if works else [f"% {asked.name} itself cites no work."]
        for parent, its in starts.items():
            if its:
                parts.append(f"% {asked.name} starts from {parent}, which cites:\n\n{bibtex(its)}")
        print_text("\n\n".join(parts))
    return 0
