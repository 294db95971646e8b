"""The registry: finds plugins, loads each one in isolation, answers queries, finds cells by name.

A plugin that fails is left out with a reason, and all others work. Start with `hooks.py`, which
lists what a plugin can provide, then `loading.py`. TensorFlow is not needed.

Public: the names in `__all__`. The modules are not.
"""

from __future__ import annotations

from .cells import (
    bibliography,
    cell_config,
    cell_names,
    config_folders,
    load_cell,
    named_after_file,
)
from .contract import API
from .hashes import object_hash, plugin_hashes, plugin_source, plugin_sources, source_hash
from .loading import use_plugins
from .plugin import Broken, Origin
from .queries import (
    broken,
    callbacks,
    catalogue,
    config_dirs,
    left_out,
    origins,
    plugin_names,
    plugin_origins,
    reasons_of,
    reverted,
    tasks,
)

__all__ = [
    "API",
    "Broken",
    "Origin",
    "bibliography",
    "broken",
    "callbacks",
    "catalogue",
    "cell_config",
    "cell_names",
    "config_dirs",
    "config_folders",
    "left_out",
    "load_cell",
    "named_after_file",
    "object_hash",
    "origins",
    "plugin_hashes",
    "plugin_names",
    "plugin_origins",
    "plugin_source",
    "plugin_sources",
    "reasons_of",
    "reverted",
    "source_hash",
    "tasks",
    "use_plugins",
]


def __dir__() -> list[str]:
    return sorted(__all__)
