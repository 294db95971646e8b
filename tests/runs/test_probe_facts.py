"""Numbers that a probe makes of values, on arrays whose numbers are known."""

import math

import numpy
import pytest
from seams import gate_facts, gradient_facts, heat, kept_facts, plain_mask, shown_steps, time_scale


def gate(rows, mask=None, bounds=(0.0, 1.0)):
    """Facts of one unit, given a list of values for each sequence."""
    values = numpy.array(rows, "float32").T[:, :, None]
    return gate_facts(values, None if mask is None else numpy.array(mask, bool).T, bounds)


def test_saturation_and_open_time():
    facts = gate([[0.05, 0.95, 0.95, 0.5, 0.6, 0.2]])
    assert facts["low"] == pytest.approx(1 / 6, abs=1e-4)
    assert facts["high"] == pytest.approx(2 / 6, abs=1e-4)
    assert facts["open"] == 0.5
    # open for two steps, then for one
    assert facts["open_time"] == 1.5
    assert facts["mean"] == pytest.approx(0.5417)
    assert sum(facts["histogram"]) == pytest.approx(1, abs=1e-3)
    assert facts["range"] == [0, 1]


def test_masked_steps_count_nowhere():
    plain = gate([[0.95, 0.95, 0.05]])
    hole = gate([[0.95, 0.5, 0.95, 0.05, 0.5]], [[1, 0, 1, 1, 0]])
    assert hole == plain
    assert plain["open_time"] == 2


def test_the_range_of_tanh_is_twice_as_wide():
    facts = gate([[-0.85, -0.75, 0.75, 0.85]], bounds=(-1.0, 1.0))
    assert (facts["low"], facts["high"], facts["range"]) == (0.25, 0.25, [-1, 1])
    assert facts["open"] is facts["open_time"] is None


def test_without_bounds_there_is_no_saturation():
    facts = gate([[-3.0, 5.0]], bounds=(-math.inf, math.inf))
    assert facts["low"] is facts["high"] is facts["open"] is facts["open_time"] is None
    assert facts["range"] == [-3, 5]
    assert facts["mean"] == 1


def test_a_gate_that_does_not_tell_is_taken_for_a_share_where_it_looks_like_one():
    assert gate([[0.05, 0.95]], bounds=None)["low"] == 0.5
    assert gate([[0.05, 1.95]], bounds=None)["low"] is None


@pytest.mark.parametrize("value", [math.nan, math.inf])
def test_what_is_not_finite_is_left_out(value):
    assert gate([[0.2, value, 0.4]])["mean"] == pytest.approx(0.3)
    assert gate([[value]])["histogram"] is None


def test_a_constant_gate_has_a_histogram():
    facts = gate([[2.0, 2.0]], bounds=(-math.inf, math.inf))
    assert max(facts["histogram"]) == 1


def test_gradients_over_time():
    squares = numpy.array([[9.0, 16.0], [1.0, 99.0], [7.0, 7.0]])
    mask = numpy.array([[1, 1], [1, 0], [0, 0]], bool)
    assert gradient_facts(squares, mask) == {"steps": 3, "norms": [5, 1, None]}
    many = gradient_facts(numpy.ones((200, 1)), None)
    assert many["steps"] == 200
    assert len(many["norms"]) == 64
    assert shown_steps(200)[0] == 0
    assert shown_steps(200)[-1] == 199
    assert shown_steps(3) == [0, 1, 2]


def constant(value, units=4):
    return numpy.full((5, 2, units), value), False


def test_what_is_kept_and_for_how_long():
    (kept,) = kept_facts({("c", "c"): constant(0.9)}, None, {}).values()
    assert kept[0] == kept[-1] == 0.9
    assert time_scale(kept[0]) == pytest.approx(-1 / math.log(0.9))
    assert time_scale(1.0) == math.inf
    assert time_scale(0.0) == time_scale(-0.5) == 0
    assert time_scale(None) is None


def test_zoneout_keeps_more():
    (kept,) = kept_facts({("c", "c"): constant(0.5)}, None, {"c": 0.2}).values()
    assert kept[0] == pytest.approx(0.2 + 0.8 * 0.5)


def test_units_are_told_apart_from_least_to_most():
    shares = numpy.broadcast_to(numpy.array([0.9, 0.1, 0.5]), (4, 2, 3))
    (kept,) = kept_facts({("c", "c"): (shares, False)}, None, {}).values()
    assert (kept[0], kept[16], kept[32]) == (0.1, 0.5, 0.9)


def test_only_valid_steps_are_averaged():
    shares = numpy.array([0.5, 0.9])[:, None, None]
    mask = numpy.array([[1], [0]], bool)
    assert kept_facts({("c", "c"): (shares, False)}, mask, {})["c"][0] == 0.5
    assert kept_facts({("c", "c"): (shares, False)}, ~mask & mask, {})["c"][0] == 0


def test_a_rotation_keeps_its_modulus():
    turn, size = 1.1, 0.8
    shares = {
        ("re", "re"): constant(size * math.cos(turn)),
        ("re", "im"): constant(-size * math.sin(turn)),
        ("im", "re"): constant(size * math.sin(turn)),
        ("im", "im"): constant(size * math.cos(turn)),
    }
    found = kept_facts(shares, None, {})
    assert found["re"][0] == pytest.approx(0.8)
    assert found["im"][-1] == pytest.approx(0.8)


def test_one_way_is_no_feedback():
    found = kept_facts({("h", "c"): constant(0.3), ("c", "c"): constant(0.7)}, None, {})
    assert set(found) == {"c"}
    assert found["c"][0] == 0.7


def test_states_whose_units_mix_have_no_share():
    assert kept_facts({("S", "S"): (constant(0.3)[0], True)}, None, {}) == {"S": None}


def test_masks_and_heat():
    assert plain_mask(None) is None
    assert plain_mask(numpy.ones((3, 2), bool)) is None
    assert plain_mask(numpy.eye(2)).tolist() == [[True, False], [False, True]]
    shown = heat({"forget": numpy.zeros((9, 4, 7))}, 3, 5, 6)["forget"]
    assert shown.shape == (3, 6, 5)
    assert shown.dtype == numpy.float16
