"""Puts the checkout's root on the path, so that tests share tests/tiny.py and tests/shared_data.py; one core a worker.

Under pytest -n each worker keeps to a core of its own, and with it all that it starts: a run takes one thread. Two
threads that wait for each other on cores that others use make a tiny matrix product 300 times slower.
"""

import os

_worker = os.environ.get("PYTEST_XDIST_WORKER")
if _worker and hasattr(os, "sched_setaffinity"):  # not on macOS and Windows
    _cores = sorted(os.sched_getaffinity(0))
    os.sched_setaffinity(0, {_cores[int(_worker.removeprefix("gw")) % len(_cores)]})
