"""Checks that people expect and that are not built yet, and how it is said that one does not concern the task.

In: nothing. Out: NOT_RUN, check to why; NO_CONCERN. Its own file because nobody may take silence for "ok", and who only
prints them need not load what the others need.
"""

from __future__ import annotations

NOT_RUN: dict[str, str] = {
    "contamination": "whether the model saw the test rows in pre-training is not tested in this version",
}
"""Checks that people expect and that are not built: reported as not run, never as ok."""
NO_CONCERN = "it does not concern the task"
"""How the reason of a check begins that has nothing to say about these rows."""
