"""What files of rows are called.

In: a file's name. Out: its ending, packed or not. Its own file because which files of a folder are meant is
asked before anything that can read them is loaded.
"""

from __future__ import annotations

from pathlib import PurePath

DATA_SUFFIXES = (".csv", ".tsv", ".json", ".jsonl", ".ndjson", ".parquet", ".xlsx", ".xls", ".ods", ".txt")
PACKED_SUFFIXES = (".gz", ".zst")


def unpacked_name(name: str) -> str:
    """
    >>> unpacked_name("tickets.csv.gz"), unpacked_name("tickets.csv")
    ('tickets.csv', 'tickets.csv')
    """
    ending = next((suffix for suffix in PACKED_SUFFIXES if name.lower().endswith(suffix)), "")
    return name[: len(name) - len(ending)]


def data_suffix(name: str) -> str:
    """The ending that says the format, in lower case; empty when the name has none.

    >>> data_suffix("Tickets.CSV.gz"), data_suffix("tickets")
    ('.csv', '')
    """
    return PurePath(unpacked_name(name)).suffix.lower()
