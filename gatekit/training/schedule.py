"""The learning rate over the steps of a run, as a few numbers, without TensorFlow."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any

from gatekit.cell.errors import ConfigError

FINAL = ("cosine", "linear", "wsd")
"""The schedules that end at a share of the rate, which `optimizer.final` sets."""

DEFAULTS: dict[str, Any] = {"warmup": 0, "final": 0.0, "decay": 0.1, "wait": 3, "factor": 0.1}
"""The keys of a schedule that a configuration omits if they have these values."""


@dataclass(frozen=True)
class Schedule:
    r"""The learning rate $\eta_t$ before update $t$, from 0 to ``steps`` - 1.

    $\eta_t = \eta\,(t+1)/W$ while $t < W$, then $\eta$ until the decay begins, then the decay.

    Attributes:
        kind: ``constant``, ``cosine``, ``linear``, ``step``, ``wsd`` or ``plateau``, whose rate the
            trainer lowers.
        peak: the largest rate.
        steps: updates of the run.
        warmup: updates of the warm-up.
        decay_from: the update at which the decay begins.
        final: the rate that the decay reaches after the last update; None for ``plateau``.
    """

    kind: str
    peak: float
    steps: int
    warmup: int
    decay_from: int
    final: float | None


def schedule(config: Mapping[str, Any], steps: int) -> Schedule:
    """Return the schedule of a run.

    Args:
        config: the keys of ``optimizer``.
        steps: updates of the run.

    Raises:
        ConfigError: warm-up and decay do not fit into the steps.
    """
    kind, peak = config["schedule"], config["learning_rate"]
    warmup, final, decay, *_ = (config.get(key, value) for key, value in DEFAULTS.items())
    rise = _steps(warmup, steps)
    if rise >= steps:
        raise ConfigError(
            f"optimizer.warmup={warmup}: the warm-up would last {rise} of the run's {steps} steps"
        )
    begins = rise
    if kind == "wsd":
        fall = _steps(decay, steps)
        begins = steps - fall
        if begins < rise:
            raise ConfigError(
                f"optimizer.warmup={warmup} and optimizer.decay={decay}: {rise} steps of warm-up "
                f"and {fall} of decay are more than the run's {steps} steps"
            )
    ends = {"constant": peak, "plateau": None, "step": peak / 100}.get(kind, peak * final)
    begins = steps if kind in ("constant", "plateau") else begins
    return Schedule(kind, peak, steps, rise, begins, ends)


def typed(config: Mapping[str, Any], steps: int) -> dict[str, Any]:
    """Return the numbers of a schedule as plain data; empty if the rate is constant throughout."""
    constant = config["schedule"] == "constant" and not config.get("warmup")
    return {} if constant else asdict(schedule(config, steps))


def _steps(amount: float, steps: int) -> int:
    """Return an amount in steps; below 1, it is a share of all steps, and at least one step."""
    return max(1, round(amount * steps)) if 0 < amount < 1 else int(amount)
