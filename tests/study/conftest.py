"""A place to work in, where the tests' own tasks are registered."""

import pytest
import tiny
from seams import components


@pytest.fixture
def place(tmp_path, monkeypatch):
    """An empty working folder; the registered things, with the tiny tasks added."""
    monkeypatch.chdir(tmp_path)
    load = components._load

    def with_tiny(plugins):
        known = load(plugins)
        return components.Components(
            known.catalogue, {**known.tasks, **tiny.TASKS}, known.config_folders, known.files
        )

    monkeypatch.setattr(components, "_load", with_tiny)
    monkeypatch.setattr(components.Components, "hashes", lambda self, *parts: {})
    return tmp_path


@pytest.fixture
def float32():
    """Leave Keras' policy as it was."""
    # Here, for most tests of the study need no Keras.
    import keras

    before = keras.config.dtype_policy()
    yield
    keras.config.set_dtype_policy(before)
