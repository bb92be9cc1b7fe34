"""Scenes and labels on disk -> a table of scenes, a table of labels; the contexts of a scene."""
