"""Why this answer? Which words carried it, checked against leaving out words at random."""
