"""The configuration of each bundled task holds its defaults, no other ones."""

from pathlib import Path

import gatekit.conf
import pytest
import yaml

from gatekit.registry import tasks

TASKS = tasks()
FOLDER = Path(gatekit.conf.__path__[0]) / "task"


@pytest.mark.parametrize("name", TASKS)
def test_a_task_has_a_configuration_with_the_defaults_of_its_class(name):
    config = yaml.safe_load((FOLDER / f"{name}.yaml").read_text())
    assert config.pop("name") == name
    exports = TASKS[name]().exports()
    assert config == {key: exports[key] for key in config}
    assert TASKS[name](**config).options() == {}
