"""The records of a probe: numbers that describe gates and states, and the lines of probe.jsonl.

A line can be checked for completeness without parsing its JSON.
"""

from __future__ import annotations

import json
import math
import re
import zlib
from collections.abc import Mapping
from typing import Any

import numpy
from numpy.typing import NDArray

Floats = NDArray[numpy.floating[Any]]

EDGE = 0.1
"""A value closer to a bound than this share of its range is saturated: below 0.1, above 0.9."""

BINS = 20
QUANTILES = 33
MOST_STEPS = 64
_DIGITS = 4
_END = re.compile(rb',"crc":"([0-9a-f]{8})"\}\Z')
_EPOCH = re.compile(rb'\{"epoch":(\d{1,9}),')


def gate_facts(
    values: Floats, mask: NDArray[numpy.bool_] | None, bounds: tuple[float, float] | None
) -> dict[str, Any]:
    r"""Return statistics of a gate on a batch, as plain data.

    ``low`` and ``high`` are the shares of values within a tenth of the range from the lower and
    upper bound. ``open`` is the share above the middle of the range; ``open_time`` is the mean
    number of steps for which a unit stays above it, from opening (or the first step) to closing (or
    the last step). ``open`` and ``open_time`` exist only for bounded gates whose range
    begins at zero.

    Args:
        values: ``time x batch x units``.
        mask: ``time x batch``, true where valid; masked values do not count.
        bounds: an interval that contains all values; if it is None and all values are in [0, 1],
            the interval is [0, 1].

    Returns:
        ``mean low high open open_time range histogram``; None for a number that does not exist,
        such as the saturation of a gate without bounds.
    """
    valid = values.reshape(-1, values.shape[-1]) if mask is None else values[mask]
    seen = valid[numpy.isfinite(valid)].astype(numpy.float64)
    if not seen.size:
        nothing = dict.fromkeys(("mean", "low", "high", "open", "open_time", "range"))
        return {**nothing, "histogram": None}
    least, most = float(seen.min()), float(seen.max())
    if bounds is None:
        bounds = (0.0, 1.0) if least >= 0 and most <= 1 else (-math.inf, math.inf)
    facts: dict[str, Any] = {"mean": short(float(seen.mean()))}
    bounded = math.isfinite(bounds[0]) and math.isfinite(bounds[1])
    start, end = bounds if bounded else (least, most)
    if bounded:
        edge, middle = EDGE * (end - start), (start + end) / 2
        facts["low"] = short(float(numpy.mean(seen < start + edge)))
        facts["high"] = short(float(numpy.mean(seen > end - edge)))
    else:
        facts |= dict.fromkeys(("low", "high"))
    # A gate around zero, such as a tanh, is never closed, so it cannot be open either.
    if bounded and start == 0:
        steps, openings = _openings(values > middle, mask)
        facts["open"] = short(float(numpy.mean(seen > middle)))
        facts["open_time"] = short(steps / openings) if openings else 0.0
    else:
        facts |= dict.fromkeys(("open", "open_time"))
    if start == end:
        start, end = start - 0.5, end + 0.5
    counts, _ = numpy.histogram(seen, bins=BINS, range=(start, end))
    facts["range"] = [short(start, 6), short(end, 6)]
    facts["histogram"] = [short(share) for share in (counts / seen.size).tolist()]
    return facts


def _openings(opened: NDArray[numpy.bool_], mask: NDArray[numpy.bool_] | None) -> tuple[int, int]:
    """Return how many steps units are open, and how often they open, without masked steps."""
    steps = openings = 0
    for row in range(opened.shape[1]):
        own = opened[:, row] if mask is None else opened[mask[:, row], row]
        steps += int(own.sum())
        openings += int(own[:1].sum() + (own[1:] & ~own[:-1]).sum())
    return steps, openings


def projection_facts(values: Floats, mask: NDArray[numpy.bool_] | None) -> dict[str, float | None]:
    """Return statistics of a gate's projection on a batch, as plain data.

    Args:
        values: ``time x batch x width``.
        mask: ``time x batch``, true where valid; masked values do not count.

    Returns:
        ``mean deviation lowest highest``, over the width, steps and sequences; ``deviation`` is the
        standard deviation. They are None if no value is finite.
    """
    valid = values if mask is None else values[mask]
    seen = valid[numpy.isfinite(valid)].astype(numpy.float64)
    if not seen.size:
        return dict.fromkeys(("mean", "deviation", "lowest", "highest"))
    facts = {
        "mean": seen.mean(),
        "deviation": seen.std(),
        "lowest": seen.min(),
        "highest": seen.max(),
    }
    return {name: short(float(fact)) for name, fact in facts.items()}


def gradient_facts(squares: Floats, mask: NDArray[numpy.bool_] | None) -> dict[str, Any]:
    r"""Return the norm of the loss' gradient with respect to a state, over time.

    $\lVert \partial L / \partial s_t \rVert$ over units and all sequences that are valid at step t,
    where L is the training loss of the batch. If there are more than 64 steps, 64 evenly spaced
    ones are kept, including the first and the last.

    Args:
        squares: ``time x batch``, squared norms over units.
        mask: ``time x batch``, true where valid.

    Returns:
        ``steps``, the number of steps, and ``norms``; a norm is None if no sequence has the step.
    """
    counted = squares if mask is None else numpy.where(mask, squares, 0.0)
    norms = numpy.sqrt(counted.astype(numpy.float64).sum(axis=1))
    if mask is not None:
        norms[~mask.any(axis=1)] = numpy.nan
    return {"steps": len(norms), "norms": [short(norms[at]) for at in shown_steps(len(norms))]}


def shown_steps(steps: int) -> list[int]:
    """Return the steps, counted from 0, at which a gradient's norm is kept."""
    return [round(at) for at in numpy.linspace(0, steps - 1, min(steps, MOST_STEPS)).tolist()]


def kept_facts(
    shares: Mapping[tuple[str, str], tuple[Floats, bool]],
    mask: NDArray[numpy.bool_] | None,
    zoneout: Mapping[str, float],
) -> dict[str, list[float | None] | None]:
    r"""Return how much of each state is kept from one step to the next, over its units.

    This is the mean over valid steps and sequences of $\partial s_t[i] / \partial s_{t-1}[i]$, with
    gates held constant. For states that feed each other (the real and imaginary part of a complex
    state), it is the modulus of the largest eigenvalue of their mean matrix. With zoneout at rate
    z, a share k becomes z + (1 - z) k.

    Args:
        shares: the result of `Instrumented.kept`, as arrays.
        mask: ``time x batch``, true where valid.
        zoneout: the zoneout rates of states that have one.

    Returns:
        For each state that depends on its past, 33 quantiles over its units in ascending order;
        None if its units mix, or if a share is not finite.
    """
    means: dict[tuple[str, str], Floats] = {}
    for pair, (share, _) in shares.items():
        valid = share.reshape(-1, share.shape[-1]) if mask is None else share[mask]
        means[pair] = valid.astype(numpy.float64).mean(axis=0) if len(valid) else share[0, 0] * 0
    quantiles: dict[str, list[float | None] | None] = {}
    for state in dict.fromkeys(s for s, _ in shares):
        others = [r for s, r in shares if s == state and r != state and (r, state) in shares]
        group = [state, *others]
        if len(group) == 1 and (state, state) not in shares:
            continue
        if any(shares[s, r][1] for s in group for r in group if (s, r) in shares):
            quantiles[state] = None
            continue
        width = next(iter(means[state, r] for r in group if (state, r) in means)).shape[-1]
        matrix = numpy.zeros((width, len(group), len(group)))
        for i, s in enumerate(group):
            rate = zoneout.get(s, 0.0)
            for j, r in enumerate(group):
                matrix[:, i, j] = (1 - rate) * means.get((s, r), 0.0) + rate * (i == j)
        if not numpy.isfinite(matrix).all():
            quantiles[state] = None
        elif len(group) == 1:
            quantiles[state] = _quantiles(matrix[:, 0, 0])
        else:
            quantiles[state] = _quantiles(numpy.abs(numpy.linalg.eigvals(matrix)).max(axis=-1))
    return quantiles


def _quantiles(values: Floats) -> list[float | None]:
    edges = numpy.quantile(values, numpy.linspace(0, 1, QUANTILES))
    # Seven digits, because a unit that keeps 0.9999 lasts ten times as long as with 0.999.
    return [short(value, 7) for value in edges.tolist()]


def time_scale(kept: float | None) -> float | None:
    r"""Return after how many steps 1/e of a state is left if each step keeps this share.

    $\tau = -1 / \ln(\text{kept})$; infinite if everything is kept, zero if nothing is.
    """
    if kept is None:
        return None
    if kept <= 0:
        return 0.0
    return math.inf if kept >= 1 else -1 / math.log(kept)


def short(value: float, digits: int = _DIGITS) -> float | None:
    """Return a number rounded to few digits, to be written; None if it is not finite."""
    return float(f"{value:.{digits}g}") if math.isfinite(value) else None


def heat(
    signals: Mapping[str, Floats], sequences: int, most_units: int, most_steps: int
) -> dict[str, NDArray[numpy.float16]]:
    """Return the values of some sequences for heat maps, ``sequences x time x units``."""
    return {
        name: numpy.ascontiguousarray(
            values[:most_steps, :sequences, :most_units].transpose(1, 0, 2)
        ).astype(numpy.float16)
        for name, values in signals.items()
    }


def plain_mask(mask: object) -> NDArray[numpy.bool_] | None:
    """Return a mask ``time x batch`` as an array; None if every step is valid."""
    if mask is None:
        return None
    valid = numpy.asarray(mask, bool)
    return None if valid.all() else valid


def probe_line(record: Mapping[str, object]) -> str:
    """Return a record as one line of JSON that ends with the CRC-32 of the bytes before it.

    Args:
        record: plain data without NaN; ``epoch`` is its first key.
    """
    text = json.dumps(record, separators=(",", ":"), allow_nan=False)
    return f'{text[:-1]},"crc":"{zlib.crc32(text.encode()):08x}"}}'


def whole_lines(data: bytes) -> tuple[dict[int, bytes], int]:
    """Return the intact lines by their epoch, and the number of damaged lines.

    If an epoch was recorded twice, the later line is returned. Lines are not parsed as JSON,
    because only a few lines of many runs are needed.

    Args:
        data: the file's content.
    """
    lines: dict[int, bytes] = {}
    lost = 0
    for raw in data.split(b"\n"):
        end, epoch = _END.search(raw), _EPOCH.match(raw)
        if end and epoch and int(end[1], 16) == zlib.crc32(raw[: end.start()] + b"}"):
            lines[int(epoch[1])] = raw
        elif raw.strip():
            lost += 1
    return lines, lost
