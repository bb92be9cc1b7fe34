"""Two versions of a detector on the same scenes: which is better, and where they differ."""
