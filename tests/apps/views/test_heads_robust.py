"""Heads: a consensus of settings, and the share of them that keeps each head."""

from __future__ import annotations

import json
from dataclasses import replace

from tests.apps.conftest import charts, name, open_page, words
from tests.support.manifests import write_manifest
from workbench.circuits import Setting, heads_to_json, read_heads, robust_heads


def write_consensus(root) -> dict:
    """The chain's circuit agreed on with a run that keeps its first head and another one."""
    folder = next(root.glob("heads-exact-*"))
    heads = read_heads(folder / "heads.json")
    ranked = sorted(heads.heads, key=lambda h: h.rank)
    chosen = {(h.layer, h.head) for h in (ranked[0], ranked[5])}
    second = replace(
        heads,
        ablation="zero",
        heads=tuple(
            replace(h, selected=(h.layer, h.head) in chosen, idle=False) for h in heads.heads
        ),
    )
    settings = [Setting(folder.name, heads, ("sums.jsonl",)), Setting("heads-exact-zero", second)]
    content = heads_to_json(robust_heads(settings, keep=0.5))
    other = folder.with_name("heads-robust-0000cccc")
    other.mkdir()
    (other / "heads.json").write_text(json.dumps(content))
    manifest = json.loads((folder / "manifest.json").read_text())
    manifest |= {"stage": "heads-robust", "created": "2027-01-01T00:00:00+00:00"}
    write_manifest(other / "manifest.json", manifest)
    return content


def test_a_consensus_of_settings_is_shown_with_the_share_that_keeps_each_head(copied):
    content = write_consensus(copied)
    at = open_page("heads")
    box = at.selectbox(key="circuit")
    box.select(next(option for option in box.options if "robust" in option)).run()
    assert not at.exception
    shown = words(at)
    assert "Kept by at least 50% of 2 settings; 3 of 12 heads form the circuit" in shown
    assert "Kept by all 1" in shown
    assert "Kept by 100%" in shown
    assert "This run keeps no per-sample results" in shown
    at.segmented_control(key="layer").select("kept").run()
    spec = json.loads(charts(at)[0].proto.spec)
    assert spec["layout"]["title"]["text"].startswith("Share of settings that keep the head")
    table = next(d.value for d in at.dataframe if "kept" in d.value).set_index("head")
    first = min(content["heads"], key=lambda h: h["rank"])
    assert table.loc[name(first), "kept"] == 1.0
    settings = next(d.value for d in at.dataframe if "ablation" in d.value)
    assert settings["ablation"].tolist() == ["uniform-causal", "zero"]
    at.select_slider(key="cut").set_value(1).run()
    assert not at.exception
    assert "2 leave" in words(at)


def test_other_runs_of_heads_say_nothing_of_settings(finished):
    at = open_page("heads")
    assert "settings" not in words(at)
    assert "kept" not in at.segmented_control(key="layer").options
