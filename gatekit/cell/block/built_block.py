"""A block with its sizes around a built cell: its computation and its cost."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from dataclasses import dataclass

from gatekit.cell.analysis.cost import flops, state_size
from gatekit.cell.errors import CellError, ConfigError, GatekitError, OptionError
from gatekit.cell.graph import Cell, build
from gatekit.cell.language.expression import Name
from gatekit.cell.row_wise import place_in, reason
from gatekit.cell.schema import CellSpec, OutputUnitSpec
from gatekit.faults import Place

from .contract import Block
from .parts import Parts
from .reading import BlockSpec
from .sequence import Operation, SequenceProgram


@dataclass(frozen=True)
class BuiltBlock:
    """A block around a cell.

    Attributes:
        spec: the block.
        cell: the cell with its sizes.
        width: the model's width.
        directions: 2 if time is also read backwards, otherwise 1.
        mix: the computation of each direction.
        combine: the computation after ``mix``, once for both directions.
        finish: the computation after the last block; None in other blocks.
    """

    spec: BlockSpec
    cell: Cell
    width: int
    directions: int
    mix: SequenceProgram
    combine: SequenceProgram
    finish: SequenceProgram | None = None

    @property
    def output_width(self) -> int:
        """The width of the output: the model's, unless the block is plain."""
        return (self.finish or self.combine).width

    @property
    def programs(self) -> tuple[SequenceProgram, ...]:
        """``mix``, ``combine`` and ``finish``, if there is one."""
        return tuple(p for p in (self.mix, self.combine, self.finish) if p is not None)

    def _counted(self) -> Iterator[tuple[int, Operation]]:
        for program in self.programs:
            times = self.directions if program is self.mix else 1
            yield from ((times, op) for op in program.ops)

    def count(self) -> int:
        """Return the number of trained weights of the block, including its cell."""
        return sum(times * op.count for times, op in self._counted())

    def flops(self) -> int:
        """Return the floating-point operations of a step, forward, including the cell."""
        outside = self.directions * self.mix.flops + self.combine.flops
        outside += 0 if self.finish is None else self.finish.flops
        return outside + sum(times * op.flops for times, op in self._counted())

    def state_size(self) -> int:
        """Return how many numbers are carried from step to step, including by convolutions."""
        return sum(times * op.carried for times, op in self._counted())


@contextlib.contextmanager
def _by_author(where: str, block: Block, method: str) -> Iterator[None]:
    """Add the file and line to an error in a method of a block that is not bundled."""
    try:
        yield
    except OptionError:
        raise
    except Exception as error:
        if type(block).__module__.startswith("gatekit.plugins."):
            raise
        place = place_in(getattr(type(block), method), error)
        message = str(error)
        if not isinstance(error, GatekitError):
            message = f"{where}: {method}: {reason(error)}"
        raise CellError(f"{place}: {message}") from None


@contextlib.contextmanager
def _refused_as_options(spec: BlockSpec) -> Iterator[None]:
    """If a part's value is refused, name the block's option with that value in the error."""
    try:
        yield
    except OptionError as error:
        block, value = spec.block, error.option.given
        usual = {"groups": "heads", "kernel": "conv"}.get(str(error.option.place).split(".")[-1])
        for name in sorted(block.option_names(), key=lambda option: option != usual):
            if type(current := getattr(block, name)) is type(value) and current == value:
                key = Place(("block", name))
                raise ConfigError(error.option.moved(error.option.place, key)) from None
        raise


def build_block(
    spec: BlockSpec,
    cell: CellSpec,
    unit: OutputUnitSpec,
    *,
    width: int,
    units: int,
    dropout: float = 0.0,
    directions: int = 1,
    last: bool = False,
) -> BuiltBlock:
    """Return the block with its sizes.

    Args:
        spec: the block.
        cell: the cell of the recurrent layer.
        unit: the recurrent layer's output unit.
        width: the model's width, which is that of the block's input and output.
        units: the cell's units.
        dropout: the run's dropout rate.
        directions: 2 if time is also read backwards, otherwise 1.
        last: whether it is the last block of a stack.

    Raises:
        GatekitError: the block's parts do not fit together, or the cell cannot have these sizes.
    """
    with _refused_as_options(spec):
        built: list[Cell] = []

        def mixer(features: int) -> tuple[Cell, tuple[int, int, int]]:
            mixed_cell = build(cell, units, features, unit)
            built.append(mixed_cell)
            return mixed_cell, (mixed_cell.count(), flops(mixed_cell), state_size(mixed_cell))

        where, block, known = f"block {spec.kind!r}", spec.block, cell.functions
        parts = Parts(f"{where}: mix", width, units, {"x": width}, mixer, dropout, (), known)
        with _by_author(where, block, "mix"):
            mix = parts.program(block.mix(parts, Name("x")))
        taken = tuple(op.name for op in mix.ops)
        inputs = {"x": width, "mixed": directions * mix.width}
        parts = Parts(f"{where}: combine", width, units, inputs, None, dropout, taken, known)
        with _by_author(where, block, "combine"):
            combine = parts.program(block.combine(parts, Name("x"), Name("mixed")))
        programs = [("combine", combine)]
        finish = None
        if last:
            taken += tuple(op.name for op in combine.ops)
            inputs = {"x": combine.width}
            parts = Parts(f"{where}: finish", width, units, inputs, None, dropout, taken, known)
            with _by_author(where, block, "finish"):
                finish = parts.program(block.finish(parts, Name("x")))
            programs.append(("finish", finish))
    for method, program in programs:
        if not spec.plain and program.width != width:
            raise CellError(
                f"{where}: {method} returns the width {program.width}, but the model's is {width}"
            )
    return BuiltBlock(spec, built[0], width, directions, mix, combine, finish)


def flops_of(built: Cell | BuiltBlock) -> int:
    """Return the forward operations of a step of a cell, or of a block around a cell."""
    return built.flops() if isinstance(built, BuiltBlock) else flops(built)


def state_of(built: Cell | BuiltBlock) -> int:
    """Return the state size of a cell, or of a block around a cell."""
    return built.state_size() if isinstance(built, BuiltBlock) else state_size(built)
