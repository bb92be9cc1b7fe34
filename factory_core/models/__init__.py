"""Image to outputs: architectures, encoders, losses; with `train` the only code that needs Keras."""
