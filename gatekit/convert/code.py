"""Reads weights of files that `gatekit code RUN` wrote, without importing their framework."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from safetensors import SafetensorError
from safetensors.numpy import load_file

from gatekit.cell.calls import checked_call
from gatekit.cell.errors import DataError, listed
from gatekit.code import FRAMEWORKS, generate
from gatekit.code.from_run import read_model
from gatekit.faults import Layer
from gatekit.runs.studies.survey import find
from gatekit.tasks.arrays import read_npz

from .gate_weights import Array
from .torch import as_array


@checked_call(types=False, channel=Layer)
def from_code(
    source: str | Path | Mapping[str, Any],
    run: str | Path,
    *,
    root: str | Path = "experiments",
    plugins: Sequence[str] = (),
) -> dict[str, Array]:
    """Return the weights of a model that ``gatekit code RUN`` wrote, by their names in the run.

    Args:
        source: a ``.safetensors`` or ``.npz`` file; or a mapping of names to arrays or tensors, as
            ``model.state_dict()`` and the parameters of a JAX file are.
        run: the run that the model was written from: its id, its first digits, or its folder.
        root: the folder of all studies.
        plugins: plugin files that the run needs.

    Returns:
        Arrays by the names in the run's ``weights.npz``, such as ``rnn_0/forget.h_prev``, in the
        run's precision. `gatekit.probe` takes them.

    Raises:
        DataError: the file cannot be read, or has other weights than the model.
        RunError: there is no such run, or its files cannot be read.
    """
    folder = find(str(run), root).path
    model = read_model(folder, plugins)
    given = _flat(source) if isinstance(source, Mapping) else _read(Path(source))
    for to in (*FRAMEWORKS, *(["transformers"] if "lm_head.weight" in given else [])):
        stacks = generate(model.built, to).layout.stacks
        if {stack.attribute for stack in stacks} == set(given):
            break
    else:
        names = {stack.attribute for stack in generate(model.built).layout.stacks}
        lacks, more = sorted(names - set(given)), sorted(set(given) - names)
        raise DataError(
            f"the weights are not those of run {folder.name}: missing {listed(lacks)}, "
            f"unknown {listed(more)}; give the run that the model was written from"
        )
    found = {}
    for stack in stacks:
        own = [model.weights[name] for name in stack.weights]
        whole, expected = given[stack.attribute], np.concatenate(own, -1).shape
        whole = whole.T if stack.turned else whole
        if whole.shape != expected:
            raise DataError(
                f"the weight {stack.attribute} has the shape {whole.shape}, but run {folder.name} "
                f"has {expected}"
            )
        ends = np.cumsum([array.shape[-1] for array in own])[:-1]
        parts = np.split(whole, ends, axis=-1)
        for name, array, part in zip(stack.weights, own, parts, strict=True):
            found[model.paths[name]] = part.astype(array.dtype)
    return found


def _read(path: Path) -> dict[str, Array]:
    try:
        if path.suffix == ".npz":
            with np.load(path, allow_pickle=False) as archive:
                names = list(archive.files)
            return read_npz(path, names, "write it again", stored=True)
        return dict(load_file(path))
    except (OSError, ValueError, SafetensorError) as error:
        raise DataError(f"{path} cannot be read ({error}); write it again") from None


def _flat(source: Mapping[str, Any]) -> dict[str, Array]:
    """Return the weights by name; those of layers may be in a list, as in files for JAX."""

    def pairs() -> Iterator[tuple[str, Any]]:
        for name, value in source.items():
            if isinstance(value, (list, tuple)):
                for i, layer in enumerate(value):
                    yield from ((f"{name}.{i}.{own}", weight) for own, weight in layer.items())
            else:
                yield str(name), value

    return {name: as_array(value) for name, value in pairs()}
