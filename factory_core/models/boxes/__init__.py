"""What several box models share: points, assignment of labels, decoding."""
