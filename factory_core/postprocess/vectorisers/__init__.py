"""Score maps -> detections: areas, boxes, middles and points of what stands out."""
