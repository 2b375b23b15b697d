"""`footfall train`: MultiFoley's network and codec from your own clips and recordings, and the proof that it learns."""

from __future__ import annotations

import json
import math
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

import typer
from footfall_bridge.errors import BadRequest, InvalidSettings, JobCancelled
from footfall_bridge.messages import Quality
from footfall_bridge.spool import write_whole

from footfall_engine.cli import options
from footfall_engine.cli.console import answer, answer_json, answer_table, reported, say
from footfall_engine.cli.jobs import interrupts_set
from footfall_engine.cli.sharing import with_shared
from footfall_engine.cli.steps import step_bar
from footfall_engine.config import Settings
from footfall_engine.logs import start_logging
from footfall_engine.models.store import require_neural

if TYPE_CHECKING:
    import torch

    from footfall_engine.training.crew import Crew
    from footfall_engine.training.folder import Item
    from footfall_engine.training.loop import Trainer

MODEL = "multifoley"
DATA_FOLDER = "data"
PROOF_FILE = "proof.json"

Run = Annotated[
    Path,
    typer.Argument(
        metavar="RUN", help="A folder for this training; it goes on where it was stopped.", show_default=False
    ),
]
Steps = Annotated[int | None, typer.Option(metavar="N", help="Optimiser steps.", show_default=False)]
Threads = Annotated[int | None, typer.Option(metavar="N", min=1, help="Of the CPU, to work with.", show_default=False)]


@dataclass(frozen=True)
class Training:
    """What may be said of any training on one's own material."""

    run: Run
    folders: Annotated[
        list[Path],
        typer.Argument(
            metavar="FOLDER",
            show_default=False,
            help="Clips and recordings, with captions in their names or in a .txt beside each.",
        ),
    ] = field(default_factory=list)
    rendered: Annotated[bool, typer.Option("--rendered", help="Learn from rendered contacts, too.")] = False
    resample: Annotated[
        bool, typer.Option("--resample", help="Take recordings that are not sampled at 48 kHz, too.")
    ] = False
    held_out: Annotated[
        float, typer.Option(metavar="X", min=0, max=1, help="Share of the files that is never trained on.")
    ] = 0.02
    recipe: Annotated[
        Path | None,
        typer.Option(metavar="FILE", help="JSON; keys as in RUN/recipe.json.", show_default=False),
    ] = None
    steps: Steps = None
    batch: Annotated[
        int | None, typer.Option(metavar="N", help="Items of a step, over all processes.", show_default=False)
    ] = None
    parts: Annotated[
        int | None,
        typer.Option(
            metavar="N", help="In which a batch is worked on, one by one, for less memory.", show_default=False
        ),
    ] = None
    rate: Annotated[float | None, typer.Option(metavar="X", help="Of learning.", show_default=False)] = None
    seed: Annotated[int | None, typer.Option(metavar="N", help="Same seed, same training.", show_default=False)] = None
    minutes: Annotated[float | None, typer.Option(metavar="M", help="Stop after so long.", show_default=False)] = None
    threads: Threads = None
    quiet: options.Quiet = False

    def recipe_of(self, usual: Any) -> Any:
        """The usual recipe with what a file and the options say of it."""
        stated = usual if self.recipe is None else _read_recipe(self.recipe, type(usual))
        return _changed(stated, steps=self.steps, batch=self.batch, parts=self.parts, rate=self.rate, seed=self.seed)

    def items(self, quality: Quality | None = None) -> list[Item]:
        from footfall_engine.training.folder import items_in

        return [item for folder in self.folders for item in items_in(folder, self.resample, quality)]

    def follow(self, trainer: Trainer[Any, Any, Any], source: Any, unseen: Any, left: str) -> None:
        """Train, and say where what is `left` lies."""
        with _stopping(self.minutes) as stop:
            trainer.run(source, self.run, unseen, _teller(trainer.crew.leads and not self.quiet), stop)
        if trainer.crew.leads:
            answer(str(self.run / left))


@reported
@with_shared
def network(
    size: Annotated[Literal["tiny", "small", "base"], typer.Option(help="Of the network.")] = "base",
    codec: Annotated[
        str, typer.Option(metavar="FILE|spectral", help="codec.safetensors of `train codec`.")
    ] = "spectral",
    track: Annotated[
        Literal["events", "cavp"], typer.Option(help="What it is told of the picture: the hits, or CAVP's features.")
    ] = "events",
    text: Annotated[Literal["words", "t5"], typer.Option(help="How it reads: words learnt with it, or T5.")] = "words",
    seconds: Annotated[float, typer.Option(metavar="S", help="Of sound at once.")] = 8.0,
    share_with_picture: Annotated[
        float, typer.Option(metavar="X", min=0, max=1, help="Of the examples, if there are both.")
    ] = 0.5,
    quality: Annotated[
        Quality | None, typer.Option(help="Of all files; else clips count as low, recordings as high.")
    ] = None,
    *,
    training: Training,
) -> None:
    """Train the network; RUN/model then holds a model. Under torchrun, many processes train together."""
    _start(training.threads)
    from footfall_engine.models.multifoley.checkpoint import Track
    from footfall_engine.models.multifoley.sizes import SIZES
    from footfall_engine.training import data
    from footfall_engine.training.network_training import MODEL_FOLDER, NetworkRecipe, NetworkTrainer

    recipe = training.recipe_of(NetworkRecipe())
    with _crew() as (crew, precision):
        made = data.codec(codec, crew.device)
        items = training.items(quality)
        with step_bar("looking and listening", training.quiet or not crew.leads) as progress:
            workshop = data.workshop(made, Track(track), training.run / DATA_FOLDER, crew, precision)
            prepared = workshop.prepared(items, progress)
        source, unseen = data.sources(
            prepared, workshop, seconds, share_with_picture, training.held_out, training.rendered
        )
        words = data.words(source) if text == "words" else ()
        config = data.config(SIZES[size], Track(track), made, seconds, words)
        reader = None if words else data.t5(crew.device, precision)
        trainer = NetworkTrainer(config, made, recipe, crew, reader, precision)
        training.follow(trainer, source, unseen, MODEL_FOLDER)


@reported
@with_shared
def codec(
    stereo: Annotated[bool, typer.Option("--stereo", help="Two channels, not one.")] = False,
    width: Annotated[
        int, typer.Option(metavar="N", min=1, help="Channels of the decoder at the rate of the sound.")
    ] = 128,
    *,
    training: Training,
) -> None:
    """Train the codec; RUN/codec.safetensors is what `train network --codec` takes."""
    _start(training.threads)
    from footfall_engine.models.multifoley.codec import OobleckShape
    from footfall_engine.training import data
    from footfall_engine.training.codec_training import CODEC_FILE, CodecRecipe, CodecTrainer

    recipe = training.recipe_of(CodecRecipe())
    with _crew() as (crew, precision):
        shape = OobleckShape(channels=2 if stereo else 1, decoder_width=width)
        items = training.items()
        sounds, unseen = data.sounds(items, recipe.seconds, shape.channels, training.held_out, training.rendered)
        trainer = CodecTrainer(shape, recipe, crew, precision)
        training.follow(trainer, sounds, unseen, CODEC_FILE)


@reported
def proof(
    run: Run,
    steps: Steps = None,
    pictures: Annotated[int, typer.Option(metavar="N", min=1, help="How many, never seen, it is asked about.")] = 27,
    minutes: Annotated[float, typer.Option(metavar="M", help="Of training.")] = 40.0,
    threads: Threads = 2,
    as_json: options.Json = False,
    quiet: options.Quiet = False,
) -> None:
    """Train `tiny` on rendered contacts with this CPU, and ask what it has learnt: RUN/proof.json holds the answers."""
    _start(threads)
    from footfall_engine.training import proof as proving

    with _stopping(minutes) as stop:
        proving.train(run, _changed(proving.RECIPE, steps=steps), _teller(not quiet), stop)
    with step_bar("asking", quiet or as_json) as progress:
        findings = proving.examine(run, pictures, progress)
    write_whole(run / PROOF_FILE, json.dumps(findings.as_json(), indent=1) + "\n")
    if as_json:
        answer_json(findings.as_json())
    else:
        answer_table(["what", "found"], findings.as_rows(), "passed" if findings.passed else "NOT passed")


# ---- what they share


def _start(threads: int | None) -> None:
    start_logging(Settings.load())
    require_neural(MODEL)
    if threads is not None:
        import torch

        torch.set_num_threads(threads)


@contextmanager
def _crew() -> Iterator[tuple[Crew, torch.dtype]]:
    """Those who train, and the precision that they compute in."""
    import torch

    from footfall_engine.models.runtime import chosen_runtime
    from footfall_engine.training.crew import gathered

    runtime = chosen_runtime()
    narrow = runtime.precision is torch.bfloat16
    with gathered(runtime.device) as crew:
        yield crew, torch.bfloat16 if narrow else torch.float32


def _read_recipe(file: Path, kind: Any) -> Any:
    """InvalidSettings names a value that cannot be."""
    from pydantic import TypeAdapter, ValidationError

    options.existing_file(file, "recipe")
    try:
        return TypeAdapter(kind).validate_json(file.read_bytes())
    except ValidationError as error:
        fault = error.errors(include_url=False)[0]
        where = ".".join(map(str, fault["loc"])) or "its text"
        raise InvalidSettings(f"{file}: {where}: {fault['msg']}") from error


def _changed(recipe: Any, **options_given: Any) -> Any:
    changed = replace(recipe, **options.given(**options_given))
    for name in ("steps", "batch", "parts", "rate"):
        if not getattr(changed, name) > 0:
            raise BadRequest(f"{name} must be above 0, not {getattr(changed, name)}")
    return changed


@contextmanager
def _stopping(minutes: float | None) -> Iterator[Callable[[], bool]]:
    """Whether training is to stop: after so long, or for Ctrl-C, which ends the command once that is done."""
    asked = threading.Event()
    end = math.inf if minutes is None else time.monotonic() + 60 * minutes
    with interrupts_set(asked):
        yield lambda: asked.is_set() or time.monotonic() >= end
    if asked.is_set():
        raise JobCancelled("training was stopped; the same command goes on from there")


def _teller(speaks: bool) -> Callable[[Any], None]:
    return _told if speaks else lambda row: None


def _told(row: Any) -> None:
    numbers = ", ".join(f"{name.replace('_', ' ')} {value:.4g}" for name, value in vars(row).items() if name != "step")
    say(f"step {row.step}: {numbers}")
