"""Makes ``api.json`` from the full list of Resolve's scripting calls.

    python -m tests.fakes.resolve.make_api path/to/resolve_api.json

Kept are names, arguments with their defaults, and what is returned. Where they come from stands in the result.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path

HERE = Path(__file__).parent
# From Blackmagic's change notes, as far as they tell; what is not here is older than the oldest Resolve pretended.
SINCE = {
    "MediaPoolItem.GetMarkInOut": "19.1",
    "Timeline.GetMarkInOut": "19.1",
    "Timeline.SetMarkInOut": "19.1",
    "Timeline.ClearMarkInOut": "19.1",
    "Timeline.GetSelectedClips": "21.0.4",
    "TimelineItem.SetName": "20.2",
}


def reduced(truth: dict) -> dict:
    about = truth["_meta"]
    return {
        "source": f"{about['source']}; the README was last updated {about['readme_last_updated']}",
        "since": SINCE,
        "clip_info": about["clipInfo_keys"]["AppendToTimeline"],
        "classes": {
            name: {method: [signature(one) for one in facts["overloads"]] for method, facts in methods.items()}
            for name, methods in truth["classes"].items()
        },
    }


def signature(overload: dict) -> str:
    """`name, name=default -> what is returned`."""
    return f"{overload['args'].strip()} -> {overload['returns'].strip()}"


def one_line_each(api: dict) -> str:
    """JSON that a diff can read: a line for each method."""
    text = lambda value: json.dumps(value, ensure_ascii=False)  # noqa: E731
    block = lambda rows: "{\n" + ",\n".join(f"   {text(k)}: {text(v)}" for k, v in rows.items()) + "\n  }"  # noqa: E731
    classes = ",\n".join(f"  {text(name)}: {block(methods)}" for name, methods in api["classes"].items())
    head = "".join(f" {text(key)}: {text(api[key])},\n" for key in ("source", "since", "clip_info"))
    return "{\n" + head + ' "classes": {\n' + classes + "\n }\n}\n"


def main(truth: str) -> None:
    api = reduced(json.loads(Path(truth).read_text(encoding="utf-8")))
    (HERE / "api.json").write_text(one_line_each(api), encoding="utf-8")


if __name__ == "__main__":
    main(sys.argv[1])
