"""Encoders: an image to features of ever coarser resolution."""
