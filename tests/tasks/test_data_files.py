"""Sequences in files of one's own: the three forms, what is refused, and what identifies a run."""

import io
import os
import zipfile

import numpy
import pytest
from refused import at
from seams import check_splits
from seams import tasks_files as files

from gatekit import ConfigError, DataError
from gatekit.registry import tasks
from gatekit.tasks import FileTask

pytestmark = pytest.mark.filterwarnings("ignore::gatekit.tasks.validate.DataWarning")
SPLIT = numpy.array(["train", "train", "validation", "test", "test_long"])
X = numpy.arange(30, dtype="float64").reshape(5, 3, 2) / 7
LABELS = numpy.array([1, 1, 0, 1, 2])


class File(FileTask):
    """A task on a file."""

    reference = "none"


def arrays(**changed):
    return {"inputs": X, "targets": LABELS, "split": SPLIT, **changed}


def written(path, **changed):
    numpy.savez(path, **arrays(**changed))
    return str(path)


def splits(task):
    return check_splits(task, numpy.random.default_rng(0))


def test_an_archive_has_a_class_for_each_sequence(tmp_path):
    task = File(path=written(tmp_path / "a.npz"))
    signature = task.signature()
    assert (signature.features, signature.outputs, signature.loss) == (2, 3, "categorical")
    assert (signature.emission, task.metric.name) == ("last", "accuracy")
    found = splits(task)
    assert [*found] == ["train", "validation", "test", "test_long"]
    numpy.testing.assert_array_equal(found["train"].x, X[:2].astype("float32"))
    assert found["test"].y.tolist() == [1]
    assert task.chance() == 1.0


def test_numbers_for_each_step_with_a_mask(tmp_path):
    mask = numpy.array([[1, 1, 1], [1, 0, 0], [1, 1, 0], [1, 1, 0], [1, 1, 1]], bool)
    y = numpy.arange(15.0).reshape(5, 3, 1)
    path = written(tmp_path / "a.npz", targets=y, mask=mask)
    task = File(path=path, targets="numbers")
    signature = task.signature()
    assert (signature.outputs, signature.loss, signature.emission) == (1, "mse", "every")
    assert task.metric.name == "mse"
    # Of the training set count 0, 1, 2 and 3, of the test set 9 and 10.
    assert task.chance() == pytest.approx((7.5**2 + 8.5**2) / 2)
    numpy.testing.assert_array_equal(splits(task)["test"].mask, mask[3:4])
    with pytest.raises(DataError, match=r"with task\.targets=classes, integers"):
        File(path=path).signature()


def test_tokens_and_a_class_for_each_step_as_fields_of_one_array(tmp_path):
    table = numpy.zeros(5, [("inputs", "i4", 3), ("targets", "i4", 3), ("split", "U10")])
    table["inputs"] = numpy.arange(15).reshape(5, 3) % 4
    table["targets"], table["split"] = table["inputs"] % 2, SPLIT
    numpy.save(tmp_path / "a.npy", table)
    task = File(path=str(tmp_path / "a.npy"))
    signature = task.signature()
    assert (signature.vocabulary, signature.features) == (4, None)
    assert (signature.outputs, signature.emission) == (2, "every")
    assert splits(task)["train"].x.dtype == "int32"
    numpy.save(tmp_path / "b.npy", X)
    with pytest.raises(DataError, match="one array without fields"):
        File(path=str(tmp_path / "b.npy")).signature()


def test_a_table_has_a_row_for_each_step(tmp_path):
    lines = ["sequence,split,input_1,input_2,target", "a,train,1,2,", "a,train,3,4,1"]
    lines += ["b,validation,5,6,0", "c,test,7,8,", "c,test,9,10,", "c,test,11,12,1"]
    path = tmp_path / "a.csv"
    path.write_text("\n".join(lines) + "\n")
    found = splits(File(path=str(path)))
    assert found["train"].x.tolist() == [[[1, 2], [3, 4], [0, 0]]]
    assert found["train"].mask.tolist() == [[True, True, False]]
    assert [batch.y.tolist() for batch in found.values()] == [[1], [0], [1]]
    # As numbers, and a target for every step.
    path.write_text(path.read_text().replace(",\n", ",2\n"))
    task = File(path=str(path), targets="numbers")
    assert task.signature().emission == "every"
    assert splits(task)["test"].y.tolist() == [[[2], [2], [1]]]
    path.write_text("sequence,split,token,target\n1,train,3,0\n2,validation,1,0\n3,test,0,0\n")
    assert File(path=str(path)).signature().vocabulary == 4
    path.write_text("sequence,split,token,target\n1,train,3\n")
    with pytest.raises(DataError, match="line 2: 3 values"):
        File(path=str(path)).signature()
    path.write_text("time,split,token,target\n")
    with pytest.raises(DataError, match="needed are the columns sequence, split"):
        File(path=str(path)).signature()


@pytest.mark.parametrize(
    ("changed", "remedy"),
    [
        ({"split": SPLIT[:4]}, "unequal numbers of sequences: inputs 5, targets 5, split 4"),
        ({"split": numpy.array(["train"] * 5)}, "none of the three may be empty"),
        ({"split": numpy.array([*SPLIT[:4], "dev"])}, "a further test set test_NAME"),
        ({"targets": LABELS - 1}, "the class -1; classes count from 0"),
        ({"targets": numpy.ones((5, 2), int)}, "a target for each sequence or for each step"),
        ({"inputs": numpy.ones((5,))}, "sequences x time x features"),
        ({"inputs": numpy.array([[-1]] * 5)}, "tokens count from 0"),
        ({"targets": numpy.array([None] * 5)}, "cannot be read"),
    ],
)
def test_arrays_that_do_not_fit_are_refused(changed, remedy, tmp_path):
    path = tmp_path / "a.npz"
    numpy.savez(path, allow_pickle=True, **arrays(**changed))
    with pytest.raises(DataError, match=remedy):
        File(path=str(path)).signature()


BIG = numpy.array([0, 2**32, 0, 2**32, 0])
WRONG = {
    "integers above int32": BIG,
    "integers below int32": -BIG,
    "unsigned integers": BIG.astype("uint64"),
    "complex": LABELS + 1j,
    "dates": LABELS.astype("datetime64[D]"),
    "durations": LABELS.astype("timedelta64[s]"),
    "texts": LABELS.astype(str),
    "bytes": LABELS.astype("S1"),
    "fields": LABELS.astype([("a", "i4")]),
}


@pytest.mark.parametrize("name", ["inputs", "targets", "mask"])
@pytest.mark.parametrize("array", WRONG.values(), ids=WRONG)
def test_what_a_cast_would_change_is_refused_with_file_and_array(array, name, tmp_path):
    path = tmp_path / "a.npz"
    numpy.savez(
        path, **arrays(**{name: numpy.stack([array] * 3, 1) if name != "targets" else array})
    )
    for targets in ("classes", "numbers"):
        with pytest.raises(DataError) as refused:
            File(path=str(path), targets=targets).signature()
        assert str(path) in str(refused.value)
        assert name in str(refused.value)


def test_integers_that_a_table_cannot_hold_are_refused(tmp_path):
    path = tmp_path / "a.csv"
    for token in (2**31, 2**80):
        path.write_text(f"sequence,split,token,target\n1,train,{token},0\n2,validation,1,0\n")
        path.write_text(path.read_text() + "3,test,0,0\n")
        with pytest.raises(DataError) as refused:
            File(path=str(path)).signature()
        assert str(path) in str(refused.value)


def test_the_names_of_other_arrays_are_told(tmp_path):
    path = tmp_path / "a.npz"
    numpy.savez(path, xs=X, ys=LABELS)
    with pytest.raises(DataError) as refused:
        File(path=str(path)).signature()
    assert {"xs", "ys"} <= {*str(refused.value).replace(",", " ").replace(".", " ").split()}


def test_values_that_are_no_sequences_are_refused(tmp_path):
    path = tmp_path / "a.npz"
    for changed in ({"inputs": numpy.array(5)}, {"targets": numpy.ones((5, 0), int)}):
        numpy.savez(path, **arrays(**changed))
        with pytest.raises(DataError, match=next(iter(changed))):
            File(path=str(path)).signature()


def test_files_that_are_not_read(tmp_path, monkeypatch):
    path = tmp_path / "a.npz"
    written(path)
    (tmp_path / "b.npz").symlink_to(path)
    (tmp_path / "c.txt").write_text("")
    (tmp_path / "d.npz").write_text("no archive")
    for name, remedy in (
        ("b.npz", "a link"),
        ("c.txt", "ends in none of"),
        ("d.npz", "cannot be read"),
        ("e.npz", "no file"),
    ):
        with pytest.raises(DataError, match=remedy):
            File(path=str(tmp_path / name)).signature()
    with pytest.raises(DataError, match=r"task\.path is missing"):
        File().require()
    with pytest.raises(ConfigError, check=at("targets")):
        File(targets="words")
    # Zeros are small in an archive and large once they are unpacked.
    monkeypatch.setattr(files, "MOST", 100_000)
    content = io.BytesIO()
    numpy.save(content, numpy.zeros((5, 10_000, 1)))
    with zipfile.ZipFile(tmp_path / "f.npz", "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("inputs.npy", content.getvalue())
    assert os.path.getsize(tmp_path / "f.npz") < 10_000
    with pytest.raises(DataError, match="once unpacked"):
        File(path=str(tmp_path / "f.npz")).signature()


def test_a_run_is_identified_by_the_content(tmp_path):
    first, copy = (File(path=written(tmp_path / n)) for n in ("a.npz", "b.npz"))
    assert first.data_hash() == copy.data_hash()
    other = File(path=written(tmp_path / "b.npz", inputs=X + 1))
    assert other.data_hash() != first.data_hash()
    assert other.signature().features == 2
    numbers = File(path=first.path, targets="numbers")
    assert numbers.data_hash() != first.data_hash()
    assert issubclass(tasks()["file"], FileTask)
