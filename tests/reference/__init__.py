"""NumPy recurrences written from the papers: the witnesses against gatekit's cells.

Written from the equations, never from a cell's YAML. A cell of the plain family is a row of
``plain.py``, which the loop of ``loop.py`` computes, and one with a large state a row of
``memories.py``; ``matrices.py`` has those whose matrices are computed from other weights. Every
other cell is written by hand in a module of its own, with
``STATES``, ``shapes(features, units)`` and ``step(x, states, w) -> (emission, new states)``: ``x``
is batch x features, ``states`` and ``w`` are arrays by name. ``run.py`` drives a step over time and
gives exact gradients.

A weight is named ``<gate>.<read>``: ``forget.x`` is features x units, ``forget.h_prev`` is units
x units and acts from the right (``h_prev @ w``), ``forget.bias`` is units.
"""
