"""Score maps -> score maps: which pixels are an object."""
