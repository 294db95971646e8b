"""Runs on a Ray cluster of two machines that are processes here, with GPUs that it only counts."""

import dataclasses
import os
import signal
import sys
import threading
import time
from pathlib import Path
from unittest.mock import Mock

import pytest
from deed import child_of
from deeds import plan_of, states
from refused import at
from seams import Cause, RunFolder, launch, ray, read_options
from seams import launch_report as report

from gatekit import ConfigError

pytestmark = pytest.mark.filterwarnings("ignore::ResourceWarning", "ignore::FutureWarning")


def test_without_ray_it_says_what_to_install(tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "ray", None)
    with pytest.raises(ConfigError, match=r"pip install 'ray>=2\.50'"):
        launch(plan_of(tmp_path, "good", backend="ray"))
    assert list(tmp_path.iterdir()) == []


def test_ray_chooses_the_gpus(tmp_path):
    with pytest.raises(ConfigError, match=r"gpus=\[0,1\]: on Ray, Ray chooses"):
        launch(plan_of(tmp_path, "good", backend="ray", gpus=("0", "1")))


@pytest.mark.parametrize(
    ("asked", "check"),
    [
        ({"x": 0}, at("hydra.launcher.resources")),
        ({"GPU": 1}, at("hydra.launcher.resources")),
        ([1], at("hydra.launcher.resources")),
    ],
)
def test_resources_are_amounts(asked, check):
    with pytest.raises(ConfigError, check=check):
        read_options({"resources": asked})


def test_what_a_machine_has_room_for():
    needs = {"CPU": 2.0, "GPU": 1 / 3}
    assert ray._fitting(needs, {"CPU": 9.0, "GPU": 1.0}) == 3
    assert ray._fitting(needs, {"CPU": 5.0, "GPU": 1.0}) == 2
    assert ray._fitting(needs, {"CPU": 5.0}) == 0


def test_a_task_that_was_cancelled_is_over_and_not_lost(tmp_path):
    cancelled = type("Cancelled", (Exception,), {})
    library = Mock()
    library.exceptions.TaskCancelledError = cancelled
    library.wait.return_value = ["task"], []
    library.get.side_effect = cancelled
    run = ray.RayRun(library, "task", 0, RunFolder(tmp_path / "run"))
    assert run.over()
    assert (run.reason(), run.cause()) == ("the Ray task was cancelled", Cause.RUN)


@pytest.fixture(scope="module")
def cluster():
    """Two machines: two CPUs and a GPU, and two CPUs, a GPU and a resource of its own."""
    library = pytest.importorskip("ray", reason="needs gatekit[ray]")
    from ray.cluster_utils import Cluster

    before = dict(os.environ)
    os.environ["RAY_USAGE_STATS_ENABLED"] = "0"
    here = os.environ.get("PYTHONPATH", "")
    own = [str(folder) for folder in Path(__file__).parents[:2]]
    # The machines' workers find the tests' deeds as they would find gatekit.
    os.environ["PYTHONPATH"] = os.pathsep.join([*own, here]).strip(os.pathsep)
    made = Cluster(initialize_head=True, head_node_args={"num_cpus": 2, "num_gpus": 1})
    made.add_node(num_cpus=2, num_gpus=1, resources={"big": 1})
    try:
        yield made.address
    finally:
        library.shutdown()
        made.shutdown()
        os.environ.clear()
        os.environ.update(before)


def launched(plan):
    return launch(plan, backend=ray.Ray(plan, main=child_of))


@pytest.mark.slow
def test_every_way_to_end_touches_only_that_run(cluster, tmp_path):
    deeds = ("good", "exit", "kill once", "segfault", "fail", "orphan once", "diverge", "kill")
    plan = plan_of(tmp_path, *deeds, n_jobs=4, address=cluster)
    outcome = launched(plan)
    ended = dict(zip(deeds, states(plan), strict=True))
    assert ended == {
        **dict.fromkeys(("exit", "segfault", "fail", "kill"), "FAILED"),
        **dict.fromkeys(("good", "kill once", "orphan once"), "COMPLETED"),
        "diverge": "DIVERGED",
    }
    reasons = {run.label: reason for run, reason in outcome.failed}
    assert "exit code 3" in reasons["exit"]
    assert "SIGSEGV" in reasons["segfault"]
    assert reasons["kill"].endswith("3 times")
    attempts = {run.label: run.folder().state().attempt for run in plan.runs}
    assert (attempts["kill once"], attempts["orphan once"], attempts["kill"]) == (2, 2, 3)
    assert "a Ray worker was lost" in plan.log.read_text()
    assert launched(plan_of(tmp_path, *deeds, n_jobs=4, address=cluster)).executed == []


@pytest.mark.slow
@pytest.mark.parametrize(("shared", "growth"), [(1, "none"), (2, "true")])
def test_runs_share_gpus_in_fractions(cluster, tmp_path, shared, growth):
    plan = plan_of(tmp_path, *["gpu"] * 4, n_jobs=4, address=cluster, runs_per_gpu=shared)
    backend = ray.Ray(plan, main=child_of)
    # Two GPUs, two CPUs beside each.
    assert backend.slots == 2 * shared
    assert launch(plan, backend=backend).code == 0
    seen = [(run.path / "gpu").read_text() for run in plan.runs]
    assert seen == [f"0 {growth} 1"] * 4


@pytest.mark.slow
def test_threads_gpus_and_resources_decide_how_many_fit(cluster, tmp_path):
    def slots(devices=1, **asked):
        plan = plan_of(tmp_path, "good", **{"n_jobs": 9, "address": cluster, **asked})
        launch = dataclasses.replace(plan.launch, devices=devices)
        return ray.Ray(dataclasses.replace(plan, launch=launch)).slots

    assert slots(gpus=0) == 4
    assert slots(gpus=0, threads=2) == 2
    assert slots(gpus=0, n_jobs=3) == 3
    assert slots(gpus=1, runs_per_gpu=2) == 2
    assert slots(resources=(("big", 0.5),), runs_per_gpu=4) == 2
    with pytest.raises(ConfigError, match=r"4 CPU, 1 GPU, .*2 CPU"):
        slots(threads=4)
    assert slots(gpus=0, threads=2, devices=2) == 2
    with pytest.raises(ConfigError, match=r"one run needs 2 CPU, 2 GPU"):
        slots(threads=2, devices=2)
    with pytest.raises(ConfigError, match=r"1 tpu"):
        slots(resources=(("tpu", 1.0),))


@pytest.mark.slow
def test_a_run_without_a_gpu_sees_none(cluster, tmp_path):
    plan = plan_of(tmp_path, "gpu", address=cluster, gpus=0, threads=2)
    assert launched(plan).code == 0
    assert (plan.runs[0].path / "gpu").read_text() == "-1 none 2"


@pytest.mark.slow
def test_timeout_and_fail_fast(cluster, tmp_path):
    plan = plan_of(tmp_path, "hang", "good", address=cluster, timeout=3.0)
    ((run, reason),) = launched(plan).failed
    assert (run.label, states(plan)) == ("hang", ["FAILED", "COMPLETED"])
    assert reason.startswith("timeout: not over after 3 s")
    plan = plan_of(tmp_path / "fast", "wait", "fail", "good", address=cluster, fail_fast=True)
    assert launched(plan).code == 1
    assert states(plan) == ["INTERRUPTED", "FAILED", "PLANNED"]


@pytest.mark.slow
@pytest.mark.parametrize(("deed", "times"), [("wait", 1), ("hang", 2)])
def test_ctrl_c_stops_and_the_same_command_continues(cluster, tmp_path, deed, times):
    plan = plan_of(tmp_path, deed, deed, "good", address=cluster)

    def press():
        deadline = time.monotonic() + 60
        while time.monotonic() < deadline and states(plan).count("RUNNING") < 2:
            time.sleep(0.1)
        for _ in range(times):
            os.kill(os.getpid(), signal.SIGINT)
            time.sleep(0.5)

    thread = threading.Thread(target=press)
    thread.start()
    outcome = launched(plan)
    thread.join()
    assert outcome.code == 130
    assert states(plan) == ["INTERRUPTED", "INTERRUPTED", "PLANNED"]
    assert "3 runs left" in report(plan, outcome)
    assert launched(plan_of(tmp_path, "good", "good", "good", address=cluster)).code == 0


@pytest.mark.slow
def test_an_address_where_nobody_answers_is_told(tmp_path):
    library = pytest.importorskip("ray", reason="needs gatekit[ray]")
    library.shutdown()
    plan = plan_of(tmp_path, "good", backend="ray", address="127.0.0.1:1")
    with pytest.raises(ConfigError, match=r"address=127.0.0.1:1: no Ray"):
        launch(plan)
    assert list(tmp_path.iterdir()) == []
