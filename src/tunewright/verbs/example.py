"""Where the shipped example lies.

In: an example's name. Out: its folder. Its own file because an installed package and a checkout keep it in two places.
"""

from __future__ import annotations

from pathlib import Path

from tunewright.core.errors import RunError


def example_folder(name: str) -> Path:
    """Inside the installed package, or in the checkout.

    Raises RunError when it is in neither.
    """
    here = Path(__file__).parents[1]
    for folder in (here / "examples" / name, here.parents[1] / "examples" / name):
        if folder.is_dir():
            return folder
    raise RunError(
        f"the example {name} is not installed", where=str(here), fix="pip install --force-reinstall tunewright"
    )
