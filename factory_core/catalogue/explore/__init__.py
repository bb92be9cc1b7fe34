"""A catalogue -> one HTML page that shows what is there, and what is not."""
