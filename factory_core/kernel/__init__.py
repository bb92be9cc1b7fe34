"""What every step may use: errors, geometry, taxonomy, configuration, files, compute."""
