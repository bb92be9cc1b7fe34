"""Bricks: the layers that architectures and encoders are made of, chosen by configuration."""
