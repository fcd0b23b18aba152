"""E-mail addresses, phone, card and account numbers, IP addresses in the rows.

In: all rows. Out: a finding with counts by kind, and the rows with them replaced by their kind. Its own file because a
model can learn them by heart and say them to a stranger.
"""

from __future__ import annotations

from tunewright.prepare.checks.check import Check, Found, Look
from tunewright.prepare.checks.private_rows import private_rows

NAME = "personal_data"


def look(shown: Look) -> Found:
    """fix writes [email], [phone] ... in their place, in every split; drop leaves such train rows out."""
    return private_rows(
        shown, name=NAME, kinds=("email", "phone", "card", "iban", "ip"), what="personal data by its form"
    )


CHECK = Check("e-mail address, phone, card, account or IP number", ("repair",), look, actions=("report", "fix", "drop"))
