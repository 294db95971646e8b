"""A trained character model writes text, a character at a time, with carried states."""

from __future__ import annotations

import json
import zipfile
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import keras
import numpy
import tensorflow as tf
from tensorflow import Tensor

from gatekit import registry
from gatekit.cell.errors import ConfigError, GatekitError, RunError, listed
from gatekit.cell.graph import build
from gatekit.cell.schema import read_cell, read_output_unit
from gatekit.registry import components
from gatekit.runs import config as configs
from gatekit.runs import durable
from gatekit.runs.names import CONFIG, RESULT, WEIGHTS
from gatekit.runs.studies.survey import SurveyedRun
from gatekit.tasks import seeds
from gatekit.tasks.arrays import read_npz
from gatekit.tasks.text import CharacterModel

from .model import build_model, set_weights

SLACK = 4
"""How many times the size of the stored weights the cells of a configuration may have."""
NextLogits = Callable[[int], numpy.ndarray]
"""Takes the token of a character and returns the logits of the next one; states are carried."""


@dataclass(frozen=True)
class Written:
    """What a model wrote.

    Attributes:
        prompt: what the model read first.
        text: what it wrote after that.
    """

    prompt: str
    text: str


def write_text(
    run: SurveyedRun,
    length: int,
    temperature: float,
    seed: int = 0,
    prompt: str | None = None,
    plugins: Sequence[str] = (),
) -> Written:
    r"""Let the model of a run write, at the weights of its best validation epoch.

    Each character is drawn from $\mathrm{softmax}(z / T)$, where z are the logits after the
    characters so far. At T = 0 it is the most likely one.

    Args:
        run: a run of a character model.
        length: characters to write.
        temperature: T.
        seed: the seed of the draws.
        prompt: what the model reads first; a line end if None.
        plugins: plugin files to load; those that the run's files name are not loaded.

    Raises:
        ConfigError: the run's task has no characters, its model reads backwards, the prompt has
            unknown characters, or a plugin is missing.
        RunError: the run's files or weights are missing, or the text has changed since.
        DataError: the text of the task is missing, and with it the characters.
    """
    recorded = _config(run)
    about = configs.with_plugins(recorded, plugins)
    known = components.load(about["plugins"])
    try:
        with configs.used(run.path / CONFIG):
            task = known.task(about["task"])
    except ConfigError as error:
        raise ConfigError(f"{error}{configs.untyped(recorded, plugins)}") from None
    if not isinstance(task, CharacterModel):
        names = [name for name, kind in known.tasks.items() if issubclass(kind, CharacterModel)]
        raise ConfigError(
            f"run {run.id} was trained on {about['task']['name']}, which has no characters to "
            f"write. Choose a run of one of these tasks: {listed(names)}."
        )
    if about.get("bidirectional"):
        raise ConfigError(
            f"run {run.id} is bidirectional: its model reads the characters that it would have to "
            "write. Choose a run with bidirectional=false."
        )
    task.require()
    _same_text(run, task)
    characters = task.characters()
    tokens = {character: token for token, character in enumerate(characters)}
    if prompt is None:
        prompt = "\n" if "\n" in tokens else characters[-1]
    unknown = sorted({c for c in prompt if tokens.get(c, 0) == 0})
    if unknown or not prompt:
        came = f"has characters that the training text lacks: {unknown}" if prompt else "is empty"
        raise ConfigError(f"the prompt {came}. Type --prompt with others, or omit it.")
    try:
        with configs.used(run.path / CONFIG):
            step = stepper(run, about, task)
    except GatekitError as error:
        raise type(error)(f"{error}{configs.untyped(recorded, plugins)}") from None
    random = seeds.generator(seed, "sample")
    for character in prompt[:-1]:
        step(tokens[character])
    token, text = tokens[prompt[-1]], []
    for _ in range(length):
        token = drawn(step(token), temperature, random)
        text.append(characters[token])
    return Written(prompt, "".join(text))


def drawn(logits: numpy.ndarray, temperature: float, random: numpy.random.Generator) -> int:
    """Draw a token from the logits, but never token 0, which stands for unknown characters."""
    known = logits[1:].astype("float64")
    if not temperature:
        return 1 + int(known.argmax())
    # Gumbel's trick: the largest of noisy logits is a draw from their softmax.
    return 1 + int((known / temperature + random.gumbel(size=known.shape)).argmax())


def stepper(run: SurveyedRun, about: dict[str, Any], task: CharacterModel) -> NextLogits:
    """Return the model of a run as a function of one character at a time.

    Args:
        run: the run.
        about: its configuration.
        task: its task.

    Raises:
        RunError: the weights are missing, or do not fit the model.
    """
    _fits_its_weights(run, about)
    before = keras.config.dtype_policy()
    try:
        one = {**about["trainer"], "tbptt": 1, "batch": 1}
        model = build_model({**about, "trainer": one}, task.signature(), masked=False)
    finally:
        keras.config.set_dtype_policy(before)
    set_weights(model, _weights(run, [weight.path for weight in model.weights]))

    def read(token: Tensor, begins: Tensor) -> Tensor:
        return model([token[None, None], begins[None]], training=False)[0, 0]

    logits, begins = tf.function(read, autograph=False), True

    def step(token: int) -> numpy.ndarray:
        nonlocal begins
        values = logits(tf.constant(token, tf.int32), tf.constant(begins))
        begins = False
        return numpy.asarray(values.numpy())

    return step


def _config(run: SurveyedRun) -> dict[str, Any]:
    path = run.path / CONFIG
    try:
        return configs.read(path)
    except (OSError, ValueError) as error:
        raise RunError(f"{path} cannot be read ({error}); choose another run.") from None


def _same_text(run: SurveyedRun, task: CharacterModel) -> None:
    try:
        known = json.loads(durable.read(run.path / RESULT))["data_hash"]
    except (OSError, ValueError, KeyError, TypeError):
        return  # not complete yet: its weights are those of the best epoch so far
    if known != task.data_hash():
        raise RunError(
            f"the text of run {run.id} has changed since it was trained, and its characters may "
            f"have, too. Restore the text, or train again: {_again(run)}"
        )


def _weights(run: SurveyedRun, names: Sequence[str]) -> dict[str, numpy.ndarray]:
    path = run.path / WEIGHTS
    if not path.exists():
        raise RunError(
            f"run {run.id} ({run.state}) has no weights: {path} is missing. A bundle has them if "
            f"it was written with gatekit bundle STUDY --weights. To train it again: {_again(run)}"
        )
    return read_npz(path, names, f"train it again: {_again(run)}", stored=True)


def _fits_its_weights(run: SurveyedRun, about: Mapping[str, Any]) -> None:
    """Refuse a configuration whose cells are far larger than the weights, before memory is taken.

    Raises:
        GatekitError: they are, or the cells cannot be built.
    """
    path = run.path / WEIGHTS
    if not path.exists():
        return  # `_weights` has the remedy
    try:
        with zipfile.ZipFile(path) as archive:
            stored = [member.file_size for member in archive.infolist()]
    except (OSError, zipfile.BadZipFile) as error:
        raise RunError(f"{path} cannot be read ({error}); train again: {_again(run)}") from error
    known = registry.catalogue(tuple(about["plugins"]))
    unit = read_output_unit(about["output_unit"], known)
    width = about.get("width") or about["units"]
    cells = [read_cell(each, known) for each in about.get("mixers") or [about["cell"]]]
    count = sum(build(each, about["units"], width, unit).count() for each in cells)
    # What else a block has, and other types of numbers, change this by a small factor.
    if 4 * count > SLACK * sum(stored) or about["layers"] > len(stored):
        raise RunError(
            f"{path} has {sum(stored):,} bytes, too few for the {about['layers']} layers of "
            f"{about['units']:,} units in {CONFIG}; these files are not of one run. Train again: "
            f"{_again(run)}"
        )


def _again(run: SurveyedRun) -> str:
    words = [word for word in run.words if not word.startswith("study=")]
    typed = " ".join(words) if words else f"task=char_lm ... (as in {run.path / CONFIG})"
    return f"gatekit train {typed} study={run.path.parent.parent.name}_again"
