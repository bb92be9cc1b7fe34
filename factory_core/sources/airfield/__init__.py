"""The sample `airfield`: imagery of airfields made by code, with exact labels."""
