"""gatekit's own configurations: the folder ``conf``."""

import gatekit.conf

from gatekit import hookimpl


@hookimpl
def gatekit_config_dirs():
    """Register the folder; being gatekit's own, it is searched after those of all others."""
    return list(gatekit.conf.__path__)
