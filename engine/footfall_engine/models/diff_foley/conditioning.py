"""CAVP features as the latent networks take them."""

from __future__ import annotations

import torch
from torch import Tensor, nn

LONGEST_ROWS = 40


class FeatureEmbedding(nn.Module):
    """A linear layer and a learned position: (b, rows, features) → (b, rows, width), rows <= longest."""

    def __init__(self, features: int, width: int, longest: int = LONGEST_ROWS) -> None:
        super().__init__()
        self.embedder = nn.Sequential(nn.Linear(features, width))
        self.pos_emb = nn.Embedding(longest, width)

    def forward(self, rows: Tensor) -> Tensor:
        places = torch.arange(rows.shape[1], device=rows.device)
        return self.embedder(rows) + self.pos_emb(places)
