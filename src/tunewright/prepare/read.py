"""stub"""
from __future__ import annotations
from pathlib import Path
from tunewright.prepare.table import Table

def read_table(path: Path, *, role: str, format: str | None = None, tag: str = "") -> Table:
    raise NotImplementedError
