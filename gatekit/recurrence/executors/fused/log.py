"""What the backward loop logs of each step: gradients, and the values they are multiplied with.

All gradients of weights are formed after the loop, from what is logged.
"""

from __future__ import annotations

import itertools
from collections.abc import Mapping
from typing import Any

from gatekit.recurrence.compiled import compiled
from gatekit.recurrence.packing import Columns, side_by_side

from .kept import Kept, KeptRows, keeper
from .schedule import Plan, Product
from .steps import Steps, Whole


class Log:
    """The log of one backward loop.

    Under XLA a step is one row of all that is logged. In graph mode there is a list for each
    product, because the gradients of its groups lie side by side already, and one for each value.

    Args:
        plan: how the cell's reads are grouped.
        steps: how many steps there are.
        static: time and batch where they are known.
        dtype: the type of all of it.
    """

    def __init__(self, plan: Plan, steps: Any, static: tuple[Any, Any], dtype: Any) -> None:
        columns = {p.key: {f"d:{g.key}": g.width for g in p.groups} for p in plan.products}
        single = {f"d:{k}": plan.widths[k] for k in plan.loose} | dict(plan.logged)
        columns |= {key: {key: width} for key, width in single.items()}
        if compiled():
            values = {k: w for each in columns.values() for k, w in each.items()}
        else:
            values = {key: sum(each.values()) for key, each in columns.items()}
        self.columns = columns
        self.keep = keeper({}, values, steps, static, dtype) if values else None

    def start(self) -> Any:
        """Return the empty log, a variable of the loop."""
        return () if self.keep is None else self.keep.start({})

    def write(self, arrays: Any, step: Any, line: Mapping[str, Any]) -> Any:
        """Return the log with a step's values: by group, by product, and others by name."""
        return arrays if self.keep is None else self.keep.write(arrays, step, {}, line)

    def done(self, arrays: Any) -> Logged:
        """Return what has been logged."""
        return Logged(None if self.keep is None else self.keep.done(arrays, {}), self.columns)


class Logged:
    """What a backward loop has logged.

    Args:
        kept: all of it; None where that is nothing.
        columns: the widths of what lies side by side, by entry and by key.
    """

    def __init__(self, kept: Kept | None, columns: Mapping[str, Mapping[str, int]]) -> None:
        self.kept, self.columns = kept, columns
        self.entry = {key: entry for entry, each in columns.items() for key in each}
        self.found: dict[str, Columns] = {}

    def of(self, keys: list[str]) -> Any:
        """Return the columns of some keys side by side, over all steps."""
        if isinstance(self.kept, KeptRows):
            return Columns(self.kept.rows, self.kept.keeper.widths).of(keys)
        parts = []
        for entry, run in itertools.groupby(keys, self.entry.__getitem__):
            if entry not in self.found:
                assert self.kept is not None
                self.found[entry] = Columns(self.kept.sequence(entry), self.columns[entry])
            parts.append(self.found[entry].of(list(run)))
        return side_by_side(parts)

    def value(self, key: str) -> Steps:
        """Return a value that was logged."""
        assert self.kept is not None
        return self.kept.steps(key)

    def product(self, made: Product) -> Steps:
        """Return the gradient of a product's sums."""
        assert self.kept is not None
        if isinstance(self.kept, KeptRows):
            return Whole(self.of(list(self.columns[made.key])))
        return self.kept.steps(made.key)
