"""The pictures of an amplification show the numbers they are given, and text as text."""

from __future__ import annotations

import numpy as np

from workbench.figures import mask_course, mask_maps

SHAPE = {"n_layers": 2, "n_heads": 4, "n_key_value_heads": 2, "d_head": 8, "d_mlp": 128}
MASK = {
    "shape": SHAPE,
    "values": {
        "query": [[0.0, 1.0, 0.5, 0.0], [0.0, 0.0, 0.0, 0.9]],
        "key": [[0.0, 1.0], [0.0, 0.0]],
        "value": [[0.0, 0.0], [0.0, 0.0]],
        "neuron": [[1.0] * 3 + [0.0] * 125, [0.0] * 128],
    },
    "counts": {"query": 2, "key": 1, "value": 0, "neuron": 3},
    "n_kept": 6,
    "share": 6 / 272,
    "difference_before": -0.5,
    "curve": [
        {"epoch": 1, "difference": 0.0, "kept": 272},
        {"epoch": 2, "difference": 2.0, "kept": 6},
    ],
}


def test_every_kind_is_a_map_of_layers_by_components():
    maps = mask_maps(MASK).data
    assert [np.shape(trace.z) for trace in maps] == [(2, 4), (2, 2), (2, 2), (2, 64)]
    np.testing.assert_array_equal(maps[0].z, MASK["values"]["query"])
    # Neurons go into 64 columns of two: the share of each that is kept.
    assert np.asarray(maps[3].z)[0, :3].tolist() == [1.0, 0.5, 0.0]
    assert np.asarray(maps[3].z)[1].max() == 0


def test_the_course_shows_difference_and_size():
    difference, kept = mask_course(MASK).data
    assert list(difference.y) == [0.0, 2.0]
    assert list(kept.y) == [272, 6]
