"""Detections -> detections: which of them stay, and what is known of them."""
