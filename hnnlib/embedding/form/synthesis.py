"""Pyramidal cells that nobody traced: grown by rule from a seed, so that they may be given to anyone."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

import attrs
import numpy as np
from immutabledict import immutabledict

from hnnlib.base.errors import UnknownName
from hnnlib.base.seeds import independent_stream
from hnnlib.embedding.form.alignment import aligned
from hnnlib.embedding.form.domains import label_domains
from hnnlib.embedding.form.morphology import Morphology
from hnnlib.embedding.form.trace import Trace, morphology_of

__all__ = ["FORMS", "Form", "synthesize"]

_STEP_UM = 8.0  # between points
_FLARE_UM = 1.5  # way on which a branch takes its own diameter
_GOLDEN = np.pi * (3 - np.sqrt(5))  # turning by this angle spreads any number of directions evenly


@attrs.frozen(kw_only=True)
class Form:
    """What a cell is to be like; lengths in µm. Lengths of single branches are drawn, then scaled to the totals.

    Parameters
    ----------
    seed : int
        Of the cell that comes with the package.
    soma : tuple of float
        Height and width.
    basal_trees, basal_tips : int
        Number of basal dendrites at the soma, and of their ends.
    basal_length, basal_near : float
        Total length, and what of it lies within 50 µm of path from the soma's middle.
    basal_branches : tuple of float
        Mean lengths of the first branches, of those between forks, and of the last.
    oblique_tips : tuple of int
        Ends of each oblique dendrite, in the order in which they leave the trunk.
    oblique_from, oblique_to : float
        Where along the trunk the first and the last leave.
    oblique_branches : tuple of float
        As of the basal dendrites.
    trunk : float
        Length, before scaling.
    tuft_tips : int
        Number of its ends.
    tuft_branches : tuple of float
        As of the basal dendrites.
    apical_length, apical_reach : float
        Total length, and path from the soma's middle to the farthest end.
    pia : float
        Height above the soma that no dendrite crosses.
    trunk_diam : tuple of float
        At the soma, and where the tuft begins.
    tip_diam : float
        Before the last taper.
    """

    seed: int
    soma: tuple[float, float]
    basal_trees: int
    basal_tips: int
    basal_length: float
    basal_near: float
    basal_branches: tuple[float, float, float]
    oblique_tips: tuple[int, ...]
    oblique_from: float
    oblique_to: float
    oblique_branches: tuple[float, float, float]
    trunk: float
    tuft_tips: int
    tuft_branches: tuple[float, float, float]
    apical_length: float
    apical_reach: float
    pia: float
    trunk_diam: tuple[float, float]
    tip_diam: float = 0.7


FORMS: Mapping[str, Form] = immutabledict(
    {
        # Lengths, and numbers of sections (84 basal, 109 apical), of the thick-tufted cell of Hay et al. 2011 (PLoS
        # Comput Biol 7:e1002107), so that densities of synapses make as many here; its shape is not copied.
        "synthetic-l5": Form(
            seed=5,
            soma=(24.0, 17.0),
            basal_trees=10,
            basal_tips=47,
            basal_length=5132.8,
            basal_near=483.3,
            basal_branches=(24.0, 26.0, 95.0),
            oblique_tips=(2, 1, 2, 3, 1, 2, 1, 2, 2, 1, 2, 1),
            oblique_from=25.0,
            oblique_to=360.0,
            oblique_branches=(45.0, 40.0, 105.0),
            trunk=640.0,
            tuft_tips=35,
            tuft_branches=(255.0, 55.0, 95.0),
            apical_length=7440.8,
            apical_reach=1310.0,
            pia=1240.0,
            trunk_diam=(5.6, 2.9),
        ),
        # A regular cell of layer 2/3, some 400 µm below the pia; lengths of the order that is usual in the rat.
        "synthetic-l23": Form(
            seed=2,
            soma=(18.0, 14.0),
            basal_trees=6,
            basal_tips=27,
            basal_length=2700.0,
            basal_near=340.0,
            basal_branches=(22.0, 24.0, 75.0),
            oblique_tips=(2, 1, 2, 2, 1),
            oblique_from=20.0,
            oblique_to=105.0,
            oblique_branches=(30.0, 30.0, 85.0),
            trunk=170.0,
            tuft_tips=14,
            tuft_branches=(55.0, 32.0, 80.0),
            apical_length=2400.0,
            apical_reach=430.0,
            pia=400.0,
            trunk_diam=(2.9, 1.8),
        ),
    }
)
"""The kinds of cells that can be grown, each with the seed of the one that comes with the package."""


@attrs.define(kw_only=True)
class _Branch:
    """A branch to be grown: what it will be like, and what goes on from its end."""

    kind: str
    length: float
    tips: int
    branches: list[_Branch] = attrs.Factory(list)

    def all(self) -> Iterator[_Branch]:
        """Return this branch and those beyond it, each before what it carries."""
        yield self
        for branch in self.branches:
            yield from branch.all()

    def reach(self) -> float:
        """Return the way from its begin to the farthest tip (µm)."""
        return self.length + max((branch.reach() for branch in self.branches), default=0.0)


def synthesize(kind: str, seed: int | None = None) -> Morphology:
    """Grow a pyramidal cell.

    The tree and the lengths of its branches are drawn and scaled to the totals of the kind; then the branches grow,
    each point a little aside from the direction of the last. Diameters follow from the number of tips that a branch
    carries: n tips need n^(1/p) times the diameter of one (p = 3/2 is Rall's law; the apical tree tapers less). A cell
    is not meant to be any animal's; it has the extent, the sections and the membrane that models ask for.

    Parameters
    ----------
    kind : {"synthetic-l5", "synthetic-l23"}
        A thick-tufted cell of layer 5 or one of layer 2/3.
    seed : int, optional
        Another seed is another cell; left out: that of the cell that comes with the package.

    Returns
    -------
    Morphology
        Aligned (`hnnlib.embedding.form.alignment.aligned`); places are rounded to 0.01 µm, radii to 0.001 µm.

    Raises
    ------
    UnknownName
        If there is no such kind.
    """
    if kind not in FORMS:
        raise UnknownName("kind", kind, "kind of cell", FORMS)
    form = FORMS[kind]
    seed = form.seed if seed is None else seed
    plan = independent_stream(seed, f"{kind}:plan")
    basal, apical = _basal_plan(form, plan), _apical_plan(form, plan)
    grown = _Growth(form, independent_stream(seed, f"{kind}:growth"))
    grown.axon()
    for i, tree in enumerate(basal):
        grown.basal(tree, i)
    grown.apical(apical)
    cell = aligned(morphology_of(grown.trace(), kind, f"hnnlib.embedding.form.synthesis.synthesize({kind!r}, {seed})"))
    points = []
    for path in cell.points:
        radius = np.round(path[:, 3] / 2, 3)
        points.append(np.column_stack([np.round(path[:, :3], 2) + 0.0, 2 * radius]))
    points[0][:, :3] = [[0.0, 0.0, z * form.soma[0] / 2] for z in (-1, 0, 1)]  # upright, whatever the turn was
    return label_domains(attrs.evolve(cell, points=tuple(points)))


# ------------------------------------------------------------------------------------------- the plan: tree and lengths


def _drawn(mean: float, rng: np.random.Generator) -> float:
    """Return a length around a mean: gamma-distributed as lengths of dendritic branches are, without the shortest."""
    return mean * (0.3 + 0.7 * rng.gamma(6.0) / 6.0)


def _tree(kind: str, tips: int, means: tuple[float, float, float], rng: np.random.Generator, depth: int = 0) -> _Branch:
    """Return a tree that forks at random until it has so many tips."""
    if tips == 1:
        return _Branch(kind=kind, length=_drawn(means[2], rng), tips=1)
    # Of the lesser of two branches: no long rows of single ones, and a tuft whose tips come near the pia together.
    fewest = max(1, round((0.3 if kind == "tuft" else 0.15) * tips))
    left = int(rng.integers(fewest, tips - fewest + 1))
    parts = [_tree(kind, n, means, rng, depth + 1) for n in (left, tips - left)]
    return _Branch(kind=kind, length=_drawn(means[min(depth, 1)], rng), tips=tips, branches=parts)


def _shares(total: int, parts: int, rng: np.random.Generator) -> list[int]:
    """Return whole numbers, none below 2, that add up to a total."""
    more = rng.multinomial(total - 2 * parts, np.full(parts, 1 / parts))
    return [2 + int(n) for n in more]


def _basal_plan(form: Form, rng: np.random.Generator) -> list[_Branch]:
    tips = _shares(form.basal_tips, form.basal_trees, rng)
    trees = [_tree("basal", n, form.basal_branches, rng) for n in tips]
    first = sum(tree.length for tree in trees)
    rest = sum(branch.length for tree in trees for branch in tree.all()) - first
    kept = [[branch.length for branch in tree.all()] for tree in trees]

    def scale(factor: float) -> float:
        """Make the first branches longer by a factor, the others so that the total stays; return what lies near."""
        other = (form.basal_length - factor * first) / rest
        for tree, lengths in zip(trees, kept, strict=True):
            for i, (branch, length) in enumerate(zip(tree.all(), lengths, strict=True)):
                branch.length = length * (other if i else factor)
        return sum(_within(tree, 50.0 - form.soma[0] / 2) for tree in trees)

    low, high = 0.2, 3.0  # the longer the first branches, the farther the forks, and the less dendrite is near
    for _ in range(60):
        middle = (low + high) / 2
        low, high = (middle, high) if scale(middle) > form.basal_near else (low, middle)
    return trees


def _within(branch: _Branch, way: float) -> float:
    """Return the length of a tree within a way from its begin (µm)."""
    if way <= branch.length:
        return way
    return branch.length + sum(_within(b, way - branch.length) for b in branch.branches)


def _apical_plan(form: Form, rng: np.random.Generator) -> _Branch:
    forks = len(form.oblique_tips)
    spread = form.oblique_to - form.oblique_from
    while True:
        seats = form.oblique_from + spread * (np.arange(forks) + 0.6 * (rng.random(forks) - 0.5)) / (forks - 1)
        obliques = [_tree("oblique", n, form.oblique_branches, rng) for n in form.oblique_tips]
        half = form.tuft_tips // 2
        tuft = [_tree("tuft", n, form.tuft_branches, rng) for n in (form.tuft_tips - half, half)]
        branches = [b for tree in (*obliques, *tuft) for b in tree.all()]
        # Two equations for the factors of the trunk's length and of all others': the total, and the reach.
        sums = [[form.trunk, sum(b.length for b in branches)], [form.trunk, max(tree.reach() for tree in tuft)]]
        trunk, others = np.linalg.solve(sums, [form.apical_length, form.apical_reach - form.soma[0] / 2])
        if 0.9 < trunk < 1.1 and 0.7 < others < 1.4:
            break  # some third of all draws; the others' tufts would begin too low or too high
    for branch in branches:
        branch.length *= others
    ends = [*(seats * trunk), form.trunk * trunk]
    at = _Branch(kind="trunk", length=ends[-1] - ends[-2], tips=form.tuft_tips, branches=tuft)
    for i in reversed(range(forks)):
        length = ends[i] - (ends[i - 1] if i else 0.0)
        at = _Branch(kind="trunk", length=length, tips=at.tips + obliques[i].tips, branches=[at, obliques[i]])
    return at


# --------------------------------------------------------------------------------------------- growth: where it all is


class _Growth:
    """A cell on its way: the points that it has so far."""

    def __init__(self, form: Form, rng: np.random.Generator) -> None:
        self._form, self._rng = form, rng
        height, width = form.soma
        self._rows: list[tuple[int, np.ndarray, float, int]] = []
        for i, z in enumerate((-height / 2, 0.0, height / 2)):
            self._rows.append((1, np.array([0.0, 0.0, z]), width, i - 1))
        self._turn = 2 * np.pi * rng.random()

    def trace(self) -> Trace:
        """Return what has grown."""
        kind, xyz, diam, parent = zip(*self._rows, strict=True)
        return Trace(kind=np.array(kind), xyz=np.array(xyz), diam=np.array(diam), parent=np.array(parent), file="cell")

    def axon(self) -> None:
        """Grow the begin of an axon: a hillock that narrows, and the initial segment."""
        place, towards, before = np.array([0.0, 0.0, -self._form.soma[0] / 2]), np.array([0.0, 0.0, -1.0]), 1
        for i, diam in enumerate((2.4, 1.7, 1.3, 1.1, 1.0, 1.0, 1.0)):
            if i:
                towards = _unit(towards + 0.05 * self._rng.standard_normal(3))
                place = place + 10.0 * towards
            before = self._add(2, place, diam, before)

    def basal(self, tree: _Branch, number: int) -> None:
        """Grow one of the basal dendrites: all around, most of them downwards."""
        azimuth = self._turn + _GOLDEN * number + 0.3 * self._rng.standard_normal()
        rise = -0.92 + 1.15 * (number + self._rng.random()) / self._form.basal_trees
        flat = np.sqrt(1 - rise**2)
        towards = np.array([flat * np.cos(azimuth), flat * np.sin(azimuth), rise])
        height, width = self._form.soma
        begin = towards * np.array([width, width, height]) / 2
        before = self._add(3, begin, self._diam(tree)[0], 1)
        self._grow(tree, before, towards)

    def apical(self, tree: _Branch) -> None:
        """Grow the apical tree."""
        begin = np.array([0.0, 0.0, self._form.soma[0] / 2])
        before = self._add(4, begin, self._form.trunk_diam[0], 1)
        self._n_obliques = 0
        self._grow(tree, before, np.array([0.0, 0.0, 1.0]))

    def _add(self, kind: int, place: np.ndarray, diam: float, before: int) -> int:
        self._rows.append((kind, place, diam, before))
        return len(self._rows) - 1

    def _grow(self, branch: _Branch, before: int, towards: np.ndarray, way: float = 0.0) -> None:
        """Grow a branch from a point, and then what it carries; `way` is that from the tree's begin."""
        kind = 3 if branch.kind == "basal" else 4
        first = min(_FLARE_UM, branch.length / 2) if way > 0 else 0.0
        n_steps = max(1, round((branch.length - first) / _STEP_UM))
        steps = [*([first] if first else []), *[(branch.length - first) / n_steps] * n_steps]
        place, gone = self._rows[before][1], 0.0
        for step in steps:
            towards = self._bent(branch, place, towards, step)
            place, gone = place + step * towards, gone + step
            before = self._add(kind, place, self._thickness(branch, gone, way), before)
        for part, heading in zip(branch.branches, self._headings(branch, towards), strict=True):
            self._grow(part, before, heading, way + branch.length)

    def _bent(self, branch: _Branch, place: np.ndarray, towards: np.ndarray, step: float) -> np.ndarray:
        """Return the direction of the next step: the last, turned a little at random and a little to where it tends."""
        kind = branch.kind
        outwards = _unit(place * [1, 1, 0]) if kind == "oblique" else _unit(place)
        # in radians per square root of µm, per µm, and a direction
        wander, pull, aim = {
            "basal": (0.045, 0.004, outwards),
            "trunk": (0.012, 0.010, np.array([0.0, 0.0, 1.0])),
            "oblique": (0.045, 0.004, _unit(outwards + np.array([0.0, 0.0, 0.25]))),
            "tuft": (0.05 / (1 + 0.15 * branch.tips), 0.005, np.array([0.0, 0.0, 1.0])),
        }[kind]
        left = self._form.pia - place[2]
        margin = 0.12 * self._form.pia
        if kind == "tuft" and left < margin:  # under the pia dendrites run along it
            aim, pull = _unit(towards * [1, 1, 0] + [0, 0, 0.3 * (left / margin - 0.5)]), 0.03
        turned = towards + wander * np.sqrt(step) * self._rng.standard_normal(3) + pull * step * aim
        turned = _unit(turned)
        if place[2] + step * turned[2] > self._form.pia:
            turned = _unit(turned * [1, 1, -0.3])
        return turned

    def _headings(self, branch: _Branch, towards: np.ndarray) -> list[np.ndarray]:
        """Return the directions in which what a branch carries sets out."""
        if len(branch.branches) < 2:
            return [towards] * len(branch.branches)
        if branch.kind == "trunk" and branch.branches[0].kind == "trunk":
            self._n_obliques += 1
            azimuth = self._turn + _GOLDEN * self._n_obliques + 0.35 * self._rng.standard_normal()
            tilt = np.radians(70.0 + 12.0 * self._rng.standard_normal())
            aside = np.array([np.cos(azimuth), np.sin(azimuth), 0.0])
            return [towards, _unit(np.sin(tilt) * aside + np.cos(tilt) * towards)]
        aside = _unit(np.cross(towards, self._rng.standard_normal(3)))
        one, other = branch.branches
        apart = np.radians((50.0 if branch.kind == "trunk" else 62.0) + 12.0 * self._rng.standard_normal())
        share = 0.5 + 0.35 * (one.tips - other.tips) / branch.tips  # the larger one keeps more of the direction
        angles = ((1 - share) * apart, -share * apart)
        return [_unit(np.cos(angle) * towards + np.sin(angle) * aside) for angle in angles]

    def _diam(self, branch: _Branch) -> tuple[float, float]:
        """Return the diameters with which a branch begins and ends."""
        power = {"basal": 1.5, "oblique": 2.0, "tuft": 2.6, "trunk": 2.6}[branch.kind]
        diam = self._form.tip_diam * branch.tips ** (1 / power)
        return (1.1 * diam, 0.75 * diam) if branch.tips == 1 else (1.1 * diam, 0.92 * diam)

    def _thickness(self, branch: _Branch, gone: float, way: float) -> float:
        if branch.kind == "trunk":
            thick, thin = self._form.trunk_diam
            return thin + (thick - thin) * float(np.exp(-3.0 * (way + gone) / self._form.trunk))
        begin, end = self._diam(branch)
        return begin + (end - begin) * gone / branch.length


def _unit(vector: np.ndarray) -> np.ndarray:
    size = float(np.sqrt(vector @ vector))
    return vector / size if size > 0 else vector
