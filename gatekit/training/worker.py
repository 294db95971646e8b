"""The process of a run: claim the folder, redirect the log, train, record the outcome."""

from __future__ import annotations

import contextlib
import faulthandler
import multiprocessing
import os
import resource
import signal
import sys
import threading
import time
import traceback
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TextIO, cast

# Imported at the top, because the fork server preloads this module: forked runs start with
# TensorFlow imported, but nothing executed.
import tensorflow as tf

from gatekit import registry
from gatekit.cell.errors import ConfigError, GatekitError, RunError
from gatekit.cell.terminal import Terminal
from gatekit.registry import components
from gatekit.registry.author import plugin_of, what_happened
from gatekit.registry.loading import complete_registry
from gatekit.runs import durable, environment
from gatekit.runs.folder import AlteredError, ClaimedError, RunFolder
from gatekit.runs.names import LOG
from gatekit.runs.process import keep_freed, note_stop_signals, peak_memory

from .callbacks import Callbacks, reported
from .process import programs
from .resume import agreed, checkpoint_of
from .summary import InterruptedRunError
from .traced import Kept, foreign
from .trainer import Attempt, train

LOG_LIMIT = 16 * 2**20
_capping = threading.Lock()  # the log of a run that has ended is not cut under the next one

ORPHANED = 60.0
"""Seconds within which a run must stop once its launcher has ended."""


@dataclass(frozen=True)
class Request:
    """The request of a parent to a worker, as plain data that can be sent to any process.

    Attributes:
        terminal: whether to show Keras' progress bar also on the parent's terminal.
        allow_changed: whether to continue from a checkpoint of other versions or another machine.
        track: the trackers that follow the run.
    """

    path: Path
    config: Mapping[str, Any]
    data_hash: str
    plugins: Mapping[str, str]
    threads: int
    terminal: bool
    allow_changed: bool = False
    track: tuple[str, ...] = ()
    devices: int = 1


def work(
    request: Request, following: Callable[[threading.Event], Request | None] | None = None
) -> None:
    """Execute one run from claim to result, and record the outcome in the folder.

    Further runs of the same variant may follow in this process, with what the first
    has traced. Each of them ends as it would in a process of its own; if a run was not completed
    without a remark, or uses code that may remember an earlier run, no other run follows it.

    Args:
        request: the run.
        following: waits for the next run and returns it; None if there is none. It receives the
            event of a stop signal, after which no run may begin.

    Raises:
        RunError: the outcome cannot be written to the folder; the launcher records it elsewhere.
    """
    # Until the log is open, errors are shown on the launcher's terminal.
    sys.stderr = cast(TextIO, Terminal(sys.stderr, strict=False))
    stop, received = note_stop_signals()
    keep_freed()
    _follow_parent(stop)
    programs.begin()
    kept = Kept()
    try:
        again: Request | None = request
        while again is not None:
            _run(again, stop, received, kept)
            again = following(stop) if following and kept.more else None
    finally:
        parent = multiprocessing.parent_process()
        programs.end(orphan=parent is not None and not parent.is_alive())


def _run(request: Request, stop: threading.Event, received: list[int], kept: Kept) -> None:
    kept.more = False
    folder = RunFolder(request.path)
    try:
        folder.claim()
    except ClaimedError:
        return

    def replaced() -> None:
        if not over.is_set():
            os._exit(1)

    over = folder.keep_beating(replaced)
    try:
        _record(folder, *_attempt(request, folder, stop, received, kept, over))
    finally:
        with _capping:
            over.set()
        # A log that cannot take its last lines is not a reason to fail.
        with contextlib.suppress(OSError):
            sys.stdout.flush()
            sys.stderr.flush()


def _attempt(
    request: Request,
    folder: RunFolder,
    stop: threading.Event,
    received: list[int],
    kept: Kept,
    over: threading.Event,
) -> tuple[str, str]:
    """Train; return the state to record and its reason, or empty strings to record nothing."""
    try:
        _redirect(request.path / LOG, request.terminal, over)
        _train(request, folder, stop, kept)
    except InterruptedRunError:
        name = signal.Signals(received[0]).name if received else "the end of its launcher"
        return "INTERRUPTED", f"stopped by {name}; the same command continues"
    except ClaimedError as error:
        # We were suspended and another process took over the run; it now owns the status file.
        sys.stderr.write(f"{error}\n")
        return "", ""
    except AlteredError as error:
        sys.stderr.write(f"{error}\n")
        return "CORRUPT", str(error)
    except GatekitError as error:
        sys.stderr.write(f"{error}\n")
        return "FAILED", str(error)
    except (tf.errors.ResourceExhaustedError, MemoryError) as error:
        _print_trace()
        return "FAILED", f"out of memory: {_first_line(error)}{_peak()}"
    except OSError as error:
        reason = durable.trouble(error, request.path)
        _print_trace()
        return "FAILED", reason
    except Exception as error:
        _print_trace()
        return "FAILED", _reason(error, request)
    return "", ""


def _reason(error: Exception, request: Request) -> str:
    """Return the error in one line, with the line of the plugin that raised it."""
    with contextlib.suppress(Exception):
        origins = registry.plugin_origins(request.config["plugins"])
        if path := plugin_of(error, [origin.path for origin in origins]):
            return what_happened(error, path)
    return f"{type(error).__name__}: {_first_line(error)}"


def _record(folder: RunFolder, state: str, reason: str) -> None:
    try:
        if state:
            folder.status(state, reason)
    except ClaimedError as error:
        sys.stderr.write(f"{error}\n")
    except OSError as error:
        raise RunError(
            reason if reason.startswith(durable.TROUBLE) else durable.trouble(error, folder.path)
        ) from error


def _print_trace() -> None:
    # The log may be on the disk that is full.
    with contextlib.suppress(OSError):
        traceback.print_exc()


def _train(request: Request, folder: RunFolder, stop: threading.Event, kept: Kept) -> None:
    began, remarks = time.monotonic(), list[str]()
    first, kept.reused = kept.traced is None, None
    config = dict(request.config)
    folder.write_config(config)
    here = environment.numeric()
    asked = {"threads": request.threads, "executor": config["executor"], "jit": config["jit"]}
    checkpoint = checkpoint_of(folder)
    if checkpoint is not None:
        asked, remark = agreed(checkpoint, here | asked, folder, request.allow_changed)
        remarks += [remark] if remark else []
        config |= {"executor": asked["executor"], "jit": asked["jit"]}
    shards = config.get("shards", 1)
    make_deterministic(asked["threads"], shards, request.config["jit"] is not False)
    devices = devices_of(request.devices)[:shards]
    with reported("loading plugins", remarks.append):
        known = components.load(config["plugins"])
        task = known.task(config["task"])
        callbacks = Callbacks(registry.callbacks({**config, "track": request.track}, known.files))
    for name, changes in registry.reverted(config["plugins"]).items():
        remarks.append(f"loading plugins: {name} {', '.join(changes)}; this was reverted.")

    def write_env(executor: str, jit: bool | str, **seconds: float) -> None:
        folder.write_env(
            environment.environment(
                request.plugins,
                asked["threads"],
                executor,
                jit=jit,
                seed=config["seed"],
                data_hash=request.data_hash,
                seconds=seconds,
                program=kept.reused,
            )
        )

    write_env(config["executor"], config["jit"])
    ready = time.monotonic()
    result = train(
        Attempt(
            config,
            task,
            folder,
            stop,
            verbose=1 if request.terminal else 2,
            callbacks=callbacks,
            checkpoint=checkpoint,
            made_with=here | asked,
            remarks=remarks,
            kept=kept,
            devices=devices,
        )
    )
    write_env(
        result["executor"],
        result["jit"],
        prepare=round(ready - began, 3),
        attempt=round(time.monotonic() - began, 3),
        run=result["seconds"]["total"],
    )
    folder.finish(
        {
            **result,
            "fingerprint": request.path.name,
            "data_hash": request.data_hash,
            "plugins": dict(request.plugins),
        }
    )
    # Each new trace takes memory that TensorFlow never releases.
    alone = checkpoint is not None or request.track or not (first or kept.reused is not None)
    spotless = result["state"] == "COMPLETED" and {*result["warnings"]} <= kept.about_data
    kept.more = spotless and not alone and not _remembers(request, kept, task, *callbacks.called)


def _remembers(request: Request, kept: Kept, *parts: object) -> bool:
    """Return whether code that gatekit does not ship may keep something from run to run.

    A task, an initializer or a layer may have a generator of its own, which moves on.
    """
    assert kept.traced is not None
    loaded = complete_registry(request.config["plugins"]).plugins.values()
    own = [plugin for plugin in loaded if not plugin.discovered.bundled]
    draws = any("gatekit_initializers" in plugin.hooks for plugin in own)
    return draws or foreign(kept.traced.model, *parts)


class _Both:
    """Writes to the log and to the terminal."""

    def __init__(self, log: TextIO, terminal: TextIO) -> None:
        self.log, self.terminal = log, terminal
        self.encoding = terminal.encoding

    def write(self, text: str) -> int:
        self.terminal.write(text)
        return self.log.write(text)

    def flush(self) -> None:
        self.terminal.flush()
        self.log.flush()

    def isatty(self) -> bool:
        return True

    def fileno(self) -> int:
        return self.log.fileno()


def _redirect(log: Path, terminal: bool, over: threading.Event) -> None:
    sys.stdout.flush()
    sys.stderr.flush()
    bar = os.dup(1) if terminal else None
    number = durable.open_log(log)
    os.dup2(number, 1)
    os.dup2(number, 2)
    os.close(number)
    sys.stdout = os.fdopen(1, "w", buffering=1, closefd=False)
    sys.stderr = os.fdopen(2, "w", buffering=1, closefd=False)
    if bar is not None:
        # Keras draws its bar with carriage returns, backspaces and colours. Errors of the terminal
        # are ignored, because a run outlives it.
        shown = Terminal(os.fdopen(bar, "w"), passing="\r\b", colours=True, strict=False)
        sys.stdout = cast(TextIO, _Both(sys.stdout, cast(TextIO, shown)))
    faulthandler.enable(sys.stderr)
    threading.Thread(target=_cap, args=(log, over), daemon=True).start()


def _cap(log: Path, over: threading.Event) -> None:
    while not over.wait(0.2):
        with _capping:
            if over.is_set() or log.stat().st_size <= LOG_LIMIT:
                continue
            nothing = os.open(os.devnull, os.O_WRONLY)
            os.dup2(nothing, 1)
            os.dup2(nothing, 2)
            os.close(nothing)
            durable.truncate(log, LOG_LIMIT)
            durable.append(log, f"[gatekit: the log is cut at {LOG_LIMIT:,} bytes]")
            return


def _follow_parent(stop: threading.Event) -> None:
    parent = multiprocessing.parent_process()
    if parent is None:
        return

    def wait() -> None:
        parent.join()
        stop.set()
        # End a run that hangs, or the next command would wait for it forever.
        time.sleep(ORPHANED)
        os._exit(1)

    threading.Thread(target=wait, daemon=True).start()


def _peak() -> str:
    used = peak_memory(os.getpid()) or resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024
    return f" (at most {used / 2**30:,.1f} GiB were in use)"


def _first_line(error: BaseException) -> str:
    return (str(error).strip().splitlines() or [type(error).__name__])[0][:500]


def make_deterministic(threads: int, shards: int = 1, xla: bool = False) -> None:
    """Set the threads and make operations deterministic, before TensorFlow has executed any.

    Args:
        threads: the threads that compute.
        shards: the shards of a batch. Each is computed by one thread; without shards, all threads
            compute one operation.
        xla: whether XLA may compile. It hands the operations of most programs to the threads that
            compute one operation, so with a single one, shards would wait for each other. Their
            number decides last digits, so it follows from the shards.
    """
    side_by_side = shards > 1
    shared = (shards if xla else 1) if side_by_side else threads
    tf.config.threading.set_intra_op_parallelism_threads(shared)
    tf.config.threading.set_inter_op_parallelism_threads(threads if side_by_side else 1)
    tf.config.experimental.enable_op_determinism()


def devices_of(count: int) -> list[str]:
    """Return the names of a run's devices; empty for one.

    The devices are GPUs, or parts of the CPU if there are none.

    Raises:
        ConfigError: there are fewer GPUs.
    """
    if count == 1:
        return []
    gpus = tf.config.list_physical_devices("GPU")
    if gpus and len(gpus) < count:
        raise ConfigError(f"devices={count}: this run sees {len(gpus)} GPUs")
    if not gpus:
        (cpu,) = tf.config.list_physical_devices("CPU")
        parts = [tf.config.LogicalDeviceConfiguration() for _ in range(count)]
        tf.config.set_logical_device_configuration(cpu, parts)
    return [f"{'GPU' if gpus else 'CPU'}:{number}" for number in range(count)]
