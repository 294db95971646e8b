"""When a run looks at its gates and states, and where it writes what it sees."""

from __future__ import annotations

from typing import Any, Protocol

from gatekit.training.journal import Journal

LOOK_STEPS = 25
"""So many steps lie between two looks, so that short epochs are not spent on them."""


class Looks(Protocol):
    """What `gatekit.training.probe.observe.Probe` does."""

    def record(self) -> dict[str, Any]:
        """Return what gates and states do now."""

    def activations(self) -> bytes:
        """Return some sequences' gates and states at every step."""


class ProbeRecords:
    """Writes the looks of one run; does nothing without a probe.

    Args:
        probe: looks at the model; None where that was not asked for.
        journal: knows the run's place and folder.
        epoch_steps: the steps of an epoch.
    """

    def __init__(self, probe: Looks | None, journal: Journal, epoch_steps: int) -> None:
        self.probe, self.journal = probe, journal
        self.every = -(-LOOK_STEPS // epoch_steps)

    def begin(self) -> None:
        """Look before the first step."""
        self._look()

    def after_epoch(self) -> None:
        """Look, unless the epoch is one of those that are left out."""
        if self.journal.epoch % self.every == 0:
            self._look()

    def end(self) -> None:
        """Look after the last epoch, if that has not been done, and keep the activations."""
        if self.journal.epoch % self.every:
            self._look()
        data = self._tried("activations")
        if data is not None:
            self.journal.folder.write_activations(data)

    def _look(self) -> None:
        record = self._tried("record")
        if record is not None:
            place = {"epoch": self.journal.epoch, "step": self.journal.step}
            self.journal.folder.log_probe({**place, **record})

    def _tried(self, what: str) -> Any:
        if self.probe is None:
            return None
        try:
            return getattr(self.probe, what)()
        except Exception as error:
            # Nobody should lose a training because it was looked at.
            self.probe = None
            self.journal.remark(
                f"the probe failed after epoch {self.journal.epoch} and was switched off: "
                f"{type(error).__name__}: {str(error).splitlines()[0] if str(error) else ''}"
            )
            return None
