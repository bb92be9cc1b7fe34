"""Search for the running point: values of post-processing tried on what predict has written."""
