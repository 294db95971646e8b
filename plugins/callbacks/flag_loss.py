"""A note in the log where a run's loss no longer moves, or has grown out of all proportion."""

import sys

from gatekit import hookimpl

EPOCHS = 5
HUGE = 1e3


class FlagLoss:
    """Flags a training loss that is constant for five epochs, or above 1,000 times the first.

    The run goes on and counts; one note of each kind in its log shows where to look.
    """

    def __init__(self):
        self.losses = []
        self.flagged = set()

    def __call__(self, event, *, epoch=0, loss=0.0, **facts):
        """Look at the loss of an epoch."""
        if event != "epoch":
            return
        self.losses.append(loss)
        last = self.losses[-EPOCHS:]
        if len(last) == EPOCHS and max(last) - min(last) <= 1e-6 * abs(max(last)):
            self.flag("constant", f"has been {loss:.6g} for {EPOCHS} epochs at epoch {epoch}")
        if abs(loss) > HUGE * abs(self.losses[0]) > 0:
            self.flag("huge", f"is {loss:.3g} at epoch {epoch}, and was {self.losses[0]:.3g}")

    def state(self):
        """Return what a checkpoint keeps."""
        return {"losses": self.losses, "flagged": sorted(self.flagged)}

    def restore(self, state):
        """Restore the values that a checkpoint keeps."""
        self.losses, self.flagged = state["losses"], set(state["flagged"])

    def flag(self, kind, text):
        """Print one note of each kind, on a line of its own even if a progress bar is shown."""
        if kind not in self.flagged:
            self.flagged.add(kind)
            sys.stdout.write(f"\nflagged: the training loss {text}\n")


@hookimpl
def gatekit_callbacks():
    """Register a new callback for every run."""
    return [FlagLoss()]
