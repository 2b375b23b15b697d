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

from footfall_bridge.errors import LicenceRefused, ModelFailed, UnknownModel, WeightsMissing
from footfall_bridge.messages import (
    STRENGTH,
    Controls,
    Generate,
    ModelFacts,
    ModelList,
    Regenerate,
    TimingSource,
    to_fields,
)

from footfall_engine.models.base import Model
from footfall_engine.models.foleycrafter import files
from footfall_engine.models.parts import Part
from footfall_engine.models.store import missing_files, model_folder, require_neural, weights_missing
from footfall_engine.progress import ProgressFn

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
    parts: tuple[Part, ...] = ()  # of its weights
    looking_share: float = 0.5  # of a job's time, about; the rest goes into the sound
    fills_in: bool = False  # makes a part so that it fits the sound around it, and is told what that is


CONTROLS = {
    "prompt": "a prompt",
    "negative": "a negative prompt",
    "events": "your own events",
    "reference": "a reference recording",
    "steps": "a number of steps",
    "guidance": "a guidance scale",
    "gamma": "a guidance strength gamma",
    "classifier_scale": "a scale of guidance by a classifier",
    "semantic_scale": "a scale of what the picture shows",
    "temporal_scale": "a scale of when it sounds",
    "pictures": "a number of pictures",
    "timing": "a choice of where the timing comes from",
    "quality": "a quality",
    "reference_picture": "the picture of a reference",
}
"""Controls of a request that a model may or may not honour, as a user calls them."""

DIFF_FOLEY: dict[str, Any] = {
    "sample_rate": 16_000,
    "span_seconds": 60.0,
    "overlap_seconds": 1.0,
    "batch": 16,
    "side_by_side": 1,
    "memory_mb": 4500,
    "looking_share": 0.03,  # 2 of 65 s, for 8 s of full HD on two cores in float32, where it is longest
    "controls": frozenset({"steps", "guidance", "classifier_scale"}),
    "code_licence": "Apache-2.0",
    "weights_licence": "not stated (CreativeML OpenRAIL-M lineage)",
    "weights_folder": "diff-foley",
    "weights_mb": 4275,
    "parts": (
        *(
            Part("SimianLuo/Diff-Foley", file, (file,))
            for file in ("cavp_epoch66.ckpt", "ldm_epoch240.ckpt", "double_guidance_classifier.ckpt")
        ),
        Part("SimianLuo/Diff-Foley", "eval_classifier.ckpt", ("eval_classifier.ckpt",), needed=False),
    ),
}
"""What both rows of it have in common."""

VTA_LDM_REPOSITORY = "ariesssxu/vta-ldm-clip4clip-v-large"
AUDIOLDM = Part(
    VTA_LDM_REPOSITORY,
    "audioldm-s-full.ckpt",
    ("audioldm-s-full.ckpt",),
    keys=("first_stage_model.", "scale_factor"),  # what makes sound of latents
)
VTA_LDM: dict[str, Any] = {
    "sample_rate": 16_000,
    "span_seconds": 60.0,
    "overlap_seconds": 1.0,
    "batch": 16,
    "side_by_side": 1,
    "memory_mb": 5500,
    "looking_share": 0.01,  # 2 of some 400 s there
    "controls": frozenset({"steps", "guidance"}),
    "code_licence": "Apache-2.0",
    "weights_licence": "not stated; autoencoder and vocoder of AudioLDM, CC-BY-NC-SA-4.0",
    "weights_folder": "vta-ldm",
    "weights_mb": 4472,
    "parts": (
        Part(VTA_LDM_REPOSITORY, "pytorch_model_2.bin", ("pytorch_model_2.bin",)),
        AUDIOLDM,
        Part(VTA_LDM_REPOSITORY, "summary.jsonl", ("summary.jsonl",), needed=False),
    ),
}
"""What both rows of it have in common."""

FOLEYCRAFTER: dict[str, Any] = {
    "sample_rate": 16_000,
    "span_seconds": 60.0,
    "overlap_seconds": 1.0,
    "batch": 16,
    "side_by_side": 1,
    "memory_mb": 9000,
    "looking_share": 0.01,  # 2 of some 400 s there
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
}
"""What both models of its weights have in common."""

MULTIFOLEY: dict[str, Any] = {
    "sample_rate": 48_000,
    "span_seconds": 600.0,
    "overlap_seconds": 1.0,
    "batch": 16,
    "side_by_side": 1,
    "memory_mb": 2500,
    "looking_share": 0.03,  # 2 of 60 s there, the small one
    "controls": frozenset(
        {"prompt", "negative", "reference", "reference_picture", "steps", "guidance", "gamma", "quality"}
    ),
    "code_licence": "Apache-2.0",
    "weights_licence": "yours: none are published, `footfall train` makes them",
    "commercial": True,
    "weights_folder": "multifoley",
    "parts": (
        *(Part("", file, (file,)) for file in ("config.json", "model.safetensors")),
        Part("", "codec.safetensors", ("codec.safetensors",), needed=False),  # where the codec learnt, too
        Part("", "", ("t5-base",), "config.json", needed=False),  # where text is read by it
    ),
}
"""What both rows of it have in common."""

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
        target="footfall_engine.models.vta_ldm.model:VtaLdm",
        about="latent diffusion told of two pictures a second (arXiv 2407.07464), in 50 steps for its published 300",
        fills_in=True,
        **VTA_LDM,
    ),
    ModelRow(
        name="vta-ldm-fast",
        target="footfall_engine.models.vta_ldm.model:Fast",
        about="vta-ldm in 25 steps, a little further from its published sampler",
        fills_in=True,
        **VTA_LDM,
    ),
    ModelRow(
        name="vta-ldm-original",
        target="footfall_engine.models.vta_ldm.model:AsPublished",
        about="vta-ldm with its published sampler, 300 steps",
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
        parts=tuple(files.PARTS.values()),
        weights_mb=8508,
        **FOLEYCRAFTER,
    ),
    ModelRow(
        name="smooth-foley",
        target="footfall_engine.models.smooth_foley.model:SmoothFoley",
        about="foleycrafter told of every picture, and when each looks like the prompt (arXiv 2412.18157)",
        code_licence="none published",
        weights_licence="none published; those of foleycrafter stand in",
        fills_in=True,
        parts=(*files.PARTS.values(), *files.LABEL_PARTS.values()),
        weights_mb=9924,
        **FOLEYCRAFTER,
    ),
    ModelRow(
        name="multifoley",
        target="footfall_engine.models.multifoley.model:MultiFoley",
        about="full-band sound from words, negative words, a reference and the sound around it (arXiv 2411.17698)",
        fills_in=True,
        **MULTIFOLEY,
    ),
    ModelRow(
        name="multifoley-fast",
        target="footfall_engine.models.multifoley.model:Fast",
        about="multifoley in 25 steps of another sampler instead of 100",
        fills_in=True,
        **MULTIFOLEY,
    ),
)


def model_row(name: str) -> ModelRow:
    rows = all_rows()
    if name not in rows:
        raise UnknownModel(f"there is no model {name!r}; there are {', '.join(rows)}")
    return rows[name]


def usable_row(name: str, commercial_use: bool) -> ModelRow:
    """The model's row; LicenceRefused when its sound is to be sold and not all weights surely allow it.

    WeightsMissing or ModelFailed when it cannot run here yet.
    """
    row = model_row(name)
    if commercial_use:
        _check_sellable(row)
    if row.parts:
        require_neural(name)
    if missing := missing_files(row):
        folder = model_folder(row.weights_folder)
        if not any(part.repository for part in row.parts):
            raise WeightsMissing(
                f"nobody publishes weights of {name}: `footfall train network` makes them, to be put into {folder}"
            )
        raise weights_missing(name, missing, folder)
    if commercial_use:
        for lender in _lenders(row):
            _check_sellable(lender)
    return row


def _check_sellable(row: ModelRow) -> None:
    if not row.commercial:
        raise LicenceRefused(
            f'the settings allow models for commercial use only (licence = "commercial"), '
            f"and the weights of {row.name} are not known to be: {row.weights_licence}"
        )


@functools.cache
def all_rows() -> dict[str, ModelRow]:
    return {row.name: row for row in (*MODELS, *_foreign_rows())}


@functools.cache
def load_model(name: str) -> Model:
    """The model, imported and made on first use."""
    row = model_row(name)
    if row.parts:
        require_neural(name)
    module, _, cls = row.target.partition(":")
    try:
        return getattr(importlib.import_module(module), cls)()
    except (ImportError, AttributeError) as error:
        raise ModelFailed(f"the model {name} cannot be loaded: {error}") from error


def make_ready(row: ModelRow, progress: ProgressFn) -> None:
    """Load what the model works with, where it says how; `progress` hears of it if there is something to be done."""
    load = getattr(load_model(row.name), "make_ready", None)
    if load is not None:
        load(progress)


def takes_at_once(row: ModelRow) -> int:
    """Variants in one call; a model whose device gains nothing from many says so, and the first are there sooner."""
    return getattr(load_model(row.name), "takes_at_once", row.batch)


def joins_jobs(row: ModelRow) -> bool:
    """Whether what several jobs ask of the model at a time becomes one batch, and its device gains by that."""
    return getattr(load_model(row.name), "joins_jobs", False) and takes_at_once(row) > 1


def unhonoured(request: Generate | Regenerate, row: ModelRow) -> list[str]:
    """A sentence for each control that the request sets and the model ignores."""
    wished = {control for control in CONTROLS if getattr(request, control) not in (None, "")}
    ignored = wished - row.controls
    if ignored:
        ignored -= _also_taken(row)
    told = [f"the model {row.name} does not take {said}" for control, said in CONTROLS.items() if control in ignored]
    timing = request.timing or TimingSource.EVENTS
    if timing is not TimingSource.EVENTS and request.events is not None and {"events", "timing"} <= row.controls:
        told.append(f"your own events are not used: the timing is asked of the {timing.value}")
    return told


def controls_used(request: Generate, row: ModelRow) -> dict[str, Any]:
    """Controls as the model takes them, also those that the request leaves to it, as they go on a wire."""
    fields = to_fields(request)
    given = {name: fields[name] for name in Controls.model_fields if name in fields}
    usual = getattr(load_model(row.name), "usual", {})
    if STRENGTH & given.keys():
        usual = {name: value for name, value in usual.items() if name not in STRENGTH}
    taken = row.controls | (_also_taken(row) if given.keys() - row.controls else frozenset())
    return {name: value for name, value in {**usual, **given}.items() if name in taken}


def _also_taken(row: ModelRow) -> frozenset[str]:
    """Some weights take more than is known of their model."""
    return getattr(load_model(row.name), "also_takes", frozenset())


def _lenders(row: ModelRow) -> list[ModelRow]:
    """Models of whose weights those of this one make use."""
    return [model_row(name) for name in getattr(load_model(row.name), "borrows_from", ())]


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
            rows.append(_new_row(point.load()))
        except Exception:  # a broken package of somebody else's must not take the engine down
            log.exception("the model package %s cannot be loaded", point.name)
    return rows


def _new_row(row: Any) -> ModelRow:
    if not isinstance(row, ModelRow):
        raise TypeError(f"{row!r} is no ModelRow")
    if row.name in {ours.name for ours in MODELS}:
        raise ValueError(f"{row.name} is the name of a model of Footfall's own")
    return row
