"""A model that says which of two answers is better: asked in both orders, counted with its doubts and its price."""
