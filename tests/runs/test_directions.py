"""The direction of a metric follows from its whole name, without the prefix of a split."""

import pytest

import gatekit


@pytest.mark.parametrize("name", ["f1_val_score", "val_test_acc", "my_test_loss"])
def test_a_split_inside_a_name_is_part_of_it(name, tmp_path):
    with pytest.raises(gatekit.ConfigError):
        gatekit.run("study", {"cell": "own"}, 0, metric=name, root=tmp_path)
    for direction in ("min", "max"):
        gatekit.run("study", {"cell": "own"}, 0, metric=name, direction=direction, root=tmp_path)


@pytest.mark.parametrize("name", ["Val-Accuracy", "test_f1_score", "training/acc"])
def test_a_split_before_a_name_is_ignored(name, tmp_path):
    gatekit.run("study", {"cell": "own"}, 0, metric=name, root=tmp_path)
    with pytest.raises(gatekit.ConfigError):
        gatekit.run("study", {"cell": "own"}, 0, metric=name, direction="min", root=tmp_path)
