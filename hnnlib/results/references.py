"""The papers that results rest on: one list, of which `Result.cite` and the documentation's page are made."""

from __future__ import annotations

from collections.abc import Mapping

import attrs
from immutabledict import immutabledict

__all__ = ["CHANNELS", "ELECTRODES", "ENGINES", "INPUTS", "MODELS", "OTHERS", "REFERENCES", "Reference"]


@attrs.frozen(kw_only=True)
class Reference:
    """A paper.

    Parameters
    ----------
    authors : str
        Surname and initials, several joined by ``' and '`` as in BibTeX.
    year : int
        Year of publication.
    title, journal : str
        Its title, and where it stands.
    where : str
        Volume and pages, or number of the article.
    doi : str, optional
        Left out where we could not confirm it.
    """

    authors: str
    year: int
    title: str
    journal: str
    where: str
    doi: str | None = None

    @property
    def short(self) -> str:
        """First author and year, as text names a paper: ``'Jones et al. 2009'``."""
        names = [author.split(",")[0] for author in self.authors.split(" and ")]
        who = names[0] if len(names) == 1 else " & ".join(names) if len(names) == 2 else f"{names[0]} et al."
        return f"{who} {self.year}"


REFERENCES: Mapping[str, Reference] = immutabledict(
    jones2009=Reference(
        authors="Jones, S. R. and Pritchett, D. L. and Sikora, M. A. and Stufflebeam, S. M. and Hämäläinen, M. and "
        "Moore, C. I.",
        year=2009,
        title="Quantitative analysis and biophysically realistic neural modeling of the MEG mu rhythm: rhythmogenesis "
        "and modulation of sensory-evoked responses",
        journal="Journal of Neurophysiology",
        where="102:3554-3572",
        doi="10.1152/jn.00535.2009",
    ),
    neymotin2020=Reference(
        authors="Neymotin, S. A. and Daniels, D. S. and Caldwell, B. and McDougal, R. A. and Carnevale, N. T. and "
        "Jas, M. and Moore, C. I. and Hines, M. L. and Hämäläinen, M. and Jones, S. R.",
        year=2020,
        title="Human Neocortical Neurosolver (HNN), a new software tool for interpreting the cellular and network "
        "origin of human MEG/EEG data",
        journal="eLife",
        where="9:e51214",
        doi="10.7554/eLife.51214",
    ),
    law2022=Reference(
        authors="Law, R. G. and Pugliese, S. and Shin, H. and Sliva, D. D. and Lee, S. and Neymotin, S. and Moore, C. "
        "and Jones, S. R.",
        year=2022,
        title="Thalamocortical mechanisms regulating the relationship between transient beta events and human tactile "
        "perception",
        journal="Cerebral Cortex",
        where="32:668-688",
    ),
    kohl2022=Reference(
        authors="Kohl, C. and Parviainen, T. and Jones, S. R.",
        year=2022,
        title="Neural mechanisms underlying human auditory evoked responses revealed by Human Neocortical Neurosolver",
        journal="Brain Topography",
        where="35:19-35",
        doi="10.1007/s10548-021-00838-0",
    ),
    jas2023=Reference(
        authors="Jas, M. and Thorpe, R. and Tolley, N. and others",
        year=2023,
        title="HNN-core: A Python software for cellular and circuit-level interpretation of human MEG/EEG",
        journal="Journal of Open Source Software",
        where="8:5848",
        doi="10.21105/joss.05848",
    ),
    bush1993=Reference(
        authors="Bush, P. C. and Sejnowski, T. J.",
        year=1993,
        title="Reduced compartmental models of neocortical pyramidal cells",
        journal="Journal of Neuroscience Methods",
        where="46:159-166",
        doi="10.1016/0165-0270(93)90151-G",
    ),
    hodgkin1952=Reference(
        authors="Hodgkin, A. L. and Huxley, A. F.",
        year=1952,
        title="A quantitative description of membrane current and its application to conduction and excitation in "
        "nerve",
        journal="Journal of Physiology",
        where="117:500-544",
        doi="10.1113/jphysiol.1952.sp004764",
    ),
    mainen1996=Reference(
        authors="Mainen, Z. F. and Sejnowski, T. J.",
        year=1996,
        title="Influence of dendritic structure on firing pattern in model neocortical neurons",
        journal="Nature",
        where="382:363-366",
        doi="10.1038/382363a0",
    ),
    reuveni1993=Reference(
        authors="Reuveni, I. and Friedman, A. and Amitai, Y. and Gutnick, M. J.",
        year=1993,
        title="Stepwise repolarization from Ca2+ plateaus in neocortical pyramidal cells: evidence for nonhomogeneous "
        "distribution of HVA Ca2+ channels in dendrites",
        journal="Journal of Neuroscience",
        where="13:4609-4621",
        doi="10.1523/JNEUROSCI.13-11-04609.1993",
    ),
    destexhe1993=Reference(
        authors="Destexhe, A. and Babloyantz, A. and Sejnowski, T. J.",
        year=1993,
        title="Ionic mechanisms for intrinsic slow oscillations in thalamic relay neurons",
        journal="Biophysical Journal",
        where="65:1538-1552",
        doi="10.1016/S0006-3495(93)81190-1",
    ),
    destexhe1998=Reference(
        authors="Destexhe, A. and Neubig, M. and Ulrich, D. and Huguenard, J.",
        year=1998,
        title="Dendritic low-threshold calcium currents in thalamic relay cells",
        journal="Journal of Neuroscience",
        where="18:3574-3588",
    ),
    huguenard1992=Reference(
        authors="Huguenard, J. R. and McCormick, D. A.",
        year=1992,
        title="Simulation of the currents involved in rhythmic oscillations in thalamic relay neurons",
        journal="Journal of Neurophysiology",
        where="68:1373-1383",
        doi="10.1152/jn.1992.68.4.1373",
    ),
    hines1997=Reference(
        authors="Hines, M. L. and Carnevale, N. T.",
        year=1997,
        title="The NEURON simulation environment",
        journal="Neural Computation",
        where="9:1179-1209",
        doi="10.1162/neco.1997.9.6.1179",
    ),
    awile2022=Reference(
        authors="Awile, O. and Kumbhar, P. and Cornu, N. and Dura-Bernal, S. and King, J. G. and others",
        year=2022,
        title="Modernizing the NEURON simulator for sustainability, portability, and performance",
        journal="Frontiers in Neuroinformatics",
        where="16:884046",
        doi="10.3389/fninf.2022.884046",
    ),
    gewaltig2007=Reference(
        authors="Gewaltig, M.-O. and Diesmann, M.",
        year=2007,
        title="NEST (NEural Simulation Tool)",
        journal="Scholarpedia",
        where="2:1430",
        doi="10.4249/scholarpedia.1430",
    ),
    holt1999=Reference(
        authors="Holt, G. R. and Koch, C.",
        year=1999,
        title="Electrical interactions via the extracellular potential near cell bodies",
        journal="Journal of Computational Neuroscience",
        where="6:169-184",
        doi="10.1023/A:1008832702585",
    ),
    linden2014=Reference(
        authors="Lindén, H. and Hagen, E. and Łęski, S. and Norheim, E. S. and Pettersen, K. H. and Einevoll, G. T.",
        year=2014,
        title="LFPy: a tool for biophysical simulation of extracellular potentials generated by detailed model neurons",
        journal="Frontiers in Neuroinformatics",
        where="7:41",
        doi="10.3389/fninf.2013.00041",
    ),
    pettersen2006=Reference(
        authors="Pettersen, K. H. and Devor, A. and Ulbert, I. and Dale, A. M. and Einevoll, G. T.",
        year=2006,
        title="Current-source density estimation based on inversion of electrostatic forward solution: effects of "
        "finite extent of neuronal activity and conductivity discontinuities",
        journal="Journal of Neuroscience Methods",
        where="154:116-133",
        doi="10.1016/j.jneumeth.2005.12.005",
    ),
    dai2020=Reference(
        authors="Dai, K. and Hernando, J. and Billeh, Y. N. and others",
        year=2020,
        title="The SONATA data format for efficient description of large-scale network models",
        journal="PLOS Computational Biology",
        where="16:e1007696",
        doi="10.1371/journal.pcbi.1007696",
    ),
    rubel2022=Reference(
        authors="Rübel, O. and Tritt, A. and Ly, R. and others",
        year=2022,
        title="The Neurodata Without Borders ecosystem for neurophysiological data science",
        journal="eLife",
        where="11:e78362",
        doi="10.7554/eLife.78362",
    ),
)

MODELS = ("jones2009", "neymotin2020", "law2022", "kohl2022", "bush1993")
"""Networks and cells. A population says by its ``reference`` which of these it is from."""

CHANNELS: Mapping[str, tuple[str, ...]] = immutabledict(
    hh2=("hodgkin1952",),
    km=("mainen1996",),
    ca=("reuveni1993", "mainen1996"),
    kca=("reuveni1993", "mainen1996"),
    cad=("destexhe1993",),
    cat=("destexhe1998",),
    ar=("huguenard1992",),
)
"""Papers of each shipped mechanism, as the head of its mod file names them."""

ENGINES: Mapping[str, tuple[str, ...]] = immutabledict(
    # the fast engine follows NEURON's numerical method and reads mod files through NEURON's translator
    neuron=("hines1997", "awile2022"),
    fast=("hines1997", "awile2022"),
    nest=("gewaltig2007",),
)
"""Papers of each engine."""

ELECTRODES: Mapping[str, tuple[str, ...]] = immutabledict(psa=("linden2014",), lsa=("holt1999", "linden2014"))
"""Papers of each method of electrodes: point and line sources."""

INPUTS: Mapping[str, tuple[str, ...]] = immutabledict(SpikesFromSonata=("dai2020",), SpikesFromNWB=("rubel2022",))
"""Papers of the formats that spikes were read from."""

OTHERS: Mapping[str, str] = immutabledict(
    pettersen2006="you estimate current sources by `inverse_csd`",
    dai2020="you hand over files that `write_sonata` or `SpikeData.to_sonata` wrote",
    rubel2022="you hand over files that `SpikeData.to_nwb` wrote",
    jas2023="your script was written for HNN-core, or you compare with it",
)
"""What a result can't know of, since it is done with it afterwards: paper and occasion."""
