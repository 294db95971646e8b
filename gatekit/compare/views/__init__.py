"""What each kind of figure shows, as a `chart.Chart`: facts, in units of the data.

A view is a function from a comparison to a chart, or None if there is nothing to draw. It knows no
colour, no size and no library. ``gatekit.compare.render`` draws any chart.

Start with `chart.py`; `kinds.py` lists the views by name.

No module here is public.
"""
