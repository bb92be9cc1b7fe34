"""Metrics of objects that are found one by one, and how objects are ranked and counted for them."""
