"""``key=value`` arguments of ``gatekit show``."""

from __future__ import annotations

import pytest

from gatekit.cell.errors import ConfigError
from gatekit.cli.overrides import read_overrides, with_values


def test_every_kind_of_key() -> None:
    asked = read_overrides(
        [
            "cell=lstm",
            "units=8",
            "features=3",
            "output_unit=projection",
            "output_unit.units=4",
            "swap.forget=power_law",
            "swap.input={kind: sigmoid, reads: [x, forget * h_prev]}",
            "cell.gates.forget.eps=1.0e-2",
            "cell.equations.c=forget*c_prev + (1-forget)*candidate",
            "plugins=[a.py, b.py]",
        ]
    )
    assert (asked.cell, asked.units, asked.features) == ("lstm", 8, 3)
    assert asked.output_unit == "projection"
    assert asked.output_values == {"units": 4}
    assert asked.swap == {
        "forget": "power_law",
        "input": {"kind": "sigmoid", "reads": ["x", "forget * h_prev"]},
    }
    assert asked.cell_values == {
        "gates.forget.eps": 0.01,
        "equations.c": "forget*c_prev + (1-forget)*candidate",
    }
    assert asked.plugins == ["a.py", "b.py"]


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        ([], "type cell=NAME"),
        (["lstm"], "type for example cell=lstm"),
        (["cell=lstm", "untis=8"], "'untis'; did you mean 'units'?"),
        (["cell=lstm", "units=8", "units=9"], "units is given twice"),
        (["cell=lstm", "units=0"], "units=0: an integer from 1"),
        (["cell=lstm", "units=8.5"], "units=8.5: an integer from 1"),
        (["cell=lstm", "units=true"], "units=True: an integer from 1"),
        (["cell=lstm", "units='8'"], "units='8': an integer from 1"),
        (["cell=lstm", "units="], "units=None: an integer from 1"),
        (["cell="], "cell=None: a name is expected"),
        (["cell=3"], "cell=3: a name is expected"),
        (["cell=lstm", "plugins=3"], "a list of files"),
        (["cell=lstm", "swap.forget=&a [*a]"], "alias"),
        (["cell=lstm", "swap.forget=!!python/object/apply:os.system [ls]"], "not YAML"),
        (["cell=lstm", "swap.forget={kind: [}"], "not YAML"),
        (["cell=lstm", "swap.forget=" + "[" * 3000], "not YAML"),
        (["cell=lstm", "swap.forget=" + "a" * 5000], "at most 4,000"),
    ],
)
def test_refusals(arguments: list[str], told: str) -> None:
    with pytest.raises(ConfigError) as caught:
        read_overrides(arguments)
    assert told in str(caught.value)


def test_values_are_set_in_a_copy() -> None:
    config = {"gates": {"forget": {"kind": "forget"}}}
    changed = with_values(config, {"gates.forget.eps": 0.1, "dropout": 0.2}, "cell")
    assert changed == {"gates": {"forget": {"kind": "forget", "eps": 0.1}}, "dropout": 0.2}
    assert config == {"gates": {"forget": {"kind": "forget"}}}


def test_a_path_through_a_value_is_refused() -> None:
    with pytest.raises(ConfigError, match=r"cell\.name is 'lstm', which has no keys"):
        with_values({"name": "lstm"}, {"name.first": 1}, "cell")
