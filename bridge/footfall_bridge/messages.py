"""Everything that crosses the process boundary, and the one codec for it.

Requests go to the engine; events come back, each with the id of the job it belongs to. A message is a JSON object
whose ``type`` names it. Unknown keys and wrong types are refused with the key's name. The JSON Schema of all this
is generated (``python -m footfall_bridge.messages``) and committed beside this file.
"""

from __future__ import annotations

import json
import uuid
from enum import Enum
from pathlib import Path
from typing import Annotated, Any, Literal, Union

from pydantic import BaseModel, ConfigDict, Field, TypeAdapter, ValidationError, model_validator

from footfall_bridge.errors import InvalidMessage

PROTOCOL = 1
"""Which messages these are; raised when an older host or engine would misread them. Who does not say speaks 1."""
MAX_VARIANTS = 32
MAX_EVENTS = 100_000
MAX_PARTS = 1000
MAX_DETAIL = 4000  # characters; each of many events may be wrong in several ways
SEED_LIMIT = 2**63
SCHEMA_FILE = Path(__file__).with_name("messages.schema.json")

JobId = Annotated[str, Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]{0,63}$")]
"""Made by the client (a UUID as a rule); safe as a file name."""
TimeValue = Annotated[Annotated[float, Field(strict=True)] | str, Field(union_mode="left_to_right")]
"""Seconds as a number, or a string: ``"12.5"``, ``"96000/48000"``, ``"48f"``, ``"01:00:00:00"``, ``"01:00:00;00"``."""
NO_NUL = r"^[^\x00]*$"  # no file name and no OSC string can hold that character
Text = Annotated[str, Field(max_length=10_000, pattern=NO_NUL)]
PathText = Annotated[str, Field(min_length=1, max_length=4096, pattern=NO_NUL)]
Seed = Annotated[int, Field(ge=0, lt=SEED_LIMIT)]
Speed = Annotated[float, Field(ge=0.05, le=20, strict=True)]
"""How fast the host plays the clip: sound for [in, out) of it lasts (out − in) / speed; events count in that time."""


def new_job_id() -> str:
    return str(uuid.uuid4())


class Message(BaseModel):
    # Schemas are built when a class is first used, which keeps importing this module cheap for hosts and the CLI.
    model_config = ConfigDict(extra="forbid", populate_by_name=True, frozen=True, allow_inf_nan=False, defer_build=True)


class HitKind(str, Enum):
    """What the picture shows at an event."""

    IMPACT = "impact"  # something strikes and rebounds, or is struck
    STEP = "step"  # a foot meets the ground
    STOP = "stop"  # something moving comes to rest
    START = "start"  # something at rest flies off
    FLASH = "flash"  # a burst of light: muzzle, spark, explosion


class Hit(Message):
    """One visible event; ``time`` counts in seconds from the start of the region, as played."""

    time: Annotated[float, Field(ge=0)]
    strength: Annotated[float, Field(ge=0, le=1)] = 1.0
    x: Annotated[float, Field(ge=-1, le=1)] = 0.0  # -1 the left edge of the picture, 1 the right
    size: Annotated[float, Field(ge=0, le=1)] = 0.2  # share of the picture's height that what moves takes up
    kind: HitKind = HitKind.IMPACT


class TimingSource(str, Enum):
    """Whom a model that can be told asks when things sound."""

    DETECTOR = "detector"  # its own network
    LABEL = "label"  # how far each picture looks like the prompt
    EVENTS = "events"  # the request's, which are the engine's own unless the user gave others


class Quality(str, Enum):
    HIGH = "high"
    LOW = "low"


# ---- requests


class Controls(Message):
    """How a neural model is asked; what is None is as the model would have it."""

    steps: Annotated[int, Field(ge=1, le=1000)] | None = None  # of a diffusion sampler
    guidance: Annotated[float, Field(ge=0, le=100)] | None = None  # classifier-free guidance scale; 1 is none …
    gamma: Annotated[float, Field(ge=0, le=99)] | None = None  # … or, as some papers count, that less one; 0 is none
    classifier_scale: Annotated[float, Field(ge=0, le=1000)] | None = None  # of guidance by how well sound fits picture
    semantic_scale: Annotated[float, Field(ge=0, le=10)] | None = None  # of what the picture shows
    temporal_scale: Annotated[float, Field(ge=0, le=10)] | None = None  # of when it sounds
    pictures: Annotated[int, Field(ge=1, le=1000)] | None = None  # that a window's sound is told of
    timing: TimingSource | None = None
    quality: Quality | None = None
    reference_picture: bool | None = None  # whether the model is told of the reference's own picture, too

    @model_validator(mode="after")
    def _one_strength(self) -> Controls:
        if self.guidance is not None and self.gamma is not None:
            raise ValueError(
                f"guidance ({self.guidance:g}) and gamma ({self.gamma:g}) say the same and cannot both be given: "
                f"gamma is guidance less one"
            )
        return self


STRENGTH = frozenset({"guidance", "gamma"})
"""Controls of which one alone is given."""


class Generate(Controls):
    """Sound for the region [in, out) of a clip, as one stem for each variant."""

    type: Literal["generate"] = "generate"
    id: JobId = Field(default_factory=new_job_id)
    video: PathText
    start: TimeValue = Field(default=0.0, alias="in")
    end: TimeValue | None = Field(default=None, alias="out")  # None: to the end of the clip
    frame_rate: TimeValue | None = None  # of timecodes in this request; the clip's own when None
    speed: Speed = 1.0
    prompt: Text = ""
    negative: Text = ""
    variants: Annotated[int, Field(ge=1, le=MAX_VARIANTS)] = 1
    seed: Seed | None = None  # of variant 1, the next ones count up; None: the engine picks one and says which
    model: str | None = None  # None: the engine's default
    channels: Annotated[int, Field(ge=1, le=2)] = 2
    reference: PathText | None = None  # a recording to re-time or to resemble …
    reference_in: TimeValue | None = None  # … of which this part is used; all of it when None
    reference_out: TimeValue | None = None
    events: Annotated[list[Hit], Field(max_length=MAX_EVENTS)] | None = None  # the user's own; replace the found ones
    stem_folder: PathText
    keep: PathText | None = None  # a stem made of a part of the region, which stays; sound is made around it
    position: TimeValue | None = None  # of the region's first sample on the host's timeline; `in` when None


class Part(Message):
    """[in, out) of a stem, in seconds from its first sample."""

    start: TimeValue = Field(alias="in")
    end: TimeValue = Field(alias="out")


class Regenerate(Controls):
    """New sound for [in, out) of a stem, in seconds from its first sample; what is None is as the stem was made."""

    type: Literal["regenerate"] = "regenerate"
    id: JobId = Field(default_factory=new_job_id)
    stem: PathText
    start: TimeValue = Field(alias="in")
    end: TimeValue = Field(alias="out")
    also: Annotated[list[Part], Field(max_length=MAX_PARTS)] = []  # made anew together with the first
    frame_rate: TimeValue | None = None
    video: PathText | None = None  # where the picture is now, when it has moved
    prompt: Text | None = None
    negative: Text | None = None
    variants: Annotated[int, Field(ge=1, le=MAX_VARIANTS)] = 1
    seed: Seed | None = None
    model: str | None = None
    reference: PathText | None = None  # another one is used whole unless its part is named too
    reference_in: TimeValue | None = None
    reference_out: TimeValue | None = None
    events: Annotated[list[Hit], Field(max_length=MAX_EVENTS)] | None = None  # times count from the stem's start
    stem_folder: PathText


class Spot(Message):
    """The visible events of [in, out), without sound."""

    type: Literal["spot"] = "spot"
    id: JobId = Field(default_factory=new_job_id)
    video: PathText
    start: TimeValue = Field(default=0.0, alias="in")
    end: TimeValue | None = Field(default=None, alias="out")
    frame_rate: TimeValue | None = None
    speed: Speed = 1.0


class Audition(Message):
    """Play a stem on the engine's machine; without a path, stop playing."""

    type: Literal["audition"] = "audition"
    id: JobId = Field(default_factory=new_job_id)
    path: PathText | None = None


class Cancel(Message):
    type: Literal["cancel"] = "cancel"
    id: JobId


class Status(Message):
    """State of one job, or of the engine."""

    type: Literal["status"] = "status"
    id: JobId | None = None


class Models(Message):
    type: Literal["models"] = "models"


class Notify(Message):
    """Send my events to this UDP port of my address instead of the one I send from."""

    type: Literal["notify"] = "notify"
    port: Annotated[int, Field(ge=1, le=65535)]


class Quit(Message):
    type: Literal["quit"] = "quit"


# ---- events


class JobState(str, Enum):
    QUEUED = "queued"
    RUNNING = "running"
    DONE = "done"
    FAILED = "failed"
    CANCELLED = "cancelled"

    @property
    def final(self) -> bool:
        return self in (JobState.DONE, JobState.FAILED, JobState.CANCELLED)


class Queued(Message):
    type: Literal["queued"] = "queued"
    id: str
    position: int  # jobs before this one; 0 is next


class Progress(Message):
    type: Literal["progress"] = "progress"
    id: str
    stage: str
    fraction: Annotated[float, Field(ge=0, le=1)]  # of the whole job
    eta_seconds: float | None = None


class Warned(Message):
    """Something was not done as asked, and the rest still sounds."""

    type: Literal["warning"] = "warning"
    id: str
    code: str
    message: str


class Stem(Message):
    """One finished file. ``start`` is its timeline position and ``samples`` its length, both in samples at ``rate``."""

    type: Literal["stem"] = "stem"
    id: str
    variant: int  # counts from 1
    path: str
    seed: int
    start: int
    samples: int
    rate: int


class Spotted(Message):
    type: Literal["spotted"] = "spotted"
    id: str
    duration: float  # seconds, as played
    events: list[Hit]


class Done(Message):
    type: Literal["done"] = "done"
    id: str


class Failed(Message):
    type: Literal["failed"] = "failed"
    id: str
    code: str
    message: str
    detail: str = ""


class Cancelled(Message):
    type: Literal["cancelled"] = "cancelled"
    id: str


class JobStatus(Message):
    """Where one job stands, complete enough to carry on after a reconnect."""

    type: Literal["job"] = "job"
    id: str
    state: JobState
    position: int | None = None  # while queued
    progress: Progress | None = None
    warnings: list[Warned] = []
    stems: list[Stem] = []
    spotted: Spotted | None = None
    failure: Failed | None = None


class JobBrief(Message):
    id: str
    state: JobState
    kind: str
    label: str
    fraction: float = 0.0
    eta_seconds: float | None = None
    message: str = ""  # why it failed


class EngineStatus(Message):
    type: Literal["status.reply"] = "status.reply"
    version: str
    protocol: int = 1
    pid: int
    uptime_seconds: float
    udp_port: int | None = None
    tcp_port: int | None = None
    spool: str | None = None
    counts: dict[str, int] = {}  # jobs by state
    jobs: list[JobBrief] = []  # unfinished ones first, then the latest; no more than 20


class ModelFacts(Message):
    name: str
    about: str
    sample_rate: int
    span_seconds: float
    memory_mb: int
    controls: list[str]
    code_licence: str
    weights_licence: str
    present: bool


class ModelList(Message):
    type: Literal["models.reply"] = "models.reply"
    models: list[ModelFacts]


class Bye(Message):
    """The engine heard ``quit`` and is closing."""

    type: Literal["bye"] = "bye"


Job = Generate | Regenerate | Spot | Audition
REQUESTS: tuple[type[Message], ...] = (Generate, Regenerate, Spot, Audition, Cancel, Status, Models, Notify, Quit)
EVENTS: tuple[type[Message], ...] = (
    Queued, Progress, Warned, Stem, Spotted, Done, Failed, Cancelled, JobStatus, EngineStatus, ModelList, Bye,
)  # fmt: skip
FINAL_EVENTS = (Done, Failed, Cancelled)


def _by_type(classes: tuple[type[Message], ...]) -> dict[str, type[Message]]:
    return {cls.model_fields["type"].default: cls for cls in classes}


_REQUESTS_BY_TYPE = _by_type(REQUESTS)
_MESSAGES_BY_TYPE = _by_type(REQUESTS + EVENTS)


# ---- the codec


def parse_request(fields: Any) -> Any:
    """The request that a mapping stands for; InvalidMessage names the key that is wrong."""
    return _validate(_REQUESTS_BY_TYPE, fields, "request")


def parse_message(fields: Any) -> Any:
    """The request or event that a mapping stands for."""
    return _validate(_MESSAGES_BY_TYPE, fields, "message")


def to_fields(message: Message) -> dict[str, Any]:
    """The mapping that goes on a wire; keys whose value is None are left out."""
    return message.model_dump(mode="json", by_alias=True, exclude_none=True)


def to_json(message: Message) -> str:
    return json.dumps(to_fields(message), ensure_ascii=False)


def parse_json(text: str | bytes) -> Any:
    """Mapping (or whatever it is) in a JSON text; InvalidMessage when it is none."""
    try:
        return json.loads(text)
    except (ValueError, RecursionError) as error:
        raise InvalidMessage(f"this is not JSON: {error}") from error


def message_class(name: str) -> type[Message]:
    """Class of a message by its ``type``."""
    return _class_named(_MESSAGES_BY_TYPE, name, "message")


def json_schema() -> dict[str, Any]:
    """JSON Schema of every message: a union told apart by ``type``."""
    any_message: Any = Annotated[Union[REQUESTS + EVENTS], Field(discriminator="type")]
    return TypeAdapter(any_message).json_schema(by_alias=True)


def _validate(classes: dict[str, type[Message]], fields: Any, what: str) -> Any:
    if not isinstance(fields, dict):
        raise InvalidMessage(f"a {what} is a JSON object, not {type(fields).__name__}")
    if "type" not in fields:
        raise InvalidMessage(f"this {what} has no 'type'")
    name = fields["type"]
    cls = _class_named(classes, name, what)
    try:
        return cls.model_validate(fields)
    except ValidationError as error:
        raise InvalidMessage(_sentence(error, name), detail=str(error)[:MAX_DETAIL]) from error


def _class_named(classes: dict[str, type[Message]], name: Any, what: str) -> type[Message]:
    cls = classes.get(name) if isinstance(name, str) else None
    if cls is None:
        raise InvalidMessage(f"there is no {what} {_shown(name)}")
    return cls


def _sentence(error: ValidationError, name: str) -> str:
    """The first problems as the user reads them: the key, what is wrong, the value."""
    parts: dict[str, str] = {}
    for problem in error.errors(include_url=False):
        key = ".".join(str(step) for step in problem["loc"] if step not in _UNION_STEPS)
        if not key:
            part = str(problem.get("ctx", {}).get("error", problem["msg"]))
        elif problem["type"] == "extra_forbidden":
            part = f"unknown key '{_cut(key)}'"
        elif problem["type"] == "missing":
            part = f"key '{key}' is missing"
        else:
            part = f"key '{_cut(key)}' cannot be {_shown(problem['input'])}: {problem['msg']}"
        parts.setdefault(key, part)
    return f"{name}: " + "; ".join(list(parts.values())[:3])


_UNION_STEPS = ("float", "str")  # where pydantic says which reading of a TimeValue failed


def _shown(value: Any) -> str:
    return _cut(repr(value))


def _cut(text: str) -> str:
    return text if len(text) <= 60 else text[:60] + "…"


if __name__ == "__main__":
    SCHEMA_FILE.write_text(json.dumps(json_schema(), indent=2, sort_keys=True) + "\n", encoding="utf-8")
