"""Equal budgets: the nearest count that a cell can have, judged and recorded."""

import pytest

from gatekit.cell.errors import ConfigError
from gatekit.study import budget
from gatekit.study.command import compose
from gatekit.study.plan import plan

pytestmark = pytest.mark.usefixtures("place")


def planned(*argv):
    return plan(compose(["task=sum", *argv])).runs


def test_the_nearest_count_is_taken_and_recorded():
    for run in planned("-m", "cell=lstm,gru,rnn", "match=parameters:50k"):
        record = run.config["match"]
        assert record["to"] == "parameters:50k"
        assert record["target"] == 50_000
        assert record["reached"] == run.parameters
        for units in (run.config["units"] - 1, run.config["units"] + 1):
            name = run.config["cell"]["name"]
            (other,) = planned(f"cell={name}", f"units={units}")
            assert abs(other.parameters - 50_000) >= abs(run.parameters - 50_000)


def test_another_cells_budget_at_the_same_units():
    (lstm,) = planned("cell=lstm", "units=32")
    (gru,) = planned("cell=gru", "units=32", "match=cell:lstm")
    assert gru.config["match"]["target"] == lstm.parameters
    assert gru.config["units"] > 32
    assert abs(gru.parameters - lstm.parameters) / lstm.parameters < 0.02
    (same,) = planned("cell=lstm", "units=32", "match=cell:lstm")
    assert same.fingerprint == lstm.fingerprint
    assert same.config["units"] == 32


def test_the_fingerprint_holds_the_units_and_not_how_they_were_found():
    (run,) = planned("cell=gru", "match=parameters:10k")
    (typed,) = planned("cell=gru", f"units={run.config['units']}")
    assert run.fingerprint == typed.fingerprint


def test_layers_directions_and_swaps_count():
    words = ("layers=2", "bidirectional=true", "swap.forget=power_law", "match=parameters:40k")
    (run,) = planned("cell=lstm", *words)
    assert abs(run.parameters - 40_000) < 800


def test_sizes_that_must_divide_are_respected():
    (run,) = planned("cell=on_lstm", "match=parameters:50k")
    (exact,) = planned("cell=on_lstm", f"units={run.config['units']}")
    assert exact.parameters == run.parameters


def test_a_step_wider_than_two_percent_is_refused_with_what_to_type():
    with pytest.raises(ConfigError, match=r"nearest that lstm reaches .* match=parameters:"):
        planned("cell=lstm", "match=parameters:90")


@pytest.mark.parametrize("text", ["parameters:x", "parameters:0", "cell:", "lstm", "parameters:5g"])
def test_what_can_be_typed(text):
    with pytest.raises(ConfigError, match=r"type match=parameters:50k"):
        planned(f"match={text}")


def test_an_unknown_cell_is_named():
    with pytest.raises(Exception, match="did you mean 'lstm'"):
        planned("match=cell:lstmm")


def test_units_and_a_number_of_parameters_contradict_each_other():
    with pytest.raises(ConfigError, match="remove units=9"):
        planned("units=9", "match=parameters:50k")


def count_in_steps(units):
    """Return the count of a cell that fits multiples of 8 only, and halves some width."""
    return None if units % 8 else units * (units // 2) + 3 * units


@pytest.mark.parametrize("target", [40, 500, 4_000, 50_000, 3_000_000])
def test_the_search_agrees_with_trying_every_size(target):
    sizes = [u for u in range(1, 4000) if count_in_steps(u) is not None]
    best = min(sizes, key=lambda u: (abs(count_in_steps(u) - target), u))
    assert budget._nearest(target, count_in_steps, "x") == (best, count_in_steps(best))
