"""Keras runs on TensorFlow in gatekit, whatever the shell and keras.json say."""

from __future__ import annotations

import os
import sys
from pathlib import Path

import processes
import pytest

LAYER = "import gatekit; gatekit.RNN('rnn', 2); import keras; print(keras.config.backend())"
CONVERT = "import gatekit; gatekit.convert.from_keras; import keras; print(keras.config.backend())"
OWN = "import gatekit; import keras; print(keras.config.backend())"


def python(code: str, folder: Path, **variables: str) -> tuple[str, str]:
    """Return what a new process prints, to stdout and to stderr."""
    home = {"KERAS_HOME": str(folder), "TF_CPP_MIN_LOG_LEVEL": "3"}
    given = {name: value for name, value in os.environ.items() if name != "KERAS_BACKEND"}
    done = processes.run(
        [sys.executable, "-c", code],
        env={**given, **home, **variables},
        cwd=folder,
        capture_output=True,
        text=True,
        check=False,
    )
    return done.stdout.strip(), done.stderr.strip()


@pytest.mark.one_in(1, slow=2)
@pytest.mark.parametrize(
    ("code", "backend"), [(LAYER, "tensorflow"), (CONVERT, "tensorflow"), (OWN, "numpy")]
)
def test_gatekit_imports_keras_with_tensorflow(tmp_path: Path, code: str, backend: str) -> None:
    assert python(code, tmp_path, KERAS_BACKEND="numpy")[0] == backend


def test_the_file_of_keras_does_not_matter_either(tmp_path: Path) -> None:
    (tmp_path / "keras.json").write_text('{"backend": "numpy"}')
    assert python(LAYER, tmp_path)[0] == "tensorflow"


def test_a_keras_with_another_backend_is_refused_with_what_to_do(tmp_path: Path) -> None:
    _, shown = python(f"import keras; {LAYER}", tmp_path, KERAS_BACKEND="numpy")
    *above, last = shown.splitlines()
    assert last.startswith("gatekit.cell.errors.ConfigError: Keras was imported with the backend")
    assert "'numpy'" in last
    assert "KERAS_BACKEND=tensorflow" in last
    assert len(above) < 12


@pytest.mark.slow
def test_a_sweep_trains_with_tensorflow(tmp_path: Path) -> None:
    code = (
        "from gatekit import train; train(study='s', cell='rnn', task={'name': 'adding', "
        "'length': 5}, units=2, trainer={'steps': 2})"
    )
    shown, error = python(code, tmp_path, KERAS_BACKEND="numpy")
    assert "1 completed" in shown, error
