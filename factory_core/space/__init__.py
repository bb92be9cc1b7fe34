"""The configurations that a detector can choose from: count, draw, check, cover, price."""
