"""Ready-made scenarios, one TOML file each."""
