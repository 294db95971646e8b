"""Cells by name: `composer` reads their files and merges the cells in ``defaults``, like Hydra.

`places` finds the file of a cell and the line of a mistake, and reads the works that cells cite.
Start with `composer.py`.

No module here is public.
"""

from .composer import (
    MAX_CHAIN,
    MAX_FILES,
    bundled_cell,
    cell_config,
    cell_names,
    composed,
    default_name,
    load_cell,
    named_after_file,
)
from .places import (
    bibliography,
    cell_file,
    config_folders,
    file_channel,
    in_file,
    is_bundled,
)

__all__ = [
    "MAX_CHAIN",
    "MAX_FILES",
    "bibliography",
    "bundled_cell",
    "cell_config",
    "cell_file",
    "cell_names",
    "composed",
    "config_folders",
    "default_name",
    "file_channel",
    "in_file",
    "is_bundled",
    "load_cell",
    "named_after_file",
]
