"""TensorBoard logs: read back record by record, and the same bytes when written again."""

from __future__ import annotations

import struct
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from gatekit.cell.errors import ConfigError
from gatekit.compare.output.to_tensorboard import export_tensorboard
from gatekit.compare.study import load

from .synthetic import configuration, write_run, write_study
from .test_comparison import LSTM


def events(path: Path) -> list[Any]:
    event_pb2 = pytest.importorskip("tensorboard.compat.proto.event_pb2")
    data, found = path.read_bytes(), []
    while data:
        (length,) = struct.unpack("<Q", data[:8])
        found.append(event_pb2.Event.FromString(data[12 : 12 + length]))
        data = data[16 + length :]
    return found


def exported(root: Path) -> Path:
    pytest.importorskip("tensorboard")
    export_tensorboard(load("demo", root), root / "logs")
    (path,) = (root / "logs" / "demo").glob("*/events.out.tfevents.0.gatekit")
    return path


def test_scalars_are_the_good_lines(tmp_path: Path) -> None:
    write_run(tmp_path / "demo" / "runs", configuration(), validation=[9.5, None, 9.125])
    found = [
        (event.step, event.wall_time, value.tag, value.simple_value)
        for event in events(exported(tmp_path))
        for value in event.summary.value
        if value.tag.startswith("validation")
    ]
    assert found == [
        (1, pytest.approx(0.8), "validation/nll", 9.5),
        (3, pytest.approx(2.4), "validation/nll", 9.125),
    ]


def test_hyperparameters_hold_the_settings_and_the_end_the_state(tmp_path: Path) -> None:
    plugin_data_pb2 = pytest.importorskip("tensorboard.plugins.hparams.plugin_data_pb2")
    write_run(tmp_path / "demo" / "runs", configuration(units=32, seed=7))
    values = [value for event in events(exported(tmp_path)) for value in event.summary.value]
    start, end = (
        plugin_data_pb2.HParamsPluginData.FromString(value.metadata.plugin_data.content)
        for value in values
        if value.tag.startswith("_hparams_/session")
    )
    hparams = start.session_start_info.hparams
    assert (hparams["units"].number_value, hparams["seed"].number_value) == (32, 7)
    assert hparams["cell"].string_value == "lstm"
    assert hparams["bidirectional"].bool_value is False
    assert end.session_end_info.status == 1


def test_weights_become_histograms(tmp_path: Path) -> None:
    folder = write_run(tmp_path / "demo" / "runs", configuration())
    weights = np.linspace(-1, 1, 60, dtype=np.float32)
    np.savez(folder / "weights.npz", **{"forget.bias": weights, "bad": np.array([np.nan])})
    values = [value for event in events(exported(tmp_path)) for value in event.summary.value]
    (found,) = [value for value in values if value.tag.startswith("weights/")]
    assert found.tag == "weights/forget.bias"
    assert (found.histo.num, sum(found.histo.bucket), len(found.histo.bucket)) == (60, 60, 30)
    assert (found.histo.min, found.histo.max) == (-1, 1)


def test_written_again_it_is_the_same_files(tmp_path: Path) -> None:
    pytest.importorskip("tensorboard")
    write_study(tmp_path, {"lstm": LSTM})
    study = load("demo", tmp_path)
    assert export_tensorboard(study, tmp_path / "logs") == 3
    before = {path: path.read_bytes() for path in (tmp_path / "logs").rglob("*") if path.is_file()}
    assert export_tensorboard(study, tmp_path / "logs") == 3
    after = {path: path.read_bytes() for path in (tmp_path / "logs").rglob("*") if path.is_file()}
    assert len(before) == 3
    assert after == before


def test_without_tensorboard_the_extra_is_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write_study(tmp_path, {"lstm": LSTM})
    monkeypatch.setitem(sys.modules, "tensorboard.summary.writer.record_writer", None)
    with pytest.raises(ConfigError, match=r"pip install 'tensorboard>=2\.19'"):
        export_tensorboard(load("demo", tmp_path), tmp_path / "logs")
