"""Faster ways through a transformer on a processor, put on a model for the time of its training."""
