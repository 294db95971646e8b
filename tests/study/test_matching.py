"""Equal budgets: the nearest count that a cell can have, judged and recorded."""

import os

import pytest
from refused import at
from seams import components, matching, plan, preview
from seams import sweep_plan as plan_command

from gatekit import ConfigError, GatekitError

pytestmark = pytest.mark.usefixtures("place")


def planned(*argv):
    return plan(["task=sum", *argv]).runs


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
    with pytest.raises(ConfigError, match=r"closest .*match=parameters:"):
        planned("cell=lstm", "match=parameters:90")


@pytest.mark.one_in(2, slow=1)
@pytest.mark.parametrize(
    "words",
    [
        ["cell=lstm"],
        ["cell=gru", "layers=2", "bidirectional=true", "output_unit=projection"],
        ["task=odd", "cell=rnn", "head_bias=false"],
        ["cell=gru", "block=mamba"],
        ["task=odd", "cell=gru", "block=mamba", "bidirectional=true"],
    ],
)
@pytest.mark.usefixtures("float32")
def test_a_total_is_that_of_the_model(words):
    from seams import build_model, parameter_counts

    (run,) = planned(*words, "match=total:200k")
    signature = components.load().task(run.config["task"]).signature()
    model = build_model({**run.config, "seed": 0}, signature, masked=False)
    assert run.config["match"]["reached"] == parameter_counts(model)["total"]
    assert run.sizes.keys() == {"parameters", "state", "flops"}


def test_a_total_needs_a_head_of_known_size():
    with pytest.raises(ConfigError, match=r"match=parameters:50k, .*pool=mean"):
        planned("match=total:50k", "pool=all")


# The counts of one layer of n units that reads the 2 numbers of ``task=sum``, written out by hand:
# parameters, numbers of state, FLOPs of a step. Linear attention has 4 heads of n / 4 units.
BY_HAND = {
    "rnn": lambda n: (n * n + 2 * n + n, n, 2 * n * n + 4 * n + 2 * n + n),
    "lstm": lambda n: (
        4 * (n * n + 2 * n + n),
        2 * n,
        # products; two sums and a function in each gate; f c + i g, o tanh(c)
        4 * (2 * n * n + 4 * n) + 4 * (2 * n + n) + 3 * n + 2 * n,
    ),
    "gru": lambda n: (
        3 * (n * n + 2 * n + n),
        n,
        # as in the LSTM; reset h; u h + (1 - u) candidate
        3 * (2 * n * n + 4 * n) + 3 * (2 * n + n) + n + 4 * n,
    ),
    "mingru": lambda n: (
        2 * (2 * n + n),
        n,
        # a product and a bias twice; sigmoid; where(x < 0, sigmoid(x), x + 1/2); the mixture
        2 * (4 * n + n) + n + 4 * n + 4 * n,
    ),
    "linear_attention": lambda n: (
        3 * 2 * n,
        n * (n // 4) + n,
        # query, key, value; elu and 1 twice; S + outer(k, v), z + k; q S, q z; eps and the quotient
        3 * 4 * n + 4 * n + 2 * n * (n // 4) + n + 2 * n * (n // 4) + 2 * n + 4 + n,
    ),
}


@pytest.mark.one_in(3)
@pytest.mark.parametrize("name", BY_HAND)
def test_budgets_are_met_by_counts_made_by_hand(name):
    counted = BY_HAND[name]
    (run,) = planned(f"cell={name}", "units=24")
    assert tuple(run.sizes.values()) == counted(24)
    two = ("layers=1", "bidirectional=true")
    assert planned(f"cell={name}", "units=24", *two)[0].sizes["state"] == 2 * counted(24)[1]
    for place, asked in enumerate(("parameters:20k", "state:288", "flops:0.1M")):
        (run,) = planned(f"cell={name}", f"match={asked}")
        record = run.config["match"]
        allowed = range(4 if name == "linear_attention" else 1, 6000)
        steps = [n for n in allowed if name != "linear_attention" or n % 4 == 0]
        best = min(steps, key=lambda n: abs(counted(n)[place] - record["target"]))
        assert run.config["units"] == best
        assert (record["to"], record["reached"]) == (asked, counted(best)[place])


def test_a_state_that_grows_in_steps_is_refused_with_the_nearest():
    with pytest.raises(ConfigError, match=r"224 .*units=28.*match=state:224"):
        planned("cell=linear_attention", "match=state:250")


def test_a_plan_shows_the_units_and_what_was_equalised(capsys):
    made = plan(["task=sum", "-m", "cell=lstm,linear_attention", "match=state:80"])
    shown = preview(made, [], try_out=False)
    lstm, linear = shown.trials
    assert (lstm.units, lstm.state, lstm.flops) == (40, *BY_HAND["lstm"](40)[1:])
    assert (linear.units, linear.state, linear.match["reached"]) == (16, 80, 80)
    plan_command._text(shown)
    table = capsys.readouterr().out.splitlines()
    assert table[0].split()[:6] == ["to", "run", "units", "recurrent", "parameters", "state"]
    assert [line.split()[1:4:2] for line in table[2:4]] == [["40", "80"], ["16", "80"]]


@pytest.mark.parametrize(
    ("text", "typed"),
    [
        ("parameters:x", "parameters:50k"),
        ("parameters:0", "parameters:50k"),
        ("state:-1", "state:50k"),
        ("flops:", "flops:50k"),
        ("cell:", "cell:lstm"),
        ("lstm", "cell:lstm"),
        ("lstmm", "cell:lstm"),
        ("params:9k", "parameters:9k"),
        ("5k", "parameters:5k"),
        ("parameters:5g", "parameters:50k"),
        ("total:", "total:50k"),
    ],
)
def test_what_can_be_typed(text, typed):
    with pytest.raises(ConfigError, match=rf" match={typed}\."):
        planned(f"match={text}")


def test_an_unknown_cell_is_named():
    with pytest.raises(GatekitError, check=at("cell")):
        planned("match=cell:lstmm")


def test_a_budget_that_no_machine_holds_is_refused_with_what_to_do(monkeypatch):
    remedy = r"a smaller budget, or a cell whose state is a matrix, such as cell=gla\.$"
    with pytest.raises(ConfigError, match=rf"no size up to 32,768 units.*{remedy}"):
        planned("cell=gru", "match=state:64k")
    # sixteen MiB in all
    monkeypatch.setattr(os, "sysconf", lambda name: 4096)
    with pytest.raises(ConfigError, match=rf"units=4000 leads to .* GiB\. Choose {remedy}"):
        planned("cell=lstm", "match=state:8k")
    with pytest.raises(ConfigError, match=r"GiB\. Choose a smaller budget\.$"):
        planned("cell=lstm", "match=parameters:2M")


def test_units_and_a_number_of_parameters_contradict_each_other():
    for asked in ("parameters:50k", "state:8k", "flops:1M"):
        with pytest.raises(ConfigError, match=f"match={asked} .*units=9"):
            planned("units=9", f"match={asked}")


def count_in_steps(units):
    """Return the count of a cell that fits multiples of 8 only, and halves some width."""
    return None if units % 8 else units * (units // 2) + 3 * units


@pytest.mark.parametrize("target", [40, 500, 4_000, 50_000, 3_000_000])
def test_the_search_agrees_with_trying_every_size(target):
    sizes = [u for u in range(1, 4000) if count_in_steps(u) is not None]
    best = min(sizes, key=lambda u: (abs(count_in_steps(u) - target), u))
    assert matching._nearest(target, count_in_steps, "x") == (best, count_in_steps(best))


def test_of_two_sizes_that_are_as_near_the_smaller_is_taken():
    assert matching._nearest(45, lambda size: 10 * size, "45") == (4, 40)
    assert matching._nearest(46, lambda size: 10 * size, "46") == (5, 50)
