"""The pictures of an amplification show the numbers they are given, and text as text."""

from __future__ import annotations

import numpy as np

from workbench.figures import fork_blocks, mask_course, mask_maps

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


def row_of(**changes) -> dict:
    return {
        "shared_text": "so ",
        "right_text": "4<b>",
        "wrong_text": "5 & more",
        "desired_text": "4",
        "undesired_text": "5",
        "greedy_right": False,
    } | changes


def test_a_fork_shows_both_ways_with_their_first_token_marked():
    shown = fork_blocks(row_of())
    right, wrong = shown.index("right · sampled"), shown.index("wrong · greedy")
    assert right < shown.index(">4</mark>&lt;b&gt;") < wrong < shown.index(">5</mark> &amp; more")
    assert "right · greedy" in fork_blocks(row_of(greedy_right=True))


def test_text_of_a_fork_is_escaped():
    hostile = "<script>alert(1)</script>"
    texts = dict.fromkeys(("shared_text", "right_text", "wrong_text", "desired_text"), hostile)
    shown = fork_blocks(row_of(**texts, undesired_text=hostile))
    assert "<script" not in shown
    assert shown.count("&lt;script&gt;") >= 3


def test_a_fork_at_the_first_token_and_an_end_of_text_have_words():
    shown = fork_blocks(row_of(shared_text="", wrong_text="", undesired_text=""))
    assert "part at their first token" in shown
    assert "(end of the text)" in shown
