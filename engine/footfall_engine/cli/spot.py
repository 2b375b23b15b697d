"""`footfall spot`: the visible events of a clip, without sound."""

from __future__ import annotations

from footfall_bridge.messages import Spotted

from footfall_engine.cli import options
from footfall_engine.cli.console import answer_json, answer_table, reported, say
from footfall_engine.cli.jobs import How
from footfall_engine.cli.sharing import with_shared


@reported
@with_shared
def spot(
    clip: options.Clip,
    start: options.In = None,
    end: options.Out = None,
    speed: options.Speed = 1.0,
    *,
    how: How,
) -> None:
    """Find the visible hits of CLIP; times count in seconds from the region's start."""
    spotted = how.do(
        type="spot",
        video=options.existing_file(clip, "clip"),
        in_=options.checked_time(start, "--in"),
        out=options.checked_time(end, "--out"),
        speed=speed,
    ).spotted
    assert spotted is not None, "a spot job that is done has said what it found"
    tell(spotted, how.as_json)


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
