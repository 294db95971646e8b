"""``trainer.accumulate``: several batches for one update are one batch as large as all of them."""

import numpy
import pytest
from refused import at
from seams import plan
from short import trained

from gatekit import ConfigError

pytestmark = pytest.mark.usefixtures("float32")

WORDS = ["cell=rnn", "units=3", "precision=float64", "trainer.epochs=2", "jit=false"]


@pytest.mark.parametrize(
    "words",
    [
        ["task=echo", "optimizer.ema=0.9"],
        pytest.param(["task=echo", "optimizer=adamw"], marks=pytest.mark.slow),
        pytest.param(["task=echo", "optimizer.clipnorm=0.05"], marks=pytest.mark.slow),
        pytest.param(["task=echo", "jit=true"], marks=pytest.mark.slow),
        pytest.param(["task=echo", "trainer.mean=sequences"], marks=pytest.mark.slow),
    ],
)
def test_the_numbers_are_those_of_one_large_batch(place, words):
    # 21 sequences: the last batch of an epoch is not full.
    parts, counted = trained(place / "a", *WORDS, *words, "trainer.batch=2", "trainer.accumulate=3")
    whole, expected = trained(place / "b", *WORDS, *words, "trainer.batch=6")
    assert parts.keys() == whole.keys()
    for name, values in whole.items():
        numpy.testing.assert_allclose(parts[name], values, rtol=1e-9, atol=1e-11, err_msg=name)
    numpy.testing.assert_allclose(counted, expected, rtol=1e-9)


def test_one_batch_a_step_is_the_default_and_is_not_recorded(place):
    plain, one, three = (
        plan([*WORDS, "task=sum", f"trainer.accumulate={count}"]).runs[0]
        if count
        else plan([*WORDS, "task=sum"]).runs[0]
        for count in (0, 1, 3)
    )
    assert plain.fingerprint == one.fingerprint != three.fingerprint
    with pytest.raises(ConfigError, check=at("trainer.tbptt")):
        plan([*WORDS, "task=sum", "trainer.accumulate=3", "trainer.tbptt=2"])


def test_tokens_are_refused(place):
    with pytest.raises(ConfigError, match=r"trainer.accumulate=.*tokens"):
        trained(place, *WORDS, "task=odd", "trainer.batch=2", "trainer.accumulate=3")
