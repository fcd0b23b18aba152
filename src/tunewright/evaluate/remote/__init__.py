"""Models behind an address: asked over the network, kept as they answer, counted with what they cost."""
