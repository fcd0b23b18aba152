"""Settings of the generated tests: no deadline, because a busy machine is slow without being wrong."""

from __future__ import annotations

from hypothesis import settings

settings.register_profile("tunewright", deadline=None)
settings.load_profile("tunewright")
