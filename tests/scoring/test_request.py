"""What a score is asked with: flat options in, the method's own apart, nothing unread."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from workbench.errors import InputError
from workbench.scoring import SCORERS, ScoreRequest, exported_options, own_records, readers

RUNS = Path(__file__).resolve().parents[1] / "fixtures" / "runs_of_0_1"


def test_flat_options_find_their_place():
    request = ScoreRequest.of("circuitseer", variant="excess", drop_sink=True, seed=3)
    assert (request.own.column, request.seed) == ("excess_no_sink", 3)
    assert request == ScoreRequest.of("circuitseer", drop_sink=True, seed=3, variant="excess")


@pytest.mark.parametrize(
    ("method", "part"),
    [
        ("circuitseer", "prompt"),
        ("attention-influence", "all"),
        ("air", "completion"),
        ("loss", "completion"),
        ("length", "prompt"),
        ("ifd", "completion"),
        ("random", "prompt"),
    ],
)
def test_the_part_is_the_methods_own_unless_another_is_asked_for(method, part):
    assert ScoreRequest.of(method).scored_part == part
    for other in SCORERS[method].parts:
        assert ScoreRequest.of(method, part=other).scored_part == other


def test_what_a_method_does_not_read_is_refused_with_the_methods_that_do():
    words = r"the method loss does not read --drop-sink, expected one that does \(circuitseer\)"
    with pytest.raises(InputError, match=f"{words}; leave it out"):
        ScoreRequest.of("loss", drop_sink=True)
    with pytest.raises(InputError, match=r"circuitseer does not read --floor.*\(air\)"):
        ScoreRequest.of("circuitseer", floor=0.1)


@pytest.mark.parametrize("method", SCORERS)
def test_an_option_at_its_default_is_no_error_whoever_reads_it(method):
    every = {record.name: record.default for record in own_records()}
    assert ScoreRequest.of(method, **every) == ScoreRequest.of(method)


def test_an_option_that_nobody_reads_is_a_mistake_of_the_caller():
    with pytest.raises(TypeError, match="no scoring method reads an option 'varaint'"):
        ScoreRequest.of("circuitseer", varaint="paper")
    assert readers("varaint") == ()
    assert readers("variant") == ("circuitseer",)


def test_only_a_loss_beside_the_score_is_added():
    assert ScoreRequest.of("length", with_loss=True).adds_loss
    assert ScoreRequest.of("length", with_loss=True).runs_model
    assert not ScoreRequest.of("length").runs_model
    assert not ScoreRequest.of("loss", with_loss=True).adds_loss
    assert ScoreRequest.of("loss", part="prompt", with_loss=True).adds_loss


@pytest.mark.parametrize("folder", sorted(RUNS.glob("score-*")), ids=lambda path: path.name)
def test_runs_of_version_0_1_say_what_their_method_read(folder):
    """Their configuration has the options of all methods side by side."""
    config = json.loads((folder / "manifest.json").read_text(encoding="utf-8"))["config"]
    found = exported_options(config["method"], config)
    # What a later method exports, they cannot have.
    assert found.keys() & config.keys() == {"variant", "drop_sink", "absolute", "floor"}
    for name, value in found.items():
        is_read = config["method"] in readers(name)
        assert value == (config.get(name) if is_read else None)
    new = ScoreRequest.of("air", floor=0.1)
    assert exported_options("air", vars(new.own))["floor"] == 0.1
