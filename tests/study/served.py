"""The process of a queue of runs that do deeds, in a module of its own that starts quickly."""

import signal
import threading

from deed import child


def serve(words, run):
    """Do the deed of each run, which is its label, as long as they complete."""
    from seams import launch_process as process

    stop = threading.Event()
    words.send_bytes(process.BEGUN)
    while run is not None:
        child(run.path, run.label)
        signal.signal(signal.SIGTERM, lambda *_: stop.set())
        if run.folder().state().name != "COMPLETED":
            return
        run = process._awaited(words, stop)
