"""Output of a comparison: table, JSON, CSV, Markdown, LaTeX, sentences, SQL, other loggers.

`table_cells` formats the cells of the table for all formats. Start there.
"""
