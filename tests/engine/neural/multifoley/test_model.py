"""MultiFoley as the engine asks it, with a network that listens and a codec without loss."""

from __future__ import annotations

import json
import threading
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

torch = pytest.importorskip("torch", reason="neural models need the 'neural' extra")
pytest.importorskip("diffusers", reason="neural models need the 'neural' extra")

from footfall_bridge.errors import JobCancelled, WeightsMissing  # noqa: E402
from footfall_bridge.messages import Quality  # noqa: E402
from footfall_engine.media.audio import Recording  # noqa: E402
from footfall_engine.media.video import Frame  # noqa: E402
from footfall_engine.models.base import Generated, Seen, TimedHit  # noqa: E402
from footfall_engine.models.diff_foley import networks as cavp_networks  # noqa: E402
from footfall_engine.models.diff_foley.cavp import CavpShape  # noqa: E402
from footfall_engine.models.multifoley import checkpoint, features, looks  # noqa: E402
from footfall_engine.models.multifoley.checkpoint import Track  # noqa: E402
from footfall_engine.models.multifoley.guidance import Gamma, Scale  # noqa: E402
from footfall_engine.models.multifoley.job import in_channels, loudest_column  # noqa: E402
from footfall_engine.models.multifoley.model import MultiFoley  # noqa: E402
from footfall_engine.models.multifoley.networks import cavp  # noqa: E402
from footfall_engine.models.multifoley.sizes import HOP, LATENT_CHANNELS, LATENT_RATE, SAMPLE_RATE  # noqa: E402
from footfall_engine.models.runtime import Runtime  # noqa: E402
from footfall_engine.progress import no_progress  # noqa: E402
from hypothesis import given, settings  # noqa: E402
from hypothesis import strategies as st  # noqa: E402

from tests.engine.neural.multifoley.hand import CONFIG, CPU, SECONDS, ByHand, Call, HeldCodec, seeded  # noqa: E402
from tests.engine.neural.multifoley.test_text import write_t5  # noqa: E402
from tests.engine.neural.tiny import Film, conditions  # noqa: E402

AT_ONCE = round(SECONDS * LATENT_RATE)
REFERENCE = AT_ONCE * 3 // 8
CONTEXT = AT_ONCE // 8


@pytest.fixture
def model(tmp_path: Path) -> ByHand:
    return ByHand(tmp_path)


def make(model: MultiFoley, duration: float, seeds: tuple[int, ...] = (1,), **changes: Any) -> Generated:
    return model.generate(conditions(duration, **changes), list(seeds), no_progress)


def steady(columns: int, seed: int = 0, channels: int = 1) -> Recording:
    """Sound that the codec gives back as it is."""
    values = np.random.default_rng(seed).uniform(-1, 1, (1, channels, columns * LATENT_CHANNELS)).astype(np.float32)
    latents = torch.from_numpy(values.reshape(channels, columns, LATENT_CHANNELS)).mT
    return Recording(HeldCodec().decode(latents, columns * HOP)[:, 0].numpy(), SAMPLE_RATE)


def latents_of(sound: Recording) -> torch.Tensor:
    return HeldCodec().encode(torch.from_numpy(sound.samples)[None])[0]


def kept(columns: int, *parts: tuple[int, int]) -> np.ndarray:
    """A mask of samples that keeps all but those parts, in columns."""
    mask = np.ones(columns * HOP, np.bool_)
    for first, last in parts:
        mask[first * HOP : last * HOP] = False
    return mask


def asked(call: Call) -> torch.Tensor:
    """Latents of what is asked for, without the negative branch."""
    return call.latents[: len(call.latents) // 2]


# ---- how long, how many


@pytest.mark.parametrize("duration", [0.2, 0.999, 2.0, 2.00001, 7.3, 60.1])
@pytest.mark.parametrize("channels", [1, 2])
def test_sound_is_exactly_as_long_as_asked(model, duration, channels):
    audio = make(model, duration, (1, 2), channels=channels).audio
    assert audio.shape == (2, channels, round(duration * SAMPLE_RATE))
    assert audio.dtype == np.float32
    assert np.isfinite(audio).all()


def test_ten_minutes_are_made_in_one_go(model):
    assert make(model, 600.0, channels=1, steps=1).audio.shape == (1, 1, 600 * SAMPLE_RATE)
    assert max(call.latents.shape[-1] for call in model.network.calls) == AT_ONCE


def test_the_same_seed_gives_the_same_sound_whatever_is_made_beside_it(model):
    both = make(model, 3.0, (5, 6)).audio
    np.testing.assert_array_equal(make(model, 3.0, (6,)).audio[0], both[1])
    assert not np.allclose(both[0], both[1])


def test_a_codec_of_two_channels_makes_both(tmp_path):
    model = ByHand(tmp_path)
    model.nets = replace(model.nets, codec=HeldCodec(2))
    assert make(model, 1.0, channels=2).audio.shape == (1, 2, SAMPLE_RATE)
    assert make(model, 1.0, channels=1).audio.shape == (1, 1, SAMPLE_RATE)


# ---- what the network is told


def test_events_of_the_request_are_the_track(model):
    hits = (TimedHit(0.5, 1.0, 0.2, 0.3, "impact", 0), TimedHit(1.2, 0.4, 0.2, 0.3, "step", 1))
    motion = np.linspace(0, 1, 201).astype(np.float32)
    make(model, SECONDS, hits=hits, motion=motion)
    call = model.network.calls[0]
    np.testing.assert_allclose(call.told.track[0], features.event_track(hits, motion, SECONDS), atol=1e-6)
    assert call.told.has_track.tolist() == [[True] * AT_ONCE, [False] * AT_ONCE]


@pytest.mark.parametrize(
    ("said", "wanted", "unwanted"),
    [
        ({"prompt": "ball"}, "ball, high quality", "low quality"),
        ({"prompt": "ball", "negative": "steps"}, "ball, high quality", "steps, low quality"),
        ({"prompt": "ball", "quality": Quality.LOW}, "ball, low quality", ""),
        ({}, "high quality", "low quality"),
    ],
)
def test_words_reach_the_branch_that_they_are_meant_for(model, said, wanted, unwanted):
    make(model, 1.0, **said)
    told = model.network.calls[0].told
    for row, text in enumerate((wanted, unwanted)):
        tokens, mask = model.nets.text([text])
        assert told.text_mask[row].sum() == mask.sum()
        torch.testing.assert_close(told.text[row][told.text_mask[row]], tokens[0][mask[0]])


def test_words_that_were_never_learnt_are_told_of(model):
    made = make(model, 1.0, prompt="a ball on gravel", negative="wind")
    (warning,) = made.warnings
    assert warning == (
        "words_unknown",
        "multifoley was never told of these words and ignores them: a, on, gravel, wind",
    )
    assert make(model, 1.0, prompt="Ball").warnings == ()


def test_the_requests_guidance_is_the_usual_scale(model):
    make(model, 1.0, guidance=1.0)
    assert {len(call.latents) for call in model.network.calls} == {1}
    one = make(ByHand(model._place, strength=Gamma(2.5)), 1.0, prompt="ball").audio
    other = make(ByHand(model._place, strength=Scale(3.5)), 1.0, prompt="ball").audio
    np.testing.assert_array_equal(one, other)
    np.testing.assert_array_equal(make(model, 1.0, prompt="ball", guidance=3.5).audio, one)
    np.testing.assert_array_equal(make(model, 1.0, prompt="ball", gamma=2.5).audio, one)


@pytest.mark.parametrize(("sampler", "usual"), [("ddim", 100), ("dpm-solver++", 25)])
def test_each_sampler_has_its_steps(tmp_path, sampler, usual):
    model = ByHand(tmp_path, sampler=sampler)
    make(model, 0.5, steps=None)
    assert len(model.network.calls) == usual
    times = [call.time for call in model.network.calls]
    assert times == sorted(times, reverse=True)
    assert times[0] == 999


@pytest.mark.parametrize("steps", [1, 7, 1000])
def test_any_number_of_steps_can_be_asked_for(model, steps):
    make(model, 0.5, steps=steps)
    assert len(model.network.calls) == steps


# ---- sound that is there already


@pytest.mark.parametrize("sampler", ["ddim", "dpm-solver++"])
@pytest.mark.parametrize(
    "parts",
    [[(20, 40)], [(10, 20), (30, 35), (50, 80)], [(0, 30)], [(40, 80)], [(0, 20), (60, 80)]],
    ids=["inside", "several", "before", "after", "both sides"],
)
def test_what_is_known_is_held_at_every_step_and_left_untouched(tmp_path, sampler, parts):
    model = ByHand(tmp_path, sampler=sampler)
    sound, mask = steady(AT_ONCE), kept(AT_ONCE, *parts)
    audio = make(model, SECONDS, channels=1, known=sound, known_mask=mask, steps=6).audio[0]
    known = mask[::HOP]
    clean = latents_of(sound)[:, known]
    noises = []
    for call in model.network.calls:
        wanted, unwanted = call.latents
        assert call.given[0].bool().tolist() == known.tolist()
        assert not call.given[1].any()
        torch.testing.assert_close(wanted[:, known], clean)
        torch.testing.assert_close(wanted[:, ~known], unwanted[:, ~known])
        noises.append(unwanted[:, known] - wanted[:, known])
    assert noises[0].std() > noises[-1].std() > 0
    np.testing.assert_allclose(audio[0, mask], sound.samples[0, mask], atol=1e-5)
    assert not np.allclose(audio[0, ~mask], sound.samples[0, ~mask], atol=0.05)


def test_far_from_what_is_made_anew_sound_is_the_very_same(tmp_path):
    model = ByHand(tmp_path)
    sound = Recording(np.random.default_rng(0).uniform(-1, 1, (2, 1000 * HOP)).astype(np.float32), SAMPLE_RATE)
    mask = kept(1000, (200, 210), (700, 710))
    audio = make(model, 25.0, known=sound, known_mask=mask, steps=2).audio[0]
    assert len(model.network.calls) == 2 * 2  # the steps of each part
    far = kept(1000, (205 - AT_ONCE, 205 + AT_ONCE), (705 - AT_ONCE, 705 + AT_ONCE))
    np.testing.assert_array_equal(audio[:, far], sound.samples[:, far])


def test_a_sound_that_is_all_known_stays(model):
    sound = steady(AT_ONCE)
    audio = make(model, SECONDS, channels=1, known=sound, known_mask=kept(AT_ONCE)).audio[0]
    np.testing.assert_array_equal(audio, sound.samples)
    assert model.network.calls == []


def test_what_is_known_may_have_another_rate(model):
    rng = np.random.default_rng(0)
    low = Recording(np.repeat(rng.uniform(-1, 1, 2 * 20), 1200)[None].astype(np.float32), 24_000)
    mask = np.ones(48_000, np.bool_)
    mask[24_000:30_000] = False
    audio = make(model, 2.0, channels=1, known=low, known_mask=mask).audio
    assert audio.shape == (1, 1, 2 * SAMPLE_RATE)
    (known,) = {tuple(call.given[0].tolist()) for call in model.network.calls}
    assert [column for column, given in enumerate(known) if not given] == list(range(40, 50))


@pytest.mark.parametrize("seconds", [5.3, 9.0])
def test_a_long_sound_goes_on_from_the_end_of_what_was_made_before(model, seconds):
    make(model, seconds, (1, 2), steps=3)
    stretches = [model.network.calls[first : first + 3] for first in range(0, len(model.network.calls), 3)]
    assert len(stretches) > 2
    assert not stretches[0][0].given.any()
    for calls in stretches[1:]:
        marks = calls[0].given[0].bool()
        assert marks[:CONTEXT].all()
        assert all(torch.equal(asked(call)[..., marks], asked(calls[0])[..., marks]) for call in calls)
    audio = make(model, seconds, (1, 2), steps=3, channels=1).audio
    whole = HeldCodec().encode(torch.from_numpy(audio))
    second = stretches[1][0]
    context = asked(second)[..., :CONTEXT]
    start = AT_ONCE - CONTEXT
    torch.testing.assert_close(whole[..., start : start + CONTEXT], context, atol=1e-4, rtol=1e-4)


def test_a_long_sound_before_what_is_known_is_made_towards_the_start(model):
    sound = steady(240)
    make(model, 6.0, known=sound, known_mask=kept(240, (0, 200)), steps=1)
    firsts = [call.given[0].bool() for call in model.network.calls]
    assert firsts[0][-CONTEXT:].all()
    assert not firsts[0][0]
    assert all(marks[-CONTEXT:].all() for marks in firsts)


@settings(max_examples=25, deadline=None)
@given(data=st.data())
def test_any_parts_may_be_made_anew(tmp_path_factory, data):
    model = ByHand(tmp_path_factory.getbasetemp())
    columns = data.draw(st.integers(8, 260))
    made = np.array(data.draw(st.lists(st.booleans(), min_size=columns, max_size=columns)))
    sound, mask = steady(columns), np.repeat(~made, HOP)
    audio = make(model, columns / LATENT_RATE, channels=1, known=sound, known_mask=mask, steps=1).audio[0]
    np.testing.assert_allclose(audio[0, mask], sound.samples[0, mask], atol=1e-5)


# ---- a reference


def test_a_reference_comes_before_the_sound_clean_and_without_its_picture(model):
    sound = steady(REFERENCE)
    make(model, 1.0, (1, 2), reference=sound)
    for call in model.network.calls:
        assert call.latents.shape[-1] == AT_ONCE
        assert call.given[:2, :REFERENCE].all()
        assert not call.given[:, REFERENCE:].any()
        torch.testing.assert_close(call.latents[0, :, :REFERENCE], latents_of(sound))
        assert not call.told.has_track[:, :REFERENCE].any()
        assert call.told.has_track[:2, REFERENCE:].all()
        # the negative branch has noise in its place, of its size
        assert not call.given[2:].any()
        assert not torch.allclose(call.latents[2, :, :REFERENCE], latents_of(sound), atol=0.01)


def test_a_reference_may_bring_its_picture(model):
    hits = (TimedHit(0.1, 1.0, 0.0, 0.2, "impact", 0), TimedHit(0.9, 0.5, 0.0, 0.2, "step", 1))
    seen = Seen(2.0, hits, np.ones(201, np.float32), Film())
    quiet = Recording(steady(20).samples * 0.01, SAMPLE_RATE)
    sound = Recording(np.concatenate([quiet.samples, steady(REFERENCE).samples], 1), SAMPLE_RATE)
    make(model, 1.0, reference=sound, reference_seen=seen)
    call = model.network.calls[0]
    whole = features.event_track(hits, seen.motion, (20 + REFERENCE) / LATENT_RATE)
    np.testing.assert_allclose(call.told.track[0][:, :REFERENCE], whole[:, 20:], atol=1e-6)
    assert call.told.has_track.tolist() == [[True] * AT_ONCE, [False] * AT_ONCE]


def test_of_a_long_reference_its_loudest_part_is_used(model):
    quiet, loud = steady(200, 1).samples * 0.01, steady(REFERENCE, 2).samples
    long = Recording(np.concatenate([quiet, loud, quiet], 1), SAMPLE_RATE)
    make(model, 1.0, reference=long)
    torch.testing.assert_close(
        model.network.calls[0].latents[0, :, :REFERENCE], latents_of(Recording(loud, SAMPLE_RATE)), atol=1e-5, rtol=1e-4
    )


def test_a_short_reference_leaves_more_room_for_sound(model):
    make(model, 1.0, reference=steady(5))
    call = model.network.calls[0]
    assert call.given[0].tolist() == [1] * 5 + [0] * (AT_ONCE - 5)


def test_every_stretch_of_a_long_sound_hears_the_reference(model):
    sound = steady(REFERENCE)
    make(model, 6.0, reference=sound)
    for call in model.network.calls:
        torch.testing.assert_close(call.latents[0, :, :REFERENCE], latents_of(sound))
        assert call.latents.shape[-1] == AT_ONCE


@given(where=st.integers(0, 70), columns=st.integers(1, 100))
def test_the_loudest_part_is_found_wherever_it_lies(where, columns):
    audio = np.full((2, 100 * HOP), 0.1, np.float32)
    audio[:, where * HOP : (where + 30) * HOP] = 1.0
    first = loudest_column(audio, columns)
    inside = min(first + columns, where + 30) - max(first, where)
    assert inside == min(columns, 30)
    assert first + min(columns, 100) <= 100


def test_mono_and_stereo_are_made_of_each_other():
    stereo = np.array([[1.0, 0.0], [0.0, 1.0]], np.float32)
    assert in_channels(stereo, 1).tolist() == [[0.5, 0.5]]
    assert in_channels(stereo[:1], 2).tolist() == [[1, 0], [1, 0]]
    assert in_channels(stereo, 2) is stereo


# ---- the job


def test_a_job_is_cancelled_within_a_step(model):
    def until(fraction: float) -> None:
        if fraction > 0.5:
            raise JobCancelled("stop")

    with pytest.raises(JobCancelled):
        model.generate(conditions(1.0, steps=100), [1], until)
    assert 30 < len(model.network.calls) < 60


def test_progress_only_goes_on(model):
    heard: list[float] = []
    model.generate(conditions(6.0, steps=4), [1], heard.append)
    assert heard == sorted(heard)
    assert len(set(heard)) > 8
    assert 0 <= heard[0] < heard[-1] <= 1


def test_without_weights_the_model_says_so(tmp_path):
    with pytest.raises(WeightsMissing, match="no trained MultiFoley"):
        make(MultiFoley(folder=tmp_path, runtime=CPU), 1.0)


# ---- with the real networks, of toy size


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    made = tmp_path_factory.mktemp("multifoley")
    checkpoint.save(seeded(), made)
    return made


def test_a_trained_folder_makes_sound(folder):
    model = MultiFoley(folder=folder, runtime=CPU)
    model.check()
    audio = make(model, 2.5, (3,), prompt="hammer", channels=2).audio
    assert audio.shape == (1, 2, 120_000)
    assert np.isfinite(audio).all()
    assert audio.any()
    np.testing.assert_array_equal(audio, make(model, 2.5, (3,), prompt="hammer", channels=2).audio)
    other = make(model, 2.5, (3,), prompt="ball", channels=2).audio
    assert not np.allclose(audio, other)


def meeting_once(everybody: threading.Barrier) -> Any:
    """Progress that lets nobody ask the network before all are sampling."""
    heard: list[float] = []

    def progress(fraction: float, /) -> None:
        heard.append(fraction)
        if (
            sum(each >= 0.15 for each in heard) == 2 and heard[-1] >= 0.15
        ):  # once the picture is seen, then a first step
            everybody.wait(60)

    return progress


def test_jobs_that_meet_make_what_they_would_have_made_alone(folder):
    model = MultiFoley(folder=folder, runtime=CPU)
    jobs = [
        (conditions(1.0, steps=4, prompt="ball"), [5]),
        (conditions(4.5, steps=2, prompt="hammer high", guidance=2.0), [5, 6]),  # three stretches
        (conditions(1.0, steps=3, guidance=1.0, reference=steady(10)), [7]),
    ]
    alone = [model.generate(*job, no_progress).audio for job in jobs]
    nets, sizes = model._networks(CPU, no_progress), []
    counting = nets.dit.register_forward_pre_hook(lambda _, inputs: sizes.append(len(inputs[0])))
    everybody = threading.Barrier(len(jobs))
    try:
        with ThreadPoolExecutor(len(jobs)) as pool:
            made = [pool.submit(model.generate, *job, meeting_once(everybody)) for job in jobs]
            together = [each.result(60).audio for each in made]
    finally:
        counting.remove()
    assert max(sizes) == 2 + 4 + 1
    assert sum(sizes) == 4 * 2 + 3 * 2 * 4 + 3
    for one, other in zip(together, alone, strict=True):
        assert np.sqrt(np.mean((one - other) ** 2)) < 0.05 * np.sqrt(np.mean(other**2))


def test_half_precision_makes_about_the_same_sound(folder):
    exact = make(MultiFoley(folder=folder, runtime=CPU), 1.0, prompt="hammer", steps=8).audio
    rough = make(MultiFoley(folder=folder, runtime=Runtime(CPU.device, torch.bfloat16)), 1.0, prompt="hammer", steps=8)
    one, other = (np.sqrt(np.mean(sound**2)) for sound in (exact, rough.audio))
    assert one == pytest.approx(other, rel=0.1)


def test_what_was_trained_on_meanwhile_is_used(folder, tmp_path):
    checkpoint.save(seeded(), tmp_path)
    model = MultiFoley(folder=tmp_path, runtime=CPU)
    before = make(model, 1.0).audio
    checkpoint.save(seeded(seed=1), tmp_path)
    assert not np.allclose(before, make(model, 1.0).audio)


def test_t5_reads_for_weights_without_words_of_their_own(tmp_path, monkeypatch):
    monkeypatch.setattr(checkpoint, "T5_WIDTH", 16)  # of the toy
    checkpoint.save(seeded(replace(CONFIG, words=())), tmp_path)
    model = MultiFoley(folder=tmp_path, runtime=CPU)
    with pytest.raises(WeightsMissing, match="t5-base"):
        model.check()
    write_t5(tmp_path / "t5-base")
    model.check()
    one, other = (make(model, 1.0, prompt=prompt).audio for prompt in ("ball", "hammer"))
    assert not np.allclose(one, other)
    assert make(model, 1.0, prompt="what was never heard").warnings == ()


# ---- with CAVP


def write_cavp(folder: Path) -> None:
    """A toy of the video encoder of Diff-Foley's, beside a configuration that tells of its size."""
    shape = cavp_networks.Shape(cavp=CavpShape(base_channels=2, audio_channels=None))
    generator = torch.Generator().manual_seed(0)
    weights = {}
    for key, size in cavp_networks.original_shapes("cavp", shape).items():
        values = torch.randn(size, generator=generator) / max(1.0, float(np.prod(size[1:]))) ** 0.5
        weights[key] = values.abs() + 0.5 if key.endswith("running_var") else values
    folder.mkdir(exist_ok=True)
    torch.save({"state_dict": weights}, folder / "cavp_epoch66.ckpt")
    (folder / "config.json").write_text(json.dumps({"cavp": {"base_channels": 2, "audio_channels": None}}))


class Flicker(Film):
    """Small pictures, each of its own."""

    def __call__(self, times):
        for time in times:
            self.asked.append(time)
            yield Frame(time, np.random.default_rng(round(time * 1000)).integers(0, 255, (8, 8, 3), np.uint8))


@pytest.fixture
def cavp_model(tmp_path: Path) -> MultiFoley:
    checkpoint.save(seeded(replace(CONFIG, track=Track.CAVP)), tmp_path)
    write_cavp(tmp_path / "cavp")
    return MultiFoley(folder=tmp_path, runtime=CPU, cavp_folder=tmp_path / "cavp")


def test_pictures_are_seen_eight_times_a_second_once_for_all_variants(cavp_model):
    film, kept_rows = Flicker(), {}

    def remember(name: str, look: Any) -> Any:
        if name not in kept_rows:
            kept_rows[name] = look()
        return kept_rows[name]

    made = [make(cavp_model, 1.5, (seed,), frames=film, remember=remember, steps=1) for seed in (1, 2)]
    assert film.asked == pytest.approx(np.arange(12) / 8 + 1 / 16)
    (rows,) = kept_rows.values()
    assert rows["rows"].shape == (12, 512)
    assert made[0].audio.shape == (1, 2, 72_000)


def test_events_are_not_said_to_be_heard_by_weights_that_look_for_themselves(cavp_model, folder):
    assert "events" not in cavp_model.also_takes
    assert "events" in MultiFoley(folder=folder).also_takes


def test_what_is_seen_is_heard(cavp_model):
    one, other = (make(cavp_model, 1.0, frames=film, steps=1).audio for film in (Film(), Flicker()))
    assert not np.allclose(one, other)


def test_the_picture_of_a_reference_is_seen_too(cavp_model):
    film, of_reference = Flicker(), Flicker()
    seen = Seen(0.5, (), np.zeros(51, np.float32), of_reference)
    make(cavp_model, 1.0, frames=film, reference=steady(20), reference_seen=seen, steps=1)
    assert len(film.asked) == 8
    assert len(of_reference.asked) == 4


def test_long_pictures_are_seen_in_pieces_with_the_result_of_the_whole(tmp_path, monkeypatch):
    write_cavp(tmp_path)
    encoder, _ = cavp(tmp_path, CPU)

    def encode(pictures: np.ndarray) -> np.ndarray:
        with torch.no_grad():
            video = torch.from_numpy(pictures[:, ::7, ::7].copy()).permute(0, 3, 1, 2)[None] / 255
            return encoder.encode_video(video)[0].numpy()

    whole = looks.rows(Flicker(), 5.0, encode, no_progress)
    monkeypatch.setattr(looks, "AT_ONCE", 7)
    np.testing.assert_allclose(looks.rows(Flicker(), 5.0, encode, no_progress), whole, atol=1e-5)
    assert whole.shape == (40, 512)
