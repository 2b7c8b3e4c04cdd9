"""An upper bound on the spectral norm of k x k convolutions: Shi and others (IJCV 2022).

The spectral norm of a convolution's weights, as a matrix (out, in * y * x), is the root of the
largest eigenvalue of its product with its own transpose. That product is small, and all layers are
computed at once, which is some 20 times faster than singular values layer by layer.
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor, nn

from dipcli.nets.layers import Conv, Up

Matrix = Sequence[Tensor]  # parts (out, ...) of one matrix, side by side


class Bound:
    """Scale the weights of a network down to the limit, at each call.

    A convolution uses W / max(1, norm / limit). The norm is a constant in the gradient, and
    1 x 1 convolutions have no bound, both as published. For a transposed convolution W is that
    of the convolution of which it is the transpose.
    """

    def __init__(self, net: nn.Module, limit: float) -> None:
        self.limit = limit
        skips = {m.stage.conv: m.skip_weight for m in net.modules() if isinstance(m, Up)}
        self.convs = [m for m in net.modules() if isinstance(m, Conv) and m.weight.shape[1] > 1]
        parts = ((conv.weight, skips.get(conv)) for conv in self.convs)
        self.matrices = [[part for part in both if part is not None] for both in parts]

    @torch.no_grad()
    def __call__(self) -> None:
        scales = self.limit / spectral_norms(self.matrices).clamp(min=self.limit)
        for conv, scale in zip(self.convs, scales.unbind(), strict=True):
            conv.scale = scale


def spectral_norms(matrices: Sequence[Matrix]) -> Tensor:
    """The largest singular value of each matrix, (n,)."""
    norms: dict[int, Tensor] = {}
    grams = {i: _gram(matrix) for i, matrix in enumerate(matrices)}
    for side in {len(gram) for gram in grams.values()}:
        same = [i for i, gram in grams.items() if len(gram) == side]
        largest = torch.linalg.eigvalsh(torch.stack([grams[i] for i in same]))[:, -1]
        norms.update(zip(same, largest.clamp(min=0).sqrt().unbind(), strict=True))
    return torch.stack([norms[i] for i in range(len(matrices))])


def _gram(matrix: Matrix) -> Tensor:
    """The product of a matrix with its own transpose, on the side that makes it smaller."""
    parts = [part.flatten(1) for part in matrix]
    if len(parts[0]) > sum(part.shape[1] for part in parts):
        whole = torch.cat(parts, 1)
        return whole.T @ whole
    first, *others = parts
    gram = first @ first.T
    for part in others:
        gram.addmm_(part, part.T)
    return gram
