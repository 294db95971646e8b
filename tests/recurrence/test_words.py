"""Mistakes in a call are answered in its words, and attributes that are not there yet are not."""

from __future__ import annotations

import numpy as np
import pytest
from refused import at

from gatekit import RNN, GatekitError

X = np.zeros((2, 5, 3), "float32")


@pytest.mark.parametrize("name", ["cell", "named_weights", "choice"])
def test_an_attribute_that_is_not_there_yet_is_no_attribute(name: str) -> None:
    made = RNN("lstm", 4)
    assert not hasattr(made, name)
    assert getattr(made, name, None) is None
    with pytest.raises(GatekitError, match="is not built yet"):
        getattr(made, name)


def test_an_unknown_weight_is_answered_with_the_nearest() -> None:
    made = RNN("lstm", 4)
    made.build(X.shape)
    with pytest.raises(KeyError, match="there is no weight"):
        made.named_weights["forget.X"]
    assert "forget.kernel" not in made.named_weights


def test_weights_by_name_are_changed_in_place() -> None:
    layer = RNN("lstm", 4)
    layer.build((None, None, 3))
    with pytest.raises(GatekitError, match="cannot be replaced"):
        layer.named_weights["forget.bias"] = 7.0
    with pytest.raises(KeyError, match=r"forget\.kernel"):
        layer.named_weights["forget.kernel"] = 7.0


def test_a_model_that_is_loaded_without_its_plugin_is_refused() -> None:
    made = RNN("lstm", 4).get_config()
    made["cell"]["gates"]["forget"]["kind"] = "mine"
    with pytest.raises(
        GatekitError,
        check=at("cell.gates.forget.kind", names=("'mine'",)),
    ):
        RNN.from_config(made)
    with pytest.raises(GatekitError, check=at("sizes")):
        RNN.from_config({"cell": "lstm", "units": 4, "sizes": 3})
    with pytest.raises(GatekitError, match="units"):
        RNN.from_config({"cell": "lstm", "units": -1})
