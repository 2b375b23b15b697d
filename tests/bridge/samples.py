"""One message of every kind, with something in every field, and requests made up by hypothesis."""

from footfall_bridge import messages
from footfall_bridge.messages import (
    Audition,
    Bye,
    Cancel,
    Cancelled,
    Done,
    EngineStatus,
    Failed,
    Generate,
    Hit,
    HitKind,
    JobBrief,
    JobState,
    JobStatus,
    ModelFacts,
    ModelList,
    Models,
    Notify,
    Progress,
    Queued,
    Quit,
    Regenerate,
    Spot,
    Spotted,
    Status,
    Stem,
    Warned,
)  # fmt: skip
from hypothesis import strategies as st

HITS = [Hit(time=0.1, strength=0.5, x=-0.25, size=0.3, kind=HitKind.STEP), Hit(time=1.25)]
PROGRESS = Progress(id="job-1", stage="sound", fraction=0.5, eta_seconds=1.5)
WARNED = Warned(id="job-1", code="unknown_word", message="there is no sound for 'quux'")
STEM = Stem(id="job-1", variant=1, path="/stems/a b 😀.wav", seed=2**40, start=48_000, samples=384_000, rate=48_000)
SPOTTED = Spotted(id="job-1", duration=8.0, events=HITS)
FAILED = Failed(id="job-1", code="no_picture", message="the clip has no picture", detail="Traceback …")

EVERY_MESSAGE = [
    Generate(
        id="job-1", video="/clips/été 😀.mov", start=0.1, end="01:00:00;02", frame_rate="30000/1001",
        prompt="boots, “rain”", negative="music", variants=4, seed=2**62, model="procedural",
        speed=1.25, channels=1, reference="/r.wav", reference_in=0.5, reference_out="96000/48000", events=HITS,
        stem_folder="/stems", position=3600.04, steps=25, guidance=4.5,
        classifier_scale=50.0, semantic_scale=0.8, temporal_scale=0.2, pictures=15, timing="events", quality="high",
    ),
    Regenerate(id="job-2", stem="/stems/a.wav", start=1, end=2.5, prompt="", events=[], stem_folder="/stems"),
    Spot(id="job-3", video="a.mov", speed=0.5),
    Audition(id="job-4", path="/stems/a.wav"),
    Cancel(id="job-1"),
    Status(id="job-1"),
    Models(),
    Notify(port=9000),
    Quit(),
    Queued(id="job-1", position=3),
    PROGRESS,
    WARNED,
    STEM,
    SPOTTED,
    Done(id="job-1"),
    FAILED,
    Cancelled(id="job-1"),
    JobStatus(
        id="job-1", state=JobState.FAILED, position=0, progress=PROGRESS, warnings=[WARNED], stems=[STEM],
        spotted=SPOTTED, failure=FAILED,
    ),
    EngineStatus(
        version="0.1", protocol=1, pid=7, uptime_seconds=1.5, udp_port=9770, tcp_port=9770, spool="/spool",
        counts={"done": 2},
        jobs=[
            JobBrief(id="job-1", state=JobState.RUNNING, kind="generate", label="boots", fraction=0.5, eta_seconds=2),
            JobBrief(id="job-2", state=JobState.FAILED, kind="spot", label="a.mov", message="the clip has no picture"),
        ],
    ),
    ModelList(
        models=[
            ModelFacts(
                name="procedural", about="the default", sample_rate=48_000, span_seconds=60.0, memory_mb=200,
                controls=["prompt"], code_licence="Apache-2.0", weights_licence="none", present=True,
            )
        ]
    ),
    Bye(),
]  # fmt: skip

words = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"), max_size=30)
paths = words.filter(bool)
seconds = st.floats(0, 1e6, allow_nan=False) | st.sampled_from(["12.5", "96000/48000", "48f", "01:00:00:00"])
ids = st.from_regex(r"[A-Za-z0-9][A-Za-z0-9._-]{0,63}", fullmatch=True)
hits = st.builds(
    Hit, time=st.floats(0, 1e5), strength=st.floats(0, 1), x=st.floats(-1, 1), size=st.floats(0, 1),
    kind=st.sampled_from(HitKind),
)  # fmt: skip


def generates() -> st.SearchStrategy[messages.Generate]:
    return st.builds(
        Generate, id=ids, video=paths, start=seconds, end=st.none() | seconds, frame_rate=st.none() | seconds,
        prompt=words, negative=words, variants=st.integers(1, 32), seed=st.none() | st.integers(0, 2**63 - 1),
        speed=st.floats(0.05, 20), model=st.none() | words, channels=st.integers(1, 2), reference=st.none() | paths,
        reference_in=st.none() | seconds, reference_out=st.none() | seconds,
        events=st.none() | st.lists(hits, max_size=5),
        stem_folder=paths, position=st.none() | seconds, steps=st.none() | st.integers(1, 1000),
        guidance=st.none() | st.floats(0, 100),
        temporal_scale=st.none() | st.floats(0, 10),
        timing=st.none() | st.sampled_from(messages.TimingSource),
    )  # fmt: skip
