"""The posterior of every task over all laws: weighted nodes in the laws' shape parameters, the error level in closed
form.

For a law with shape parameters theta and floor share f the error is level * h(n, P; theta, f), h = 1 at the largest
pilot. The measured cells scatter around it by seeds and by the law's drift: a random walk in ln n and in ln P_j that
starts at the largest pilot, so that cells far from it count less and forecasts far from it are less sure. Given theta,
f and the drift's rate tau the level is a one-parameter regression with a closed integral (`nodes`); over theta, f
and tau the posterior is found by importance sampling on low-discrepancy nodes: first from the prior, then around what
fitted (`proposals`).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial

import numpy as np
from numpy.typing import NDArray

from budget.fitting.designs import over
from budget.fitting.laws import LAWS, Law
from budget.fitting.nodes import LEAST, Array, Batch, Nodes, Whitened, batch, bent, evaluate, whiten
from budget.fitting.noise import Runs
from budget.fitting.proposals import Proposal, around, middle, normals, tempered
from budget.fitting.summits import summits

ENOUGH = 2.0  # effective nodes per parameter that a proposal must rest on
NEGLIGIBLE = 1e-7  # a node that weighs less is left out
FAR = 8.0  # times the largest pilot, where truths are told from one another


@dataclass(frozen=True)
class Settings:
    """Constants of the posterior; docs/method.md says where each comes from."""

    nodes: tuple[int, int] = (128, 128)  # from the prior: laws of the labels, joint laws
    steps: tuple[int, int] = (6, 14)  # to the summit
    near: tuple[int, int] = (96, 128)  # a round of nodes, the first around the summit, the others around what fitted
    rounds: tuple[int, int] = (2, 5)
    drifts: tuple[float, ...] = (0.02, 0.06, 0.2, 0.6)  # deviation of the drift, in logits per root of a factor e
    drift_mean: float = -2.5
    drift_deviation: float = 2.1
    noises: tuple[float, ...] = (
        0.1,
        0.3,
        1.0,
        3.0,
    )  # times the guessed standard deviation, where there are few repeats

    def count(self, joint: bool) -> int:
        """Nodes of a law in all."""
        return self.nodes[joint] + self.rounds[joint] * self.near[joint]


SETTINGS = Settings()


@dataclass(frozen=True)
class Posterior:
    """One task, all laws. Nodes of law l: theta[l] (M_l, p); all nodes' floors, their shapes at the largest pilot and
    their errors FAR beyond it over those at it, (M,); and K weighted pairs of a node and a path: `node` (K,) index over
    all laws' nodes, weight (adding up to 1), level, its deviation and path, each (K,). `paths` (C, 2): a drift, and how
    many times the guessed deviation of a run its noise is."""

    laws: tuple[Law, ...]
    theta: tuple[Array, ...]
    node_floor: Array
    node_pilot: Array
    node_far: Array
    node: NDArray[np.intp]
    weight: Array
    level: Array
    deviation: Array
    path: NDArray[np.intp]
    paths: Array

    def exponents(self) -> tuple[Array, Array]:
        """Exponent along labels, every law's first parameter, of all nodes, and the weights of these, (M,)."""
        weights = np.asarray(np.bincount(self.node, self.weight), np.float64)
        return np.concatenate([t[:, 0] for t in self.theta]), weights

    def law_weights(self) -> dict[str, float]:
        """{law: posterior weight}, adding up to 1."""
        ends = np.cumsum([len(t) for t in self.theta])
        law = np.searchsorted(ends, self.node, side="right")
        total = np.bincount(law, self.weight, minlength=len(self.laws))
        return {law.name: float(w) for law, w in zip(self.laws, total, strict=True)}


def relative_error(law: Law, theta: Array, floor: Array, labels: Array, pools: Array) -> Array:
    """h (M, N) = f + (1 - f) g, error over the error at the largest pilot: theta (M, p), floor (M,), labels (N,), pools
    (N, J)."""
    each = theta[:, None]
    shape = over(law.shape(each, labels, pools), law.shape(each, np.ones(1), np.ones((1, pools.shape[-1]))))
    return np.asarray(floor[:, None] + (1 - floor[:, None]) * shape)


def _sample(law: Law, b: Batch, w: Whitened, settings: Settings, answer: Nodes) -> None:
    """Fills the answer: nodes of one law for every task, and what they are worth, weighted by the mixture of the prior
    and of all proposals; the law's own weight aside."""
    tasks, q = len(b.names), len(law.parameters(b.pools)) + 1
    first, near, rounds = settings.nodes[law.joint], settings.near[law.joint], settings.rounds[law.joint]
    latent, half = np.empty((tasks, q, answer.log.shape[1])), np.empty_like(answer.log)
    mixture = np.ones_like(half)
    prior, normal = normals(first, q), normals(near, q)
    latent[:, :, :first], half[:, :first] = prior, 0.5 * np.square(prior).sum(0)  # less the prior's log density
    evaluate(law, b, w, prior[None], answer.part(slice(first)))
    start = latent[np.arange(tasks), :, (answer.log[:, :first] - half[:, :first]).argmax(1)]
    center = summits(partial(bent, law, b, w), start, settings.steps[law.joint])
    proposals: list[Proposal] = []
    for done in range(first, first + rounds * near, near):
        before, new = slice(done), slice(done, done + near)
        if proposals:
            weight = tempered(answer.log[:, before], mixture[:, before], ENOUGH * q)
            center = middle(latent[:, :, before], weight)
        latent[:, :, new], proposal = around(*center, normal)
        nodes = latent[:, :, new]
        evaluate(law, b, w, nodes, answer.part(new))
        half[:, new] = 0.5 * np.square(nodes).sum(1)
        for each in proposals:
            mixture[:, new] += near / first * np.exp(each.density(nodes) + half[:, new])
        proposals.append(proposal)
        until = slice(done + near)
        mixture[:, until] += near / first * np.exp(proposal.density(latent[:, :, until]) + half[:, until])
    answer.log[...] -= np.log(first * mixture)


def posteriors(
    tasks: Sequence[Runs], settings: Settings = SETTINGS, laws: Sequence[Law] = tuple(LAWS.values())
) -> list[Posterior]:
    """Posteriors of tasks with equally many varied pools."""
    b = batch(tasks)
    w = whiten(b, settings)
    joint = bool(b.pools)
    laws = tuple(law for law in laws if law.joint == joint and law.weight > 0)
    each, parameters = settings.count(joint), max(len(law.parameters(b.pools)) for law in laws)
    nodes = Nodes.room(parameters, len(tasks), len(w.paths), len(laws) * each)
    parts = {law: nodes.part(slice(i * each, (i + 1) * each)) for i, law in enumerate(laws)}
    for law in laws:
        if law.inside not in parts:
            _sample(law, b, w, settings, parts[law])
    for law in laws:
        if law.inside in parts:
            parts[law].copy(parts[law.inside])
    nodes.log[...] += np.repeat(np.log([law.weight for law in laws]), each)
    weights = np.exp(np.maximum(nodes.log - _log_sum(nodes.log)[:, None], LEAST))
    far = np.concatenate([_far(law, b.pools, part) for law, part in parts.items()], 1)
    return [_kept(i, laws, b.pools, nodes, weights, far, w.paths) for i in range(len(tasks))]


def _log_sum(logs: Array) -> Array:
    """(T,) ln of the sum of exponentials over the second axis."""
    most = logs.max(1)
    return np.asarray(most + np.log(np.exp(np.maximum(logs - most[:, None], LEAST)).sum(1)))


def _far(law: Law, pools: int, nodes: Nodes) -> Array:
    """(T, M) error of a law's nodes FAR beyond the largest pilot over that at it."""
    shape = law.shape(np.moveaxis(nodes.theta, 0, -1), np.array([FAR]), np.full((1, pools), FAR))
    return np.asarray(nodes.floor + (1 - nodes.floor) * over(shape, nodes.pilot))


def _kept(
    i: int, laws: tuple[Law, ...], pools: int, nodes: Nodes, weights: Array, far: Array, paths: Array
) -> Posterior:
    """Of task i: the nodes, all laws side by side, that weigh anything with some path; their weights and errors far on,
    (T, M)."""
    weight = nodes.share[i] * weights[i]
    keep = weight > NEGLIGIBLE
    some, (path, node) = keep.any(0), np.nonzero(keep)
    of_law = some.reshape(len(laws), -1)
    theta = nodes.theta[:, i].reshape(-1, *of_law.shape).swapaxes(0, 1)
    return Posterior(
        laws=laws,
        theta=tuple(
            each[: len(law.parameters(pools)), own].T for law, each, own in zip(laws, theta, of_law, strict=True)
        ),
        node_floor=nodes.floor[i, some],
        node_pilot=nodes.pilot[i, some],
        node_far=far[i, some],
        node=(np.cumsum(some) - 1)[node],
        weight=weight[keep],
        level=nodes.level[i][keep],
        deviation=nodes.deviation[i][keep],
        path=path,
        paths=paths,
    )
