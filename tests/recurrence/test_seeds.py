"""One seed in several layers of a model: they draw unlike weights, the same ones each time."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import keras
import numpy as np
import pytest
from refused import at
from seams import seed_of

from gatekit import RNN, Cell, ConfigError

from .layers import FEATURES

Layers = list[Any]


def _rnn(**options: Any) -> RNN:
    return RNN("lstm", FEATURES, seed=1, return_sequences=True, **options)


def _sequential() -> Layers:
    layers = [_rnn(), _rnn(), _rnn()]
    keras.Sequential([keras.Input((None, FEATURES)), *layers])
    return layers


def _built_late() -> Layers:
    layers = [_rnn(), _rnn()]
    keras.Sequential(layers)(np.zeros((1, 2, FEATURES), "float32"))
    return layers


def _stacked() -> Layers:
    first, second = _rnn(), _rnn()
    second(first(keras.Input((None, FEATURES))))
    return [first, second]


def _side_by_side() -> Layers:
    given, layers = keras.Input((None, FEATURES)), [_rnn(), _rnn()]
    keras.layers.Add()([made(given) for made in layers])
    return layers


def _bidirectional() -> Layers:
    both = keras.layers.Bidirectional(_rnn())
    both.build((None, None, FEATURES))
    return [both.forward_layer, both.backward_layer]


def _given_backward() -> Layers:
    both = keras.layers.Bidirectional(_rnn(), backward_layer=_rnn(go_backwards=True))
    both.build((None, None, FEATURES))
    return [both.forward_layer, both.backward_layer]


def _bidirectional_stack() -> Layers:
    stack = [keras.layers.Bidirectional(_rnn(), merge_mode="sum") for _ in range(2)]
    keras.Sequential([keras.Input((None, FEATURES)), *stack])
    return [one for both in stack for one in (both.forward_layer, both.backward_layer)]


class _Model(keras.Model):
    """A model that is no graph."""

    def __init__(self) -> None:
        super().__init__()
        self.one, self.other = _rnn(), _rnn()

    def call(self, x: Any) -> Any:
        """Return the output of both layers, one after the other."""
        return self.other(self.one(x))


def _subclassed() -> Layers:
    model = _Model()
    model(np.zeros((1, 2, FEATURES), "float32"))
    return [model.one, model.other]


def _cells() -> Layers:
    cells = [Cell("lstm", FEATURES, seed=1) for _ in range(2)]
    keras.layers.RNN(cells).build((None, None, FEATURES))
    return cells


MODELS = [
    _sequential,
    _built_late,
    _stacked,
    _side_by_side,
    _bidirectional,
    _given_backward,
    _bidirectional_stack,
    _subclassed,
    _cells,
]


@pytest.mark.parametrize("model", MODELS, ids=lambda m: m.__name__.strip("_"))
@pytest.mark.one_in(3)
def test_layers_of_a_model_with_one_seed_draw_unlike_weights(model: Callable[[], Layers]) -> None:
    alone = _rnn()
    alone.build((None, None, FEATURES))
    layers = model()
    drawn = [made.named_weights["forget.h_prev"].numpy() for made in layers]
    np.testing.assert_array_equal(drawn[0], alone.named_weights["forget.h_prev"])
    for i, one in enumerate(drawn):
        assert not any(np.allclose(one, other) for other in drawn[i + 1 :])
    noise = [tuple(np.asarray(made._next_seed())) for made in layers]
    assert len(set(noise)) == len(noise)
    # Neither names nor other models of the process change what is drawn.
    for made, before in zip(model(), drawn, strict=True):
        np.testing.assert_array_equal(made.named_weights["forget.h_prev"], before)


def test_layers_that_share_no_model_draw_the_same() -> None:
    one, other = _sequential(), _sequential()
    for a, b in zip(one, other, strict=True):
        for name, variable in a.named_weights.items():
            np.testing.assert_array_equal(variable, b.named_weights[name])


def test_seeds_of_their_own_are_used_as_they_are() -> None:
    alone = RNN("lstm", FEATURES, seed=2)
    alone.build((None, None, FEATURES))
    second = RNN("lstm", FEATURES, seed=2)
    keras.Sequential([keras.Input((None, FEATURES)), _rnn(), second])
    for name, variable in alone.named_weights.items():
        np.testing.assert_array_equal(second.named_weights[name], variable)


def test_the_seed_of_a_later_twin_is_the_same_on_every_machine_and_version() -> None:
    assert [seed_of(1, earlier) for earlier in range(3)] == [1, 130719378, 935927020]


@pytest.mark.parametrize("seed", [-1, True, 1.5, "1"])
def test_a_seed_is_an_integer_from_zero(seed: Any) -> None:
    with pytest.raises(ConfigError, check=at("seed")):
        RNN("lstm", FEATURES, seed=seed)


def test_without_a_seed_each_layer_draws_one() -> None:
    first, second = RNN("lstm", FEATURES), RNN("lstm", FEATURES)
    assert first.seed is second.seed is None
    assert first._seed_within(RNN) == first._seed_within(RNN) != second._seed_within(RNN)
    assert 1 <= first._seed_within(RNN) <= 10**9
    assert RNN("lstm", FEATURES, seed=0)._seed_within(RNN) == 0
    assert RNN("lstm", FEATURES, seed=np.int64(3)).seed == 3
