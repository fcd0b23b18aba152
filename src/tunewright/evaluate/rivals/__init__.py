"""Who tuning must beat: simple models, a prompt with examples, the same model from random weights."""
