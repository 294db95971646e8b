"""What a run was made with."""

import json

import pytest
from seams import environment as env


def test_it_says_versions_machine_and_commit():
    said = env.environment({"forget": "ab"}, 1, "stacked")
    assert json.loads(json.dumps(said)) == said
    assert said["versions"]["numpy"].count(".") == 2
    assert said["plugins"] == {"forget": "ab"}
    assert (said["threads"], said["executor"], said["jit"]) == (1, "stacked", False)


def test_the_processor_is_the_one_that_the_kernel_names(monkeypatch):
    text = "processor\t: 0\nmodel name\t: Some CPU @ 2: 3 GHz\nmodel name\t: Another\n"
    read = env.Path.read_text

    def read_text(self, *args, **options):
        return text if str(self) == "/proc/cpuinfo" else read(self, *args, **options)

    monkeypatch.setattr(env.Path, "read_text", read_text)
    assert env.environment({}, 1, "x")["cpu"] == "Some CPU @ 2: 3 GHz"


def test_outside_a_repository_there_is_no_commit(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert env.environment({}, 1, "x")["git"] is None


@pytest.mark.parametrize("hidden", ["", "-1"])
def test_a_hidden_gpu_is_not_visible(monkeypatch, hidden):
    monkeypatch.setattr(env.Path, "exists", lambda self: True)
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", hidden)
    assert not env.gpu_visible()
    monkeypatch.delenv("CUDA_VISIBLE_DEVICES")
    assert env.gpu_visible()
