"""The list of licences has every pinned package, and none whose licence is unknown or copyleft.

But for a library under the LGPL that lm-evaluation-harness needs, which the extra `eval` brings.
"""

import re
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
LINE = re.compile(r"^\| (?P<name>[\w.-]+) \| (?P<version>[^| ]+) \| (?P<licence>[^|]+) \|$", re.M)
BY_THE_HARNESS = {"chardet"}


def test_every_pinned_package_has_a_permissive_licence():
    pins = re.findall(r"^([\w.-]+)==([^\s;]+)", (ROOT / "constraints.txt").read_text(), re.M)
    listed = {
        (found["name"], found["version"]): found["licence"]
        for found in LINE.finditer((ROOT / "docs/licences.md").read_text())
    }
    assert set(pins) == {key for key in listed if key != ("package", "version")}
    unknown = [name for name, licence in listed.items() if re.search(r"GPL|none|not inst", licence)]
    assert {name for name, _ in unknown} == BY_THE_HARNESS
