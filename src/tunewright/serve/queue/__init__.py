"""Who asks waits here, and everybody is answered at once: one model, one thread, many answers being written."""
