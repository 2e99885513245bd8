import subprocess
import sys

import workbench.data


def test_importing_the_package_leaves_the_heavy_libraries_alone():
    code = "import sys, workbench.data; print(*sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    loaded = set(done.stdout.split())
    assert "workbench.data.readers" in loaded
    assert loaded.isdisjoint({"torch", "pandas", "datasets", "pyarrow", "huggingface_hub"})


def test_every_listed_name_is_there():
    assert all(hasattr(workbench.data, name) for name in workbench.data.__all__)
