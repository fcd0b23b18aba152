"""Settings of the generated tests: no deadline, because a busy machine is slow without being wrong; the same examples
each time, so that a red run can be repeated. Take `derandomize` out to draw new ones."""

from __future__ import annotations

from hypothesis import settings

settings.register_profile("tunewright", deadline=None, derandomize=True)
settings.load_profile("tunewright")
