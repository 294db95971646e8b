"""What gatekit adds to Hydra; installed as ``hydra_plugins.gatekit``, and registered in code."""
