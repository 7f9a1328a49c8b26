"""Run what a configuration describes."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from hnnlib.backends.protocol import Engine, Launcher, Progress
from hnnlib.base.atomic import check_writable
from hnnlib.base.errors import FileFormatError, OutputError
from hnnlib.editor.models import jones_2009_model
from hnnlib.results.result import Result
from hnnlib.simulation import simulate
from hnnlib.sonata.export import write_sonata
from hnnlib.sonata.inputs import Functions
from hnnlib.sonata.network import SonataNetwork, read_sonata
from hnnlib.sonata.outputs import write_outputs
from hnnlib.spec.run import Record

__all__ = ["init_config", "run_config"]


def run_config(
    config: SonataNetwork | str | os.PathLike[str],
    functions: Functions | None = None,
    *,
    engine: str | Engine | None = None,
    launcher: str | Launcher | None = None,
    progress: bool | Progress = False,
) -> tuple[Result, list[Path]]:
    """Run a SONATA configuration: its network, inputs and reports, and write the outputs that it names.

    Parameters
    ----------
    config : path-like or SonataNetwork
        A configuration, a folder that holds ``config.json``, or what `read_sonata` returned for one.
    functions : mapping of str to callable, optional
        As in `read_sonata`.
    engine : str or Engine, optional
        As in `simulate`.
    launcher : str or Launcher, optional
        As in `simulate`.
    progress : bool or callable
        As in `simulate`.

    Returns
    -------
    result : Result
        What was simulated.
    files : list of pathlib.Path
        What was written.

    Raises
    ------
    FileFormatError
        If the configuration has no ``run``, or names cells that hnnlib can't simulate.
    MissingFile, InvalidValue
        If a file is missing, or an input or report asks for what isn't there.
    OutputError
        If outputs can't be written; told before the run.
    """
    network = config if isinstance(config, SonataNetwork) else read_sonata(config, functions)
    run = network.run
    if run is None:
        raise FileFormatError(network.config.file, "has no run.tstop: it describes a circuit, not a simulation")
    _check_output(network.config.output)
    result = simulate(
        network,
        tstop=run.tstop,
        dt=run.dt,
        n_trials=run.n_trials,
        seed=run.seed,
        record=run.record,
        engine=engine,
        launcher=launcher,
        progress=progress,
    )
    return result, write_outputs(result, network.config, network.spec, network.files, network.origin)


def _check_output(output: Mapping[str, Any]) -> None:
    folder = Path(output["output_dir"])
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise OutputError(folder, f"can't be made ({error.strerror or error})") from error
    check_writable(folder / "result.h5", overwrite=bool(output.get("overwrite_output_dir", True)))


def init_config(folder: str | os.PathLike[str], *, tstop: float = 170.0, **options: Any) -> Path:
    """Write an example to begin with: the default column on a small grid, with its evoked drives.

    Parameters
    ----------
    folder : path-like
        The folder; it is made, or takes the place of an earlier export.
    tstop : float
        Duration (ms).
    **options
        As in `write_sonata`.

    Returns
    -------
    config : pathlib.Path
        The file ``config.json``; ``hnnlib run`` runs it.
    """
    net = jones_2009_model(mesh_shape=(3, 3), add_drives_from_params=True)
    return write_sonata(net, folder, tstop=tstop, record=Record(vsec="soma", every=4), **options)
