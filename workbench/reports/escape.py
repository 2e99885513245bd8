"""Foreign text made inert: in HTML, on one line of Markdown, in YAML. The only place that escapes.

element("p", "<b> is text here"), inline("| and ` too"), quoted("as: this")
"""

from __future__ import annotations

import html
import json
import re
from typing import Any

from workbench.config import canonical_json


class Markup(str):
    """HTML that this package made; every other text is escaped on its way into a page."""


def element(tag: str, *children: object, **attributes: str) -> Markup:
    """`<tag ...>children</tag>`; children that are no `Markup` are text, and so are attributes.

    `class_` is written `class`, `http_equiv` `http-equiv`.
    """
    given = "".join(
        f' {name.rstrip("_").replace("_", "-")}="{html.escape(value)}"'
        for name, value in attributes.items()
    )
    return Markup(f"<{tag}{given}>{joined(*children)}</{tag}>")


def joined(*children: object) -> Markup:
    """All of them in a row, text escaped."""
    return Markup("".join(c if isinstance(c, Markup) else html.escape(str(c)) for c in children))


def inline(value: Any) -> str:
    """`value` on one line, without the characters that Markdown or HTML would act on."""
    text = value if isinstance(value, str) else canonical_json(value)
    text = re.sub(r"\s+", " ", text).strip()
    text = text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")
    return re.sub(r"([\\`*_\[\]|#~$])", r"\\\1", text)


def quoted(text: str) -> str:
    """A YAML string in double quotes, all of it printable ASCII."""
    return f'"{"".join(map(_in_yaml, text))}"'


def _in_yaml(character: str) -> str:
    """As in JSON, but YAML knows no pairs of surrogates and takes no bare delete."""
    if ord(character) > 0xFFFF:
        return f"\\U{ord(character):08x}"
    return "\\u007f" if character == "\x7f" else json.dumps(character)[1:-1]
