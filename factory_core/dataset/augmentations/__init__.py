"""Augmentations: true changes of a window with its labels, one file a part."""
