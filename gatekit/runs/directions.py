"""Whether smaller or larger is better, for metrics with a well-known name."""

from __future__ import annotations

import re
from typing import Literal, get_args

from gatekit.cell.errors import ConfigError, accepted, nearest
from gatekit.faults import OneOf, Place

Direction = Literal["min", "max"]

_SMALLER = """
bce bits bits_per_byte bits_per_character bpb bpc brier brier_score cer cross_entropy crps ece error
error_rate fid hamming_loss log_loss logloss loss mae mape mase mean_absolute_error
mean_squared_error mse negative_log_likelihood nll nrmse perplexity ppl rmse
root_mean_squared_error smape wer
"""
_LARGER = """
acc accuracy auc auprc auroc average_precision balanced_accuracy bleu chrf dice exact_match f1
f1_score iou jaccard kappa log_likelihood macro_f1 map mcc mean_average_precision micro_f1 mrr ndcg
most_active pearson pr_auc precision psnr r2 recall return reward roc_auc rouge sensitivity
spearman specificity ssim success_rate top_1_accuracy top_5_accuracy
"""
DIRECTIONS: dict[str, Direction] = {
    **dict.fromkeys(_SMALLER.split(), "min"),
    **dict.fromkeys(_LARGER.split(), "max"),
}
"""The directions of well-known metrics."""

_SPLIT = re.compile(r"^(train|training|val|valid|validation|dev|eval|test)_(?=.)")


def known_direction(metric: str) -> Direction | None:
    """Return the direction of a well-known metric, None if the name is not in the list.

    Case and a prefix such as ``val_`` or ``test_`` are ignored; hyphens, spaces, dots and slashes
    are read as underscores. So ``Val-Accuracy`` is ``accuracy``.
    """
    return DIRECTIONS.get(plain_name(metric))


def plain_name(metric: str) -> str:
    """Return a metric's name in lower case, with underscores, without the prefix of a split."""
    name = re.sub(r"[\s./-]+", "_", metric.strip().casefold())
    return _SPLIT.sub("", name)


def direction_of(metric: str, direction: str | None) -> Direction:
    """Return the direction of a metric.

    Args:
        metric: the metric's name.
        direction: ``min``, ``max``, or None for the direction of a well-known metric.

    Raises:
        ConfigError: the direction is not allowed, is missing for a metric that is not well known,
            or contradicts that of a well-known metric.
    """
    known = known_direction(metric)
    if direction is None:
        if known is None:
            raise ConfigError(
                f"metric={metric!r} is not well known, so direction='max' or 'min' is expected"
                f"{nearest(metric.casefold(), DIRECTIONS)}"
            )
        return known
    accepted(direction, OneOf(get_args(Direction)), Place(("direction",)), ConfigError)
    if known not in (None, direction):
        raise ConfigError(contradiction(metric, direction))
    return direction  # type: ignore[return-value]


def contradiction(metric: str, direction: str) -> str:
    """Return the error for a direction that contradicts a well-known metric."""
    better, stated = ("larger", "smaller") if direction == "min" else ("smaller", "larger")
    return (
        f"direction={direction!r} states that a {stated} {metric} is better, but for the "
        f"well-known metric {metric} a {better} value is better"
    )
