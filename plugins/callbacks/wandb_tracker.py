"""Live logging to W&B, ``track=[wandb]``, or to the local Trackio, ``track=[trackio]``."""

import importlib
import itertools

from gatekit import Tracker, hookimpl


class Client(Tracker):
    """A module with ``init``, ``log`` and ``finish``; its environment variables configure it."""

    def open(self):
        """Begin a run of the study's project, or continue the one with this fingerprint."""
        self.module = importlib.import_module(self.name)
        config = {**self.settings, "seed": self.seed}
        identity = {"id": self.key} if self.name == "wandb" else {}
        self.module.init(
            project=self.study, name=self.key, config=config, resume="allow", **identity
        )

    def log(self, lines):
        """Send the lines of an epoch together."""
        for epoch, some in itertools.groupby(lines, key=lambda line: line.epoch):
            self.module.log({self.tag(line): line.value for line in some}, step=epoch)

    def close(self, state):
        """Finish the run, and wait until everything is sent; ``state`` is not sent."""
        self.module.finish()


class Wandb(Client):
    """Weights & Biases."""

    name = "wandb"


class Trackio(Client):
    """Trackio, which keeps its runs on this machine."""

    name = "trackio"


@hookimpl
def gatekit_callbacks(run):
    """Register the trackers that the command asks for."""
    return [kind(run) for kind in (Wandb, Trackio) if kind.name in run.get("track", ())]
