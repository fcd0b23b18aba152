"""Is the data well-formed, clean, leak-free, and what exactly will be trained on?"""
