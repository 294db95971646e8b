"""Where an author's mistake is."""

import re
import sys

import pytest
from seams import author

from gatekit import registry

CASES = {
    "a package that is not there": (
        "import nonesuch.part\n",
        ["ModuleNotFoundError", "plugins/mine.py, line 1: import nonesuch.part"],
    ),
    "no Python": ("class Gate(\n", ["SyntaxError", "plugins/mine.py, line 1: class Gate("]),
    "an end": ("import sys\nsys.exit(3)\n", ["SystemExit: 3", "line 2: sys.exit(3)"]),
    "a line": (
        "def deep():\n    return 1 / 0\n\ndeep()\n",
        ["ZeroDivisionError", "plugins/mine.py, line 2: return 1 / 0"],
    ),
    "nothing registered": (
        "from gatekit import Gate\n\n\nclass SlowLeak(Gate):\n    pass\n",
        ["defines the gate SlowLeak"],
    ),
}


@pytest.mark.parametrize("case", CASES)
def test_a_mistake_is_told_with_its_line(write, case):
    source, says = CASES[case]
    write("plugins/mine.py", source)
    (found,) = registry.broken()
    for text in says:
        assert text in found.reason


@pytest.mark.parametrize("mistake", ["x = = 1", "x = 1 / 0", "raise ValueError('y' * 9000)"])
def test_a_long_line_is_quoted_in_part(write, mistake):
    write("plugins/mine.py", f"{mistake}  # {'long ' * 5000}\n")
    (found,) = registry.broken()
    # Python up to 3.12 quotes some other part of a long line that is no Python
    assert re.search(f"line 1: ({re.escape(mistake)}|long long)", found.reason)
    assert len(found.reason) < 400


def test_a_module_of_helpers_is_no_mistake(write):
    write("plugins/helpers.py", "from gatekit import Gate\n\n\nclass _Base(Gate):\n    pass\n")
    assert registry.broken() == []


def test_without_a_file_the_last_line_that_is_nobody_elses_counts(write):
    path = write("somewhere/mine.py", "import json\n\n\ndef read():\n    return json.loads('{')\n")
    scope = {}
    exec(compile(path.read_text(), str(path), "exec"), scope)
    with pytest.raises(ValueError) as caught:
        scope["read"]()
    line = author.author_line(caught.value, None)
    assert str(line) == "somewhere/mine.py, line 5: return json.loads('{')"


def test_what_was_left_out_is_told_for_a_name_that_is_unknown(write):
    write("plugins/one.py", 'import nonesuch\n\nNAMES = {"wanted": 1}\n')
    write("plugins/two.py", "raise RuntimeError('unrelated')\n")
    assert "one (plugins/one.py): ModuleNotFoundError" in registry.left_out("wanted")
    assert "unrelated" not in registry.left_out("wanted")
    assert "two (plugins/two.py)" in registry.left_out("two")
    assert "one" in registry.left_out("other")
    assert "two" in registry.left_out("other")
    assert "nonesuch" not in sys.modules


def test_nothing_is_told_where_nothing_is_broken(place):
    assert registry.left_out("wanted") == ""


def test_a_failed_run_names_the_line_of_the_plugin_that_raised(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    file = tmp_path / "task.py"
    file.write_text(
        "def sample(rng):\n    return helper(rng)\n\n\ndef helper(rng):\n    return 1 / 0\n"
    )
    scope = {}
    exec(compile(file.read_text(), str(file), "exec"), scope)
    with pytest.raises(ZeroDivisionError) as caught:
        scope["sample"](None)
    path = author.plugin_of(caught.value, [None, tmp_path / "other.py", file])
    assert path == file
    reason = author.what_happened(caught.value, path)
    assert reason == "ZeroDivisionError: division by zero (task.py, line 6: return 1 / 0)"
    assert author.plugin_of(caught.value, [tmp_path / "other.py"]) is None
