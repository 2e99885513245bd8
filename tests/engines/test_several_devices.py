"""A model whose layers lie on two devices measures what it measures on one."""

from __future__ import annotations

import json
import subprocess
import sys

import numpy as np
import pytest

from tests.support.several_devices import has_gradients, measured


@pytest.mark.parametrize("name", ["llama", "qwen3", "mistral"])
@pytest.mark.parametrize("devices", [("pretended:0", "pretended:1"), ("pretended:0", "cpu")])
def test_layers_on_two_devices_measure_the_same(name, devices, checkpoint, tiny):
    done = subprocess.run(
        [sys.executable, "-m", "tests.support.several_devices", str(checkpoint(name)), *devices],
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr[-3000:]
    told = json.loads(done.stdout)
    assert told["device"] == ", ".join(sorted(devices))
    assert told["refused"] == [True, True, True, False, False]
    for what, expected in measured(tiny(name), gradients=has_gradients(devices)).items():
        found = told["measured"][what]
        if what in ("decoded", "sampled"):
            assert found == expected
        else:
            np.testing.assert_allclose(found, expected, atol=1e-5, rtol=0, err_msg=what)
