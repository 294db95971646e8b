"""What Hydra finds under ``hydra_plugins.gatekit``: the launcher of gatekit."""
