"""How code refers to weights and sizes in the file of each framework."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from . import distributions


@dataclass(frozen=True)
class Access:
    """How code in a file refers to weights and sizes; the defaults are those of a class.

    Attributes:
        assign: returns the code before and after the initial value of a weight.
        draws: the templates of initial values.
        weight: returns the text of a weight's attribute within the step.
        fixed: returns the text of a weight that is not trained.
        size: returns the text of a size within the step.
        indent: the number of spaces before the lines of functions.
    """

    assign: Callable[[str, bool], tuple[str, str]]
    draws: distributions.Draws
    weight: Callable[[str], str] = "self.{}".format
    fixed: Callable[[str], str] = "self.{}".format
    size: Callable[[str], str] = "self.{}".format
    indent: int = 8


ACCESS = {
    "torch": Access(
        assign=lambda name, learned: (
            (f"self.{name} = nn.Parameter(", ")")
            if learned
            else (f'self.register_buffer("{name}", ', ")")
        ),
        draws=distributions.TORCH,
    ),
    "jax": Access(
        assign=lambda name, _: (f'params["{name}"] = ', ""),
        draws=distributions.JAX,
        weight='params["{}"]'.format,
        fixed=lambda name: f'jax.lax.stop_gradient(params["{name}"])',
        size=str,
        indent=4,
    ),
    "keras": Access(
        assign=lambda name, learned: (
            f'self.{name} = self.weight("{name}", ',
            ")" if learned else ", False)",
        ),
        draws=distributions.KERAS,
    ),
}
