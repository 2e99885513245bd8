import json

import numpy as np
import pytest

from workbench.circuits import (
    Importance,
    circuit_of,
    head_values,
    heads_to_json,
    probe_stability,
    rank_heads,
    read_heads,
)
from workbench.circuits.stability import spearman_of_ranks
from workbench.errors import InputError
from workbench.types import Head, ModelInfo

INFO = ModelInfo(id="toy", revision=None, weights_sha256="00", n_layers=1, n_heads=3)


def importance(deltas, base_loss):
    deltas = np.asarray(deltas, dtype=float)
    rows = tuple(f"r{i}" for i in range(len(deltas)))
    return Importance(rows, np.asarray(base_loss, dtype=float), deltas[:, None, :])


# Head 0 matters to any text, head 1 to reasoning alone, head 2 to nothing.
REASONING = importance([[0.9, 0.5, 0.0], [1.1, 0.7, 0.0]], [0.5, 1.5])
CONTROL = importance([[3.0, 0.0, 0.0], [5.0, 0.4, 0.0]], [3.0, 5.0])


def test_the_contrast_is_worked_out_by_hand():
    """Losses 1 and 4, mean deltas (1, 0.6, 0) and (4, 0.2, 0)."""
    np.testing.assert_allclose(head_values(REASONING, CONTROL)[0], [0.0, 0.55, 0.0])


def test_without_a_control_the_value_is_the_mean_delta():
    np.testing.assert_allclose(head_values(REASONING)[0], [1.0, 0.6, 0.0])


def test_weights_choose_samples_for_delta_and_loss_alike():
    first, last = np.array([[1.0, 0.0]]), np.array([[0.0, 1.0]])
    values = head_values(REASONING, CONTROL, weights=first, control_weights=last)
    np.testing.assert_allclose(values[0], [0.9 / 0.5 - 1, 0.5 / 0.5 - 0.08, 0.0])


def test_a_control_of_the_same_probe_leaves_nothing():
    np.testing.assert_allclose(head_values(REASONING, REASONING), 0, atol=1e-12)


def test_heads_that_any_text_needs_drop_out_of_the_circuit():
    by_delta = rank_heads(REASONING, INFO, fraction=1 / 3, control=CONTROL)
    by_contrast = rank_heads(REASONING, INFO, fraction=1 / 3, control=CONTROL, rank_by="contrast")
    assert circuit_of(by_delta).heads == (Head(0, 0),)
    assert circuit_of(by_contrast).heads == (Head(0, 1),)
    for heads in (by_delta, by_contrast):
        assert [h.delta for h in heads.heads] == pytest.approx([1.0, 0.6, 0.0])
        assert [h.control_delta for h in heads.heads] == pytest.approx([4.0, 0.2, 0.0])
        assert [h.contrast for h in heads.heads] == pytest.approx([0.0, 0.55, 0.0])
    assert by_contrast.heads[1].stability == 1
    assert (by_delta.rank_by, by_contrast.rank_by) == ("delta", "contrast")


def test_the_file_keeps_both_maps_and_the_way_of_ranking(tmp_path):
    heads = rank_heads(
        REASONING,
        INFO,
        control=CONTROL,
        rank_by="contrast",
        control_probe={"data": ["text"]},
    )
    path = tmp_path / "heads.json"
    path.write_text(json.dumps(heads_to_json(heads)))
    assert read_heads(path) == heads
    content = json.loads(path.read_text())
    assert content["rank_by"] == "contrast"
    assert content["control"] == {"data": ["text"], "base_loss": 4.0, "n_samples": 2}


def test_a_file_of_a_time_before_contrast_is_read(tmp_path):
    content = heads_to_json(rank_heads(REASONING, INFO))
    assert "control" not in content
    assert "contrast" not in content["heads"][0]
    del content["rank_by"]
    path = tmp_path / "heads.json"
    path.write_text(json.dumps(content))
    assert read_heads(path) == rank_heads(REASONING, INFO)


@pytest.mark.parametrize(
    ("control", "rank_by", "words"),
    [(None, "contrast", "'contrast' without a control"), (CONTROL, "size", "ranked by 'size', ex")],
)
def test_a_ranking_that_cannot_be_made_is_refused(control, rank_by, words):
    with pytest.raises(InputError, match=words):
        rank_heads(REASONING, INFO, control=control, rank_by=rank_by)


def sampled(n_samples, *, noise, seed=0):
    """Five heads whose means are 4, 3, 2, 1, 0."""
    rng = np.random.default_rng(seed)
    spread = noise * rng.normal(size=(n_samples, 1, 5))
    return Importance(
        tuple(map(str, range(n_samples))),
        np.ones(n_samples),
        np.arange(5.0)[::-1] + spread,
    )


def test_samples_that_agree_are_stable():
    found = probe_stability(sampled(8, noise=0.0), n_selected=2, n_draws=20)
    for part in ("bootstrap", "halves"):
        assert found[part]["overlap"] == {"mean": 1, "low": 1, "high": 1}
        assert found[part]["rank_correlation"]["mean"] == 1


def test_noise_costs_stability_and_halves_are_less_stable_than_the_whole():
    clear = probe_stability(sampled(40, noise=2.0), n_selected=2)
    noisy = probe_stability(sampled(40, noise=20.0), n_selected=2)
    for part in ("bootstrap", "halves"):
        overlap, correlation = noisy[part]["overlap"], noisy[part]["rank_correlation"]
        assert overlap["mean"] < clear[part]["overlap"]["mean"]
        assert correlation["low"] < correlation["mean"] < correlation["high"]
    assert noisy["halves"]["overlap"]["mean"] < noisy["bootstrap"]["overlap"]["mean"]


def test_the_two_halves_are_disjoint_and_make_the_whole():
    """Two samples that want opposite orders: each half is one of them."""
    opposed = importance([[2.0, 1.0, 0.0], [0.0, 1.0, 2.0]], [1.0, 1.0])
    found = probe_stability(opposed, n_selected=1, n_draws=10)
    assert found["halves"]["overlap"]["high"] == 0
    assert found["halves"]["rank_correlation"]["mean"] == -1


def test_stability_of_a_contrast_ranking_draws_both_probes():
    """The control's second sample alone decides between heads 0 and 1."""
    control = importance([[0.0, 0.0, 9.0], [9.0, 0.0, 9.0]], [1.0, 1.0])
    reasoning = importance([[2.0, 1.9, 0.0]] * 2, [1.0, 1.0])
    alone = probe_stability(reasoning, n_selected=1, n_draws=50)
    both = probe_stability(reasoning, control, n_selected=1, n_draws=50)
    assert alone["bootstrap"]["overlap"]["low"] == 1
    assert both["halves"]["overlap"]["mean"] == 0
    assert 0.5 < both["bootstrap"]["overlap"]["mean"] < 1


def test_one_sample_and_one_head_are_no_trouble():
    found = probe_stability(importance([[1.0]], [1.0]), n_selected=1, n_draws=3)
    assert found["halves"]["rank_correlation"]["mean"] == 1


def test_the_rank_correlation_is_worked_out_by_hand():
    a, b = np.array([[0, 1, 2], [0, 1, 2]]), np.array([[0, 2, 1], [2, 1, 0]])
    np.testing.assert_allclose(spearman_of_ranks(a, b), [0.5, -1.0])
