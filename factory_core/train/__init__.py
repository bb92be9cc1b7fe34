"""Step 5: windows to a model, once in Keras' form and once in ONNX."""
