"""``result.json``: written once, sealed with its own SHA-256, and valid only as a whole.

`dumped` writes the bytes, `parsed` checks them, `result_of` returns its fields.
"""

from __future__ import annotations

import hashlib
import json
import math
import re
import sys
from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any, TypeVar

from gatekit._version import UPDATE
from gatekit.cell.errors import RunError

from .directions import known_direction
from .names import CONFIG, ENVIRONMENT, METRICS, RESULT, WEIGHTS, refuse_constant, refuse_halves

SCHEMA = 3
"""The format of runs and of a study's plans. Results of every format since 2 end with a seal."""


class State(StrEnum):
    """The one state of a run; its reason is beside it."""

    COMPLETED = "COMPLETED"
    DIVERGED = "DIVERGED"
    FAILED = "FAILED"
    INTERRUPTED = "INTERRUPTED"
    PLANNED = "PLANNED"
    RUNNING = "RUNNING"
    LOST = "LOST"
    CORRUPT = "CORRUPT"

    def __repr__(self) -> str:
        """Return the state as a string is shown, because users print it in lists."""
        return repr(self.value)


OUTCOMES = (State.COMPLETED, State.DIVERGED)
"""The states of a run that has a result."""

HASHED = (CONFIG, ENVIRONMENT, METRICS, WEIGHTS)
"""The files whose hashes are in a result. Every run has the first one."""

OWN = "own"
"""Recorded as the executor of your own training script, which need not log a test score."""

SEAL = "sha256"
"""The last key: the SHA-256 of all bytes before it."""

_SEALED = re.compile(rb'(.*),\n "sha256": "([0-9a-f]{64})"\n\}\n', re.DOTALL)


T = TypeVar("T")
Record = Mapping[str, object]
"""An object of JSON whose values are not checked yet."""


class NewerError(RunError):
    """A newer gatekit wrote this result."""


@dataclass(frozen=True, slots=True)
class ResultMetric:
    """A task's metric, with its direction, its unit, and chance, its value for guessing.

    Scores that are too large for sums of squares were divided by ``scale``.
    """

    name: str
    direction: str
    unit: str
    chance: float | None
    scale: float = 1.0

    @property
    def sign(self) -> int:
        """Return +1 if larger is better, -1 if smaller is."""
        return 1 if self.direction == "max" else -1

    @property
    def is_reversed(self) -> bool:
        """Return whether a well-known metric was recorded with the opposite direction."""
        return known_direction(self.name) not in (None, self.direction)


@dataclass(frozen=True, slots=True)
class Score:
    """The metric at one epoch, on the validation and the test split, and on further test splits."""

    epoch: int
    validation: float | None
    test: float | None
    further: Mapping[str, float | None] = field(default_factory=dict)

    def on(self, split: str) -> float | None:
        """Return the metric on a split; None if it was not measured."""
        return {**self.further, "validation": self.validation, "test": self.test}.get(split)


@dataclass(frozen=True, slots=True)
class Result:
    """The result of a completed or diverged run."""

    state: str
    reason: str | None
    fingerprint: str
    task: str
    metric: ResultMetric
    best: Score | None
    last: Score | None
    recurrent_parameters: int | None
    parameters: int | None
    seconds: float | None
    step_seconds: float | None
    steps: int | None
    executor: str | None
    data_hash: str | None
    plugins: Mapping[str, str]
    files: Mapping[str, str]
    warnings: tuple[str, ...] = ()
    chosen: str | None = None
    notes: tuple[str, ...] = ()
    step_flops: float | None = None
    step_tokens: float | None = None
    jit: bool = False
    token_flops: int | None = None
    state_size: int | None = None
    step_seconds_low: float | None = None
    step_seconds_high: float | None = None
    step_processor_seconds: float | None = None
    processor_seconds: float | None = None
    peak_bytes: int | None = None

    @property
    def engine(self) -> str | None:
        """The executor, and whether XLA compiled the run."""
        return f"{self.executor} under XLA" if self.executor and self.jit else self.executor

    @property
    def split(self) -> str | None:
        """Return the split to compare: the chosen split, or else test if it was measured, or else
        validation; None without a score, and for a diverged run without a test score."""
        if self.chosen is not None:
            return self.chosen
        scores = [score for score in (self.best, self.last) if score is not None]
        if any(score.test is not None for score in scores):
            return "test"
        return "validation" if scores and self.state != "DIVERGED" else None

    @property
    def outcome(self) -> float:
        """Return the metric at the best validation epoch; inf or -inf if diverged or unmeasured."""
        score = None
        if self.state != "DIVERGED" and self.best is not None:
            score = self.best.on(self.split or "test")
        return -self.metric.sign * math.inf if score is None else score


def dumped(record: Mapping[str, object]) -> bytes:
    """Return a result as the bytes of its file.

    Args:
        record: plain data without NaN; its schema and seal, if any, are replaced.
    """
    plain = {key: value for key, value in record.items() if key not in ("schema", SEAL)}
    text = json.dumps({"schema": SCHEMA, **plain}, indent=1, allow_nan=False)
    body = text.removesuffix("\n}").encode()
    return body + f',\n "{SEAL}": "{hashlib.sha256(body).hexdigest()}"\n}}\n'.encode()


def parsed(data: bytes) -> dict[str, Any]:
    """Return the record in the bytes of a result, after checking its seal.

    A result of format 1 has no seal and is accepted without one. A damaged result of format 2 is
    not mistaken for format 1: no single bit turns a 2 into a 1, and a seal implies format 2.

    Raises:
        NewerError: the seal is right, and a newer gatekit wrote the file.
        ValueError: the file is not a result, or a byte of it has changed.
    """
    try:
        record = json.loads(data, parse_constant=refuse_constant, parse_float=_number)
        refuse_halves(data, record)
    except RecursionError:
        raise ValueError("its JSON is nested too deeply") from None
    if not isinstance(record, dict):
        raise ValueError("it is not an object")
    schema = record.get("schema")
    if type(schema) is not int or schema < 1:
        raise ValueError(f"schema is {schema!r}")
    if schema > 1 or SEAL in record:
        sealed = _SEALED.fullmatch(data)
        if sealed is None or hashlib.sha256(sealed[1]).hexdigest().encode() != sealed[2]:
            raise ValueError("it was altered after the run (its sha256 differs)")
        if schema > SCHEMA:
            raise NewerError(
                f"{RESULT} has format {schema}, which needs a newer gatekit: this one reads format "
                f"{SCHEMA}. To update, {UPDATE}."
            )
    if record.get("state") not in OUTCOMES:
        raise ValueError(f"state is {record.get('state')!r}, not {' or '.join(OUTCOMES)}")
    _check_tables(record.get("files"), record.get("sizes"))
    return record


def altered(files: Mapping[str, str], name: str, data: bytes | str) -> bool:
    """Return whether a file, given by content or SHA-256, differs from ``files`` of a result."""
    if name not in files:
        return False
    digest = data if isinstance(data, str) else hashlib.sha256(data).hexdigest()
    return digest != files[name].removeprefix("sha256").lstrip(".:")


def short_hash(digest: str | None) -> str:
    """Return the first 8 digits of a hash, without the name of the algorithm."""
    return (digest or "unknown").removeprefix("sha256").lstrip(".:")[:8]


def result_of(record: Record) -> Result:
    """Return the fields of a result that `parsed` returned.

    Raises:
        ValueError: a required field is missing, or a field has the wrong type.
    """
    state = _text(record, "state")
    best = _score(record, "best")
    executor = _optional_text(record, "executor")
    if state == "COMPLETED" and (
        best is None or best.validation is None or (best.test is None and executor != OWN)
    ):
        raise ValueError("its state is COMPLETED but it has no metric at the best epoch")
    parameters = _object(record, "parameters")
    seconds, used = _object(record, "seconds"), _optional_object(record, "used")
    return Result(
        state=state,
        reason=_optional_text(record, "reason"),
        fingerprint=_text(record, "fingerprint"),
        task=_text(record, "task"),
        metric=_metric(_object(record, "metric")),
        best=best,
        last=_score(record, "last"),
        recurrent_parameters=_optional_integer(parameters, "recurrent"),
        parameters=_optional_integer(parameters, "total"),
        seconds=_optional_number(seconds, "total"),
        step_seconds=_optional_number(seconds, "step"),
        steps=_optional_integer(record, "steps"),
        executor=executor,
        data_hash=_optional_text(record, "data_hash"),
        plugins=_texts(record, "plugins"),
        files=_texts(record, "files"),
        warnings=_strings(record, "warnings"),
        notes=_strings(record, "notes"),
        step_flops=_optional_number(_optional_object(record, "flops"), "step"),
        step_tokens=_optional_number(_optional_object(record, "tokens"), "step"),
        jit=record.get("jit") is True,
        token_flops=_optional_integer(_optional_object(record, "flops"), "token"),
        state_size=_optional_integer(record, "state_size"),
        step_seconds_low=_optional_number(seconds, "step_low"),
        step_seconds_high=_optional_number(seconds, "step_high"),
        step_processor_seconds=_optional_number(seconds, "step_processor"),
        processor_seconds=_optional_number(used, "processor_seconds"),
        peak_bytes=_optional_integer(used, "peak_bytes"),
    )


def _check_tables(files: object, sizes: object) -> None:
    # In an unsealed result, only these hashes protect the numbers.
    if not isinstance(files, dict) or HASHED[0] not in files:
        raise ValueError(f"files has no hash of {HASHED[0]}")
    for name, digest in files.items():
        if name not in HASHED or not isinstance(digest, str):
            raise ValueError(f"files has {name!r}, which is not a file of a result")
    # Sizes are optional: results of earlier versions do not have them.
    fine = isinstance(sizes, dict) and all(type(n) is int and n >= 0 for n in sizes.values())
    if sizes is not None and not fine:
        raise ValueError("sizes is not a table of numbers of bytes")


def _number(text: str) -> float:
    if math.isfinite(value := float(text)):
        return value
    raise ValueError(f"{text} is not a finite number")


def _metric(record: Record) -> ResultMetric:
    if record.get("direction") is None:
        raise ValueError(
            "metric.direction is missing: nothing records whether a smaller or a larger value is"
            " better, so record the run again with direction='min' or direction='max'"
        )
    direction = _text(record, "direction")
    if direction not in ("min", "max"):
        raise ValueError(f"metric.direction is {direction!r}, not min or max")
    chance = _optional_number(record, "chance")
    return ResultMetric(
        _text(record, "name"), direction, _optional_text(record, "unit") or "", chance
    )


def _score(record: Record, key: str) -> Score | None:
    if record.get(key) is None:
        return None
    score = _object(record, key)
    if (epoch := _optional_integer(score, "epoch")) is None:
        raise ValueError(f"{key}.epoch is missing")
    further = _optional_object(score, "splits")
    return Score(
        epoch,
        _optional_number(score, "validation"),
        _optional_number(score, "test"),
        {name: _optional_number(further, name) for name in further},
    )


def _required(record: Record, key: str, kind: type[T], what: str) -> T:
    if isinstance(value := record.get(key), kind):
        return value
    raise ValueError(f"{key} is missing or not {what}")


def _object(record: Record, key: str) -> Record:
    return _required(record, key, dict, "an object")


def _optional_object(record: Record, key: str) -> Record:
    return {} if record.get(key) is None else _object(record, key)


def _text(record: Record, key: str) -> str:
    return _required(record, key, str, "a string")


def _optional_text(record: Record, key: str) -> str | None:
    return None if record.get(key) is None else _text(record, key)


def _optional_number(record: Record, key: str) -> float | None:
    value = record.get(key)
    number = as_number(value)
    if number is None and value is not None:
        raise ValueError(f"{key} is {value!r}, not a number")
    return number


def _optional_integer(record: Record, key: str) -> int | None:
    value = record.get(key)
    if value is None:
        return None
    if isinstance(value, bool) or not isinstance(value, int) or abs(value) >= 2**63:
        raise ValueError(f"{key} is {value!r}, not a whole number")
    return value


def as_number(value: object) -> float | None:
    """Return a value of JSON as a finite number, None for anything else."""
    if isinstance(value, bool) or not isinstance(value, (int, float)):
        return None
    # An integer of JSON may be larger than any float.
    return float(value) if abs(value) <= sys.float_info.max else None


def _strings(record: Record, key: str) -> tuple[str, ...]:
    values = [] if record.get(key) is None else record[key]
    if not isinstance(values, list) or not all(isinstance(item, str) for item in values):
        raise ValueError(f"{key} is not a list of strings")
    return tuple(values)


def _texts(record: Record, key: str) -> Mapping[str, str]:
    values = {} if record.get(key) is None else record[key]
    if not isinstance(values, dict) or not all(isinstance(item, str) for item in values.values()):
        raise ValueError(f"{key} is not a table of strings")
    return values
