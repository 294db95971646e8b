"""Bad data are named before training."""

import re

import numpy
import pytest
from seams import DataWarning, check_batch, check_sample, check_splits

from gatekit import Batch, DataError, Metric, Signature, Task

NUMBERS = Signature(features=2, vocabulary=None, outputs=1, loss="mse")
EVERY = Signature(features=2, vocabulary=None, outputs=3, loss="bits", emission="every")
LABELS = Signature(features=2, vocabulary=None, outputs=4, loss="categorical")
TOKENS = Signature(features=None, vocabulary=5, outputs=5, loss="categorical", emission="every")
NAN = float("nan")


def drawn(*shape):
    return numpy.random.default_rng(3).random(shape, "float32")


def numbers(**change):
    return Batch(**{"x": drawn(4, 6, 2), "y": drawn(4, 1), **change})


def every(**change):
    return Batch(**{"x": drawn(4, 6, 2), "y": drawn(4, 6, 3).round(), **change})


def refuse(batch, signature, says):
    with pytest.raises(DataError, match=says):
        check_batch(batch, signature, "train")


class Given(Task):
    """A task that returns what a test gave it."""

    metric = Metric("mse", direction="min", unit="squared error")
    found = {}

    def signature(self):
        return NUMBERS

    def chance(self):
        return 0.0

    def data_hash(self):
        return "0"

    def splits(self, rng):
        return self.found


def returning(splits):
    return type("Given", (Given,), {"found": splits})()


def test_good_batches_pass_unchanged():
    for batch, signature in [
        (numbers(), NUMBERS),
        (every(mask=numpy.tri(4, 6, 2, bool)), EVERY),
        (numbers(y=numpy.arange(4, dtype="int32")), LABELS),
        (Batch(numpy.ones((4, 6), "int32"), numpy.ones((4, 6), "int32")), TOKENS),
    ]:
        checked = check_batch(batch, signature, "train")
        assert checked.x.dtype == ("int32" if signature is TOKENS else "float32")
        assert numpy.array_equal(checked.x, batch.x)
        assert numpy.array_equal(checked.y, batch.y)
        assert checked.mask is None or numpy.array_equal(checked.mask, batch.mask)


@pytest.mark.parametrize("bad", [NAN, numpy.inf, -numpy.inf])
def test_nan_in_input_is_named_with_row_step_and_column(bad):
    batch = numbers()
    batch.x[2, 5, 1] = bad
    refuse(
        batch, NUMBERS, r"x is -?(nan|inf) at row 2, step 5, column 1 .*a finite number is expected"
    )
    assert numpy.array_equal(
        check_batch(batch, NUMBERS, "train", allow_nan=True).x, batch.x, equal_nan=True
    )


def test_nan_in_target_is_refused_even_with_allow_nan():
    batch = numbers()
    batch.y[3, 0] = NAN
    with pytest.raises(DataError, match="y is nan at row 3, column 0"):
        check_batch(batch, NUMBERS, "train", allow_nan=True)


def test_nan_at_masked_steps_is_no_fault():
    mask = numpy.ones((4, 6), bool)
    mask[1, 2:] = False
    batch = every(mask=mask)
    batch.x[1, 2:] = batch.y[1, 2:] = NAN
    assert numpy.array_equal(check_batch(batch, EVERY, "train").mask, mask)


def test_a_masked_row_is_allowed_and_nothing_but_masked_rows_is_not():
    mask = numpy.ones((4, 6), bool)
    mask[1] = False
    assert not check_batch(every(mask=mask), EVERY, "train").mask[1].any()
    refuse(every(mask=numpy.zeros((4, 6), bool)), EVERY, "no valid step has a weight")
    refuse(every(weights=numpy.zeros((4, 6), "float32")), EVERY, "no valid step has a weight")


@pytest.mark.parametrize("shape", [(4, 0, 2), (0, 6, 2)], ids=["time", "batch"])
def test_empty_data_say_so(shape):
    refuse(Batch(drawn(*shape), drawn(shape[0], 1)), NUMBERS, r"x has shape \(.*not empty")


@pytest.mark.parametrize(
    "shape",
    [(4, 6, 0), (4, 6, 3), (4, 6), (4, 6, 2, 1)],
    ids=["no-feature", "width", "rank", "rank-4"],
)
def test_input_of_another_shape_is_refused(shape):
    refuse(numbers(x=drawn(*shape)), NUMBERS, r"x has shape \(.*\(4, 6, 2\) is expected")


def test_ragged_data_are_refused():
    rows = numpy.empty((2, 3), object)
    refuse(numbers(x=rows), NUMBERS, "x is of type object; float32 is expected")


@pytest.mark.parametrize("shape", [(4, 5), (4, 7), (3, 6), (4,)])
def test_mask_of_another_shape_is_refused(shape):
    refuse(
        numbers(mask=numpy.ones(shape, bool)),
        NUMBERS,
        r"mask has shape \(.*\(4, 6\) is expected",
    )


@pytest.mark.parametrize("dtype", ["float32", "int32"])
def test_mask_of_numbers_is_refused(dtype):
    refuse(
        numbers(mask=numpy.ones((4, 6), dtype)),
        NUMBERS,
        f"mask is of type {dtype}; bool is expected",
    )


def test_mask_with_a_hole_is_kept():
    mask = numpy.ones((4, 6), bool)
    mask[:, 2] = False
    assert numpy.array_equal(check_batch(numbers(mask=mask), NUMBERS, "train").mask, mask)


def test_integers_are_converted_with_a_note():
    x = numpy.arange(48).reshape(4, 6, 2)
    with pytest.warns(DataWarning, match="train: x is int64; converted to float32"):
        checked = check_batch(numbers(x=x), NUMBERS, "train")
    assert checked.x.dtype == "float32"
    assert numpy.array_equal(checked.x, x)


@pytest.mark.parametrize("dtype", [bool, "complex64", "U3", "M8[s]"])
def test_other_types_are_refused(dtype):
    refuse(
        numbers(x=drawn(4, 6, 2).round().astype(int).astype(dtype)), NUMBERS, "float32 is expected"
    )
    refuse(numbers(x=[[1.0]]), NUMBERS, "of type list; a NumPy array of float32 is expected")


@pytest.mark.parametrize("dtype", ["float16", "float64", "longdouble"])
def test_other_precisions_become_float32(dtype):
    checked = check_batch(numbers(x=drawn(4, 6, 2).astype(dtype)), NUMBERS, "train")
    assert checked.x.dtype == "float32"
    assert numpy.allclose(checked.x, drawn(4, 6, 2), atol=1e-3)


def test_what_float32_cannot_hold_is_refused():
    refuse(numbers(x=numpy.full((4, 6, 2), 1e300)), NUMBERS, "x is inf at row 0, step 0, column 0")


def test_one_example_or_one_target_is_noted():
    splits = {"validation": numbers(x=drawn(4, 6, 2) + 1), "test": numbers(x=drawn(4, 6, 2) + 2)}
    one = Batch(drawn(1, 6, 2), drawn(1, 1))
    with pytest.warns(DataWarning, match="Given train has only one example"):
        check_splits(returning({**splits, "train": one}), None)
    with pytest.warns(DataWarning, match="the same target for every example"):
        check_splits(returning({**splits, "train": numbers(y=numpy.ones((4, 1)))}), None)


@pytest.mark.parametrize("shape", [(4,), (4, 2), (3, 1), (4, 6, 1)])
def test_targets_of_another_width_are_refused(shape):
    refuse(numbers(y=drawn(*shape)), NUMBERS, r"y has shape \(.*\(4, 1\) is expected")


INTEGERS = numpy.zeros((4, 6), "int32")
SHAPES = {
    "tokens": (TOKENS, Batch(INTEGERS[:, :, None], INTEGERS), "x", (4, 6)),
    "no sequence": (NUMBERS, numbers(y=numpy.array(1.0)), "y", (4, 1)),
    "labels with width": (LABELS, numbers(y=INTEGERS[:, :1]), "y", (4,)),
    "one-hot labels": (LABELS, numbers(y=numpy.eye(4, dtype="int32")), "y", (4,)),
    "each sequence": (EVERY, every(y=drawn(4, 3)), "y", (4, 6, 3)),
    "resets": (EVERY, every(resets=numpy.ones((4, 5), bool)), "resets", (4, 6)),
}


@pytest.mark.parametrize("case", SHAPES)
def test_an_array_of_another_shape_is_refused(case):
    signature, batch, name, shape = SHAPES[case]
    refuse(batch, signature, rf"train: {name} has shape .*; {re.escape(str(shape))} is expected$")


def test_sequences_in_train_and_test_are_counted():
    train, validation = numbers(), numbers(x=drawn(4, 6, 2) + 1)
    mixed = numbers(x=numpy.concatenate([train.x[:3], validation.x[:1] + 1]))
    with pytest.warns(DataWarning, match="3 of 4 test sequences are also in train"):
        check_splits(returning({"train": train, "validation": validation, "test": mixed}), None)


def test_padding_does_not_hide_an_overlap():
    mask = numpy.ones((4, 6), bool)
    mask[:, 4:] = False
    train, test = numbers(mask=mask), numbers(mask=mask, x=drawn(4, 6, 2))
    test.x[:, 4:] = 9
    others = numbers(x=drawn(4, 6, 2) + 1)
    with pytest.warns(DataWarning, match="4 of 4 test"):
        check_splits(returning({"train": train, "validation": others, "test": test}), None)


@pytest.mark.parametrize(("value", "says"), [(4, "4 at row 2"), (-1, "-1 at row 2")])
def test_labels_outside_the_classes_are_named(value, says):
    y = numpy.array([0, 1, value, 3])
    refuse(numbers(y=y), LABELS, f"y is {says} .*a number from 0 to 3 is expected")


def test_tokens_outside_the_vocabulary_are_named():
    x = numpy.zeros((2, 3), "int64")
    x[1, 2] = 5
    refuse(Batch(x, numpy.zeros((2, 3), int)), TOKENS, "x is 5 at row 1, step 2 .* from 0 to 4 is")
    x[1, 2] = 2**40
    refuse(Batch(x, numpy.zeros((2, 3), int)), TOKENS, "integers that do not fit into int32")


def test_bits_outside_zero_to_one_are_named():
    batch = every()
    batch.y[0, 1, 2] = 1.5
    refuse(batch, EVERY, "y is 1.5 at row 0, step 1, column 2 .* from 0 to 1 is")


def test_weights_may_be_bool_and_free_a_target_from_being_finite():
    weights = numpy.ones((4, 6), bool)
    weights[0, 0] = False
    batch = every(weights=weights)
    batch.y[0, 0] = NAN
    assert check_batch(batch, EVERY, "train").weights.dtype == "float32"


@pytest.mark.parametrize(
    ("weights", "says"),
    [
        (numpy.ones((4, 5), "float32"), r"weights has shape \(4, 5\)"),
        (numpy.full((4, 6), -1.0), "weights is -1.0 .* from 0 is expected"),
        (numpy.full((4, 6), NAN), "weights is nan"),
        (numpy.ones((4, 6)), "row 1, step 2 is masked but has a weight"),
    ],
)
def test_bad_weights_are_refused(weights, says):
    mask = numpy.ones((4, 6), bool)
    mask[1, 2] = False
    refuse(every(weights=weights, mask=mask), EVERY, says)


def test_weights_need_a_target_for_every_step():
    refuse(numbers(weights=numpy.ones((4, 6))), NUMBERS, "emission='every'")


@pytest.mark.parametrize(
    ("found", "says"),
    [
        ({}, r"returned \(none\)"),
        ({"train": numbers(), "test": numbers()}, "returned test, train"),
        ([numbers()], "returned a list"),
        (
            {"train": 1, "validation": 2, "test": 3},
            "Given train is an integer; a gatekit.Batch is expected",
        ),
    ],
)
def test_splits_that_lack_something_are_refused(found, says):
    with pytest.raises(DataError, match=says):
        check_splits(returning(found), None)


def test_sample_of_another_size_is_refused():
    class Short(Given):
        def sample(self, rng, size):
            return numbers()

    assert len(check_sample(Short(), None, 4).x) == 4
    with pytest.raises(DataError, match="returned 4 sequences instead of 5") as caught:
        check_sample(Short(), None, 5)
    # first of all the line of the author's method, whatever the class inherits from gatekit
    assert re.match(r".*test_data_check\.py, line \d+: return numbers\(\): ", str(caught.value))


@pytest.mark.filterwarnings("ignore::gatekit.tasks.validate.DataWarning")
@pytest.mark.parametrize("name", ["test_256", "test_long_ago"])
def test_further_test_sets_are_checked_like_the_others(name):
    splits = {"train": numbers(), "validation": numbers(), "test": numbers()}
    found = check_splits(returning({**splits, name: numbers(x=drawn(4, 9, 2))}), None)
    assert list(found) == ["train", "validation", "test", name]
    with pytest.raises(DataError, match=f"Given {name}: x has shape"):
        check_splits(returning({**splits, name: numbers(x=drawn(4, 9))}), None)


@pytest.mark.parametrize("name", ["test_mse", "test_accuracy", "Test_9", "test-9", "tests", 7])
def test_a_further_test_set_has_a_name_that_no_column_has(name):
    splits = {"train": numbers(), "validation": numbers(), "test": numbers(), name: numbers()}
    with pytest.raises(DataError, match="of test_NAME for further test sets"):
        check_splits(returning(splits), None)
