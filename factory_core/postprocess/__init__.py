"""Step 7, score map or candidates -> detections: a chain of pure parts."""
