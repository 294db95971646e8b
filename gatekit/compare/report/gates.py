"""The section of gates in probed runs: values over training, memory, gradients."""

from __future__ import annotations

from dataclasses import replace

from gatekit.compare.gates.behaviour import report_of
from gatekit.compare.gates.densities import layers
from gatekit.compare.gates.text import tables
from gatekit.compare.views.gates import gates as chart_of

from .context import Section, Sheet
from .markup import html
from .to_data import Charts

_MOST_LAYERS = 4
_CAPTION = (
    "Gates over training: the colour shows the density of the values, the line shows their mean."
    " The dotted lines mark a tenth of the range from its ends; the numbers are the percentages"
    " beyond them at the best epoch. Memory: the number of steps after which 1/e of a unit's"
    " content is left, with gates fixed at their means. Gradient: the norm of the gradient of the"
    " loss with respect to the memory state at each step, scaled to a maximum of 1. Thin lines:"
    " single seeds."
)


def gates(sheet: Sheet) -> Section | None:
    """Return the gates and states of runs with ``probe=true``; None if there are none."""
    found = report_of(sheet.comparison.study, [row.group for row in sheet.rows])
    if not found.variants:
        return None
    styles = {id(row.group): row.style_index for row in sheet.rows}
    variants = tuple(replace(v, style_index=styles[id(v.group)]) for v in found.variants)
    names, known = layers(found), Charts()
    for name in names[:_MOST_LAYERS]:
        known.add(chart_of(replace(found, variants=variants), name))
    titles = names[:_MOST_LAYERS] if len(names) > 1 else [""]
    charts = [(title, "") for title in titles[:-1]] + [(titles[-1], _CAPTION)]
    body = html("gates.html", charts=charts, numbers=tables(found))
    return Section("gates", "Gates", body, known.data())
