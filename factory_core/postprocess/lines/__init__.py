"""Lines -> lines: from the middles of roads to a network."""
