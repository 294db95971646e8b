"""Live logging to Weights & Biases, ``track=[wandb]``."""

import itertools

from gatekit import Tracker, hookimpl


class Wandb(Tracker):
    """A run of Weights & Biases, which its environment variables configure."""

    name = "wandb"

    def open(self):
        """Begin a run of the study's project, or continue the one with this fingerprint."""
        import wandb

        self.module = wandb
        config = {**self.settings, "seed": self.seed}
        wandb.init(project=self.study, id=self.key, name=self.key, config=config, resume="allow")

    def log(self, lines):
        """Send the lines of an epoch together."""
        for epoch, some in itertools.groupby(lines, key=lambda line: line.epoch):
            self.module.log({self.tag(line): line.value for line in some}, step=epoch)

    def close(self, state):
        """Finish the run, and wait until everything is sent; ``state`` is not sent."""
        self.module.finish()


@hookimpl
def gatekit_callbacks(run):
    """Register the tracker if the command asks for it."""
    return [Wandb(run)] if Wandb.name in run.get("track", ()) else []
