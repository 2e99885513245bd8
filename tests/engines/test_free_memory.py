"""Free memory, from files as the system has them."""

from __future__ import annotations

from types import SimpleNamespace

import psutil
import pytest

from workbench.engines import free_memory
from workbench.engines.free_memory import LIMIT_AND_USE, free_host_bytes

MEMBERSHIP = {2: "0::/jobs/one\n", 1: "9:name=systemd:/x\n4:cpu,memory:/jobs/one\n0::/\n"}


@pytest.fixture
def system(tmp_path, monkeypatch):
    """1,024 bytes available on the machine, and a folder for control groups."""
    for name, path in (("MEMBERSHIP", "cgroup"), ("GROUPS", "groups")):
        monkeypatch.setattr(free_memory, name, tmp_path / path)
    machine = SimpleNamespace(total=2048, available=1024)
    monkeypatch.setattr(psutil, "virtual_memory", lambda: machine)
    return tmp_path


def write_group(system, version, folder, most):
    """A group that uses 700 bytes, 200 of them cached files."""
    (system / "cgroup").write_text(MEMBERSHIP[version])
    group = system / "groups" / ("memory" if version == 1 else "") / folder
    group.mkdir(parents=True, exist_ok=True)
    limit, used = LIMIT_AND_USE[version]
    (group / limit).write_text(f"{most}\n")
    (group / used).write_text("700\n")
    (group / "memory.stat").write_text("anon 500\ninactive_file 150\nactive_file 50\n")


@pytest.mark.parametrize("version", [1, 2])
@pytest.mark.parametrize("folder", ["", "jobs", "jobs/one"])
@pytest.mark.parametrize(
    ("most", "free"), [(1000, 500), (600, 100), (400, 0), (99999, 1024), ("max", 1024)]
)
def test_the_limit_of_any_container_around_counts_where_it_is_narrower(
    version, folder, most, free, system
):
    write_group(system, version, folder, most)
    assert free_host_bytes() == free


def test_the_narrowest_of_several_limits_counts(system):
    write_group(system, 2, "jobs", 900)
    write_group(system, 2, "jobs/one", 950)
    write_group(system, 2, "jobs/other", 600)
    assert free_host_bytes() == 400


def test_a_system_without_control_groups_is_asked_by_psutil(system):
    assert free_host_bytes() == 1024


@pytest.mark.parametrize("fault", [OSError, NotImplementedError])
def test_a_system_that_tells_nothing_is_no_trouble(system, fault, monkeypatch):
    def fail():
        raise fault("not here")

    monkeypatch.setattr(psutil, "virtual_memory", fail)
    assert free_host_bytes() is None
