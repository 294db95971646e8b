"""Runs that are stopped and continued, and whether they end like one that never was."""

import json
import random
import threading
from dataclasses import replace

from seams import metrics

VARIANTS = {
    "dropout, masks, Adam, cosine, patience": [
        *("task=echo", "trainer.epochs=7", "trainer.batch=8", "trainer.patience=2"),
        *("dropout=0.2", "++cell.recurrent_dropout=0.3", "optimizer.learning_rate=0.05"),
        "optimizer.schedule=cosine",
    ],
    "fresh data, SGD with momentum, steps": [
        *("task=sum", "trainer.steps=43", "trainer.batch=4", "optimizer=sgd"),
        *("optimizer.schedule=step", "++cell.dropout=0.2"),
    ],
    "tokens, two directions, zoneout, float64, plateau": [
        *("task=odd", "trainer.epochs=4", "trainer.batch=4", "layers=2", "bidirectional=true"),
        *("dropout=0.5", "optimizer=rmsprop", "precision=float64", "++cell.zoneout.c=0.2"),
        *("optimizer.schedule=plateau", "optimizer.wait=1"),
    ],
    "windows of a document, two layers, dropout, averaged weights": [
        *("task=prose", "trainer.tbptt=4", "trainer.epochs=4", "trainer.batch=3", "layers=2"),
        *("dropout=0.2", "++cell.learned_initial_state=[c]", "optimizer.learning_rate=0.05"),
        "optimizer.ema=0.9",
    ],
    "windows of separate sequences, most without a target, linear, averaged weights": [
        *("task=sum", "trainer.tbptt=2", "trainer.steps=33", "trainer.batch=4"),
        *("optimizer.schedule=linear", "optimizer.learning_rate=0.05", "optimizer.ema=0.9"),
    ],
    "a score to stop at, a loss per sequence, a head without bias": [
        *("task=echo", "trainer.epochs=9", "trainer.batch=4", "trainer.until=6.2"),
        "optimizer.learning_rate=0.02",
        *("trainer.mean=sequences", "head=0.2", "head_bias=false"),
    ],
    "AdamW, warm-up, wsd, averaged weights": [
        *("task=echo", "trainer.epochs=4", "trainer.batch=8", "optimizer=adamw"),
        *("optimizer.weight_decay=0.5", "optimizer.learning_rate=0.05", "optimizer.ema=0.9"),
        *("optimizer.schedule=wsd", "optimizer.warmup=3", "optimizer.decay=0.4"),
    ],
}


class StopAt(threading.Event):
    """Says stop when it is asked for the n-th time, which is after a batch of any kind."""

    def __init__(self, n, act=None):
        super().__init__()
        self.left, self.act = n, act

    def is_set(self):
        self.left -= 1
        if self.left == 0 and self.act is not None:
            self.act()
        return self.left <= 0


def points(count, last, seed=0):
    """Return some of the moments at which a run may be stopped, 1 to ``last``."""
    return sorted(random.Random(seed).sample(range(1, last + 1), count))


def told(path):
    """Return all that a finished run says but for durations and what follows from them."""
    result = json.loads((path / "result.json").read_text())
    for key in ("seconds", "used", "sizes", "sha256"):
        result.pop(key)
    for name in ("env.json", "metrics.jsonl"):
        result["files"].pop(name, None)
    measured = metrics.read(path / "metrics.jsonl")
    numbers = [replace(line, seconds=0.0) for line in measured.lines]
    weights = (path / "weights.npz").read_bytes() if (path / "weights.npz").exists() else b""
    return {"result": result, "numbers": numbers, "lost": measured.lost, "weights": weights}


def untraced(path):
    """Return the scores of a result that no line of metrics.jsonl, or more than one, shows.

    A score's line has the epoch of the score, and the step of that epoch's validation.
    """
    record = json.loads((path / "result.json").read_text())
    metric = record["metric"]["name"]
    lines = [one for one in metrics.read(path / "metrics.jsonl").lines if one.metric == metric]
    steps = {one.epoch: one.step for one in lines if one.split == "validation"}
    left = []
    for kind in ("best", "last"):
        score = record[kind]
        for split, value in {"test": score["test"], **score.get("splits", {})}.items():
            found = [one for one in lines if (one.split, one.epoch) == (split, score["epoch"])]
            if [(one.value, one.step) for one in found] != [(value, steps[score["epoch"]])]:
                left.append((kind, split))
    return left
