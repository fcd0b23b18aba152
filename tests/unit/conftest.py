"""Settings of the generated tests: no deadline, because a busy machine is slow without being wrong, and the same examples
each time, so that a red run can be repeated. `--hypothesis-profile=explore` draws new ones."""

from __future__ import annotations

from hypothesis import settings

settings.register_profile("explore", deadline=None, max_examples=1000)
settings.register_profile("tunewright", deadline=None, derandomize=True)
settings.load_profile("tunewright")
