"""Step 8: detections and labels -> metrics, plots, pictures and a report."""
