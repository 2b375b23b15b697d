"""What a model's weights consist of: where each part is published, and where it lies on this machine.

A checkpoint becomes a .safetensors file when it is fetched or first used; whatever else is published stays as it is.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

SAFETENSORS = ".safetensors"
CHECKPOINTS = (".bin", ".ckpt", ".pt", ".pth", ".tar")
SETTINGS = (".json", ".txt")
NETWORKS = {
    "diffusion_pytorch_model.safetensors": "diffusion_pytorch_model.safetensors",
    "model.safetensors": "model.safetensors",
    "diffusion_pytorch_model.bin": "diffusion_pytorch_model.safetensors",
    "pytorch_model.bin": "model.safetensors",
}
"""Names of weights in the hub's folders, the better ones first, and what they become."""


@dataclass(frozen=True)
class Part:
    """A file of a model's weights or, when it `holds` a file that tells, a folder in the layout of the hub."""

    repository: str  # on the hub; "" when nobody publishes it
    published: str  # its path there; of a file, the end of that path
    places: tuple[str, ...]  # in the folder of the model's weights where it may lie; it is fetched to the first
    holds: str = ""
    needed: bool = True  # or the model does without
    keys: tuple[str, ...] = ()  # beginnings of the keys of its tensors that are kept; all are when there are none

    @property
    def name(self) -> str:
        return str(PurePosixPath(self.places[0]))

    def found(self, folder: Path) -> Path | None:
        """Where it lies, as it was published or converted."""
        return next((folder / place for place in self.places if self._lies_at(folder / place)), None)

    def _lies_at(self, path: Path) -> bool:
        if self.holds:
            return (path / self.holds).is_file()
        return path.is_file() or stored(path).is_file()

    def among(self, listing: Iterable[str]) -> list[str]:
        """Which paths of a repository belong to it."""
        if not self.holds:
            return [path for path in listing if f"/{path}".endswith(f"/{self.published}")][:1]
        above = PurePosixPath(self.published)
        inside = {at.name: path for path in listing if (at := PurePosixPath(path)).parent == above}
        settings = [path for name, path in inside.items() if name.endswith(SETTINGS)]
        return settings + [inside[name] for name in NETWORKS if name in inside][:1]

    def stored_name(self, published: str) -> str:
        """What one of its published files is called here."""
        path = PurePosixPath(published)
        return NETWORKS.get(path.name, path.name) if self.holds else stored(Path(path.name)).name

    def files(self, folder: Path) -> Iterator[Path]:
        """Whatever of it is there, in all places, converted or not."""
        for path in (folder / place for place in self.places):
            if self.holds and path.is_dir():
                yield from (each for each in path.iterdir() if each.is_file() and _is_of_a_network(each.name))
            elif not self.holds:
                yield from (each for each in {path, stored(path)} if each.is_file())


def stored(path: Path) -> Path:
    """A published file as it lies here once it is converted."""
    return converted(path) if path.suffix in CHECKPOINTS else path


def converted(checkpoint: Path) -> Path:
    """The file that a published checkpoint becomes."""
    return checkpoint.with_suffix(SAFETENSORS)


def _is_of_a_network(name: str) -> bool:
    return name in NETWORKS or name in NETWORKS.values() or name.endswith(SETTINGS)
