"""Records of gates and states during training, on a fixed batch after every epoch.

`Probe` computes a record; `ProbeRecords` decides when, and writes the files.
"""

from __future__ import annotations

import io
from collections.abc import Mapping
from typing import Any

import numpy
import tensorflow as tf
from tensorflow import Tensor

from gatekit.cell.graph import Cell
from gatekit.cell.language.expression import Call
from gatekit.cell.language.ops import Interval
from gatekit.recurrence.instrument import instrumented
from gatekit.recurrence.layers.rnn import RNN
from gatekit.runs.probe import (
    gate_facts,
    gradient_facts,
    heat,
    kept_facts,
    plain_mask,
    projection_facts,
)

from .feed import Feed, called, x_of
from .model import SequenceModel, recurrent_layers, step_loss
from .resume import TrainingProgress

LOOK_STEPS = 25
"""The smallest number of training steps between records, so short epochs are not slowed down."""

ROWS = 16
"""Recorded sequences: the first of the validation data, the same for every variant."""

MOST_VALUES = 2**24
"""The most values of a record's signals; with more, it has fewer sequences, but at least one."""

SHOWN, MOST_UNITS, MOST_STEPS = 3, 64, 256
"""The most sequences, units and steps of which the stored activations have values."""


def range_of(cell: Cell, gate: str) -> Interval | None:
    """Return the range of the function that a gate applies last, such as (0, 1); None without one.

    Args:
        cell: the built cell.
        gate: one of its gates.
    """
    expression = cell.gate_expressions.get(gate)
    if expression is None or not isinstance(expression[0], Call):
        return None
    return cell.spec.functions[expression[0].function].range


class Probe:
    """Records gates and states on the first validation sequences, without changing the model.

    Gates and states are computed by the reference executor in inference mode, whichever executor
    trains the run, so any plugin can be recorded. The pass is traced once.

    Args:
        model: the run's model.
        feed: the run's batches.
        loss: the loss that is trained: ``mse``, ``categorical`` or ``bits``.
    """

    def __init__(self, model: SequenceModel, feed: Feed, loss: str) -> None:
        self.model, self.loss = model, loss
        self.layers = sorted(recurrent_layers(model), key=_place)
        self.read(feed)
        self.bounds: dict[str, dict[str, Interval | None]] = {
            layer.name: {name: range_of(layer.cell, name) for name in layer.cell.gates}
            for layer in self.layers
        }
        self._look = tf.function(self._traced, autograph=False)

    def read(self, feed: Feed) -> None:
        """Record the first validation sequences of these batches from now on."""
        self.masked = feed.masked
        steps = x_of(feed.first("validation", ROWS)[0]).shape[1]
        values = steps * sum(sum(layer.cell.widths.values()) for layer in self.layers)
        rows = max(1, min(ROWS, MOST_VALUES // max(1, values)))
        self.step = tf.nest.map_structure(tf.constant, feed.first("validation", rows))

    def record(self) -> dict[str, Any]:
        """Return the current record of gates and states of every recurrent layer, as plain data."""
        seen = self._look(*self.step)
        return {
            "sequences": int(self.step[1].shape[0]),
            "layers": {layer.name: self._facts(layer, seen[layer.name]) for layer in self.layers},
        }

    def activations(self) -> bytes:
        """Return gates and states of some sequences, steps and units, as bytes of a NumPy archive.

        ``LAYER/gate/NAME``, ``LAYER/projection/NAME`` and ``LAYER/state/NAME`` are ``sequences x
        time x units``; ``input`` is the input of the model, and ``mask`` marks its valid steps.
        """
        seen = self._look(*self.step)
        arrays: dict[str, Any] = {}
        given = self.step[0]
        inputs, *others = given if isinstance(given, tuple) else (given,)
        mask = others[0] if self.masked else None
        x = inputs.numpy()[:SHOWN, :MOST_STEPS]
        arrays["input"] = x if x.dtype.kind == "i" else x[..., :MOST_UNITS].astype("float16")
        if mask is not None:
            arrays["mask"] = mask.numpy()[:SHOWN, :MOST_STEPS]
        for layer in self.layers:
            values = {n: v.numpy() for n, v in seen[layer.name]["signals"].items()}
            kinds = {"gate": layer.cell.gates, "projection": layer.cell.projections}
            kinds["state"] = [state.name for state in layer.cell.states]
            for kind, names in kinds.items():
                shown = heat({n: values[n] for n in names}, SHOWN, MOST_UNITS, MOST_STEPS)
                arrays |= {f"{layer.name}/{kind}/{n}": value for n, value in shown.items()}
        archive = io.BytesIO()
        numpy.savez_compressed(archive, **arrays)
        return archive.getvalue()

    def _traced(self, inputs: object, y: Tensor, weights: Tensor) -> dict[str, Any]:
        with tf.GradientTape(watch_accessed_variables=False) as tape:
            with instrumented(self.layers, tape.watch) as instruments:
                logits = self.model(called(inputs), training=False)
            values = step_loss(self.loss, y, logits)
            counted = tf.cast(weights, values.dtype)
            count = tf.reduce_sum(counted)
            loss = tf.reduce_sum(values * counted) / tf.where(count > 0, count, 1.0)
        perturbations = {n: each.perturbations for n, each in instruments.items()}
        slopes = tape.gradient(loss, perturbations, unconnected_gradients="zero")
        traced = {}
        for name, seen in instruments.items():
            traced[name] = {
                "signals": {n: seen.in_time(v) for n, v in seen.sequences.items()},
                "squares": {
                    n: seen.in_time(tf.reduce_sum(tf.square(slope), -1))
                    for n, slope in slopes[name].items()
                },
                "kept": {
                    pair: (seen.in_time(share), mixes)
                    for pair, (share, mixes) in seen.kept().items()
                },
                "mask": () if seen.mask is None else seen.in_time(seen.mask),
            }
        return traced

    def _facts(self, layer: RNN, seen: Mapping[str, Any]) -> dict[str, Any]:
        masked = not isinstance(seen["mask"], tuple)
        mask = plain_mask(seen["mask"][:, :, 0]) if masked else None
        shares = {p: (s.numpy(), bool(mixes)) for p, (s, mixes) in seen["kept"].items()}
        zoneout = {s.name: s.zoneout for s in layer.cell.states if s.zoneout}
        kept = kept_facts(shares, mask, zoneout)
        return {
            "gates": {
                name: gate_facts(seen["signals"][name].numpy(), mask, bounds)
                for name, bounds in self.bounds[layer.name].items()
            },
            "projections": {
                name: projection_facts(seen["signals"][name].numpy(), mask)
                for name in layer.cell.projections
            },
            "states": {
                state.name: {
                    "kept": kept.get(state.name),
                    "mixes": state.name in kept and kept[state.name] is None,
                    "gradient": gradient_facts(seen["squares"][state.name].numpy(), mask),
                }
                for state in layer.cell.states
            },
        }


class ProbeRecords:
    """Writes the records of one run; does nothing without a probe.

    Args:
        probe: computes the records; None if the run has no probe.
        progress: the run's position and folder.
        epoch_steps: the steps of an epoch.
    """

    def __init__(self, probe: Probe | None, progress: TrainingProgress, epoch_steps: int) -> None:
        self.probe, self.progress = probe, progress
        self.every = -(-LOOK_STEPS // epoch_steps)

    def begin(self) -> None:
        """Write a record before the first step."""
        self._look()

    def after_epoch(self) -> None:
        """Write a record, unless this epoch is skipped."""
        if self.progress.epoch % self.every == 0:
            self._look()

    def end(self) -> None:
        """Write a record after the last epoch, unless it exists, and store the activations."""
        if self.progress.epoch % self.every:
            self._look()
        data = self._tried("activations")
        if data is not None:
            self.progress.folder.write_activations(data)

    def _look(self) -> None:
        record = self._tried("record")
        if record is not None:
            place = {"epoch": self.progress.epoch, "step": self.progress.step}
            self.progress.folder.log_probe({**place, **record})

    def _tried(self, what: str) -> Any:
        if self.probe is None:
            return None
        try:
            return getattr(self.probe, what)()
        except Exception as error:
            # A run must not fail because of its probe.
            self.probe = None
            self.progress.remark(
                f"the probe failed after epoch {self.progress.epoch} and was switched off: "
                f"{type(error).__name__}: {str(error).splitlines()[0] if str(error) else ''}"
            )
            return None


def _place(layer: RNN) -> tuple[int, bool]:
    """Return the position of a layer in the stack: from below, and forward before backward."""
    direction, _, index = layer.name.rpartition("_")
    return int(index), direction == "backward"
