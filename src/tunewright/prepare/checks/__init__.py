"""One question about the data a file, all behind one shape; table.py is where they stand."""
