"""Other libraries that cells are held against: the group ``peers``, which CI installs."""

from __future__ import annotations

import importlib
import os
from typing import Any

import pytest

REASON = "needs the group peers: pip install --group peers"

# Which cells are compared with another library's, values and gradients in float64; the tests of
# each library say that these are all, and the pages of the zoo name them.
COMPARED = {
    "Keras": ("gru", "gru_reset_after", "lstm", "rnn"),
    "torch": ("lstm", "lstmp"),
    "torchrecurrent": (
        *("antisymmetric_rnn", "atr", "brc", "cfn", "cornn", "dsgu", "fast_grnn", "fast_rnn"),
        *("gated_antisymmetric_rnn", "ind_rnn", "intersection_rnn", "light_ru", "ligru_plain"),
        *(
            "memory_control_lstm",
            "mgu",
            "minimal_rnn",
            "miru1",
            "miru2",
            "multiplicative_lstm_tanh",
        ),
        *("mut1", "mut2", "mut3", "nas_additive", "nbrc", "original_lstm", "peephole", "ran"),
        *("res_lstm", "sgrn", "sgu", "star", "tgru", "tlstm", "trnn", "ugrnn"),
        *("unicornn", "wmc_lstm"),
    ),
    "ncps": ("cfc", "cfc_no_gate", "cfc_pure", "ltc"),
    "xlstm": ("mlstm", "slstm"),
    "flax": ("gru_reset_after", "lstm", "mgu_flax", "rnn"),
}


def library(module: str) -> Any:
    """Return a module of another library; without it the test is skipped, and fails in CI.

    Args:
        module: its full name.
    """
    if os.environ.get("CI", "").lower() in ("", "0", "false"):
        found = pytest.importorskip(module, reason=REASON)
    else:
        found = importlib.import_module(module)
    if module == "jax":
        # Compiling takes most of the time; what is compiled computes the same, only slower.
        found.config.update("jax_disable_most_optimizations", True)
    return found
