"""Files that the user asked for and that are never seen half done."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from footfall_bridge.errors import BadRequest


@contextmanager
def written_whole(target: Path, what: str) -> Iterator[Path]:
    """Where to write so that it appears as `target` when all is written; BadRequest where `what` cannot be."""
    part = target.with_name(f".{target.name}.part")
    try:
        yield part
        part.replace(target)
    except OSError as error:
        raise BadRequest(f"the {what} cannot be written to {target}: {error.strerror or error}") from error
    finally:
        part.unlink(missing_ok=True)
