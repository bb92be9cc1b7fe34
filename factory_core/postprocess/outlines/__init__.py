"""Polygons -> polygons: size and shape."""
