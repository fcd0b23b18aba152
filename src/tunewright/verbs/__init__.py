"""What each verb does, as a function: the Python API. The command line only prints what these return."""
