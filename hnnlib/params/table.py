"""The one table of HNN's flat parameters: every key, its default, unit, range and meaning, and who reads it.

The values are those of HNN-core 0.6.1. Cells: Jones et al. (2009), doi:10.1152/jn.00535.2009; networks and inputs:
Neymotin et al. (2020), doi:10.7554/eLife.51214.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any, Literal

import attrs
from immutabledict import immutabledict

__all__ = [
    "CELL_NAMES",
    "DISTAL_TARGETS",
    "EVOKED",
    "FIXED",
    "SECTION_NAMES",
    "Key",
    "canonical",
    "default_of",
    "evoked_input",
    "evoked_keys",
    "is_evoked_time",
    "lookup",
]

CELL_NAMES = immutabledict(
    L2Basket="L2_basket", L2Pyr="L2_pyramidal", L5Basket="L5_basket", L5Pyr="L5_pyramidal"
)  #: short cell names of flat files -> cell types of a network, in a network's order

SECTION_NAMES = immutabledict(
    soma="soma",
    apicaltrunk="apical_trunk",
    apical1="apical_1",
    apical2="apical_2",
    apicaltuft="apical_tuft",
    apicaloblique="apical_oblique",
    basal1="basal_1",
    basal2="basal_2",
    basal3="basal_3",
)  #: section names of flat files -> sections of a cell

DISTAL_TARGETS = ("L2Basket", "L2Pyr", "L5Pyr")  #: cells with a distal target; a L5 basket cell has none

_TARGETS = immutabledict(prox=tuple(CELL_NAMES), dist=DISTAL_TARGETS)
_LOCATIONS = immutabledict(prox="proximal", dist="distal")


@attrs.frozen(kw_only=True)
class Key:
    """One flat parameter, or one pattern of them with ``N`` for the number of an evoked input.

    Parameters
    ----------
    name : str
        The key.
    default : object
        Its value where a file doesn't give it.
    kind : {'number', 'integer', 'flag', 'text', 'record'}
        What values it takes; 'flag': true, false, 0, 1; 'record': those, 'soma' and 'all'.
    unit : str
        Unit of the value, empty for pure numbers.
    meaning : str
        What it says, in a phrase.
    group : str
        Heading that it belongs under.
    used_by : {'simulation', 'cell', 'gui'}
        'simulation': networks and runs built from parameters read it. 'cell': a property of a cell type; networks take
        theirs from the cell model. 'gui': a leftover of HNN's first graphical interface, read by nothing.
    low : float, optional
        Smallest allowed value.
    above : float, optional
        Value that must be exceeded.
    listed : bool
        Whether a complete set of parameters holds the key even if no file gave it.
    dropped : bool
        Whether reading a file leaves the key out (a leftover without any value to keep).
    """

    name: str
    default: Any
    kind: Literal["number", "integer", "flag", "text", "record"] = "number"
    unit: str = ""
    meaning: str
    group: str
    used_by: Literal["simulation", "cell", "gui"] = "simulation"
    low: float | None = None
    above: float | None = None
    listed: bool = True
    dropped: bool = False


def _run() -> Iterator[Key]:
    def key(name: str, default: Any, meaning: str, **more: Any) -> Key:
        return Key(name=name, default=default, meaning=meaning, group="run", **more)

    yield key("tstop", 250.0, "end of the simulation that the inputs are made for", unit="ms", above=0)
    yield key("dt", 0.025, "time step", unit="ms", above=0)
    yield key("celsius", 37.0, "temperature", unit="°C")
    yield key("threshold", 0.0, "voltage at the soma that counts as a spike", unit="mV")
    yield key("N_trials", 1, "number of trials", kind="integer", low=1)
    yield key("N_pyr_x", 10, "pyramidal cells per layer along x", kind="integer", low=1)
    yield key("N_pyr_y", 10, "pyramidal cells per layer along y", kind="integer", low=1)
    yield key("dipole_scalefctr", 30000.0, "factor that a simulated dipole is multiplied by")
    yield key("dipole_smooth_win", 15.0, "width of the Hamming window that smooths a dipole; 0: none", unit="ms", low=0)
    for name, what in (("vsoma", "soma voltages"), ("isoma", "synaptic currents at the soma")):
        yield key(f"record_{name}", 0, f"whether to record {what}", kind="record")
    for name, what in (("vsec", "section voltages"), ("isec", "synaptic currents"), ("ca", "calcium concentrations")):
        yield key(f"record_{name}", 0, f"whether to record {what}: 0, 'soma' or 'all'", kind="record", listed=False)


def _gui() -> Iterator[Key]:
    def key(name: str, default: Any, meaning: str, **more: Any) -> Key:
        return Key(name=name, default=default, meaning=meaning, group="leftovers", used_by="gui", **more)

    for name, what in (("dpl", "dipoles"), ("figs", "figures"), ("spec_data", "spectra")):
        yield key(f"save_{name}", 0, f"whether to save {what}", kind="flag")
    yield key("sim_prefix", "default", "name of the simulation", kind="text")
    yield key("f_max_spec", 100, "highest frequency of spectra", unit="Hz")
    yield key("spec_cmap", "jet", "colour map of spectra", kind="text")
    yield key("inc_evinput", 0.0, "time by which evoked inputs are moved from trial to trial", unit="ms")
    for name in ("evdist", "evprox1"):
        yield key(f"dt_evprox0_{name}", -1, f"time between the first proximal input and {name}", unit="ms")
    for place in _LOCATIONS:
        yield key(f"distribution_{place}", "normal", "distribution of rhythmic input times", kind="text")
    yield key("prng_seedcore_opt", 0, "seed of the optimiser", kind="integer", listed=False, dropped=True)
    yield key("expmt_groups", "", "names of experiment groups", kind="text", listed=False, dropped=True)


# (length, diameter) in µm, passive and synaptic values, channel densities at soma and dendrites.
_SECTIONS = immutabledict(
    L2Pyr=immutabledict(
        soma=(22.1, 23.4),
        apicaltrunk=(59.5, 4.25),
        apical1=(306.0, 4.08),
        apicaltuft=(238.0, 3.4),
        apicaloblique=(340.0, 3.91),
        basal1=(85.0, 4.25),
        basal2=(255.0, 2.72),
        basal3=(255.0, 2.72),
    ),
    L5Pyr=immutabledict(
        soma=(39.0, 28.9),
        apicaltrunk=(102.0, 10.2),
        apical1=(680.0, 7.48),
        apical2=(680.0, 4.93),
        apicaltuft=(425.0, 3.4),
        apicaloblique=(255.0, 5.1),
        basal1=(85.0, 6.8),
        basal2=(255.0, 8.5),
        basal3=(255.0, 8.5),
    ),
)
_CAPACITANCE = immutabledict(L2Pyr=0.6195, L5Pyr=0.85)
_SYNAPSES = immutabledict(
    ampa=(0.0, 0.5, 5.0), nmda=(0.0, 1.0, 20.0), gabaa=(-80.0, 0.5, 5.0), gabab=(-80.0, 1.0, 20.0)
)
_CHANNELS = immutabledict(  # unit, (L2Pyr soma, dend), (L5Pyr soma, dend)
    gkbar_hh2=("S/cm²", (0.01, 0.01), (0.01, 0.01)),
    gnabar_hh2=("S/cm²", (0.18, 0.15), (0.16, 0.14)),
    el_hh2=("mV", (-65.0, -65.0), (-65.0, -71.0)),
    gl_hh2=("S/cm²", (4.26e-5, 4.26e-5), (4.26e-5, 4.26e-5)),
    gbar_km=("pS/µm²", (250.0, 250.0), (200.0, 200.0)),
    gbar_ca=("pS/µm²", None, (60.0, 60.0)),
    taur_cad=("ms", None, (20.0, 20.0)),
    gbar_kca=("pS/µm²", None, (2e-4, 2e-4)),
    gbar_cat=("S/cm²", None, (2e-4, 2e-4)),
    gbar_ar=("S/cm²", None, (1e-6, 1e-6)),
)


def _cells() -> Iterator[Key]:
    def key(name: str, default: float, unit: str, meaning: str, **more: Any) -> Key:
        return Key(name=name, default=default, unit=unit, meaning=meaning, group="cells", used_by="cell", **more)

    for cell, sections in _SECTIONS.items():
        for section, (length, diameter) in sections.items():
            where = SECTION_NAMES[section]
            yield key(f"{cell}_{section}_L", length, "µm", f"length of {where}", above=0)
            yield key(f"{cell}_{section}_diam", diameter, "µm", f"diameter of {where}", above=0)
        for part in ("soma", "dend"):
            yield key(f"{cell}_{part}_cm", _CAPACITANCE[cell], "µF/cm²", f"capacitance of the {part}", above=0)
            yield key(f"{cell}_{part}_Ra", 200.0, "Ω·cm", f"axial resistivity of the {part}", above=0)
        for receptor, (reversal, rise, decay) in _SYNAPSES.items():
            yield key(f"{cell}_{receptor}_e", reversal, "mV", f"reversal potential of {receptor} synapses")
            yield key(f"{cell}_{receptor}_tau1", rise, "ms", f"rise time constant of {receptor} synapses", above=0)
            yield key(f"{cell}_{receptor}_tau2", decay, "ms", f"decay time constant of {receptor} synapses", above=0)
        for channel, (unit, *values) in _CHANNELS.items():
            densities = values[list(_SECTIONS).index(cell)]
            for part, value in zip(("soma", "dend"), densities or (), strict=False):
                bound = {"above": 0} if unit == "ms" else {"low": 0} if unit != "mV" else {}
                yield key(f"{cell}_{part}_{channel}", value, unit, f"{channel} of the {part}", **bound)


_CONNECTIONS = (
    "L2Pyr_L2Pyr_ampa", "L2Pyr_L2Pyr_nmda", "L2Basket_L2Pyr_gabaa", "L2Basket_L2Pyr_gabab", "L2Pyr_L5Pyr",
    "L2Basket_L5Pyr", "L5Pyr_L5Pyr_ampa", "L5Pyr_L5Pyr_nmda", "L5Basket_L5Pyr_gabaa", "L5Basket_L5Pyr_gabab",
    "L2Pyr_L2Basket", "L2Basket_L2Basket", "L2Pyr_L5Basket", "L5Pyr_L5Basket", "L5Basket_L5Basket",
)  # fmt: skip


def _connections() -> Iterator[Key]:
    for ends in _CONNECTIONS:
        source, target = ends.split("_")[:2]
        what = f"peak conductance from {CELL_NAMES[source]} to {CELL_NAMES[target]}"
        yield Key(name=f"gbar_{ends}", default=0.0, unit="µS", meaning=what, group="local connections", low=0)


def _rhythmic() -> Iterator[Key]:
    for place, location in _LOCATIONS.items():

        def key(name: str, default: float, meaning: str, where: str = location, **more: Any) -> Key:
            return Key(name=name, default=default, meaning=meaning, group=f"rhythmic {where} input", **more)

        delays = (0.1, 1.0) if place == "prox" else (5.0, 5.0)
        yield key(f"t0_input_{place}", 1000.0, "start", unit="ms")
        yield key(f"t0_input_stdev_{place}", 0.0, "standard deviation of the start", unit="ms", low=0)
        yield key(f"tstop_input_{place}", 250.0, "end", unit="ms")
        yield key(f"f_input_{place}", 10.0, "frequency of bursts", unit="Hz", above=0)
        yield key(f"f_stdev_{place}", 20.0, "standard deviation of burst times", unit="ms", low=0)
        yield key(f"events_per_cycle_{place}", 2, "spikes per burst", kind="integer", low=1)
        yield key(f"repeats_{place}", 10, "number of input cells", kind="integer", low=1)
        yield key(f"prng_seedcore_input_{place}", 0, "seed of the event times", kind="integer")
        for layer, delay in zip(("L2", "L5"), delays, strict=True):
            yield key(f"input_{place}_A_delay_{layer}", delay, f"delay to {layer} cells", unit="ms")
        for cell in _TARGETS[place]:
            for receptor in ("ampa", "nmda"):
                what = f"peak {receptor} conductance on {CELL_NAMES[cell]}"
                yield key(f"input_{place}_A_weight_{cell}_{receptor}", 0.0, what, unit="µS", low=0)


def _background() -> Iterator[Key]:
    """Yield the keys of Poisson, Gaussian and tonic inputs."""
    sigma = {"L5Pyr": 4.8, "L5Basket": 2.0}
    for cell, full in CELL_NAMES.items():
        for receptor in ("ampa", "nmda"):
            name, what = f"{cell}_Pois_A_weight_{receptor}", f"peak {receptor} conductance on {full}"
            yield Key(name=name, default=0.0, unit="µS", meaning=what, group="Poisson input", low=0)
        what = f"rate on {full}; 1 Hz is taken where it is not positive"
        yield Key(name=f"{cell}_Pois_lamtha", default=0.0, unit="Hz", meaning=what, group="Poisson input")
        for name, default, unit, what, low in (
            ("A_weight", 0.0, "µS", "peak ampa conductance", 0),
            ("mu", 2000.0, "ms", "mean of the event times", None),
            ("sigma", sigma.get(cell, 3.6), "ms", "standard deviation of the event times", 0),
        ):
            what = f"{what} on {full}"
            yield Key(
                name=f"{cell}_Gauss_{name}", default=default, unit=unit, meaning=what, group="Gaussian input", low=low
            )
        for name, default, unit, what in (
            ("A", 0.0, "nA", "amplitude, depolarising if positive"),
            ("t0", 0.0, "ms", "start"),
            ("T", -1.0, "ms", "end; negative: the end of the simulation"),
        ):
            what = f"{what}, at the soma of {full}"
            yield Key(
                name=f"Itonic_{name}_{cell}_soma",
                default=default,
                unit=unit,
                meaning=what,
                group="tonic bias",
                listed=False,
            )
    yield Key(name="t0_pois", default=0.0, unit="ms", meaning="start", group="Poisson input")
    what = "end; negative or before the start: no Poisson input"
    yield Key(name="T_pois", default=-1, unit="ms", meaning=what, group="Poisson input")
    for name, group in (("extpois", "Poisson input"), ("extgauss", "Gaussian input")):
        what = "seed of the event times"
        yield Key(name=f"prng_seedcore_{name}", default=0, kind="integer", meaning=what, group=group)
    what = "whether all cells get the same evoked spikes"
    yield Key(name="sync_evinput", default=1, kind="flag", meaning=what, group="evoked input")


def _evoked() -> Iterator[Key]:
    for place in _LOCATIONS:

        def key(name: str, default: float, meaning: str, **more: Any) -> Key:
            return Key(name=name, default=default, meaning=meaning, group="evoked input", **more)

        yield key(f"t_ev{place}_N", 0.0, "mean of the event times", unit="ms")
        yield key(f"sigma_t_ev{place}_N", 0.0, "standard deviation of the event times", unit="ms", low=0)
        yield key(f"numspikes_ev{place}_N", 1, "spikes per input cell", kind="integer", low=1)
        yield key(f"prng_seedcore_ev{place}_N", 0, "seed of the event times", kind="integer")
        for cell in _TARGETS[place]:
            for receptor in ("ampa", "nmda"):
                what = f"peak {receptor} conductance on {CELL_NAMES[cell]}"
                yield key(f"gbar_ev{place}_N_{cell}_{receptor}", 0.0, what, unit="µS", low=0)


FIXED: immutabledict[str, Key] = immutabledict(
    (key.name, key) for part in (_run(), _gui(), _cells(), _connections(), _rhythmic(), _background()) for key in part
)  #: key -> its entry

EVOKED: immutabledict[str, Key] = immutabledict(
    (key.name, key) for key in _evoked()
)  #: key pattern with N for the number of the evoked input -> its entry

_NUMBERED = re.compile(r"(\w*?_ev(?:prox|dist)_)([1-9][0-9]*)((?:_\w+)?)")
_SHORT_TONIC = re.compile(r"(Itonic_(?:A|t0|T)_(?:" + "|".join(CELL_NAMES) + "))")


def lookup(name: str) -> Key | None:
    """Return the table entry of a key, or None if there is none; ``t_evprox_12`` finds ``t_evprox_N``."""
    match = _NUMBERED.fullmatch(name)
    return EVOKED.get(f"{match[1]}N{match[3]}") if match else FIXED.get(name)


def canonical(name: str) -> tuple[str, ...]:
    """Return the keys that a key of older files stands for: itself, if it is up to date.

    ``Itonic_A_L2Basket`` is short for ``Itonic_A_L2Basket_soma``; a weight that names no receptor, such as
    ``gbar_evprox_1_L2Pyr``, holds for ampa and nmda.
    """
    if _SHORT_TONIC.fullmatch(name):
        return (f"{name}_soma",)
    if lookup(name) is None and lookup(f"{name}_ampa") is not None and _NUMBERED.fullmatch(name):
        return (f"{name}_ampa", f"{name}_nmda")
    return (name,)


def default_of(name: str) -> Any:
    """Return the value that a key has where nothing gives it; KeyError if there is no such key."""
    key = lookup(name)
    if key is None:
        raise KeyError(name)
    return key.default


def evoked_input(name: str) -> str | None:
    """Return the evoked input that a key belongs to, e.g. ``evprox_2``, or None if to none."""
    match = _NUMBERED.fullmatch(name)
    return f"{match[1].rstrip('_').rpartition('_')[2]}_{match[2]}" if match else None


def is_evoked_time(name: object) -> bool:
    """Return whether a key is the mean time of an evoked input, which is what makes the input exist."""
    return isinstance(name, str) and name.startswith("t_") and evoked_input(name) == name[2:]


def evoked_keys(stem: str) -> Iterator[tuple[str, Key]]:
    """Yield key and entry of everything that describes one evoked input, e.g. ``evprox_2``."""
    place, number = stem.split("_")
    for pattern, key in EVOKED.items():
        if f"_{place}_N" in pattern:
            yield pattern.replace("_N", f"_{number}"), key
