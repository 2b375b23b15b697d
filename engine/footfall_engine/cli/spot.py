"""`footfall spot`: the visible events of a clip, without sound."""

from __future__ import annotations

from footfall_bridge import messages
from footfall_bridge.messages import Spotted

from footfall_engine.cli import options
from footfall_engine.cli.console import answer_json, answer_table, reported, say
from footfall_engine.cli.jobs import run_job
from footfall_engine.config import Settings
from footfall_engine.logs import start_logging


@reported
def spot(
    clip: options.Clip,
    start: options.In = None,
    end: options.Out = None,
    speed: options.Speed = 1.0,
    as_json: options.Json = False,
    quiet: options.Quiet = False,
    here: options.Here = False,
) -> None:
    """Find the visible hits of CLIP; times count in seconds from the region's start."""
    settings = Settings.load()
    start_logging(settings)
    request = messages.parse_request(
        options.given(
            type="spot",
            video=options.existing_file(clip, "clip"),
            in_=options.checked_time(start, "--in"),
            out=options.checked_time(end, "--out"),
            speed=speed,
        )
    )
    spotted = run_job(request, settings, quiet or as_json, here).spotted
    assert spotted is not None, "a spot job that is done has said what it found"
    tell(spotted, as_json)


def tell(spotted: Spotted, as_json: bool) -> None:
    if as_json:
        answer_json(spotted.model_dump(mode="json", include={"duration", "events"}))
        return
    rows = [
        [f"{hit.time:.3f}", f"{hit.strength:.2f}", f"{hit.x:+.2f}", f"{hit.size:.2f}", hit.kind.value]
        for hit in spotted.events
    ]
    answer_table(["time (s)", "strength", "x", "size", "kind"], rows)
    say(f"{len(rows)} event{'s' * (len(rows) != 1)} in {spotted.duration:.3f} s")
