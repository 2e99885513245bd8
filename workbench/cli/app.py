"""`workbench app`: the Streamlit workbench, on the loopback address."""

from __future__ import annotations

from pathlib import Path

import click

from workbench.cli.frame import runs_option


@click.command()
@click.option("--port", type=click.IntRange(1, 65535), default=8501, show_default=True)
@click.option("--headless", is_flag=True, help="Do not open a browser.")
@click.option(
    "--root",
    "roots",
    type=click.Path(path_type=Path, exists=True, file_okay=False),
    multiple=True,
    help="Folder below which pages may read and write; repeatable. Default: the runs, the bundled "
    "data and the current folder.",
)
@runs_option
def app(port: int, headless: bool, roots: tuple[Path, ...], runs_dir: Path) -> None:
    """Open the workbench in the browser (this machine only); without --runs also on demo/runs.

    Until there are results of your own it shows the bundled demo.
    """
    import os
    import subprocess
    import sys

    from click.core import ParameterSource

    from workbench.bundled import bundled_dir

    script = bundled_dir("apps") / "server.py"
    arguments = [
        *(sys.executable, "-m", "streamlit", "run", str(script)),
        *("--server.address", "127.0.0.1", "--server.port", str(port)),
        *("--browser.gatherUsageStats", "false", "--server.headless", str(headless).lower()),
        # Whatever the settings of the folder that one stands in say.
        *("--server.enableCORS", "true", "--server.enableXsrfProtection", "true"),
    ]
    environment = dict(os.environ)
    source = click.get_current_context().get_parameter_source("runs_dir")
    if source is not ParameterSource.DEFAULT:
        # Without --runs the pages look for runs/ and then demo/runs.
        environment["WORKBENCH_RUNS"] = str(runs_dir.resolve())
    if roots:
        environment["WORKBENCH_ROOTS"] = os.pathsep.join(str(root.resolve()) for root in roots)
    raise SystemExit(subprocess.run(arguments, env=environment, check=False).returncode)
