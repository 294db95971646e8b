"""Installed as ``hydra_plugins.gatekit``, the only place from which Hydra takes plugins by name."""
