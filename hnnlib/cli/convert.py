"""`hnnlib convert`: networks, dipoles and spikes from one kind of file to another."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Any

import hnnlib as hn
from hnnlib.cli.network import Mistake

__all__ = ["add_parser", "convert"]

_EPILOG = """\
networks:  .param and flat .json (HNN's parameters), HNN-core's hierarchical .json, hnnlib's .json
           to hnnlib's .json, HNN-core's .json (--to hnn-core), a folder of SONATA files (--to sonata)
dipoles:   .txt, .csv, .h5, .hdf5  to  .txt, .h5, .hdf5
spikes:    .txt (time, gid, type)  to  .csv, .h5 (SONATA), .nwb

examples:
  hnnlib convert old.param new.json
  hnnlib convert network.json for_hnn_core.json --to hnn-core
  hnnlib convert network.json column --to sonata --tstop 170
  hnnlib convert dpl.txt dpl.h5
  hnnlib convert 'spk_*.txt' spikes.h5"""


def add_parser(commands: Any) -> None:
    """Add the command."""
    parser = commands.add_parser(
        "convert",
        help="convert networks, dipoles and spikes",
        description="Convert a network, a dipole or spikes from one kind of file to another.",
        usage="hnnlib convert SOURCE TARGET [options]",
        epilog=_EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
        allow_abbrev=False,
    )
    parser.add_argument("source", metavar="SOURCE", help="what to read; for spikes of several trials a pattern")
    parser.add_argument("target", metavar="TARGET", help="what to write")
    parser.add_argument(
        "--to", choices=("hnnlib", "hnn-core", "sonata"), default="hnnlib", help="form of a network (default: hnnlib)"
    )
    parser.add_argument("--no-drives", action="store_true", help="leave out the network's drives and biases")
    parser.add_argument("--tstop", type=float, default=170.0, metavar="MS", help="duration, for SONATA (default: 170)")
    parser.add_argument("--no-overwrite", dest="overwrite", action="store_false", help="refuse to replace what exists")
    parser.add_argument("--quiet", action="store_true", help="print nothing but errors")
    parser.set_defaults(run=convert)


def convert(arguments: argparse.Namespace) -> None:
    """Read, write, print."""
    source, target = Path(arguments.source), Path(arguments.target)
    if target.exists() and source.exists() and target.samefile(source):
        raise Mistake(f"TARGET is SOURCE: {target}")
    if source.suffix in (".json", ".param") or source.is_dir():
        what = _network(arguments, target)
    elif _is_spikes(source):
        what = _spikes(arguments, target)
    else:
        dipole = hn.read_dipole(source)
        dipole.write(target, overwrite=arguments.overwrite)
        what = dipole
    if not arguments.quiet:
        print(f"{what!r}\nwrote {target}")


def _network(arguments: argparse.Namespace, target: Path) -> Any:
    net = hn.read_network(arguments.source)
    if arguments.no_drives:
        net.clear_drives()
        net.put("biases", {})
    if arguments.to == "sonata":
        hn.write_sonata(net, target, tstop=arguments.tstop, overwrite=arguments.overwrite)
    else:
        hn.write_network(net, target, form=arguments.to, overwrite=arguments.overwrite)
    return net


def _is_spikes(source: Path) -> bool:
    """Return whether a text file, or the first that a pattern means, has the columns of spikes."""
    if source.suffix != ".txt":
        return False
    files = sorted(source.parent.glob(source.name))
    if not files:
        return False
    with files[0].open(encoding="utf-8", errors="replace") as file:
        return len(file.readline().split()) == 3 or len(files) > 1


def _spikes(arguments: argparse.Namespace, target: Path) -> Any:
    response = hn.read_spikes(arguments.source)
    writers = {".h5": response.to_sonata, ".csv": response.to_csv, ".nwb": response.to_nwb}
    if target.suffix not in writers:
        raise Mistake(f"TARGET {target}: spikes go to a file that ends in {', '.join(writers)}")
    ranges = _ranges(response)
    writers[target.suffix](target, gid_ranges=ranges, overwrite=arguments.overwrite)
    return response


def _ranges(response: Any) -> dict[str, range]:
    """Return the gids of each type, as far as they fired."""
    found: dict[str, list[int]] = {}
    for gids, types in zip(response.spike_gids, response.spike_types, strict=True):
        for gid, kind in zip(gids.tolist(), types.tolist(), strict=True):
            found.setdefault(str(kind), []).append(gid)
    return {
        kind: range(min(gids), max(gids) + 1) for kind, gids in sorted(found.items(), key=lambda item: min(item[1]))
    }
