"""Compare the numbers of this working tree with those of another commit, bit for bit.

    python -m tests.bits --against COMMIT [--number N] [--cells lstm,gru] [--json]

A case is a bundled cell, an executor that runs it, and a call: plain, masked, with resets, with
dropout and zoneout, in float32 or in mixed precision. In both trees, each case computes outputs,
last states and gradients with the same weights and inputs, and their SHA-256 hashes are compared.
Both run on this machine, because the last bits depend on the processor and on TensorFlow.

``--number N`` chooses the same N cases every time, `tutorial` first: Keras' LSTM, which the first
version of gatekit reproduced. The exit code is 1 if a hash differs, unless `NUMERICS` of
gatekit/runs/names.py differs, too: then numbers may change.
"""

from __future__ import annotations

import argparse
import contextlib
import hashlib
import itertools
import json
import os
import subprocess
import sys
import tempfile
import zlib
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

# To run as a file and as a module alike.
sys.path.insert(0, str(Path(__file__).parent))

import seams

ROOT = Path(__file__).parents[1]
EXECUTORS = ("reference", "stacked", "unroll", "affine", "scan", "chunk", "step")
"""Executors; ``step`` is `gatekit.Cell` in Keras' loop."""
CALLS = ("plain", "mask", "resets", "noise", "float32", "mixed")
FIRST = "tutorial"
BATCH, TIME, FEATURES, UNITS = 3, 3, 3, 8
_TYPES = {"float32": "float32", "mixed": "mixed_bfloat16"}

Case = tuple[str, str, str]
Hashes = Mapping[str, str]


def cases(cells: Sequence[str] = ()) -> list[Case]:
    """Return all cases, as cell, executor and call.

    Args:
        cells: names of bundled cells; all of them by default.
    """
    from gatekit import ConfigError
    from gatekit.registry import cell_names

    found = []
    for name in cells or sorted(cell_names()):
        cell = seams.cell(name, UNITS, FEATURES)
        for executor in EXECUTORS:
            if executor == "step" and len(cell.inputs) > 1:
                continue  # Keras' loop takes one input
            with contextlib.suppress(ConfigError):
                if executor != "step":
                    seams.check_executor(executor, cell)
                calls = [c for c in CALLS if executor != "step" or c not in ("resets", "noise")]
                found += [(name, executor, call) for call in calls]
    return found


def chosen(every: Sequence[Case], number: int) -> list[Case]:
    """Return a fixed selection: each executor with each call in turn, `tutorial` before others."""

    def order(case: Case) -> tuple[bool, bytes]:
        return case[0] != FIRST, hashlib.sha256(" ".join(case).encode()).digest()

    groups: dict[tuple[str, str], list[Case]] = {}
    for case in sorted(every, key=order):
        groups.setdefault(case[1:], []).append(case)
    in_turn = itertools.zip_longest(*(groups[key] for key in sorted(groups)))
    return [case for turn in in_turn for case in turn if case is not None][:number]


def computed(case: Case) -> dict[str, str]:
    """Return the hashes of a case: of the outputs, the last states and the gradients."""
    import tensorflow as tf

    name, executor, call = case
    layer, x = _layer(name, executor, call)
    rng = np_rng("call")
    mask = tf.constant(rng.random((BATCH, TIME)) < 0.7) if call == "mask" else None
    more = {"resets": tf.constant(rng.random((BATCH, TIME)) < 0.4)} if call == "resets" else {}
    training = call == "noise"
    with tf.GradientTape() as tape:
        tape.watch(x)
        outputs, *states = layer(x, mask=mask, training=training, **more)
        total = sum(tf.reduce_sum(tf.cast(v, tf.float64) ** 2) for v in (outputs, *states))
    weights = {v.name: v.value for v in layer.trainable_variables}
    named = {**(x if isinstance(x, Mapping) else {"x": x}), **weights}
    gradients = tape.gradient(total, named, unconnected_gradients="zero")
    values = {"outputs": [outputs], "states": states, "gradients": [*gradients.values()]}
    return {what: _hash(tensors) for what, tensors in values.items()}


def _layer(name: str, executor: str, call: str) -> tuple[Any, Any]:
    """Return a layer with drawn weights, and its input."""
    import keras
    import tensorflow as tf

    import gatekit

    options: dict[str, Any] = {"dtype": _TYPES.get(call, "float64"), "seed": 7}
    over = {"return_sequences": True, "return_state": True}
    if executor == "step":
        inner: Any = gatekit.Cell(name, UNITS, features=FEATURES, **options)
        layer: Any = keras.layers.RNN(inner, **over, dtype=options["dtype"])
        layer.build((BATCH, TIME, FEATURES))
        widths = {"x": FEATURES}
    else:
        options |= {"executor": executor, **over}
        if call == "noise":
            options |= {
                "dropout": 0.2,
                "recurrent_dropout": 0.3,
                "zoneout": _zoneout(name, executor),
            }
        layer = gatekit.RNN(name, UNITS, **options)
        layer.build((None, None, FEATURES))
        widths = dict(layer.cell.inputs)
    for variable in layer.weights:
        if "float" in variable.dtype:
            variable.assign(0.5 * np_rng(variable.name).normal(size=variable.shape))
    drawn = {k: np_rng(f"input {k}").normal(size=(BATCH, TIME, w)) for k, w in widths.items()}
    x = {key: tf.constant(value, layer.variable_dtype) for key, value in drawn.items()}
    return layer, x["x"] if len(x) == 1 else x


def _zoneout(name: str, executor: str) -> dict[str, float]:
    """Return the rate of each state that may have zoneout; memories in chunks may not."""
    import gatekit

    plain = gatekit.RNN(name, UNITS)
    plain.build((None, None, FEATURES))
    matrices = executor == "chunk"
    return {s.name: 0.3 for s in plain.cell.states if "." not in s.name and not matrices}


def np_rng(name: str) -> Any:
    """Return a generator that depends on a name only."""
    import numpy as np

    return np.random.default_rng(zlib.crc32(name.encode()))


def _hash(tensors: Sequence[Any]) -> str:
    digest = hashlib.sha256()
    for tensor in tensors:
        digest.update(f"{tensor.dtype.name} {tuple(tensor.shape)}".encode())
        digest.update(tensor.numpy().tobytes())
    return digest.hexdigest()[:16]


def record(selected: Sequence[Case]) -> dict[str, Hashes]:
    """Return the hashes of each case; of one that raises, the name of the exception."""
    found: dict[str, Hashes] = {}
    for case in selected:
        try:
            found[" ".join(case)] = computed(case)
        except Exception as error:  # the other tree must refuse it, too
            found[" ".join(case)] = {"error": type(error).__name__}
    return found


@contextlib.contextmanager
def tree_of(commit: str) -> Iterator[Path]:
    """Check a commit out into a temporary folder, which is removed afterwards.

    Raises:
        SystemExit: there is no such commit.
    """
    packed = subprocess.run(["git", "archive", commit], cwd=ROOT, capture_output=True, check=False)
    if packed.returncode:
        raise SystemExit(f"bits: --against {commit}: {packed.stderr.decode().strip()}")
    with tempfile.TemporaryDirectory(prefix="gatekit-bits-") as folder:
        subprocess.run(["tar", "-x", "-C", folder], input=packed.stdout, check=True)
        yield Path(folder)


def started(tree: Path, selected: Path) -> subprocess.Popen[bytes]:
    """Start a process that records the selected cases with the gatekit of a tree."""
    where = {**os.environ, "PYTHONPATH": str(tree), "TF_CPP_MIN_LOG_LEVEL": "3"}
    where |= {"TF_NUM_INTRAOP_THREADS": "1", "TF_NUM_INTEROP_THREADS": "1"}
    words = [sys.executable, __file__, "--record", str(selected), "--tree", str(tree)]
    return subprocess.Popen(words, cwd=tree, env=where, stdout=subprocess.PIPE)


def compared(commit: str, selected: Sequence[Case]) -> tuple[dict[str, Any], dict[str, Any]]:
    """Return the records of a commit and of this working tree."""
    with tree_of(commit) as tree, tempfile.TemporaryDirectory() as folder:
        listed = Path(folder) / "cases.json"
        listed.write_text(json.dumps(selected))
        both = [started(tree, listed), started(ROOT, listed)]
        before, after = (process.communicate()[0] for process in both)
        if any(process.returncode for process in both):
            raise SystemExit("bits: a tree could not be recorded; its error is above")
    return json.loads(before), json.loads(after)


def different(before: Mapping[str, Hashes], after: Mapping[str, Hashes]) -> dict[str, list[str]]:
    """Return what differs, by case; cases that only one record has do not count."""
    found = {}
    for case in sorted({*before} & {*after}):
        one, other = before[case], after[case]
        what = [key for key in sorted({*one, *other}) if one.get(key) != other.get(key)]
        if what:
            found[case] = what
    return found


def _write_record(selected: Path, tree: Path) -> None:
    """Write the record of the gatekit that Python imports, which must be that of the tree."""
    import gatekit
    from gatekit.registry import cell_names

    if not Path(gatekit.__file__).is_relative_to(tree.resolve()):
        raise SystemExit(f"bits: {gatekit.__file__} was imported, not the gatekit in {tree}")
    known = set(cell_names())
    here = [tuple(case) for case in json.loads(selected.read_text()) if case[0] in known]
    sys.stdout.write(json.dumps({"numerics": seams.NUMERICS, "cases": record(here)}) + "\n")


def main() -> int:
    """Compare two trees; return the exit code."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--against", metavar="COMMIT", help="the other commit")
    parser.add_argument("--number", type=int, default=sys.maxsize, help="how many cases to compare")
    parser.add_argument("--cells", default="", help="names of cells, separated by commas")
    parser.add_argument("--json", action="store_true", help="write differences as JSON")
    parser.add_argument("--record", type=Path, help=argparse.SUPPRESS)
    parser.add_argument("--tree", type=Path, help=argparse.SUPPRESS)
    asked = parser.parse_args()
    if asked.record:
        _write_record(asked.record, asked.tree)
        return 0
    if not asked.against:
        parser.error("--against COMMIT is required, such as --against HEAD^")
    selected = chosen(cases([name for name in asked.cells.split(",") if name]), asked.number)
    before, after = compared(asked.against, selected)
    found = different(before["cases"], after["cases"])
    may_differ = before["numerics"] != after["numerics"]
    if asked.json:
        data = {"cases": len(selected), "different": found, "numerics_differ": may_differ}
        sys.stdout.write(f"{json.dumps(data)}\n")
    else:
        note = "; NUMERICS differs, too" if may_differ else ""
        lines = [f"{case}: other {', '.join(what)}\n" for case, what in found.items()]
        count = f"{len(found)} of {len(selected)} cases differ from {asked.against}{note}\n"
        sys.stdout.write("".join([*lines, count]))
    return int(bool(found) and not may_differ)


if __name__ == "__main__":
    sys.exit(main())
