"""A real pretrained model, SmolLM2-135M, against plain `transformers` in eager mode.

The reference below knows neither hooks nor replay: heads are made uniform by weights at zero, and
attention is what `output_attentions` gives. `workbench models get smollm2-135m` fetches the model.
"""

from contextlib import contextmanager
from types import SimpleNamespace

import numpy as np
import pytest
import torch
from torch.nn.functional import cross_entropy
from transformers import AutoModelForCausalLM

from tests.support.rows import samples_of
from workbench.ablation import iter_importance, weakened_losses
from workbench.catalog import here, named_folder
from workbench.circuits import retrieval_scores
from workbench.circuits.retrieval_samples import retrieval_probe
from workbench.data import plain_sentences, read_samples
from workbench.engines import HookedEngine, batch_of, choose_engine
from workbench.models import load_model, render
from workbench.options import RetrievalOptions
from workbench.types import Head

NAME = "smollm2-135m"
TOLERANCE = 1e-4
LAYERS = (0, 5, 11, 17, 23, 29)
HEADS = [Head(layer, head) for layer in LAYERS for head in (layer % 9, (layer + 4) % 9)]
PAIRS = [
    ("Tom has 3 pens and buys 4 more. How many pens has he?", "3 + 4 = 7. He has 7 pens."),
    ("What is 12 divided by 4?", "It is 3."),
]
pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(
        NAME not in here(), reason=f"{NAME} is not here: workbench models get {NAME}"
    ),
]


@pytest.fixture(scope="module")
def plain():
    """The same files as `transformers` reads them."""
    folder = named_folder(NAME)
    network = AutoModelForCausalLM.from_pretrained(folder, attn_implementation="eager")
    return network.float().eval()


@pytest.fixture(scope="module")
def loaded(plain):
    model = load_model(NAME, device="cpu")
    rows = [render(sample, model.tokenizer) for sample in samples_of(PAIRS)]
    return SimpleNamespace(model=model, rows=rows, hooked=HookedEngine(model))


@contextmanager
def without_queries(plain, heads):
    """Rows of the query projections at zero: scores of zero, so uniform attention."""
    d_head, kept = plain.config.head_dim, []
    for layer, head in heads:
        weight = plain.model.layers[layer].self_attn.q_proj.weight.data
        rows = weight[head * d_head : (head + 1) * d_head]
        kept.append((rows, rows.clone()))
        rows.zero_()
    yield
    for rows, before in kept:
        rows.copy_(before)


def token_losses(plain, row, heads=()):
    """Cross-entropy of every token after the first."""
    ids = torch.tensor([row.ids])
    with torch.no_grad(), without_queries(plain, heads):
        logits = plain(ids, use_cache=False).logits[0, :-1]
    return cross_entropy(logits, ids[0, 1:], reduction="none")


def patterns(plain, row):
    """Of every layer, `[head, query, key]`."""
    with torch.no_grad():
        found = plain(torch.tensor([row.ids]), use_cache=False, output_attentions=True)
    return [pattern[0] for pattern in found.attentions]


def test_importance_is_the_loss_that_transformers_loses(plain, loaded):
    row = loaded.rows[0]
    (found,) = iter_importance(loaded.hooked, [row], batches=[[0]], heads=HEADS)
    counted = torch.from_numpy(row.counted("completion")[1:])
    base = float(token_losses(plain, row)[counted].mean())
    assert found.base_loss[0] == pytest.approx(base, abs=TOLERANCE)
    for head in HEADS:
        ablated = float(token_losses(plain, row, [head])[counted].mean())
        measured = found.deltas[0, head.layer, head.head]
        assert measured == pytest.approx(ablated - base, abs=TOLERANCE), head
    assert np.nanmax(np.abs(found.deltas)) > 100 * TOLERANCE


@pytest.mark.parametrize("name", ["hooked", "chosen"])
def test_column_means_are_those_of_output_attentions(name, plain, loaded):
    engine = loaded.hooked if name == "hooked" else choose_engine(loaded.model)
    ids, _ = batch_of(loaded.model, loaded.rows, "completion")
    lengths = [len(row.ids) for row in loaded.rows]
    spans = torch.tensor([[[0, length] for length in lengths]])
    found = engine.columns(HEADS, ids, spans)[0]
    for i, row in enumerate(loaded.rows):
        of_layer = patterns(plain, row)
        for h, (layer, head) in enumerate(HEADS):
            expected = of_layer[layer][head].mean(dim=0).double()
            measured = found[i, h, : lengths[i]]
            torch.testing.assert_close(measured, expected, atol=TOLERANCE, rtol=0)


def test_retrieval_heads_copy_what_their_largest_weights_say(plain, loaded):
    texts = (sample.text for sample in read_samples(["text"]))
    sentences = plain_sentences(texts)
    options = RetrievalOptions(n=1, n_shots=0, key_length=6, limit=150)
    probe = retrieval_probe(loaded.model, sentences, options)
    found = retrieval_scores(loaded.hooked, probe).scores
    for i, sample in enumerate(probe):
        row, value = sample.rendered, set(sample.value)
        gold = np.flatnonzero(row.counted("completion"))
        for layer, pattern in enumerate(patterns(plain, row)):
            best = pattern[:, gold - 1].argmax(dim=-1).tolist()
            copied = [
                [at in value and row.ids[at] == row.ids[t] for at, t in zip(of_head, gold)]  # noqa: B905
                for of_head in best
            ]
            np.testing.assert_allclose(found[i, layer], np.mean(copied, axis=1), atol=TOLERANCE)
    assert found.max() > 0.5


def test_weakened_losses_are_those_without_the_queries_of_all_heads(plain, loaded):
    ids, counted = batch_of(loaded.model, loaded.rows, "all")
    found = weakened_losses(loaded.hooked, HEADS, ids, counted)
    for i, row in enumerate(loaded.rows):
        of_row = torch.from_numpy(row.counted("all"))[1:]
        for measured, heads in ((found.base[i], ()), (found.weak[i], HEADS)):
            expected = token_losses(plain, row, heads)[of_row]
            kept = measured[measured != 0]
            torch.testing.assert_close(kept, expected, atol=TOLERANCE, rtol=0)
