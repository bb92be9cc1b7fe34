"""Search for the running point: values of merging and post-processing, tried on val."""
