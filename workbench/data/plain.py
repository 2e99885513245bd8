"""Row values as plain JSON: what a row holds may come from Parquet or a hub and JSON knows less.

json.dumps(plain({"seen": datetime.date(2024, 1, 1), "level": float("nan")}))
"""

from __future__ import annotations

import base64
import datetime
import json
import math
from collections.abc import Mapping
from typing import Any

# Most values are told by their exact types; a class that derives from one goes the long way.
ATOMS = frozenset({str, int, bool, type(None)})
_TEXT = json.JSONEncoder(ensure_ascii=False)


def plain(value: Any) -> Any:
    """The same value in JSON types: NaN and infinities become null, dates ISO text, bytes base64.

    Anything else that JSON has no form for (a decimal, a UUID) becomes its text.
    """
    kind = type(value)
    if kind in ATOMS:
        return value
    if kind is dict:
        return {
            key if type(key) is str else str(key): item if type(item) in ATOMS else plain(item)
            for key, item in value.items()
        }
    if isinstance(value, str | bool | int):
        return value
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    if isinstance(value, Mapping):
        return {str(key): plain(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [plain(item) for item in value]
    if isinstance(value, bytes):
        return base64.b64encode(value).decode("ascii")
    if isinstance(value, datetime.date | datetime.time):
        return value.isoformat()
    if hasattr(value, "tolist"):
        return plain(value.tolist())
    return str(value)


def json_bytes(value: Any) -> bytes:
    """`value` as JSON in UTF-8; half a surrogate pair, which UTF-8 has no bytes for, is escaped."""
    values = plain(value)
    try:
        return _TEXT.encode(values).encode()
    except UnicodeEncodeError:
        return json.dumps(values).encode()
