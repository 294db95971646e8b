"""Live TensorBoard logs: ``track=[tensorboard]`` writes to ``ROOT/STUDY/tensorboard``."""

import os
import time

from gatekit import Tracker, hookimpl


class TensorBoard(Tracker):
    """Writes scalars, named by split and metric, without TensorFlow."""

    name = "tensorboard"

    def open(self):
        """Begin a new file; TensorBoard joins those of several attempts."""
        from tensorboard.compat.proto.event_pb2 import Event

        place = self.folder.parent.parent / "tensorboard" / self.key
        place.mkdir(parents=True, exist_ok=True)
        name = f"events.out.tfevents.{time.time_ns():020d}.{os.getpid()}.gatekit"
        self.path = place / name
        self.write([Event(wall_time=time.time(), file_version="brain.Event:2")])

    def log(self, lines):
        """Write a scalar for each line, at its epoch."""
        from tensorboard.compat.proto.event_pb2 import Event
        from tensorboard.compat.proto.summary_pb2 import Summary

        now = time.time()
        values = [Summary.Value(tag=self.tag(line), simple_value=line.value) for line in lines]
        self.write(
            Event(wall_time=now, step=line.epoch, summary=Summary(value=[value]))
            for line, value in zip(lines, values, strict=True)
        )

    def write(self, events):
        """Append events."""
        from tensorboard.summary.writer.record_writer import RecordWriter

        with self.path.open("ab") as file:
            writer = RecordWriter(file)
            for event in events:
                writer.write(event.SerializeToString())


@hookimpl
def gatekit_callbacks(run):
    """Register a tracker if the command asks for one."""
    return [TensorBoard(run)] if "tensorboard" in run.get("track", ()) else []
