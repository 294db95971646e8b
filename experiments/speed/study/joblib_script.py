"""One run of the Keras script, swept by Hydra with its joblib launcher, two runs at a time."""

from __future__ import annotations

import sys
from typing import Any

import hydra
from hydra.core.config_store import ConfigStore

DEFAULTS = {"cell": "lstm", "seed": 0, "steps": 400, "jit": False}
ConfigStore.instance().store("run", DEFAULTS)


@hydra.main(version_base=None, config_name="run")
def main(config: Any) -> None:
    """Train one run."""
    from .keras_script import train

    score = train(config.cell, config.seed, config.steps, config.jit)
    sys.stdout.write(f"{config.cell} {config.seed} {score:.4g}\n")


if __name__ == "__main__":
    main()
