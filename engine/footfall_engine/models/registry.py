"""The table of models: facts about each, and its class once it is needed.

A package of somebody else's adds rows by an entry point of the group ``footfall.models`` that yields a `ModelRow`.
"""

from __future__ import annotations

import functools
import importlib
import logging
from dataclasses import dataclass
from importlib.metadata import entry_points
from typing import Any

from footfall_bridge.errors import LicenceRefused, ModelFailed, UnknownModel
from footfall_bridge.messages import Generate, ModelFacts, ModelList, Regenerate

from footfall_engine.models.base import Model
from footfall_engine.models.store import missing_files, model_folder, require_neural, weights_missing

log = logging.getLogger(__name__)

ENTRY_POINT_GROUP = "footfall.models"


@dataclass(frozen=True)
class ModelRow:
    """What is known of a model without loading it."""

    name: str
    target: str  # "module:Class"
    about: str
    sample_rate: int  # Hz
    span_seconds: float  # longest window it makes at once
    overlap_seconds: float  # of neighbouring windows, crossfaded
    batch: int  # variants made at once, in one call; at most
    side_by_side: int  # calls at a time; more than 1 for what runs on the CPU and is thread-safe
    memory_mb: int
    controls: frozenset[str]  # of CONTROLS, those it honours
    code_licence: str
    weights_licence: str
    commercial: bool = False  # whether that licence surely lets what is made be sold
    weights_folder: str = ""  # among the models' folders
    weights_mb: int = 0  # on disk, converted
    hub_repository: str = ""
    hub_files: tuple[str, ...] = ()
    hub_extras: tuple[str, ...] = ()  # fetched too; the model itself does without
    looking_share: float = 0.5  # of a job's time, about; the rest goes into the sound
    fills_in: bool = False  # makes a part so that it fits the sound around it, and is told what that is


CONTROLS = {
    "prompt": "a prompt",
    "negative": "a negative prompt",
    "events": "your own events",
    "reference": "a reference recording",
    "steps": "a number of steps",
    "guidance": "a guidance scale",
    "classifier_scale": "a scale of guidance by a classifier",
    "semantic_scale": "a scale of what the picture shows",
    "temporal_scale": "a scale of when it sounds",
    "pictures": "a number of pictures",
    "timing": "a choice of where the timing comes from",
    "quality": "a quality",
}
"""Controls of a request that a model may or may not honour, as a user calls them."""

DIFF_FOLEY: dict[str, Any] = {
    "sample_rate": 16_000,
    "span_seconds": 60.0,
    "overlap_seconds": 1.0,
    "batch": 16,
    "side_by_side": 1,
    "memory_mb": 4500,
    "looking_share": 0.1,
    "controls": frozenset({"steps", "guidance", "classifier_scale"}),
    "code_licence": "Apache-2.0",
    "weights_licence": "not stated (CreativeML OpenRAIL-M lineage)",
    "weights_folder": "diff-foley",
    "weights_mb": 4275,
    "hub_repository": "SimianLuo/Diff-Foley",
    "hub_files": ("cavp_epoch66.ckpt", "ldm_epoch240.ckpt", "double_guidance_classifier.ckpt"),
    "hub_extras": ("eval_classifier.ckpt",),
}
"""What both rows of it have in common."""

VTA_LDM: dict[str, Any] = {
    "sample_rate": 16_000,
    "span_seconds": 60.0,
    "overlap_seconds": 1.0,
    "batch": 16,
    "side_by_side": 1,
    "memory_mb": 5500,
    "controls": frozenset({"steps", "guidance"}),
    "code_licence": "Apache-2.0",
    "weights_licence": "not stated; autoencoder and vocoder of AudioLDM, CC-BY-NC-SA-4.0",
    "weights_folder": "vta-ldm",
    "hub_repository": "ariesssxu/vta-ldm-clip4clip-v-large",
    "hub_files": ("pytorch_model_2.bin", "audioldm-s-full.ckpt"),
}
"""What both rows of it have in common."""

FOLEYCRAFTER: dict[str, Any] = {
    "sample_rate": 16_000,
    "span_seconds": 60.0,
    "overlap_seconds": 1.0,
    "batch": 16,
    "side_by_side": 1,
    "memory_mb": 9000,
    "controls": frozenset(
        {
            "prompt",
            "negative",
            "events",
            "steps",
            "guidance",
            "semantic_scale",
            "temporal_scale",
            "pictures",
            "timing",
        }
    ),
    "weights_folder": "foleycrafter",
    "hub_repository": "ymzhang319/FoleyCrafter",
    "hub_files": ("semantic/semantic_adapter.bin", "temporal_adapter.ckpt", "vocoder/vocoder.pt"),
    "hub_extras": ("timestamp_detector.pth.tar",),
}
"""What both models of its weights have in common; Auffusion and an image encoder go with them."""

MODELS = (
    ModelRow(
        name="procedural",
        target="footfall_engine.models.procedural.model:Procedural",
        about="events and movement of the picture drive physically informed synthesis, or re-time your own recording",
        sample_rate=48_000,
        span_seconds=30.0,
        overlap_seconds=0.05,
        batch=1,
        side_by_side=4,
        memory_mb=200,
        controls=frozenset({"prompt", "negative", "events", "reference"}),
        code_licence="Apache-2.0",
        weights_licence="none needed",
        commercial=True,
    ),
    ModelRow(
        name="diff-foley",
        target="footfall_engine.models.diff_foley.model:DiffFoley",
        about="latent diffusion guided by what is seen and by how well it fits (arXiv 2306.17203)",
        fills_in=True,
        **DIFF_FOLEY,
    ),
    ModelRow(
        name="diff-foley-original",
        target="footfall_engine.models.diff_foley.model:AsNotebook",
        about="diff-foley as its published notebook has it, faults included: 27 % low in pitch, whole 8 s windows",
        **DIFF_FOLEY,
    ),
    ModelRow(
        name="vta-ldm",
        target="footfall_engine.models.vta_ldm.model:AsPublished",
        about="latent diffusion told of two pictures a second, 300 steps as published (arXiv 2407.07464)",
        fills_in=True,
        **VTA_LDM,
    ),
    ModelRow(
        name="vta-ldm-fast",
        target="footfall_engine.models.vta_ldm.model:VtaLdm",
        about="vta-ldm in 25 steps of another sampler, not yet compared on the published weights",
        fills_in=True,
        **VTA_LDM,
    ),
    ModelRow(
        name="foleycrafter",
        target="footfall_engine.models.foleycrafter.model:FoleyCrafter",
        about="text to sound, told what is seen and when it sounds (arXiv 2407.01494)",
        code_licence="Apache-2.0",
        weights_licence="Apache-2.0; Auffusion's, which it needs, CC-BY-NC-SA-4.0",
        fills_in=True,
        **FOLEYCRAFTER,
    ),
    ModelRow(
        name="smooth-foley",
        target="footfall_engine.models.smooth_foley.model:SmoothFoley",
        about="foleycrafter told of every picture, and when each looks like the prompt (arXiv 2412.18157)",
        code_licence="none published",
        weights_licence="none published; those of foleycrafter stand in",
        fills_in=True,
        **FOLEYCRAFTER,
    ),
)


def model_row(name: str) -> ModelRow:
    rows = all_rows()
    if name not in rows:
        raise UnknownModel(f"there is no model {name!r}; there are {', '.join(rows)}")
    return rows[name]


def usable_row(name: str, commercial_use: bool) -> ModelRow:
    """The model's row; LicenceRefused when its sound is to be sold and its weights do not surely allow it.

    WeightsMissing or ModelFailed when it cannot run here yet.
    """
    row = model_row(name)
    if commercial_use and not row.commercial:
        raise LicenceRefused(
            f'the settings allow models for commercial use only (licence = "commercial"), '
            f"and the weights of {name} are not known to be: {row.weights_licence}"
        )
    if row.hub_files:
        require_neural(name)
    if missing := missing_files(row):
        raise weights_missing(name, missing, model_folder(row.weights_folder))
    return row


@functools.cache
def all_rows() -> dict[str, ModelRow]:
    return {row.name: row for row in (*MODELS, *_foreign_rows())}


@functools.cache
def load_model(name: str) -> Model:
    """The model, imported and made on first use."""
    row = model_row(name)
    if row.hub_files:
        require_neural(name)
    module, _, cls = row.target.partition(":")
    try:
        return getattr(importlib.import_module(module), cls)()
    except (ImportError, AttributeError) as error:
        raise ModelFailed(f"the model {name} cannot be loaded: {error}") from error


def takes_at_once(row: ModelRow) -> int:
    """Variants in one call; a model whose device gains nothing from many says so, and the first are there sooner."""
    return getattr(load_model(row.name), "takes_at_once", row.batch)


def unhonoured(request: Generate | Regenerate, row: ModelRow) -> list[str]:
    """A sentence for each control that the request sets and the model ignores."""
    return [
        f"the model {row.name} does not take {said}"
        for control, said in CONTROLS.items()
        if control not in row.controls and getattr(request, control) not in (None, "")
    ]


def list_models() -> ModelList:
    return ModelList(models=[_facts(row) for row in all_rows().values()])


def _facts(row: ModelRow) -> ModelFacts:
    return ModelFacts(
        name=row.name,
        about=row.about,
        sample_rate=row.sample_rate,
        span_seconds=row.span_seconds,
        memory_mb=row.memory_mb,
        controls=sorted(row.controls),
        code_licence=row.code_licence,
        weights_licence=row.weights_licence,
        present=not missing_files(row),
    )


def _foreign_rows() -> list[ModelRow]:
    rows = []
    for point in entry_points(group=ENTRY_POINT_GROUP):
        try:
            rows.append(point.load())
        except Exception:  # a broken package of somebody else's must not take the engine down
            log.exception("the model package %s cannot be loaded", point.name)
    return rows
