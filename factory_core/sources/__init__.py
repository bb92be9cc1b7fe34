"""Where scenes and labels come from: samples."""
