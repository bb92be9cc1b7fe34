"""Step 4: scenes and labels to windows in shards; targets and augmentations are its parts."""
