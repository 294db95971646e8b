"""How charts look: `matplotlib` draws any `views.chart.Chart`, `files` writes it.

`style` has the sizes and colours of figures and of the page of the report.

No module here is public.
"""
