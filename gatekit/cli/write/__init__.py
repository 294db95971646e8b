"""Commands for writing gates and cells: new, check, show, cells, gates, plugins, tune."""
