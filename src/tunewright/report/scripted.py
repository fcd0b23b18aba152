"""What a page with a script of its own is made of: our script by its hash, and data that no browser runs.

In: the name of a template, values. Out: the page's text. Its own file because every such page must keep data from
running in the same way: text from a user's file never becomes markup, and nothing but our own script may run.
"""

from __future__ import annotations

import base64
import hashlib
from importlib.resources import files
from typing import Any

from markupsafe import Markup

from tunewright.core.files import json_text
from tunewright.report.environment import environment, visible


def scripted_html(name: str, *, data: Any, **values: Any) -> str:
    """The page `name`.html.j2 with `name`.css and `name`.js in it.

    data: what the script reads; plain values, whose texts get their control characters made visible.
    """
    script = _asset(f"{name}.js")
    return (
        environment(is_html=True)
        .get_template(f"{name}.html.j2")
        .render(
            style=Markup(_asset("style.css") + _asset(f"{name}.css")),  # ours, not data
            script=Markup(script),
            script_hash=base64.b64encode(hashlib.sha256(script.encode()).digest()).decode(),
            data=Markup(data_block(data)),
            **values,
        )
    )


def data_block(data: Any) -> str:
    """JSON that cannot end the block it stands in. Source: HTML Living Standard, 4.12.1.3 on script contents.

    >>> data_block(["</script>"])
    '["\\\\u003c/script\\\\u003e"]'
    """
    text = json_text(_visible(data), indent=None)
    return text.replace("<", "\\u003c").replace(">", "\\u003e").replace("&", "\\u0026")


def _visible(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _visible(item) for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [_visible(item) for item in value]
    return visible(value)


def _asset(name: str) -> str:
    return (files("tunewright.report") / "templates" / name).read_text(encoding="utf-8")
