"""Image to outputs: architectures, encoders, losses; needs Keras."""
