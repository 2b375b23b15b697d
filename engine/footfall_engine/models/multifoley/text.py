"""Text for the network: T5, as published, or words learnt with a small network.

Both give (tokens (b, n, width), which of them count (b, n)); a text without any that counts is no text.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any, Protocol

import torch
from footfall_bridge.errors import WeightsMissing
from torch import Tensor, nn

from footfall_engine.models.stock import from_folder

T5_FOLDER = "t5-base"
T5_WIDTH = 768
WORD_WIDTH = 96
LONGEST_TEXT = 128  # tokens; what follows is not heard
_TOKENIZERS = ("tokenizer.json", "spiece.model")
_WORD = re.compile(r"[^\W_]+")


class Text(Protocol):
    width: int

    def __call__(self, texts: list[str], /) -> tuple[Tensor, Tensor]: ...


class WordText(nn.Module):
    """A learned vector for each word of a vocabulary; others are passed over, and order counts for nothing."""

    def __init__(self, words: Iterable[str], width: int = WORD_WIDTH) -> None:
        super().__init__()
        self.words = tuple(words)
        self.width = width
        self._places = {word: place for place, word in enumerate(self.words)}
        self.vectors = nn.Embedding(len(self.words), width)

    def forward(self, texts: list[str]) -> tuple[Tensor, Tensor]:
        rows = [[self._places[word] for word in words_of(text) if word in self._places] for text in texts]
        device = self.vectors.weight.device
        return _padded([self.vectors(torch.tensor(row, dtype=torch.long, device=device)) for row in rows])

    def unknown(self, text: str) -> list[str]:
        """Words of a text that it passes over."""
        return [word for word in words_of(text) if word not in self._places]


def words_of(text: str) -> list[str]:
    """In lower case, without punctuation."""
    return _WORD.findall(text.lower())


def vocabulary(texts: Iterable[str]) -> tuple[str, ...]:
    return tuple(sorted({word for text in texts for word in words_of(text)}))


class T5Text:
    """The encoder of T5, frozen."""

    def __init__(self, encoder: nn.Module, tokenizer: Any) -> None:
        self.encoder = encoder
        self.width = int(encoder.config.d_model)
        self._tokenizer = tokenizer

    @classmethod
    def in_folder(cls, folder: Path, dtype: torch.dtype | None = None) -> T5Text:
        """From a folder in the layout of the hub; WeightsMissing or WeightsUnusable says what it lacks."""
        from transformers import AutoTokenizer, T5EncoderModel

        encoder = from_folder(T5EncoderModel, folder, dtype)
        if not any((folder / file).is_file() for file in _TOKENIZERS):
            raise WeightsMissing(f"there is no tokenizer of T5 in {folder}: {' or '.join(_TOKENIZERS)}")
        return cls(encoder, AutoTokenizer.from_pretrained(folder, local_files_only=True))

    @torch.no_grad()
    def __call__(self, texts: list[str]) -> tuple[Tensor, Tensor]:
        said = [text for text in texts if text.strip()]
        read = iter(self._read(said)) if said else iter(())
        nothing = torch.zeros(0, self.width, device=next(self.encoder.parameters()).device)
        return _padded([next(read) if text.strip() else nothing for text in texts])

    def _read(self, texts: list[str]) -> list[Tensor]:
        tokens = self._tokenizer(texts, padding=True, truncation=True, max_length=LONGEST_TEXT, return_tensors="pt")
        device = next(self.encoder.parameters()).device
        ids, mask = tokens["input_ids"].to(device), tokens["attention_mask"].to(device)
        states = self.encoder(input_ids=ids, attention_mask=mask).last_hidden_state.float()
        return [row[counts.bool()] for row, counts in zip(states, mask, strict=True)]


def _padded(rows: Sequence[Tensor]) -> tuple[Tensor, Tensor]:
    """Rows (n_i, width) as one tensor (b, n, width), and which of it is theirs."""
    longest = max(len(row) for row in rows)
    padded = torch.stack([nn.functional.pad(row, (0, 0, 0, longest - len(row))) for row in rows])
    counts = torch.tensor([len(row) for row in rows], device=padded.device)
    return padded, torch.arange(longest, device=padded.device) < counts[:, None]
