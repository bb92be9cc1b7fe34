"""The team's own parts, in the same form and folders as those of factory_core."""
