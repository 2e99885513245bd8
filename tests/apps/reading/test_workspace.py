"""What a session looks at: its own runs, or the demo with what was built on it."""

from __future__ import annotations

import json
import shutil

from apps.reading.runs import forget_runs
from apps.reading.workspace import demo_roots, open_workspace, ref_of
from tests.support.manifests import write_manifest


def test_without_results_of_ones_own_the_demo_is_shown(empty):
    runs = open_workspace()
    assert runs.demos == demo_roots()
    assert runs.own == empty
    assert {run.folder.parent for run in runs.finished("heads")} == set(demo_roots())


def test_ones_own_results_stand_before_the_demo_s(copied):
    found = open_workspace().finished("heads")
    assert found[0].folder.parent == copied
    assert found[-1].folder.parent == demo_roots()[-1]
    assert (found[0].origin, found[-1].origin) == ("", "demo")


def test_what_the_demo_asked_and_the_reader_has_asked_again_stands_once(copied):
    demo = next(demo_roots()[-1].glob("heads-exact-*"))
    shutil.copytree(demo, copied / demo.name)
    forget_runs()
    same = [run for run in open_workspace().finished("heads") if run.name == demo.name]
    assert [run.origin for run in same] == [""]


def test_the_demo_as_the_folder_of_runs_is_shown_once(monkeypatch):
    monkeypatch.setenv("WORKBENCH_RUNS", str(demo_roots()[-1]))
    runs = open_workspace()
    assert runs.demos == demo_roots()[:-1]
    assert len({run.title for run in runs.finished("score")}) == len(runs.finished("score"))


def test_runs_know_what_they_were_made_from(finished):
    runs = open_workspace()
    heads, scores = runs.finished("heads")[0], runs.finished("score")[0]
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
