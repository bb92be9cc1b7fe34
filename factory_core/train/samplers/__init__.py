"""Samplers: which windows an epoch has, and in which order; one file a part."""
