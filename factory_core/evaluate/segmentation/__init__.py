"""Surfaces against surfaces: segments as a whole, and their edges."""
