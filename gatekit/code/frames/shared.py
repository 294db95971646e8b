"""What the templates of all frameworks need of a cell, a block and a stack."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import groupby
from typing import Any

from gatekit.code.blocks.emit import BlockText
from gatekit.code.cell_text import CellText
from gatekit.code.identifiers import docstring, number
from gatekit.code.stacks.kinds import LayerText, StackText

View = dict[str, Any]
CALL = (
    "Return what every step emits, batch x time x {width}, and {states}.",
    "{x} batch x time x {read}; mask is batch x time, true where a step is valid.",
)
LAST = "last: whether it is the last block of a stack, whose output has a further norm."
RNG = "Give rng in training: it draws dropout, zoneout and noises."
_LONGEST_RUN = 2
# The names of a loop for the layer of each direction of time.
_LAYERS = ("layer", "back")


@dataclass(frozen=True)
class FirstStates:
    """Templates of initial states.

    Attributes:
        zeros: zeros of a ``{shape}``, a tuple with the batch.
        full: a ``{value}`` in a ``{shape}``.
        weight: a weight by ``{name}``.
        learned: a ``{weight}`` for each sequence; ``{ones}`` and ``{rest}`` are 1 and -1 for each
            axis.
    """

    zeros: str
    full: str
    weight: str
    learned: str


def doc(paragraphs: Iterable[str], indent: int) -> str:
    """Return a docstring as the text of its lines."""
    return "\n".join(docstring([*paragraphs], " " * indent))


def call_doc(width: str = "units", read: str = "features", *more: str) -> list[str]:
    """Return the docstring of what computes all steps."""
    given = {"width": width, "read": read, "states": "the last states", "x": "x is"}
    return [*(line.format(**given) for line in CALL), *more]


def as_tuple(items: Sequence[str]) -> str:
    """Return the code of a tuple."""
    return f"({items[0]},)" if len(items) == 1 else f"({', '.join(items)})"


def state_doc(cell: CellText) -> str:
    """Return the states with their shapes, for a docstring."""
    texts = [f"{s.name} (batch x {' x '.join(s.shape)})" for s in cell.states]
    return ", ".join(texts).replace("self.", "") or "none"


def first_states(cell: CellText, texts: FirstStates) -> tuple[list[str], list[str]]:
    """Return the lines that must come first, and the code of each state's initial value."""
    lines, texts_of_states = [], []
    for state in cell.states:
        if state.learned is None:
            shape = f"(batch, {', '.join(state.shape)})"
            template = texts.full if state.initial else texts.zeros
            texts_of_states.append(template.format(shape=shape, value=number(state.initial)))
            continue
        weight = texts.weight.format(name=state.learned)
        if len(state.shape) > 1:
            # A learned weight is a vector.
            lines.append(f"{state.learned} = {weight}.reshape({', '.join(state.shape)})")
            weight = state.learned
        ones = ", 1" * len(state.shape)
        texts_of_states.append(
            texts.learned.format(weight=weight, ones=ones, rest=ones.replace("1", "-1"))
        )
    return lines, texts_of_states


def block_view(cell: CellText, block: BlockText, states: str) -> View:
    """Return what the templates of all frameworks need of a block."""
    carried = ", ".join(each.name for each in block.carried)
    count = len(block.carried)
    last = f"({carried}) = state[:-{count}], state[-{count}:]"
    last = f"{carried} = state[:-1], state[-1]" if count == 1 else last
    texts = [
        f"{each.name} (batch x {each.steps} x {each.width})".replace("self.", "")
        for each in block.carried
    ]
    states = ", ".join([*([] if states == "none" else [states]), *texts]) or "none"
    both = (
        "Time is read in both directions; states are those of the forward direction.",
        "ends: whether to return only the last valid step of each direction.",
    )
    return {
        "cell_title": cell.title,
        "cell_sizes": f"{block.fed}, {block.given_units}" if block.sized else "",
        "turns": ("", "backward_")[: block.directions],
        "split": f"cell_state, {last}",
        "carried": carried,
        "states": states,
        "both": both if block.directions > 1 else (),
    }


def block_doc(view: View, block: BlockText) -> str:
    """Return the docstring of the class of a block."""
    about = f"The block around the cell; states are {view['states']}."
    return doc([about, *([LAST] if block.last else [])], 4)


# --- stacks -----------------------------------------------------------------


def listed(items: Sequence[str]) -> list[str]:
    """Return the items of a list; more than two equal neighbours become a generator expression."""
    found: list[str] = []
    for item, run in groupby(items):
        count = len(list(run))
        several = count > _LONGEST_RUN
        found += [f"*({item} for _ in range({count}))"] if several else [item] * count
    return found


def created(
    stack: StackText, layer: LayerText, function: str, before: str = "", after: str = ""
) -> str:
    """Return the call of a function that creates a layer, given its first or last arguments."""
    kind, block = layer.kind, layer.kind.block
    given = [layer.features, layer.units] if kind.sized else []
    if block is not None:
        given = [*stack.sizes] or [*map(str, block.sizes.values())]
    if block is not None and block.last and not layer.last:
        given.append("last=False")
    return f"{function}({', '.join(filter(None, [before, *given, after]))})"


def stack_doc(stack: StackText) -> str:
    """Return the docstring of the class of a stack."""
    count = len(stack.layers)
    if stack.around is None:
        return doc([f"{count} layers one after the other; each has states of its own."], 4)
    layers = f"its {count} layers have states of their own" if count > 1 else "a layer has states"
    return doc([f"The whole model; {layers}."], 4)


def stack_call_doc(stack: StackText, x: str = "x is") -> list[str]:
    """Return the docstring of what computes outputs and states of a stack."""
    around = stack.built.around
    if around is None:
        return [
            "Return what every step of the last layer emits, and the last states of each layer.",
            f"{x} batch x time x width; mask is batch x time, true where a step is valid.",
        ]
    of_steps = " of every step" if around.reads == "every" else ""
    shape = "batch x time x features" if around.tokens is None else "tokens, batch x time"
    return [
        f"Return the output{of_steps}, and the last states of each layer.",
        f"{x} {shape}; mask is batch x time, true where a step is valid.",
    ]


def backward_mask(stack: StackText) -> list[str]:
    """Return the line of the mask with the time backwards, if a layer reads it."""
    line = f"mask_back = None if mask is None else {stack.spelling.flipped('mask')}"
    return [line] if stack.built.directions > 1 else []


def layer_loop(stack: StackText, call: str, owner: str = "self.layers") -> list[str]:
    """Return the lines of a loop over layers; ``call`` has ``{y}``, ``{x}``, ``{layer}`` ..."""
    rows, both = stack.built.rows, stack.built.directions > 1
    longest = max(rows, key=len)
    adds = tuple(len(row) == len(longest) for row in rows)
    each = [f"{owner}[::2]", f"{owner}[1::2]"] if both else [owner]
    each += [text.replace(owner, "states") for text in each]
    owns = [f"own_{name}" for name in _LAYERS] if both else ["own"]
    new = [f"new_{name}" for name in _LAYERS] if both else ["new"]
    given = [*_LAYERS[: len(owns)], *owns]
    if not all(adds):
        given, each = [*given, "adds"], [*each, repr(adds)]

    def called(place: int, y: str, x: str) -> str:
        mask = "mask_back" if place else "mask"
        own = {"layer": _LAYERS[place], "own": owns[place], "new": new[place]}
        return call.format(y=y, x=x, mask=mask, **own)

    body = stack.spelling.row(longest, called, "" if all(adds) else " if adds else y")
    return [
        *backward_mask(stack),
        f"for {', '.join(given)} in zip({', '.join(each)}):",
        *(f"    {line}" for line in body),
        f"    last += [{', '.join(new)}]" if both else "    last.append(new)",
    ]
