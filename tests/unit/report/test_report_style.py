"""Colours: every pair of ink and ground that the style sheet uses can be read."""

from __future__ import annotations

import re
from importlib.resources import files

import pytest

CSS = (files("tunewright.report") / "templates" / "style.css").read_text(encoding="utf-8")
LIGHT, DARK = (
    dict(re.findall(r"--([\w-]+): (#[0-9a-f]{6})", block)) for block in re.findall(r":root \{(.*?)\}", CSS, re.S)
)
PAIRS = (
    *((ink, ground) for ink in ("ink", "muted", "accent") for ground in ("paper", "panel", "accent-soft")),
    *((tone, ground) for tone in ("good", "bad", "unclear") for ground in ("paper", f"{tone}-soft")),
    *(("ink", f"{kind}{level}") for kind in "rw" for level in (1, 2, 3)),
    *(("deep-ink", f"{kind}{level}") for kind in "rw" for level in (4, 5)),
)
READABLE = 4.5
"""Source: WCAG 2.2, success criterion 1.4.3."""


@pytest.mark.parametrize("colours", [LIGHT, DARK], ids=["light", "dark"])
@pytest.mark.parametrize(("ink", "ground"), PAIRS)
def test_text_can_be_read(colours: dict[str, str], ink: str, ground: str) -> None:
    assert contrast(colours[ink], colours[ground]) >= READABLE


def test_contrast_is_21_for_black_on_white() -> None:
    assert contrast("#000000", "#ffffff") == pytest.approx(21)


def contrast(a: str, b: str) -> float:
    """Source: WCAG 2.2, contrast ratio."""
    light, dark = sorted((luminance(a), luminance(b)), reverse=True)
    return (light + 0.05) / (dark + 0.05)


def luminance(colour: str) -> float:
    """Source: WCAG 2.2, relative luminance."""
    shares = [int(colour[i : i + 2], 16) / 255 for i in (1, 3, 5)]
    linear = [share / 12.92 if share <= 0.04045 else ((share + 0.055) / 1.055) ** 2.4 for share in shares]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]
