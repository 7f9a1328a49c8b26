"""A detailed cell inside network activity: its form and membrane, every synapse on it, and what came of them."""

from __future__ import annotations

from hnnlib.embedding.embedded import EmbeddedCell
from hnnlib.embedding.form.alignment import aligned, scaled
from hnnlib.embedding.form.domains import label_domains, totals_by_domain
from hnnlib.embedding.form.morphology import Morphology
from hnnlib.embedding.form.reading import read_morphology
from hnnlib.embedding.form.swc import write_swc
from hnnlib.embedding.form.synthesis import synthesize
from hnnlib.embedding.membrane.attenuation import attenuation
from hnnlib.embedding.membrane.biophysics import Biophysics, Membrane, read_biophysics, write_biophysics
from hnnlib.embedding.membrane.cell import DetailedCell
from hnnlib.embedding.membrane.protocols import (
    BackPropagation,
    BACReport,
    StepReport,
    bac_firing,
    back_propagating_spike,
    step_current,
)
from hnnlib.embedding.membrane.segments import SegmentTable
from hnnlib.embedding.membrane.spatial import ExponentialRule, LinearRule, SigmoidRule, WindowRule
from hnnlib.embedding.run import simulate_cell
from hnnlib.embedding.sources.draw import draw_sources, source_from_plain, source_to_plain
from hnnlib.embedding.sources.modulated import Follow, Rhythmic, SharedNoise
from hnnlib.embedding.sources.rates import (
    Distribution,
    Empirical,
    Fixed,
    LevyStable,
    Lognormal,
    TruncatedNormal,
    Uniform,
)
from hnnlib.embedding.sources.recipes import PSTH, InhomogeneousPoisson, Ongoing, Poisson, Source, Superposition
from hnnlib.embedding.sources.recorded import Replay
from hnnlib.embedding.sources.release import draw_events
from hnnlib.embedding.sources.spikes import SourceSpikes, TrialEvents
from hnnlib.embedding.study.store import read_study, write_study
from hnnlib.embedding.study.study import Study
from hnnlib.embedding.study.tables import Recording, Table
from hnnlib.embedding.synapses.calibrate import UnitaryPSPs, calibrate_unitary, unitary_psps
from hnnlib.embedding.synapses.clusters import clustered, clusters_of_group
from hnnlib.embedding.synapses.column import from_network
from hnnlib.embedding.synapses.in_vivo import in_vivo_counts, in_vivo_lengths, l5_in_vivo
from hnnlib.embedding.synapses.isf import read_syn_con, write_syn_con
from hnnlib.embedding.synapses.isf_network import IsfPopulation, read_isf_network
from hnnlib.embedding.synapses.placement import random
from hnnlib.embedding.synapses.sonata import embedding_from_sonata, embedding_to_sonata
from hnnlib.embedding.synapses.table import Embedding, ShortTermPlasticity, SynapseType

__all__ = [
    "PSTH",
    "BACReport",
    "BackPropagation",
    "Biophysics",
    "DetailedCell",
    "Distribution",
    "EmbeddedCell",
    "Embedding",
    "Empirical",
    "ExponentialRule",
    "Fixed",
    "Follow",
    "InhomogeneousPoisson",
    "IsfPopulation",
    "LevyStable",
    "LinearRule",
    "Lognormal",
    "Membrane",
    "Morphology",
    "Ongoing",
    "Poisson",
    "Recording",
    "Replay",
    "Rhythmic",
    "SegmentTable",
    "SharedNoise",
    "ShortTermPlasticity",
    "SigmoidRule",
    "Source",
    "SourceSpikes",
    "StepReport",
    "Study",
    "Superposition",
    "SynapseType",
    "Table",
    "TrialEvents",
    "TruncatedNormal",
    "Uniform",
    "UnitaryPSPs",
    "WindowRule",
    "aligned",
    "attenuation",
    "bac_firing",
    "back_propagating_spike",
    "calibrate_unitary",
    "clustered",
    "clusters_of_group",
    "draw_events",
    "draw_sources",
    "embedding_from_sonata",
    "embedding_to_sonata",
    "from_network",
    "in_vivo_counts",
    "in_vivo_lengths",
    "l5_in_vivo",
    "label_domains",
    "random",
    "read_biophysics",
    "read_isf_network",
    "read_morphology",
    "read_study",
    "read_syn_con",
    "scaled",
    "simulate_cell",
    "source_from_plain",
    "source_to_plain",
    "step_current",
    "synthesize",
    "totals_by_domain",
    "unitary_psps",
    "write_biophysics",
    "write_study",
    "write_swc",
    "write_syn_con",
]
