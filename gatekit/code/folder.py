"""The folder of a whole model: its file, its weights, and a script that scores it on test data."""

from __future__ import annotations

import io
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray
from safetensors.numpy import save

from gatekit._version import __version__
from gatekit.cell.block.stack import Stack
from gatekit.cell.errors import DataError

from .from_run import Trained
from .generate import Generated
from .identifiers import docstring
from .stacks.around import WEIGHTS

MODEL, SCORE, TEST = "model.py", "score.py", "test.npz"
MOST = 256 * 2**20
"""The most bytes of test data that are written beside a model."""


@dataclass(frozen=True)
class Scored:
    """The test data of a run, and the scores that it reported.

    Attributes:
        sets: the test sets by name; each is a list of batches with the arrays ``x``, ``y`` and
            ``weights``, and perhaps ``mask``; ``begins`` is false where a batch continues the
            sequences of the batch before.
        scores: the score of each test set.
    """

    sets: Mapping[str, Sequence[Mapping[str, NDArray[Any]]]]
    scores: Mapping[str, float] = field(default_factory=dict)

    @property
    def size(self) -> int:
        """The bytes of all arrays."""
        return sum(a.nbytes for batches in self.sets.values() for b in batches for a in b.values())


def weights_bytes(made: Generated, trained: Trained, to: str) -> bytes:
    """Return the content of the file of weights, in safetensors.

    Raises:
        DataError: the run lacks a weight.
    """
    packed = made.layout.pack(trained.weights)
    arrays = {name: np.ascontiguousarray(array) for name, array in packed.items()}
    # transformers asks for the framework that wrote them.
    return bytes(save(arrays, {"format": "pt"} if to == "transformers" else None))


def files(
    made: Generated,
    trained: Trained | None,
    to: str,
    scored: Scored | None = None,
    weights: bool = True,
) -> dict[str, bytes]:
    """Return the files of a folder by name.

    Args:
        made: the model as code.
        trained: the model; None if it is not trained: then there are no weights.
        to: the framework.
        scored: the test data and their scores; None to write no script.
        weights: whether to write the weights; without them, there is no script either.

    Raises:
        DataError: the test data are too large, or the run lacks a weight.
    """
    texts = made.files or {MODEL: made.text}
    found = {name: text.encode() for name, text in texts.items()}
    if not weights or trained is None:
        return found
    found[WEIGHTS] = weights_bytes(made, trained, to)
    if scored is not None:
        if scored.size > MOST:
            raise DataError(
                f"the test data have {scored.size / 2**20:,.0f} MiB, and at most "
                f"{MOST // 2**20} are written; type --no-test"
            )
        arrays = {
            f"{name}/{number}/{key}": array
            for name, batches in scored.sets.items()
            for number, batch in enumerate(batches)
            for key, array in batch.items()
        }
        archive = io.BytesIO()
        np.savez_compressed(archive, allow_pickle=False, **arrays)
        found[TEST] = archive.getvalue()
        found[SCORE] = score_text(trained, scored, to).encode()
    return found


_IMPORTS = {
    "torch": ["import numpy as np", "import torch", "from model import load, metric"],
    "jax": ["import jax", "import numpy as np", "from model import apply, load, metric"],
    "keras": ["import numpy as np", "from keras import ops", "from model import load, metric"],
}
_DOUBLE = {
    "jax": ['jax.config.update("jax_enable_x64", True)', ""],
    "keras": ['keras.config.set_floatx("float64")', ""],
}
_MODEL = {"torch": "load().eval()", "keras": "load()"}
_TENSOR = {"torch": "torch.from_numpy", "keras": "ops.convert_to_tensor"}
_POOLED = {
    "perplexity": "float(np.exp(total / counted))",
    "rmse": "float(np.sqrt(total / counted))",
}
_CALL = {
    "torch": "model(x, state, mask)",
    "jax": "jitted(params, x, state, mask)",
    "keras": "model.forward(x, state, mask)",
}


def score_text(trained: Trained, scored: Scored, to: str) -> str:
    """Return a script that prints the score of each test set.

    Args:
        trained: the model.
        scored: the test data and the scores that the run reported.
        to: the framework.
    """
    assert isinstance(trained.built, Stack)
    around = trained.built.around
    assert around is not None
    first = next(iter(scored.sets.values()))[0]
    tensor = _TENSOR.get(to, "")
    double = trained.weights["head/kernel"].dtype == "float64"

    def cast(key: str) -> str:
        return '.astype("float64")' if double and first[key].dtype.kind == "f" else ""

    reported = ", ".join(f"{n} {around.metric} {v:.4g}" for n, v in scored.scores.items())

    def array(key: str, after: str = "") -> str:
        text = f'data[f"{{name}}/{{i}}/{key}"]{after}'
        return f"{tensor}({text})" if tensor else text

    counts = ", ".join(f'"{name}": {len(batches)}' for name, batches in scored.sets.items())
    owner = "model" if to in _MODEL else "params"
    lines = [
        *docstring(
            [
                "Prints the test score of model.py on the batches in test.npz.",
                f"The run reported {reported}." if reported else "The run reported no score.",
                f"Written by gatekit {__version__}. License of this file: MIT.",
            ]
        ),
        "",
        "from pathlib import Path",
        "",
        *(["import keras"] if to == "keras" and double else []),
        *_IMPORTS[to],
        "",
        *(_DOUBLE.get(to, []) if double else []),
        "# The number of batches of each test set.",
        f"BATCHES = {{{counts}}}",
        "",
        "",
        *(["@torch.no_grad()"] if to == "torch" else []),
        "def score(name: str, batches: int) -> float:",
        *docstring([f"Return the {around.metric} over everything that counts."], "    "),
        f"    {owner}, state = {_MODEL.get(to, 'load()')}, None",
        *(["    jitted = jax.jit(apply)"] if to == "jax" else []),
        "    total = counted = 0.0",
        '    with np.load(Path(__file__).parent / "test.npz") as data:',
        "        for i in range(batches):",
        f"            x = {array('x', cast('x'))}",
        f"            y = {array('y', cast('y'))}",
        f"            mask = {array('mask') if 'mask' in first else 'None'}",
        '            weights = data[f"{name}/{i}/weights"]',
        *(
            ['            if data[f"{name}/{i}/begins"].any():', "                state = None"]
            if "begins" in first
            else []
        ),
        f"            logits, {'state' if 'begins' in first else '_'} = {_CALL[to]}",
        '            values = np.asarray(metric(logits, y), "float64")',
        "            total += float((values * weights).sum())",
        "            counted += float(weights.sum())",
        f"    return {_POOLED.get(around.metric, 'total / counted')}",
        "",
        "",
        'if __name__ == "__main__":',
        "    for name, batches in BATCHES.items():",
        f'        print(f"{{name}} {around.metric} {{score(name, batches):.4g}}")',
    ]
    return "\n".join(lines) + "\n"
