"""Catalogue and query -> train, val and test that cannot leak."""
