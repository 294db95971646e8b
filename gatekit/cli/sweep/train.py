"""``gatekit train``: its arguments use Hydra's grammar; `gatekit.study.command` reads them."""

from __future__ import annotations

from collections.abc import Sequence


def run(name: str, argv: Sequence[str]) -> int:
    """Train one model, or a sweep with ``-m``.

    Args:
        name: the command's name.
        argv: Hydra's overrides, including ``-m``.

    Returns:
        0, or 1 if a run failed.
    """
    from gatekit.study.command import train

    return train(list(argv))
