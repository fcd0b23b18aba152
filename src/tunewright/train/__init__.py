"""Which weights change, and how, within this memory?"""
