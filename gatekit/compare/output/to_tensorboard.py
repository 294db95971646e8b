"""Export runs as TensorBoard logs: scalars, hyperparameters, histograms of the weights."""

from __future__ import annotations

import io
import zipfile
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import numpy as np

from gatekit.cell.errors import ConfigError, RunError
from gatekit.compare.study import Study
from gatekit.registry.tracker import Tracker
from gatekit.runs import durable, metrics
from gatekit.runs.config import run_settings
from gatekit.runs.names import METRICS, WEIGHTS
from gatekit.runs.record import RunRecord

_NAME = "events.out.tfevents.0.gatekit"
_BINS = 30


def export_tensorboard(study: Study, folder: Path) -> int:
    """Write one log per run with a readable configuration; repeated exports write the same files.

    Args:
        study: the result of ``load``.
        folder: TensorBoard's log folder; runs go to ``folder/STUDY/ID``.

    Returns:
        Number of runs written.

    Raises:
        ConfigError: tensorboard is not installed.
        RunError: the folder cannot be written.
    """
    try:
        from tensorboard.summary.writer.record_writer import RecordWriter
    except ImportError:
        raise ConfigError(
            "the export needs TensorBoard; type `pip install 'tensorboard>=2.19'`"
        ) from None
    count = 0
    for run in study.runs:
        if run.config is None:
            continue
        buffer = io.BytesIO()
        writer = RecordWriter(buffer)
        for event in _events(run):
            writer.write(event.SerializeToString(deterministic=True))
        origin = () if run.origin is None else (run.origin,)
        place = folder.joinpath(study.name, *origin, run.id)
        try:
            durable.folder(place.absolute())
            durable.write(place.absolute() / _NAME, buffer.getvalue())
        except OSError as error:
            raise RunError(
                f"{place} cannot be written: {error.strerror or error}; choose another "
                "--tensorboard FOLDER"
            ) from None
        count += 1
    return count


def _events(run: RunRecord) -> Iterator[Any]:
    from tensorboard.compat.proto.event_pb2 import Event
    from tensorboard.compat.proto.summary_pb2 import Summary
    from tensorboard.plugins.hparams import api_pb2, metadata, plugin_data_pb2

    info = plugin_data_pb2.SessionStartInfo(group_name=run.id)
    for key, setting in sorted(_hparams(run).items()):
        kind = {bool: "bool_value", str: "string_value"}.get(type(setting), "number_value")
        setattr(info.hparams[key], kind, setting)
    yield Event(file_version="brain.Event:2")
    start = plugin_data_pb2.HParamsPluginData(
        version=metadata.PLUGIN_DATA_VERSION, session_start_info=info
    )
    yield Event(summary=_session(metadata.SESSION_START_INFO_TAG, start))
    lines = metrics.read(run.path / METRICS).lines
    for line in lines:
        if line.value is not None:
            value = Summary.Value(tag=Tracker.tag(line), simple_value=line.value)
            yield Event(wall_time=line.seconds, step=line.epoch, summary=Summary(value=[value]))
    for name, values in _weights(run.path / WEIGHTS):
        value = Summary.Value(tag=f"weights/{name}", histo=_histogram(values))
        step = run.result.best.epoch if run.result and run.result.best else 0
        yield Event(step=step, summary=Summary(value=[value]))
    status = api_pb2.STATUS_SUCCESS if run.state == "COMPLETED" else api_pb2.STATUS_FAILURE
    seconds = lines[-1].seconds if lines else 0.0
    over = plugin_data_pb2.SessionEndInfo(status=status, end_time_secs=seconds)
    end = plugin_data_pb2.HParamsPluginData(
        version=metadata.PLUGIN_DATA_VERSION, session_end_info=over
    )
    yield Event(summary=_session(metadata.SESSION_END_INFO_TAG, end))


def _session(tag: str, data: Any) -> Any:
    from tensorboard.compat.proto.summary_pb2 import Summary
    from tensorboard.plugins.hparams import metadata

    about = metadata.create_summary_metadata(data)
    # Serialise deterministically: the order of a protocol buffer's map is otherwise undefined.
    about.plugin_data.content = data.SerializeToString(deterministic=True)
    value = Summary.Value(tag=tag, metadata=about, tensor=metadata.NULL_TENSOR)
    return Summary(value=[value])


def _hparams(run: RunRecord) -> dict[str, bool | float | str]:
    hparams: dict[str, bool | float | str] = {} if run.seed is None else {"seed": run.seed}
    for key, value in run_settings(run.config or {}).items():
        if isinstance(value, bool | int | float | str):
            hparams[key] = value
    return hparams


def _weights(path: Path) -> Iterator[tuple[str, np.ndarray[Any, Any]]]:
    try:
        with durable.opened(path) as file, np.load(file, allow_pickle=False) as archive:
            arrays: Mapping[str, Any] = {name: archive[name] for name in sorted(archive.files)}
    except (OSError, ValueError, EOFError, zipfile.BadZipFile):
        return
    for name, values in arrays.items():
        flat = np.asarray(values).ravel()
        if flat.dtype.kind == "f" and flat.size and np.isfinite(flat).all():
            yield name, flat.astype(np.float64)


def _histogram(values: np.ndarray[Any, Any]) -> Any:
    from tensorboard.compat.proto.summary_pb2 import HistogramProto

    counts, edges = np.histogram(values, bins=_BINS)
    return HistogramProto(
        min=float(values.min()),
        max=float(values.max()),
        num=float(values.size),
        sum=float(values.sum()),
        sum_squares=float((values**2).sum()),
        bucket_limit=edges[1:].tolist(),
        bucket=counts.tolist(),
    )
