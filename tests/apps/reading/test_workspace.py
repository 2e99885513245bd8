"""What a session looks at: its own runs, or the demo with what was built on it."""

from __future__ import annotations

import json
import shutil

from apps.reading.runs import forget_runs
from apps.reading.workspace import demo_root, open_workspace, ref_of
from tests.support.manifests import write_manifest


def test_without_results_of_ones_own_the_demo_is_shown(empty):
    runs = open_workspace()
    assert runs.demo == demo_root()
    assert runs.own == empty
    assert {run.folder.parent for run in runs.finished("heads")} == {demo_root()}


def test_ones_own_results_take_its_place_unless_it_is_wanted(copied):
    assert open_workspace().demo is None
    assert open_workspace(wants_demo=True).demo == demo_root()


def test_runs_know_what_they_were_made_from(finished):
    runs = open_workspace()
    (heads,), (scores,) = runs.finished("heads"), runs.finished("score")
    assert runs.parent(scores, "heads") == heads
    assert runs.child(heads, "score") == scores
    assert runs.children(heads, "select") == []
    assert ref_of(heads) == heads.name


def test_runs_built_on_the_demo_are_shown_with_it(empty):
    demo = open_workspace().finished("heads")[0]
    assert ref_of(demo) == str(demo.folder)
    built = empty / "probe-mine-00000000"
    shutil.copytree(demo.folder, built)
    manifest = json.loads((built / "manifest.json").read_text())
    manifest |= {"stage": "validate", "parents": [demo.name]}
    write_manifest(built / "manifest.json", manifest)
    forget_runs()
    names = [run.name for run in open_workspace().finished("validate")]
    assert names[0] == built.name
    assert len(names) > 1
