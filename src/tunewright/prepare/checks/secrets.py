"""Passwords, tokens and private keys in the rows.

In: all rows. Out: a finding, and the rows with them replaced. Its own file because whoever reads one can use it: it
must be changed where it is used, whatever becomes of the row.
"""

from __future__ import annotations

from tunewright.prepare.checks.check import Check, Found, Look
from tunewright.prepare.checks.private_rows import private_rows

NAME = "secrets"


def look(shown: Look) -> Found:
    """fix writes [key] in their place, in every split; drop leaves such train rows out."""
    return private_rows(shown, name=NAME, kinds=("key",), what="a key, token or password")


CHECK = Check("key, token or password", ("repair",), look, actions=("report", "fix", "drop"))
