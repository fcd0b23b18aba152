"""A process that torchrun started beside the first: it takes its share of every training, and does nothing else.

In: what rank 0 hands over at torchrun's store. Out: nothing; rank 0 writes. Its own file because it is the whole
program of such a process.
"""

from __future__ import annotations

import pickle

from tunewright.train.stage import take_part
from tunewright.train.together import called, dismiss


def work() -> None:
    """Until rank 0 starts no further training. What comes from the store was written by our own rank 0."""
    n = 1
    while True:
        group, handed = called(n)
        if not handed:
            dismiss()
            return
        inputs, folder = pickle.loads(handed)
        take_part(inputs, group, work=folder)
        n += 1
