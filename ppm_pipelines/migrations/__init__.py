"""How the schema came to be, one file per step. What it is today stands in ``tables.py``; a test compares the two."""
