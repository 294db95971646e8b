"""The targets, what was measured, and whether each target is met."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from math import exp, log

from .contender import AFFINE
from .plan import CHUNK_SIZES, LONG, SHORT, SIZES
from .ratio import ratio
from .results import Race, Results, Timing

THREADS = 1
KERAS = ("keras", "keras-cell")
FLOORS = ("floor", "floor-torch")
COMPOSED = ("peephole", "ur_lstm", "on_lstm", "layer_norm_lstm", "mgu", "slstm")


@dataclass(frozen=True)
class Verdict:
    """A target and its outcome.

    Args:
        what: what is compared.
        must: the bound that must be met, in words.
        aim: the bound that is aimed at.
        measured: the number, with its spread or parts; empty where nothing was measured.
        outcome: ``aim met``, ``must met``, ``missed`` or ``not measured``.
    """

    what: str
    must: str
    aim: str
    measured: str
    outcome: str


@dataclass(frozen=True)
class _Bounds:
    """Bounds of a ratio: from below, or, where a ratio should be small, from above."""

    must: float
    aim: float | None
    at_most: bool = False

    def outcome(self, value: float | None) -> str:
        if value is None:
            return "not measured"
        if self.aim is not None and self.holds(value, self.aim):
            return "aim met"
        return "must met" if self.holds(value, self.must) else "missed"

    def holds(self, value: float, bound: float) -> bool:
        return value <= bound if self.at_most else value >= bound

    def text(self, bound: float | None) -> str:
        return "" if bound is None else f"{'at most ' * self.at_most}{bound:.4g}x"


def verdicts(results: Results, clock: str) -> list[Verdict]:
    """Return the verdict on every target that is a ratio.

    Args:
        results: what was measured; only races with one thread and the loss at the last step count.
        clock: ``wall`` or ``cpu``.
    """
    races = {(r.cell, r.size, r.what): r for r in results.find(threads=THREADS, every_step=False)}

    def of(cell: str, size: object, what: str = "train") -> Race | None:
        return races.get((cell, size, what))  # type: ignore[arg-type]

    return [
        *_torch(of, clock),
        *_composed(of, clock),
        *_jax(results, clock),
        *_floor(of, clock),
        *_bfloat16(of, clock),
        *_affine(of, clock),
        *_forward(of, clock),
        *_memory(of),
        *_chunks(of, clock),
    ]


Of = Callable[..., Race | None]

NATIVE = ("lstm", "gru", "gru_reset_after")
"""The cells that Keras has."""


def _pair(race: Race | None, clock: str, libraries: Sequence[str]) -> tuple[Timing, Timing] | None:
    """Return gatekit's best and the best of some libraries, None where one is missing."""
    own = race and race.best(clock, "gatekit")
    peer = race and race.best(clock, *libraries)
    return (own, peer) if own and peer else None


def _one(
    what: str, bounds: _Bounds, clock: str, pair: tuple[Timing, Timing] | None, turned: bool = False
) -> Verdict:
    """Return the verdict on one ratio, ``peer / own``, or ``own / peer`` where it is turned."""
    value, measured = None, ""
    if pair:
        own, peer = reversed(pair) if turned else pair
        found = ratio(own, peer, clock)
        value = found.median
        measured = f"{value:.2f}x ({found.low:.2f} to {found.high:.2f}), {pair[0]} and {pair[1]}"
    return Verdict(
        what, bounds.text(bounds.must), bounds.text(bounds.aim), measured, bounds.outcome(value)
    )


def _torch(of: Of, clock: str) -> Iterator[Verdict]:
    for size, must in zip(SHORT, (1 / 1.2, 1.0, 1.0), strict=True):
        pair = _pair(of("lstm", size), clock, ["torch"])
        yield _one(f"lstm against torch, {size.units}", _Bounds(must, 1.0), clock, pair)


def _several(
    what: str,
    must: tuple[float | None, float | None],
    aim: tuple[float | None, float | None],
    values: dict[str, float],
) -> Verdict:
    """Return the verdict on many ratios: bounds of their geometric mean, and of the lowest."""

    def text(bounds: tuple[float | None, float | None]) -> str:
        mean, low = bounds
        words = [f"mean {mean:.4g}x"] if mean is not None else []
        return ", ".join(words + ([f"each {low:.4g}x"] if low is not None else []))

    if not values:
        return Verdict(what, text(must), text(aim), "", "not measured")
    mean = exp(sum(log(value) for value in values.values()) / len(values))
    lowest = min(values, key=lambda name: values[name])

    def holds(bounds: tuple[float | None, float | None]) -> bool:
        found = (mean, values[lowest])
        return all(b is None or value >= b for b, value in zip(bounds, found, strict=True))

    outcome = "aim met" if holds(aim) else "must met" if holds(must) else "missed"
    measured = f"mean {mean:.2f}x of {len(values)}, lowest {values[lowest]:.2f}x ({lowest})"
    return Verdict(what, text(must), text(aim), measured, outcome)


def _ratios(
    of: Of, clock: str, cells: Sequence[str], libraries: Sequence[str], what: str = "train"
) -> dict[str, float]:
    found = {}
    for size in SHORT:
        for cell in cells:
            pair = _pair(of(cell, size, what), clock, libraries)
            if pair:
                found[f"{cell}, {size.units}"] = ratio(*pair, clock).median
    return found


def _composed(of: Of, clock: str) -> Iterator[Verdict]:
    values = _ratios(of, clock, NATIVE, ["keras"]) | _ratios(of, clock, COMPOSED, ["keras-cell"])
    yield _several("a training step against Keras", (1.12, 0.9), (1.2, 1.0), values)
    values = _ratios(of, clock, COMPOSED, ["torchrecurrent"])
    yield _several("composed cells against torchrecurrent", (3.0, None), (4.0, None), values)


def _jax(results: Results, clock: str) -> Iterator[Verdict]:
    values = {}
    for race in results.find(threads=THREADS, every_step=False, what="train"):
        pair = _pair(race, clock, ["jax"])
        if pair and race.cell in ("lstm", "gru") and race.size in SIZES:
            values[f"{race.cell}, {race.size}"] = ratio(*pair, clock).median
    yield _several("lstm and gru against jax, every size", (None, 1.0), (None, 1.3), values)


def _floor(of: Of, clock: str) -> Iterator[Verdict]:
    for size, bounds in zip(SHORT, ((1.75, 1.5), (1.4, 1.3), (1.25, 1.2)), strict=True):
        pair = _pair(of("lstm", size), clock, FLOORS)
        what = f"lstm over its matrix products, {size.units}"
        yield _one(what, _Bounds(*bounds, at_most=True), clock, pair, turned=True)


def _bfloat16(of: Of, clock: str) -> Iterator[Verdict]:
    race = of("lstm", SHORT[-1])
    own = race and race.of("gatekit", "bfloat16-graph")
    peer = race and race.best(clock, "gatekit")
    pair = (own, peer) if own and peer else None
    yield _one("mixed_bfloat16 over float32, lstm, 256", _Bounds(1.2, 1.5), clock, pair)


def _affine(of: Of, clock: str) -> Iterator[Verdict]:
    for cell in sorted(AFFINE):
        race = of(cell, LONG)
        own = race and race.of("gatekit", "graph")
        peer = race and race.of("gatekit", "reference-graph")
        pair = (own, peer) if own and peer else None
        what = f"{cell}, affine over reference, time {LONG.time}"
        yield _one(what, _Bounds(5, 10), clock, pair)


_CHUNKS = {
    "linear_attention": (4.5, 6.0),
    "retnet": (4.5, 6.0),
    **dict.fromkeys(("gla", "hgrn2", "mlstm"), (3.0, 4.0)),
    **dict.fromkeys(("delta_net", "gated_delta_net"), (3.0, 3.5)),
    **dict.fromkeys(("mamba2", "rwkv6"), (2.0, 3.0)),
}


def _chunks(of: Of, clock: str) -> Iterator[Verdict]:
    """Yield the targets of ``--chunks``, of the cells that were measured."""
    for cell, (must, aim) in _CHUNKS.items():
        race = of(cell, CHUNK_SIZES[0])
        own = race and race.fastest(clock, "gatekit", "chunk-graph", "chunk-xla")
        if not (race and own):
            continue
        loop = race.fastest(clock, "gatekit", "stacked-graph", "stacked-xla")
        if loop:
            what = f"{cell}, chunk against stacked, time {CHUNK_SIZES[0].time}"
            yield _one(what, _Bounds(must, aim), clock, (own, loop))
        hand = race.best(clock, "keras-chunk")
        if hand:
            what = f"{cell}, chunk against a chunkwise layer by hand"
            yield _one(what, _Bounds(0.9, 1.1), clock, (own, hand))
    for cell in _CHUNKS:
        long = of(cell, CHUNK_SIZES[2], "memory")
        for how in ("graph", "xla"):
            own, peer = (long and long.of("gatekit", f"{e}-{how}") for e in ("chunk", "stacked"))
            if own and peer:
                what = f"peak memory, {cell}, chunk-{how} over stacked, time {CHUNK_SIZES[2].time}"
                yield _peak(what, _Bounds(0.5, 0.25, at_most=True), own, peer)


def _forward(of: Of, clock: str) -> Iterator[Verdict]:
    values = _ratios(of, clock, NATIVE, ["keras"], "forward")
    yield _several("forward only, Keras' layers", (None, 1.0), (None, 1.3), values)
    values = _ratios(of, clock, COMPOSED, ["keras-cell"], "forward")
    yield _several("forward only, Keras cells", (None, 1.0), (None, 1.3), values)


def _memory(of: Of) -> Iterator[Verdict]:
    race = of("lstm", LONG, "memory")
    own, peer = (race.of(name, "xla") if race else None for name in ("gatekit", "keras"))
    bounds = _Bounds(0.7, None, at_most=True)
    yield _peak(f"memory above the libraries, xla, time {LONG.time}", bounds, own, peer, above=True)


def _peak(
    what: str, bounds: _Bounds, own: Timing | None, peer: Timing | None, above: bool = False
) -> Verdict:
    """Return the verdict on a ratio of peak memory, or of what is above the libraries' own."""
    value, measured = None, ""
    if own and peer:
        added = [(t.peak - t.base) / 2**20 for t in (own, peer)]
        value = added[0] / added[1] if above else own.peak / peer.peak
        measured = (
            f"{value:.2f}x: {own.peak / 2**20:.0f} of {peer.peak / 2**20:.0f} MiB; "
            f"of its own, without the libraries: {added[0]:.0f} of {added[1]:.0f} MiB"
        )
    return Verdict(
        what, bounds.text(bounds.must), bounds.text(bounds.aim), measured, bounds.outcome(value)
    )
