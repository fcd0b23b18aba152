"""Headless Chromium: what a page says once its own scripts have run.

In: a page. Out: what Chromium prints. Its own file because every page is looked at in the same way.
"""

from __future__ import annotations

import subprocess
from pathlib import Path

FLAGS = (
    *("--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--hide-scrollbars"),
    *("--disable-background-networking", "--disable-component-update", "--disable-sync"),
    "--allow-file-access-from-files",  # lets the page in a frame be measured
)


def printed(chromium: str, page: Path, tmp_path: Path, *flags: str) -> str:
    """What Chromium prints; one profile a folder, so that a page finds what it kept."""
    command = [chromium, *FLAGS, f"--user-data-dir={tmp_path / 'profile'}", *flags, page.as_uri()]
    return subprocess.run(command, capture_output=True, text=True, timeout=120, check=True).stdout
