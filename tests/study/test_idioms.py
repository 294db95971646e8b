"""What people type by habit from Hydra goes on working, whatever reads the command line first."""

from __future__ import annotations

import re

import pytest
from omegaconf import OmegaConf
from seams import compose
from seams import train_command as train

UNITS_LAYERS = "${units} ${layers}"

pytestmark = pytest.mark.usefixtures("place")


@pytest.mark.parametrize(
    ("words", "shown", "each"),
    [
        ("units=2 ++layers=3 ~probe ~experiment", UNITS_LAYERS, ["2 3"]),
        ("units=${layers} cell=lstm.yaml -r", UNITS_LAYERS, ["1 1"]),
        ("--multirun units=2,3 layers=1,2", UNITS_LAYERS, ["2 1", "2 2", "3 1", "3 2"]),
        ("hydra.mode=MULTIRUN units=range(2,4)", UNITS_LAYERS, ["2 1", "3 1"]),
        ("-m units=choice(2,3) layers=sort(2,1)", UNITS_LAYERS, ["2 1", "2 2", "3 1", "3 2"]),
        ("-m cell=glob(mgu?)", "${cell.name}", ["mgu1", "mgu2", "mgu3"]),
        ("-m mixers=[lstm],[gru] hydra/launcher=gatekit", "${mixers}", ["['lstm']", "['gru']"]),
        ("swap={forget: power_law} hydra.launcher.n_jobs=2", "${swap.forget}", ["power_law"]),
        ("swap.forget={kind: power_law, eps: 0.1}", "${swap.forget.eps}", ["0.1"]),
        (
            """study='a, b' root="a=b" hydra.launcher.backend=slurm""",
            "${study} ${root}",
            ["a, b a=b"],
        ),
        ("-m hydra/sweeper=random trials=2 units=choice(2,2)", UNITS_LAYERS, ["2 1", "2 1"]),
        ("+task@other=adding --trust-config", "${other.name}", ["adding"]),
    ],
)
def test_an_idiom_is_composed(words: str, shown: str, each: list[str]) -> None:
    jobs = compose(["task=sum", *re.findall(r"(?:{[^}]*}|'[^']*'|[^ ])+", words)])
    assert [str(OmegaConf.create({**config, "shown": shown}).shown) for _, config in jobs] == each


@pytest.mark.parametrize(
    ("words", "shown"),
    [
        ("-c job -p task", "length: "),
        ("--cfg job --resolve", "units: 2"),
        ("--info defaults", "Defaults List"),
        ("--info searchpath", "Config search path"),
        ("--hydra-help", "--multirun"),
    ],
)
def test_an_option_of_hydra_shows_what_is_composed(
    words: str, shown: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert train(["units=2", *words.split()]) == 0
    assert shown in capsys.readouterr().out


@pytest.mark.parametrize("option", ["-cn", "--config-name"])
def test_an_option_of_hydra_that_names_another_file_is_refused(
    option: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert train([option, "mine", "units=2"]) == 2
    assert "--c" in capsys.readouterr().err
