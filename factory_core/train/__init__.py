"""Step 5, windows -> model.keras and model.onnx."""
