"""Which jobs are worked on side by side: those of a model whose device gains by many at once."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from footfall_bridge import messages
from footfall_bridge.errors import UnknownModel, WeightsMissing
from footfall_bridge.messages import Generate, Regenerate, Spot
from footfall_engine import contacts, engine
from footfall_engine.config import Settings
from footfall_engine.models.runtime import chosen_runtime
from footfall_engine.models.together import JoinsJobs
from footfall_engine.render import Company, company

from tests.engine.here import done, stems_of
from tests.engine.neural import tiny, tiny_foleycrafter, tiny_vta


@pytest.fixture
def of(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[[messages.Job], Company | None]]:
    tiny.write_checkpoints(tmp_path / "models" / "diff-foley")
    tiny_vta.write_tree(tmp_path / "models" / "vta-ldm")
    tiny_foleycrafter.write_tree(tmp_path / "models" / "foleycrafter")
    monkeypatch.setenv("FOOTFALL_MODELS", str(tmp_path / "models"))
    monkeypatch.setenv("FOOTFALL_DEVICE", "cpu")
    studio = engine._studio(Settings.load({"FOOTFALL_HOME": str(tmp_path / "studio")}).make_folders())
    chosen_runtime.cache_clear()
    yield lambda request: company(request, studio)
    chosen_runtime.cache_clear()


def generate(model: str | None) -> Generate:
    return Generate(video="/clips/a.mp4", stem_folder="/stems", model=model)


@pytest.mark.parametrize("model", ["diff-foley", "vta-ldm", "foleycrafter", "smooth-foley"])
@pytest.mark.parametrize(("precision", "takes"), [("bfloat16", JoinsJobs.most_at_once), ("float32", None)])
def test_jobs_of_a_neural_model_keep_company_where_its_device_gains(
    of: Callable[[messages.Job], Company | None],
    monkeypatch: pytest.MonkeyPatch,
    model: str,
    precision: str,
    takes: int | None,
) -> None:
    monkeypatch.setenv("FOOTFALL_PRECISION", precision)
    assert of(generate(model)) == (takes and Company(model, takes))
    assert of(generate("procedural")) is None and of(generate(None)) is None
    assert of(Spot(video="/clips/a.mp4")) is None


def test_a_part_made_anew_keeps_the_company_of_the_model_it_is_made_with(
    of: Callable[[messages.Job], Company | None], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("FOOTFALL_PRECISION", "bfloat16")
    clip = tmp_path / "clip.mp4"
    contacts.render_clip(clip, contacts.Scene(duration=1.0, width=160, height=90))
    settings = Settings.load({"FOOTFALL_HOME": str(tmp_path / "home")})
    (stem,) = stems_of(done(Generate(video=str(clip), stem_folder=str(tmp_path)), settings))
    part = Regenerate(stem=stem.path, stem_folder=str(tmp_path), start=0.2, end=0.8)
    assert of(part) is None
    assert of(part.model_copy(update={"model": "diff-foley"})) == Company("diff-foley", JoinsJobs.most_at_once)


def test_what_a_job_would_fail_with_is_raised(of: Callable[[messages.Job], Company | None]) -> None:
    with pytest.raises(UnknownModel):
        of(generate("nobody's"))
    with pytest.raises(WeightsMissing):
        of(generate("multifoley"))
