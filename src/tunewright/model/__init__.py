"""Checkpoints: their facts, loading, adapting, running, arithmetic about them."""
