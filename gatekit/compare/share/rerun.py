"""Repeat a bundled run on this machine and compare the numbers."""

from __future__ import annotations

import contextlib
import math
import sys
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from gatekit.cell.errors import GatekitError, RunError, listed
from gatekit.compare.recipe import environment
from gatekit.compare.why import Change, environment_changes
from gatekit.runs import durable
from gatekit.runs.config import ConfigReader
from gatekit.runs.names import PLUGINS, RESULT, RUNS
from gatekit.runs.record import RunRecord, read_run
from gatekit.runs.result import OWN, Result, parsed, result_of
from gatekit.runs.state import RunReader

from . import sources
from .unbundle import extract

_CLOSE = 1e-5


@dataclass(frozen=True, slots=True)
class Repeat:
    """A repeated run: both outcomes, and how this machine differs from the original one.

    ``verdict`` is ``bitwise``, ``close`` (equal to five digits) or ``different``.
    """

    run: str
    verdict: str
    metric: str
    before: Mapping[str, float | None]
    after: Mapping[str, float | None]
    changes: tuple[Change, ...]


def rerun(path: Path, run: str | None = None) -> Repeat:
    """Repeat one run of a bundle and compare it with the bundled outcome.

    Only installed plugins are used; the sources in the bundle are never executed.

    Args:
        path: the bundle.
        run: id of the run, or the start of it; None means the fastest run.

    Raises:
        RunError: the run does not exist or fails here, or a plugin or the data differ here.
    """
    with tempfile.TemporaryDirectory(prefix="gatekit-rerun-") as folder:
        extract(path, Path(folder, "bundle"))
        bundled = _choose(Path(folder, "bundle", RUNS), run)
        repeated = _make(bundled, Path(folder, "again"), path)
        return _compared(bundled, repeated)


def _choose(folder: Path, name: str | None) -> RunRecord:
    configs = ConfigReader()
    runs = [read_run(path, configs) for path in sorted(folder.iterdir())]
    known = [r for r in runs if r.state == "COMPLETED" and r.result and r.result.executor != OWN]
    matches = [r for r in known if name is None or r.id.startswith(name)]
    if not matches:
        raise RunError(
            f"the bundle has no completed run {name or ''} of `gatekit train`;"
            f" completed runs: {listed([r.id for r in known])}"
        )
    return min(matches, key=lambda r: (r.result.seconds if r.result else None) or math.inf)


def _make(bundled: RunRecord, root: Path, bundle: Path) -> Path:
    from gatekit.registry import components
    from gatekit.study.config import validate
    from gatekit.study.launch import launch
    from gatekit.study.plan import Launch, SweepPlan, run_of
    from gatekit.study.variant import variant

    config, result = dict(bundled.config or {}), bundled.result
    assert result is not None
    # The bundle names plugin files of another machine; plugins are identified by their hashes.
    # The configuration has the sizes that match chose, so match must not choose again.
    needed, stored = result.plugins, bundled.path.parents[1] / PLUGINS
    try:
        config = validate({**config, "plugins": [], "match": None})
        planned = variant(config, components.load(), swapped=True)
    except GatekitError:
        # Without its plugin, a gate or task is an unknown name, so report missing plugins instead.
        sources.refuse(bundled.id, sources.differing(needed, stored), needed, stored, bundle)
        raise
    changed = [name for name, digest in needed.items() if planned.plugins.get(name) != digest]
    sources.refuse(bundled.id, changed, needed, stored, bundle)
    _refuse_changed(result, planned.data_hash)
    threads = environment(bundled).get("threads") or 1
    where = Launch("rerun", root, n_jobs=1, threads=int(threads), retry_failed=False)
    again = run_of(planned, where, config["seed"], f"run {bundled.id}", [])
    with contextlib.redirect_stdout(sys.stderr):
        outcome = launch(SweepPlan(where, (again,), ()))
    if outcome.failed:
        raise RunError(f"run {bundled.id} fails here: {outcome.failed[0][1]}")
    return again.path


def _refuse_changed(result: Result, data_hash: str) -> None:
    if result.data_hash != data_hash:
        raise RunError(
            f"the data of task {result.task} differ here ({data_hash} instead of"
            f" {result.data_hash}); type `gatekit data verify` to check them; data.json in the"
            " bundle has the command that gets them"
        )


def _compared(bundled: RunRecord, repeated: Path) -> Repeat:
    result = bundled.result
    assert result is not None
    try:
        again = result_of(parsed(durable.read(repeated / RESULT)))
    except (OSError, ValueError) as error:
        raise RunError(f"run {bundled.id} has no outcome here: {error}") from None
    before, after = _numbers(result), _numbers(again)
    if before == after:
        verdict = "bitwise"
    elif all(_near(before[key], after.get(key)) for key in before):
        verdict = "close"
    else:
        verdict = "different"
    changes = environment_changes(environment(bundled), RunReader(repeated).environment())
    return Repeat(bundled.id, verdict, result.metric.name, before, after, changes)


def _numbers(result: Result) -> dict[str, float | None]:
    scores = (("best", result.best), ("last", result.last))
    return {
        f"{name} {split}": None if score is None else score.on(split)
        for name, score in scores
        for split in ("validation", "test", *(score.further if score else ()))
    }


def _near(one: float | None, other: float | None) -> bool:
    if one is None or other is None:
        return one is other
    return math.isclose(one, other, rel_tol=_CLOSE)
