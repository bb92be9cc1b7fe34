"""The register of parts: one folder a kind, one YAML file a part; Hydra finds it as a package."""
