"""The output of the layer: the output unit, applied after the loop."""

from __future__ import annotations

from collections.abc import Mapping

import tensorflow as tf
from tensorflow import Tensor

from gatekit.cell.errors import CellError
from gatekit.cell.graph import Cell
from gatekit.cell.language.expression import names
from gatekit.cell.schema import OUTPUT_UNIT

from .masking import ValidSteps, borrowed, harmless, history
from .step import ProgramValues


def apply_unit(
    cell: Cell,
    env: Mapping[str, Tensor],
    weights: Mapping[str, Tensor],
    matmul_dtype: tf.DType,
    like: Tensor,
    shifts: Mapping[str, Tensor] | None = None,
) -> Tensor:
    """Return the output of the output unit, ``... x width of the output``.

    Args:
        cell: the built cell.
        env: values by key, ``... x width``; histories ``... x length x width``.
        weights: weights by name.
        matmul_dtype: the type that matrix products run in.
        like: a signal with the expected leading axes and type.
        shifts: what is added to projections, by name.

    Raises:
        CellError: the unit returned something of the wrong shape or type.
    """
    output = cell.output
    if output.unit.feeds_back:
        # This unit already ran in the loop, because signals read its output one step later.
        return env["y"]
    computed = _projected(cell, env, weights, matmul_dtype, shifts or {})
    values = computed.env
    if output.reads or output.bias is not None:
        values["pre:output_unit"] = computed[f"{OUTPUT_UNIT}:pre"]
    try:
        y = output.unit.compute({argument: values[key] for argument, key in output.arguments})
    except (ValueError, tf.errors.InvalidArgumentError) as error:
        width = env[cell.spec.emits].shape[-1]
        if width == output.width:
            raise CellError(f"output unit {output.kind!r}: {output.unit.wrong(error)}") from error
        raise CellError(
            f"output unit {output.kind!r} is {output.width} wide, but the cell emits {width}; type "
            f"output_unit={{'kind': '{output.kind}', 'units': {width}}}"
        ) from error
    except (TypeError, AttributeError, NameError, NotImplementedError) as error:
        raise CellError(f"output unit {output.kind!r}: {output.unit.wrong(error)}") from error
    where = f"output unit {output.kind!r}: {output.unit.definition()} returned"
    if not tf.is_tensor(y):
        remedy = "use gatekit.ops and operators, which return tensors"
        raise CellError(
            f"{where} {type(y).__name__}; {remedy}"
            if y is not None
            else f"{where} None ({output.unit.place()}); end it with `return value`"
        )
    if y.dtype != like.dtype:
        raise CellError(f"{where} {y.dtype.name}, but the layer computes in {like.dtype.name}")
    if y.shape.rank != like.shape.rank or y.shape[-1] != output.width:
        units = f" or write units = {y.shape[-1]} in the class" if y.shape.rank else ""
        raise CellError(
            f"{where} the shape {tuple(y.shape)} ({output.unit.place()}); ... x {output.width} is "
            f"expected: return a value for each unit,{units}"
        )
    return y


def projections(
    cell: Cell, env: Mapping[str, Tensor], weights: Mapping[str, Tensor], matmul_dtype: tf.DType
) -> dict[str, Tensor]:
    """Return the projections of the output unit that are computed after the loop, by name.

    Args:
        cell: the built cell.
        env: values by key, ``... x width``.
        weights: weights by name.
        matmul_dtype: the type that matrix products run in.
    """
    values = _projected(cell, env, weights, matmul_dtype, {})
    return {node.name: values[node.name] for node in cell.output.projections}


def _projected(
    cell: Cell,
    env: Mapping[str, Tensor],
    weights: Mapping[str, Tensor],
    matmul_dtype: tf.DType,
    shifts: Mapping[str, Tensor],
) -> ProgramValues:
    """Return all values with the output unit's projections."""
    now = {**cell.constants, **weights, **env}
    # After the loop, a state is what it is after zoneout and mask.
    now |= {f"{state.name}:held": now[state.name] for state in cell.states if state.name in now}
    values = ProgramValues(cell, now, None, matmul_dtype, {})
    for node in cell.output.projections:
        now[node.name] = values[f"{node.name}:pre"]
        if node.name in shifts:
            now[node.name] += shifts[node.name]
    return values


def emit(
    cell: Cell,
    sequences: Mapping[str, Tensor],
    final: Mapping[str, Tensor],
    inputs: Mapping[str, Tensor],
    histories: Mapping[str, Tensor],
    weights: Mapping[str, Tensor],
    valid: ValidSteps | None,
    matmul_dtype: tf.DType,
    return_sequences: bool,
) -> tuple[Tensor, dict[str, Tensor]]:
    """Return the layer's output and the new histories.

    Args:
        cell: the built cell.
        sequences: signals over time, ``time x batch x width``; may be empty if `only_final` is
            true and only the last step is returned.
        final: the last value of each state, ``batch x width``.
        inputs: the inputs over time, ``time x batch x width``.
        histories: earlier values by signal, ``batch x (length - 1) x width``.
        weights: weights by name.
        valid: the valid steps, or None if all steps are valid.
        matmul_dtype: the type that matrix products run in.
        return_sequences: whether to return every step or only the last valid one.

    Returns:
        ``time x batch x width of the output`` or ``batch x width of the output``, and the new
        histories by signal. A masked step repeats the last valid output, or is zero before
        the first one.
    """
    later: dict[str, Tensor] = {}
    if not return_sequences and only_final(cell):
        final = _of_some_step(final, valid)
        y = apply_unit(cell, final, weights, matmul_dtype, final[cell.output.signals[0]])
        return _where_any(y, inputs["x"], valid), later
    env: dict[str, Tensor] = {**inputs, **sequences}
    if return_sequences:
        if valid is not None and not valid.all:
            shown = valid.seen() if only_final(cell) else valid.mask
            env.update({name: harmless(shown, value) for name, value in sequences.items()})
        for name, length in cell.output.histories:
            env[f"{name}_history"], later[name] = history(env[name], histories[name], length, valid)
        y = apply_unit(cell, env, weights, matmul_dtype, inputs["x"])
        if valid is None:
            return y, later
        return (
            tf.where(valid.seen(), y, tf.zeros([], y.dtype)) if only_final(cell) else valid.last(y)
        ), later
    last = {n: _last(v) if valid is None else valid.final(v) for n, v in env.items()}
    for name, length in cell.output.histories:
        windows, later[name] = history(env[name], histories[name], length, valid)
        last[f"{name}_history"] = _final_window(windows, valid)
    last = _of_some_step(last, valid)
    y = apply_unit(cell, last, weights, matmul_dtype, last["x"])
    return _where_any(y, inputs["x"], valid), later


def only_final(cell: Cell) -> bool:
    """Return whether the output of a step depends only on the states after the step."""
    states = {s.name for s in cell.states}
    used = {key for _, key in cell.output.arguments} | set(cell.output.signals)
    inputs = {*cell.inputs, "t"}
    reads_input = any(n in inputs for r in cell.output.all_reads for n in names(r.expr))
    return (
        set(cell.output.signals) <= states
        and not (used & inputs)
        and not reads_input
        and not cell.output.histories
    )


def _of_some_step(values: Mapping[str, Tensor], valid: ValidSteps | None) -> dict[str, Tensor]:
    """Return values, ``batch x ...``; rows without a valid step, whose output is zero, borrow."""
    if valid is None or valid.all:
        return dict(values)
    own = valid.any()
    return {
        name: borrowed(tf.reshape(own, [-1] + [1] * (value.shape.rank - 1)), value)
        for name, value in values.items()
    }


def _where_any(y: Tensor, x: Tensor, valid: ValidSteps | None) -> Tensor:
    zero = tf.zeros([], y.dtype)
    if valid is not None:
        return tf.where(valid.any()[:, None], y, zero)
    return y if x.shape[0] else tf.where(tf.shape(x)[0] > 0, y, zero)


def _last(sequence: Tensor) -> Tensor:
    """Return the last step of a sequence, or zeros if it has no step."""
    return tf.reduce_sum(sequence[-1:], 0)


def _final_window(windows: Tensor, valid: ValidSteps | None) -> Tensor:
    """Return the window of the last valid step, ``batch x length x width``."""
    if valid is None:
        return _last(windows)
    length, width = windows.shape[2:]
    flat = tf.reshape(windows, tf.concat([tf.shape(windows)[:2], [length * width]], 0))
    return tf.reshape(valid.final(flat), [-1, length, width])
