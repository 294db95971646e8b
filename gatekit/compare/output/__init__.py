"""A comparison as a table, JSON, CSV, Markdown, LaTeX, sentences, SQL, and for other loggers.

`table_text` has the cells of the table as text; every format uses it. Start there.
"""
