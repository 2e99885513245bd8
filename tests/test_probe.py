import dataclasses
from collections import Counter

import numpy as np
import pytest

from workbench.circuits import measure_heads
from workbench.engines import HookedEngine, sample_losses
from workbench.errors import InputError
from workbench.models import render
from workbench.probe import STRATEGIES, build_probe, rendered_probe, usable_samples
from workbench.types import Message, ProbeSet, Sample


def losses_of(model, samples):
    rows = [render(sample, model.tokenizer) for sample in samples]
    return sample_losses(HookedEngine(model), rows, batches=[range(len(rows))])


def ids_of(samples):
    return [sample.row_id for sample in samples]


def sample(row_id, *, row_index=0, prompt="1 + 1?", completion="2", source="tests", **row):
    messages = (Message("user", prompt), Message("assistant", completion))
    return Sample(row_id, row_index, source, "prompt-completion", messages=messages, row=row)


@pytest.fixture(scope="module")
def pool(samples):
    """18 rows: three of the levels `easy` and six times as many of `hard`."""
    rows = [sample(f"easy-{i}", prompt=f"{i} + {i}?", level="easy") for i in range(3)]
    return [*rows, *(sample(f"hard-{i}", prompt=f"{i} * 7?", level="hard") for i in range(15))]


def test_the_highest_losses_come_first_and_are_reported(tiny_model, samples):
    losses = losses_of(tiny_model, samples)
    probe = build_probe(HookedEngine(tiny_model), samples, n=3)
    order = np.argsort(-losses)[:3]
    assert ids_of(probe.samples) == [samples[i].row_id for i in order]
    assert probe.losses == pytest.approx(losses[order].tolist(), abs=1e-5)
    assert (probe.strategy, probe.trim) == ("highest-loss", 0)


def test_trim_leaves_out_the_worst_share(tiny_model, samples):
    order = np.argsort(-losses_of(tiny_model, samples))
    probe = build_probe(HookedEngine(tiny_model), samples, n=3, trim=0.34)
    assert ids_of(probe.samples) == [samples[i].row_id for i in order[2:5]]
    assert probe.trim == 0.34


def test_the_choice_by_loss_does_not_depend_on_the_order_of_the_pool(tiny_model, samples):
    forward = build_probe(HookedEngine(tiny_model), samples, n=4)
    backward = build_probe(HookedEngine(tiny_model), samples[::-1], n=4, batch_tokens=1)
    assert ids_of(forward.samples) == ids_of(backward.samples)


def test_rows_of_equal_loss_keep_the_order_of_the_pool(tiny_model):
    twins = [sample(row_id) for row_id in "dacb"]
    assert ids_of(build_probe(HookedEngine(tiny_model), twins, n=4).samples) == list("dacb")


@pytest.mark.parametrize("strategy", STRATEGIES)
def test_a_probe_is_drawn_without_repeats_and_repeats_with_its_seed(strategy, tiny_model, pool):
    first, again = (
        build_probe(HookedEngine(tiny_model), pool, n=6, strategy=strategy, seed=4)
        for _ in range(2)
    )
    assert first == again
    assert len(set(ids_of(first.samples))) == 6
    assert set(ids_of(first.samples)) <= set(ids_of(pool))
    assert (first.strategy, first.seed) == (strategy, 4)


@pytest.mark.parametrize("strategy", ["random", "stratified"])
def test_another_seed_draws_other_rows(strategy, tiny_model, pool):
    drawn = {
        tuple(
            ids_of(
                build_probe(
                    HookedEngine(tiny_model), pool, n=5, strategy=strategy, seed=seed
                ).samples
            )
        )
        for seed in range(4)
    }
    assert len(drawn) > 1


def test_a_random_probe_runs_no_model_and_keeps_the_order_of_the_pool(tiny_model, pool):
    seen = []
    probe = build_probe(
        HookedEngine(tiny_model),
        pool,
        n=9,
        strategy="random",
        on_progress=lambda *args: seen.append(args),
    )
    places = [ids_of(pool).index(row_id) for row_id in ids_of(probe.samples)]
    assert places == sorted(places)
    assert (probe.losses, seen) == (None, [])


@pytest.mark.parametrize(
    ("n", "expected"),
    [(4, {"easy": 2, "hard": 2}), (6, {"easy": 3, "hard": 3}), (10, {"easy": 3, "hard": 7})],
)
def test_strata_are_equal_as_far_as_they_have_rows(n, expected, tiny_model, pool):
    probe = build_probe(HookedEngine(tiny_model), pool, n=n, strategy="stratified", by="level")
    assert Counter(sample.row["level"] for sample in probe.samples) == expected


def test_without_a_column_the_first_known_one_with_several_values_is_taken(tiny_model, pool):
    by_level = build_probe(HookedEngine(tiny_model), pool, n=4, strategy="stratified", by="level")
    assert build_probe(HookedEngine(tiny_model), pool, n=4, strategy="stratified") == by_level
    rows = [dataclasses.replace(row, row={}, source=f"s{i % 2}") for i, row in enumerate(pool)]
    by_source = build_probe(HookedEngine(tiny_model), rows, n=4, strategy="stratified")
    assert Counter(sample.source for sample in by_source.samples) == {"s0": 2, "s1": 2}


def test_rows_that_cannot_be_used_are_left_out(tiny_model):
    rows = [
        sample("good"),
        sample("long", prompt="x" * 200),
        sample("empty", prompt=""),
        sample("silent", completion=""),
        Sample("question", 4, "tests", "messages", messages=(Message("user", "1 + 1?"),)),
        Sample("prose", 5, "tests", "text", text="To be or not to be."),
    ]
    assert [rows[i].row_id for i in usable_samples(tiny_model, rows)] == ["good", "prose"]
    assert ids_of(build_probe(HookedEngine(tiny_model), rows, n=1, strategy="random").samples)[
        0
    ] in (
        "good",
        "prose",
    )


def test_a_row_as_long_as_the_context_is_used_and_one_longer_is_not(tiny_model):
    n_markup = len(render(sample("a", prompt="x"), tiny_model.tokenizer).ids) - 1
    fits, too_long = (
        sample(f"row-{more}", prompt="x" * (tiny_model.n_ctx - n_markup + more)) for more in (0, 1)
    )
    assert list(usable_samples(tiny_model, [fits, too_long])) == [0]


def test_a_probe_that_another_model_cannot_use_is_refused(tiny_model):
    probe = ProbeSet((sample("good"), sample("long", prompt="x" * 200)), "random", 0)
    words = r"1 of 2 probe rows cannot be used with the model .*, the first is 'long'"
    with pytest.raises(InputError, match=words):
        rendered_probe(tiny_model, probe)
    with pytest.raises(InputError, match=words):
        measure_heads(HookedEngine(tiny_model), probe)


def test_too_few_rows_say_how_many_there_are(tiny_model, samples):
    words = r"300 probe samples were asked for and 6 of 6 rows are usable.*pass --n 6 or less"
    with pytest.raises(InputError, match=words):
        build_probe(HookedEngine(tiny_model), samples)


def test_trimmed_rows_do_not_count_as_usable(tiny_model, samples):
    with pytest.raises(InputError, match=r"5 probe samples were asked for and 3 of 6 rows"):
        build_probe(HookedEngine(tiny_model), samples, n=5, trim=0.5)


def test_an_unknown_strategy_lists_the_known_ones(tiny_model, samples):
    words = "the probe strategy is 'worst', expected highest-loss or random or stratified"
    with pytest.raises(InputError, match=words):
        build_probe(HookedEngine(tiny_model), samples, n=1, strategy="worst")


@pytest.mark.parametrize("trim", [1.5, 1.0, -0.1])
def test_a_trim_that_is_no_share_is_refused(trim, tiny_model, samples):
    with pytest.raises(InputError, match=f"trim is {trim}, expected a share of 0 or more and bel"):
        build_probe(HookedEngine(tiny_model), samples, n=1, trim=trim)


def test_a_probe_of_nothing_is_refused(tiny_model, samples):
    with pytest.raises(InputError, match="the probe size is 0, expected at least 1"):
        build_probe(HookedEngine(tiny_model), samples, n=0)


def test_a_column_that_no_row_has_is_named(tiny_model, samples):
    with pytest.raises(InputError, match="no column 'colour' to stratify by"):
        build_probe(HookedEngine(tiny_model), samples, n=2, strategy="stratified", by="colour")


def test_rows_that_are_all_alike_cannot_be_stratified_unasked(tiny_model):
    rows = [sample(row_id) for row_id in "abc"]
    with pytest.raises(InputError, match="no column to stratify by, expected a column with sev"):
        build_probe(HookedEngine(tiny_model), rows, n=2, strategy="stratified")
