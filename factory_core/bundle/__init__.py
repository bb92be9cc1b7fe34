"""Step 9, model, configuration and metrics -> the folder that is deployed, and its use."""
