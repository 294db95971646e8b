"""Paired values: the words of each pair make one job, as if they had been typed."""

import pytest
from refused import at, saying

from gatekit.cell.errors import ConfigError
from gatekit.study.command import compose
from gatekit.study.plan import plan

pytestmark = pytest.mark.usefixtures("place")

PAIRS = "sizes=zip(cell=choice(lstm,gru),units=[3,4])"
LABELS = ["cell=lstm units=3 seed=0", "cell=gru units=4 seed=0"]


def labels(*words):
    return [run.label.removeprefix("task=sum ") for run in plan(compose(["task=sum", *words])).runs]


def test_values_are_paired_and_recorded_as_typed_words():
    assert labels("-m", PAIRS) == LABELS
    (first, _) = plan(compose(["-m", "task=sum", PAIRS])).runs
    (alone,) = plan(compose([*first.words])).runs
    assert alone.fingerprint == first.fingerprint
    both = labels("-m", PAIRS, "layers=1,2")
    assert both[0] == "layers=1 cell=lstm units=3 seed=0"
    assert len(both) == 4


def test_members_may_have_groups_dots_quotes_and_brackets():
    word = "x=zip(optimizer.learning_rate=[0.1,0.01],mixers=[[lstm,gru],[gru,lstm]],layers=[2,4])"
    runs = plan(compose(["-m", "task=sum", word])).runs
    found = [(r.config["optimizer"]["learning_rate"], r.config["layers"]) for r in runs]
    assert found == [(0.1, 2), (0.01, 4)]
    assert [r.config["mixers"][0]["name"] for r in runs] == ["lstm", "gru"]


@pytest.mark.parametrize("under", ["params", "grids"])
def test_a_file_may_have_them(place, under):
    held = {"params": "params: {sizes: '%s'}", "grids": "grids: [{sizes: '%s'}, {cell: rnn}]"}
    file = place / "conf" / "experiment" / "mine.yaml"
    file.parent.mkdir(parents=True)
    sweep = held[under] % PAIRS.partition("=")[2]
    text = "# @package _global_\nhydra:\n  mode: MULTIRUN\n  sweeper:\n    " + sweep + "\n"
    file.write_text(text)
    found = labels("experiment=mine")
    assert found[:2] == LABELS
    assert len(found) == (2 if under == "params" else 3)
    # Other pairs of the same name replace these.
    other = labels("-m", "experiment=mine", "sizes=zip(cell=[rnn,gru],units=[5,6])")
    assert other[:2] == ["cell=rnn units=5 seed=0", "cell=gru units=6 seed=0"]


def test_pairs_are_variants_of_a_search():
    rate = "optimizer.learning_rate=interval(0.1,0.2)"
    runs = plan(compose(["-m", "hydra/sweeper=random", "trials=2", "task=sum", rate, PAIRS])).runs
    found = [(r.config["cell"]["name"], r.config["units"]) for r in runs]
    assert found == [("lstm", 3), ("gru", 4)] * 2


@pytest.mark.parametrize(
    ("words", "check"),
    [
        (["-m", "s=zip(cell=[lstm,gru],units=[3,4,5])"], saying("cell has 2, units has 3")),
        (
            ["-m", "s=zip(cell=[lstm,gru])"],
            saying("at least two lists of one length, and cell has 2"),
        ),
        (["-m", "s=zip(cell=[lstm,gru],units=3)"], saying("the member units=3 is not KEY=")),
        (
            ["-m", "s=zip(cell=[lstm,gru],units=range(1,3))"],
            saying(r"the member units=range\(1,3\)"),
        ),
        (["-m", "s=zip(cell=[lstm,gru],seeds=[1,2])"], saying("seeds cannot be swept")),
        (["-m", "units=zip(cell=[lstm,gru],layers=[1,2])"], saying("units is a key")),
        (["-m", PAIRS, "units=3,4"], saying(r"units is a member of sizes=zip\(...\)")),
        (["-m", PAIRS, "y=zip(units=[3,4],layers=[1,2])"], saying("units is a member of y=zip")),
        (["-m", "s=zip(cell=[lstm,gru],unit=[3,4])"], at("unit", "-> units")),
        ([PAIRS], saying("has several values: add -m")),
    ],
)
def test_a_refusal_names_member_and_lengths(words, check):
    with pytest.raises(ConfigError, check=check):
        labels(*words)
