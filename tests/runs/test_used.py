"""What a run uses: counters of energy are read, over restarts and attempts; or are unknown."""

from types import SimpleNamespace

import pytest
from seams import used


def package(folder, name, joules):
    folder.mkdir(parents=True, exist_ok=True)
    for file, value in (("energy_uj", joules), ("max_energy_range_uj", 1000)):
        (folder / file).write_text(f"{value * 10**6}\n")
    (folder / "name").write_text(f"{name}\n")


@pytest.fixture
def kernel(tmp_path, monkeypatch):
    """Two packages, one with a part whose energy is in that of the package, and the whole board."""
    monkeypatch.setattr(used, "POWERCAP", tmp_path)
    package(tmp_path / "intel-rapl:0", "package-0", 900)
    package(tmp_path / "intel-rapl:0:0", "core", 500)
    package(tmp_path / "intel-rapl:1", "package-1", 10)
    package(tmp_path / "intel-rapl:2", "psys", 10)
    return tmp_path


def test_the_energy_of_all_packages_is_summed_over_restarts_and_attempts(kernel):
    run = used.Used()
    package(kernel / "intel-rapl:0", "package-0", 150)
    package(kernel / "intel-rapl:0:0", "core", 999)
    package(kernel / "intel-rapl:1", "package-1", 510)
    first = run.record()
    assert (first["processor_joules"], first["gpu_joules"]) == (750, None)
    again = used.Used()
    package(kernel / "intel-rapl:1", "package-1", 512)
    again.resume({**first, "processor_seconds": 1000.0, "peak_bytes": 2**60})
    both = again.record()
    assert (both["processor_joules"], both["peak_bytes"]) == (752, 2**60)
    assert both["processor_seconds"] >= 1000


def test_what_cannot_be_read_is_unknown(kernel):
    run = used.Used()
    (kernel / "intel-rapl:1" / "energy_uj").unlink()
    assert run.record()["processor_joules"] is None
    found = used.Used().record()
    assert (found["processor_joules"], found["gpu_joules"]) == (None, None)
    assert found["processor_seconds"] >= 0
    # A checkpoint of an earlier version does not have the amounts.
    run.resume(dict.fromkeys(found))
    assert run.record()["processor_seconds"] is None


def library(names):
    """A stand-in for NVML; each read adds half a joule to the counter of its GPU."""
    millijoules = [0] * len(names)

    def by_place(place, handle):
        handle._obj.value = place + 1
        return int(place >= len(names))

    def read(handle, energy):
        millijoules[handle.value - 1] += 500
        energy._obj.value = millijoules[handle.value - 1]
        return 0

    return SimpleNamespace(
        nvmlInit_v2=lambda: 0,
        nvmlDeviceGetHandleByIndex_v2=by_place,
        nvmlDeviceGetHandleByUUID=lambda name, handle: by_place(names.index(name.decode()), handle),
        nvmlDeviceGetTotalEnergyConsumption=read,
        millijoules=millijoules,
    )


@pytest.mark.parametrize(
    ("visible", "joules"), [("2,GPU-a,GPU-b", 1.0), ("", 1.0), ("7,0", None), (None, None)]
)
def test_the_energy_of_the_gpus_of_a_run_is_summed(monkeypatch, visible, joules):
    def opened(name):
        if visible is None:
            raise OSError(name)
        return nvml

    nvml = library(["GPU-a", "GPU-b", "GPU-c"])
    monkeypatch.setattr(used.ctypes, "CDLL", opened)
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", visible or "")
    assert used.Used(gpus=2).record()["gpu_joules"] == joules
    assert nvml.millijoules[1] == (1000 if visible == "" else 0)
