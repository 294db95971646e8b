"""The power law LSTM of the paper: :func:`reference.power_law.step_coupled` as a cell of its own.

Reference: Chien et al. 2021, "Slower is better", arXiv 2105.05944.
"""

from __future__ import annotations

from .power_law import CASES as POWER_LAW

CASES = {"power_law_lstm": POWER_LAW["power_law_coupled"]._replace(cell="", config={})}
