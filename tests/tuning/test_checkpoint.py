"""The state of a training survives the way to the disk and back, and holds no pickle."""

from __future__ import annotations

import errno

import pytest
import torch

import workbench.tuning.checkpoint as module
from workbench.errors import InputError
from workbench.tuning.checkpoint import load_checkpoint, restore, restore_random, save_checkpoint


def trained_pair() -> tuple[torch.nn.Module, torch.optim.Optimizer]:
    torch.manual_seed(0)
    model = torch.nn.Sequential(torch.nn.Linear(3, 4), torch.nn.Linear(4, 2))
    model[1].bias.requires_grad_(False)
    chosen = [p for p in model.parameters() if p.requires_grad]
    optimizer = torch.optim.AdamW(chosen, lr=0.1)
    for _ in range(3):
        optimizer.zero_grad()
        model(torch.randn(5, 3)).square().mean().backward()
        optimizer.step()
    return model, optimizer


def save(path, model, optimizer, digest="here"):
    curve = [{"step": 1, "loss": 0.1 + 0.2}]
    save_checkpoint(path, model, optimizer, done=3, curve=curve, digest=digest)
    return curve


def test_everything_comes_back_to_the_bit(tmp_path):
    model, optimizer = trained_pair()
    curve = save(tmp_path / "state", model, optimizer)
    drawn = torch.rand(4)
    resumed = load_checkpoint(tmp_path / "state", digest="here")
    assert resumed is not None
    assert (resumed.done, resumed.curve) == (3, curve)

    fresh = torch.nn.Sequential(torch.nn.Linear(3, 4), torch.nn.Linear(4, 2))
    fresh[1].bias.requires_grad_(False)
    chosen = [p for p in fresh.parameters() if p.requires_grad]
    other = torch.optim.AdamW(chosen, lr=0.1)
    restore(fresh, other, resumed)
    restore_random(resumed)
    assert torch.equal(torch.rand(4), drawn)
    for old, new in zip(model.parameters(), fresh.parameters(), strict=True):
        one, two = optimizer.state.get(old, {}), other.state.get(new, {})
        assert one.keys() == two.keys()
        assert all(torch.equal(one[key], two[key]) for key in one)
    assert torch.equal(fresh[0].weight, model[0].weight)
    assert not torch.equal(fresh[1].bias, model[1].bias), "what is frozen is not kept"


def test_there_may_be_none(tmp_path):
    assert load_checkpoint(tmp_path / "state", digest="here") is None


def test_a_foreign_or_broken_state_is_refused(tmp_path):
    save(tmp_path / "state", *trained_pair(), digest="another question")
    with pytest.raises(InputError, match="belongs to another tuning; delete it"):
        load_checkpoint(tmp_path / "state", digest="here")
    (tmp_path / "state").write_bytes(b"\x80\x04pickle")
    with pytest.raises(InputError, match=r"cannot be read \(SafetensorError\); delete it"):
        load_checkpoint(tmp_path / "state", digest="here")


def test_an_interrupted_write_leaves_the_state_before(tmp_path, monkeypatch):
    model, optimizer = trained_pair()
    save(tmp_path / "state", model, optimizer)
    before = (tmp_path / "state").read_bytes()

    def fail(_tensors, path, _header):
        path.write_bytes(b"half")
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(module, "save_file", fail)
    with pytest.raises(InputError, match=r"cannot be written \(No space left on device\)"):
        save(tmp_path / "state", model, optimizer)
    assert (tmp_path / "state").read_bytes() == before
