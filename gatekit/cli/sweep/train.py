"""``gatekit train``: what follows is Hydra's grammar, read by `gatekit.study.command`."""

from __future__ import annotations

from collections.abc import Sequence


def run(name: str, argv: Sequence[str]) -> int:
    """Train one model, or a sweep with ``-m``.

    Args:
        name: the command's name.
        argv: Hydra's overrides, ``-m`` among them.

    Returns:
        0, or 1 where a run failed.
    """
    from gatekit.study.command import train

    return train(list(argv))
