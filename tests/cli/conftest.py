"""A trained character model, for the commands that read one."""

import random
import threading

import keras
import pytest
from seams import RunFolder, components, plan

WORDS = ["the \x1b[31mcat ", "sat. ", "a dog\n", "ran to us. "]


@pytest.fixture(scope="session")
def trained(tmp_path_factory):
    """The folder of a project with one run of a character model."""
    from seams import train_run as train

    project = tmp_path_factory.mktemp("project")
    before = keras.config.dtype_policy()
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(project)
        draw = random.Random(0)
        text = "".join(draw.choice(WORDS) + draw.choice("abcdefgh") for _ in range(400))
        (project / "text.txt").write_text(text)
        words = ["task=char_lm", "task.path=text.txt", "task.length=20", "units=4", "layers=2"]
        words += ["cell=gru", "residual=true", "trainer.tbptt=7", "trainer.batch=4"]
        (run,) = plan([*words, "trainer.steps=60", "study=text"]).runs
        run.path.parent.mkdir(parents=True)
        folder = RunFolder(run.path)
        folder.claim()
        folder.write_config(run.config)
        task = components.load().task(run.config["task"])
        result = train(run.config, task, folder, threading.Event(), verbose=0)
        facts = {"fingerprint": run.fingerprint, "data_hash": run.data_hash, "plugins": {}}
        folder.finish({**result, **facts})
    keras.config.set_dtype_policy(before)
    return project, run
