"""Search over a configuration: Optuna asks, DVC experiments answer."""
