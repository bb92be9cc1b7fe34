"""Step 6, scene -> score map or candidates: ONNX Runtime over overlapping windows."""
