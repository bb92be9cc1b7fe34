"""Scene -> scene: a chain of parts, read window by window."""
