"""What SONATA's files cost on this machine; run by ``make bench``. All figures are by the clock, the disk included."""

from __future__ import annotations

import argparse
import os
import statistics
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np

Row = tuple[str, str, str]
"""What was measured, the figure, a note."""

REPEATS = 5


def _median(action: Callable[[], Any]) -> tuple[float, str]:
    action()  # imports and the file system's first use are not the format's cost
    seconds = []
    for _ in range(REPEATS):
        begin = time.perf_counter()
        action()
        seconds.append(time.perf_counter() - begin)
    return statistics.median(seconds), f"median of {REPEATS}, {min(seconds):.3f} to {max(seconds):.3f}"


def rows_edges(folder: Path) -> Iterator[Row]:
    """Edges of the default column: written with both indices, and read."""
    import hnnlib as hn
    from hnnlib.compile.build import compile_plan
    from hnnlib.io.sonata.edges import read_edges, write_edges
    from hnnlib.plan.circuit import EdgePopulation

    plan = compile_plan(hn.jones_2009_model(add_drives_from_params=True).spec, hn.RunSpec(tstop=170.0))
    edges = plan.edges
    sections = [(template.sites.section, template.sites.x) for template in plan.templates]
    offset = np.cumsum([0, *(len(section) for section, _ in sections)])
    flat = offset[plan.cells.template[edges.target_gid]] + edges.site
    population = EdgePopulation(
        name="column",
        source="column",
        target="column",
        source_node_id=edges.source_gid,
        target_node_id=edges.target_gid,
        edge_type_id=edges.connection,
        edge_types={i: {"model_template": label} for i, label in enumerate(edges.connection_labels)},
        attributes={
            "syn_weight": edges.weight,
            "delay": edges.delay_ms,
            "afferent_section_id": np.concatenate([section for section, _ in sections])[flat].astype(np.uint32),
            "afferent_section_pos": np.concatenate([x for _, x in sections])[flat],
        },
    )
    files = (folder / "edges.h5", folder / "edge_types.csv")
    write, spread = _median(lambda: write_edges(population, *files, {"column": plan.n_gids}))
    size = files[0].stat().st_size / 1e6
    yield f"write {len(edges):,} edges", f"{write:.3f} s", f"{size:.1f} MB; {spread}"
    read, spread = _median(lambda: read_edges(*files))
    yield f"read {len(edges):,} edges", f"{read:.3f} s", spread


def rows_builder(folder: Path) -> Iterator[Row]:
    """A network of point neurons by rule: 400 of them connected by distance, 500 sources onto them."""
    from hnnlib.builder.network import NetworkBuilder
    from hnnlib.builder.rules import distance_connector, positions_columnar

    def choose(sources: list[Any], target: Any, rng: np.random.Generator) -> np.ndarray:
        nsyns = np.zeros(len(sources))
        nsyns[rng.choice(len(sources), rng.integers(10, 30), replace=False)] = 5
        return nsyns

    def build() -> tuple[Any, Any]:
        rng = np.random.default_rng(1)
        v1, lgn = NetworkBuilder("V1", seed=1), NetworkBuilder("LGN", seed=1)
        for name, n, inner, outer in (
            ("Scnn1a", 80, 0.0, 30.0),
            ("PV", 20, 0.0, 30.0),
            ("LIF_exc", 200, 30.0, 60.0),
            ("LIF_inh", 100, 30.0, 60.0),
        ):
            positions = positions_columnar(n, min_radius=inner, max_radius=outer, seed=rng)
            v1.add_nodes(n, pop_name=name, ei="i" if name in ("PV", "LIF_inh") else "e", positions=positions)
        lgn.add_nodes(500, pop_name="tON", model_type="virtual")
        for name, excitation, inhibition in (
            ("Scnn1a", 0.34, 1.0),
            ("PV", 1.0, 1.0),
            ("LIF_exc", 0.34, 1.0),
            ("LIF_inh", 0.26, 1.0),
        ):
            for ei, weight, reach in (("e", excitation, 300.0), ("i", inhibition, 160.0)):
                law = {"d_weight_min": 0.0, "d_weight_max": weight, "d_max": reach, "nsyn_min": 3, "nsyn_max": 7}
                v1.add_edges({"ei": ei}, {"pop_name": name}, distance_connector, law, syn_weight=3.0, delay=2.0)
            lgn.add_edges(lgn.nodes(), v1.nodes(pop_name=name), choose, iterator="all_to_one", syn_weight=15.0)
        v1.build()
        lgn.build()
        return v1, lgn

    seconds, spread = _median(build)
    v1, lgn = build()
    edges = [*v1.build().edges.values(), *lgn.build().edges.values()]
    n_synapses = sum(int(population.attributes["nsyns"].sum()) for population in edges)
    what = f"build {sum(map(len, edges)):,} pairs, {n_synapses:,} synapses"
    yield what, f"{seconds:.3f} s", spread
    seconds, spread = _median(lambda: (v1.save(folder), lgn.save(folder)))
    yield "   write nodes and edges", f"{seconds:.3f} s", spread


def rows_spikes(folder: Path) -> Iterator[Row]:
    """A million spikes of three populations, as SONATA and as text; and those of a thousand trials, as they come."""
    from hnnlib import SpikeData
    from hnnlib.io.sonata.spikes import SonataSpikeWriter

    n = 10**6
    rng = np.random.default_rng(1)
    columns = rng.uniform(0, 3000, n), rng.integers(0, 500, n), rng.integers(0, 3, n)
    spikes = SpikeData(*columns, ("L2_pyramidal", "L5_pyramidal", "drive"))
    for sort in ("by_time", "by_id"):
        seconds, spread = _median(lambda sort=sort: spikes.to_sonata(folder / "spikes.h5", sort))
        size = (folder / "spikes.h5").stat().st_size / 1e6
        yield f"write {n:,} spikes, {sort}", f"{seconds:.3f} s", f"{size:.1f} MB, sorting included; {spread}"
    seconds, spread = _median(lambda: SpikeData.from_sonata(folder / "spikes.h5"))
    yield f"read {n:,} spikes", f"{seconds:.3f} s", spread

    trial = spikes.select(t0=0.0, t1=3.0)

    def stream() -> None:
        with SonataSpikeWriter(folder / "trials.h5") as writer:
            for _ in range(1000):
                writer.append(trial)

    seconds, spread = _median(stream)
    yield f"write {1000 * len(trial):,} spikes of 1,000 trials one by one", f"{seconds:.3f} s", spread
    seconds, spread = _median(lambda: spikes.to_csv(folder / "spikes.csv"))
    yield f"write a table of {n:,} spikes", f"{seconds:.3f} s", spread
    seconds, spread = _median(lambda: SpikeData.from_csv(folder / "spikes.csv"))
    yield f"read a table of {n:,} spikes", f"{seconds:.3f} s", spread


PARTS = (rows_edges, rows_spikes, rows_builder)


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument(
        "--quick", action="store_true", help="taken for the sake of the other benchmarks; no difference"
    )
    parser.parse_args()
    print(f"\nSONATA (load {os.getloadavg()[0]:.1f})", flush=True)
    for part in PARTS:
        with tempfile.TemporaryDirectory() as folder:
            for what, value, note in part(Path(folder)):
                print(f"{what:<56} {value:>9}   {note}", flush=True)


if __name__ == "__main__":
    main()
