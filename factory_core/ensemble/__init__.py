"""Between training and prediction: how much each member of the ensemble counts."""
