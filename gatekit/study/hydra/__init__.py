"""What gatekit adds to Hydra; installed as ``hydra_plugins.gatekit``, registered in code as well."""
