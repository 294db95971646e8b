"""Output of a comparison: table, JSON, CSV, Markdown, LaTeX, sentences.

Start with `table_cells`, which formats the cells of the table for all formats.

No module here is public.
"""
