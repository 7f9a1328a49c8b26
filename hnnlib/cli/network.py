"""From a parameter file and options to a network: what `simulate` and `info` share."""

from __future__ import annotations

import argparse
import json
import re
from pathlib import Path
from typing import Any

import hnnlib as hn

__all__ = ["Mistake", "add_arguments", "make_network", "read_parameters"]

MODELS = ("neymotin_2020", "law_2021", "calcium")


class Mistake(hn.HnnlibError):
    """A mistake in an argument of the command."""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the options that say what the network is."""
    group = parser.add_argument_group("the network")
    group.add_argument("--model", choices=MODELS, default=MODELS[0], help="published column (default: %(default)s)")
    group.add_argument(
        "--mesh",
        type=_mesh,
        metavar="NxM",
        help="pyramidal cells per layer along x and y (default: the file's N_pyr_x, N_pyr_y)",
    )
    group.add_argument(
        "--set",
        dest="changes",
        action="append",
        default=[],
        metavar="PATH=VALUE",
        help="change one thing, may be repeated: drives.evprox1.mu=30, connections.4.weight=0.01, "
        "grid.inplane_distance=30; 'hnnlib info FILE' shows what there is",
    )
    group.add_argument("--lenient", action="store_true", help="leave out keys of the file that are no parameters")


def _mesh(text: str) -> tuple[int, int]:
    match = re.fullmatch(r"(\d+)[x×,](\d+)", text.strip())
    if match is None:
        raise argparse.ArgumentTypeError(f"{text!r} must be two numbers of cells, e.g. 10x10")
    return int(match[1]), int(match[2])


def read_parameters(file: str, lenient: bool = False) -> Any:
    """Return the parameters of a file, or of the shipped file of that name where there is none here."""
    path = Path(file)
    if not path.is_file() and path.name == file:
        try:
            path = hn.param_file(file)
        except hn.InvalidValue as error:
            raise hn.InvalidValue("FILE", file, f"is no file here, and {error.allowed}", error.suggestion) from None
    return hn.read_params(path, strict=not lenient)


def make_network(arguments: argparse.Namespace, params: Any) -> Any:
    """Return the network that the parameters and options describe, drives included."""
    model = getattr(hn, f"{arguments.model}_model")
    mesh = arguments.mesh or (params["N_pyr_x"], params["N_pyr_y"])
    net = model(params, add_drives_from_params=True, mesh_shape=mesh)
    for change in arguments.changes:
        path, equals, text = change.partition("=")
        if not (path.strip() and equals):
            raise Mistake(f"--set {change}: must be PATH=VALUE, e.g. drives.evprox1.mu=30")
        try:
            net.put(path.strip(), _value(text))
        except hn.InvalidValue as error:
            raise Mistake(f"--set {change}: {error}") from error
    return net


def _value(text: str) -> Any:
    try:
        return json.loads(text)
    except ValueError:
        return text.strip()
