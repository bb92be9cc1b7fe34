"""Lines against lines: networks, ways along them, lengths, junctions."""
