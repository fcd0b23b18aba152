"""Is it really better, than the base model and than its honest rivals?"""
