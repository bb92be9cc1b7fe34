"""Exchange formats, one a file: labels of others in, labels for others out."""
