"""Architectures, one file each: an image to raw outputs, and those to scores and boxes."""
