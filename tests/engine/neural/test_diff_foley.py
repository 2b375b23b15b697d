"""Diff-Foley as a model: lengths, seeds, windows, what is known, progress, compatibility."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Sequence
from fractions import Fraction
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest
from footfall_bridge.errors import ModelFailed, WeightsMissing
from footfall_engine.diffusion.samplers import dpm_solver_pp_2m
from footfall_engine.media.audio import Recording
from footfall_engine.media.video import Frame
from footfall_engine.models.base import Conditions, Features
from footfall_engine.models.diff_foley import layout, mel, networks
from footfall_engine.models.diff_foley.model import SCHEDULE, Compat, DiffFoley, Networks, _Job
from footfall_engine.models.diff_foley.pictures import ROWS_PER_SEC, row_time, rows_in, squeezed
from footfall_engine.models.runtime import SHELF
from footfall_engine.progress import no_progress

from tests.engine.neural import golden, tiny
from tests.engine.neural.golden import relative, torch
from tests.engine.neural.tiny import Film, check_progress, conditions

READERS_EDGE = Fraction(1, 1000)  # seconds before its time that a picture counts as there


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("weights") / "diff-foley"


@pytest.fixture(scope="module")
def model(folder: Path) -> DiffFoley:
    return tiny.tiny_model(folder)


@pytest.mark.parametrize(("duration", "channels"), [(0.5, 1), (1.0, 2), (8.192, 1), (8.2, 2), (11.37, 1)])
def test_sound_is_exactly_as_long_as_asked(model: DiffFoley, duration: float, channels: int) -> None:
    audio = model.generate(conditions(duration, channels=channels, steps=1), [1], no_progress).audio
    assert audio.shape == (1, channels, round(duration * 16_000))
    assert audio.dtype == np.float32
    assert np.isfinite(audio).all() and audio.any()


@pytest.mark.parametrize("samples", [130_900, 131_000, 131_072, 143_360])
def test_sound_that_fills_its_last_column_is_as_loud_to_its_end(samples: int) -> None:
    plan = layout.exact(samples)
    audio = sound_of_level(0.6, plan)
    assert len(audio) == samples
    assert np.std(audio[-mel.HOP :]) > 0.6 * np.std(audio)


def test_what_is_decoded_past_the_loudest_is_as_the_loudest() -> None:
    plan = layout.exact(16_000)
    assert np.array_equal(sound_of_level(1.0, plan), sound_of_level(1.5, plan))


def sound_of_level(level: float, plan: layout.Layout) -> np.ndarray:
    bands = torch.full((1, mel.BANDS, plan.columns * layout.FRAMES_PER_COLUMN), level)
    return job_with(plan, conditions(1.0)).sound(bands, [torch.Generator().manual_seed(1)])[0]


def job_with(plan: layout.Layout, given: Conditions, **some: torch.nn.Module) -> _Job:
    """That needs no other networks."""
    none = dict.fromkeys(("cavp", "unet", "vae", "condition", "alignment"), torch.nn.Identity())
    return _Job(Networks(**{**none, **some}), tiny.CPU, plan, given, no_progress)


def test_a_seed_gives_the_same_samples_alone_and_among_others(model: DiffFoley) -> None:
    alone = model.generate(conditions(1.0), [5], no_progress).audio[0]
    again = model.generate(conditions(1.0), [5], no_progress).audio[0]
    together = model.generate(conditions(1.0), [4, 5], no_progress).audio
    assert np.array_equal(alone, again)
    assert not np.allclose(together[0], together[1], atol=0.1 * np.abs(alone).max())
    likeness = np.corrcoef(alone[0], together[1][0])[0, 1]  # Griffin-Lim makes much of differences in rounding
    assert likeness > 0.95 > 0.5 > abs(np.corrcoef(alone[0], together[0][0])[0, 1])


@pytest.mark.parametrize(("control", "value"), [("steps", 3), ("guidance", 1.0)])
def test_a_control_changes_the_sound(model: DiffFoley, control: str, value: float) -> None:
    plain = model.generate(conditions(1.0), [5], no_progress).audio
    changed = model.generate(conditions(1.0, **{control: value}), [5], no_progress).audio
    assert not np.allclose(plain, changed, atol=0.01 * np.abs(plain).max())


def test_the_classifier_guides_at_scale_1_too_but_not_in_the_notebook(folder: Path) -> None:
    def sound(**options: object) -> np.ndarray:
        given = conditions(8.0, guidance=1.0, steps=2)
        return tiny.tiny_model(folder, **options).generate(given, [5], no_progress).audio

    assert not np.array_equal(sound(), sound(classifier_scale=0.0))
    original = sound(compat="original")
    assert np.array_equal(original, sound(compat="original", classifier_scale=0.0), equal_nan=True)


def test_progress_rises_and_stops_the_work_at_any_step(model: DiffFoley) -> None:
    check_progress(model, steps=4, fewest=7)


def test_a_remembered_picture_is_not_looked_at_again(model: DiffFoley) -> None:
    film, kept = Film(), {}

    def remember(name: str, make: object) -> dict[str, np.ndarray]:
        if name not in kept:
            kept[name] = make()  # type: ignore[operator]
        return kept[name]

    first = model.generate(conditions(2.0, frames=film, remember=remember), [1], no_progress).audio
    asked = len(film.asked)
    second = model.generate(conditions(2.0, frames=film, remember=remember), [1], no_progress).audio
    assert asked == len(film.asked) == 8
    assert np.array_equal(first, second)


def test_what_is_remembered_of_a_picture_is_not_taken_for_another_compatibilitys(folder: Path) -> None:
    kept = []

    def remember(name: str, make: Callable[[], Features]) -> Features:
        kept.append(name)
        return make()

    for compat in Compat:
        given = conditions(8.0, steps=1, remember=remember)
        tiny.tiny_model(folder, compat=compat.value).generate(given, [1], no_progress)
    assert len(set(kept)) == len(kept) == 2


@pytest.mark.parametrize(
    ("plan", "together"), [(layout.of_notebook(12 * 16_000), [40, 8]), (layout.exact(12 * 16_000), [32, 32])]
)
def test_pictures_that_are_looked_at_together_become_rows(plan: layout.Layout, together: list[int]) -> None:
    def colour(time: float) -> list[int]:
        return [int(20 * time), 255 - int(20 * time), 50]

    def film(times: Sequence[float]) -> Iterator[Frame]:
        for time in times:
            yield Frame(time, np.full((36, 64, 3), colour(time), np.uint8))

    cavp = networks.cavp(tiny.random_weights("cavp"), tiny.SHAPE, "tiny")
    rows = job_with(plan, conditions(12.0, frames=film), cavp=cavp).rows("")
    assert [len(look) for look in plan.looks] == together
    for look, ours in zip(plan.looks, rows.split(together), strict=True):
        pictures = torch.tensor([colour(time) for time in look])[None, :, :, None, None].expand(-1, -1, -1, 224, 224)
        assert torch.allclose(ours, cavp.encode_video(pictures / 255)[0], atol=1e-5)


@pytest.mark.parametrize("apart", [False, True])
def test_windows_that_share_columns_agree_on_them_at_every_step(apart: bool) -> None:
    plan = layout.exact(12 * 16_000)
    first, second = plan.starts
    asked = []

    def denoise(latents: torch.Tensor, time: float) -> torch.Tensor:
        asked.append(latents)
        return latents * torch.tensor([0.5, 1.0])[:, None, None, None]

    job = job_with(plan, conditions(12.0), unet=networks.untrained("unet", tiny.SHAPE))
    job.latents(denoise, [1], 4, apart)
    shared = first + layout.COLUMNS - second
    agreed = [torch.equal(latents[0, ..., -shared:], latents[1, ..., :shared]) for latents in asked]
    assert agreed == [True] + 3 * [not apart]


def test_what_is_known_shapes_what_is_made(model: DiffFoley) -> None:
    rate, seconds = 48_000, 4.0
    mask = np.ones(round(rate * seconds), bool)
    mask[round(1.5 * rate) : round(2.5 * rate)] = False
    random = np.random.default_rng(0)

    def made(known: np.ndarray) -> np.ndarray:
        recording = Recording(known.astype(np.float32), rate)
        given = conditions(seconds, known=recording, known_mask=mask, steps=3)
        return model.generate(given, [1], no_progress).audio[0, 0]

    noise, silence = 0.3 * random.standard_normal((2, len(mask))), np.zeros((2, len(mask)))
    inside = slice(round(1.7 * 16_000), round(2.3 * 16_000))
    assert not np.allclose(made(noise)[inside], made(silence)[inside], atol=1e-3)


def test_a_column_is_known_when_all_its_samples_are() -> None:
    mask = np.ones(16_000, bool)
    mask[5000:5001] = False
    known = layout.LATENTS.known(mask, 16_000, 10)
    assert known.tolist() == [1, 1, 0, 1, 1, 1, 1, 1, 0, 0]  # column 7 ends with the recording


def test_weights_that_are_not_there_are_missed_by_name(tmp_path: Path) -> None:
    model = DiffFoley(folder=tmp_path, shape=tiny.SHAPE, runtime=tiny.CPU)
    with pytest.raises(WeightsMissing, match=r"footfall models pull diff-foley.*cavp_epoch66\.ckpt"):
        model.generate(conditions(1.0), [1], no_progress)


def test_networks_are_loaded_once(folder: Path, model: DiffFoley) -> None:
    model.generate(conditions(0.5, steps=1), [1], no_progress)
    before = SHELF.names()
    tiny.tiny_model(folder).generate(conditions(0.5, steps=1), [1], no_progress)
    assert SHELF.names() == before


# ---- layout


@pytest.mark.parametrize("samples", [8000, 16_000, 131_072, 131_073, 300_000, 960_000])
def test_windows_cover_the_sound_and_look_at_where_they_lie(samples: int) -> None:
    plan = layout.exact(samples)
    covered = np.zeros(plan.columns, int)
    for start in plan.starts:
        covered[start : start + layout.COLUMNS] += 1
    assert covered.min() >= 1 and len(covered) == plan.columns
    assert plan.columns * layout.COLUMN >= samples
    assert plan.columns == layout.COLUMNS or (plan.columns - 1) * layout.COLUMN < samples
    for start, look in zip(plan.starts, plan.looks, strict=True):
        begins = start * layout.COLUMN / 16_000
        assert len(look) == layout.ROWS
        shown = layout.ROWS if len(plan.starts) > 1 else min(layout.ROWS, rows_in(samples / 16_000))
        expected = [min(begins + row_time(row % shown), samples / 16_000) for row in range(layout.ROWS)]
        assert look == pytest.approx(expected)
        assert max(look) <= samples / 16_000
    shared = [a + layout.COLUMNS - b for a, b in pairwise(plan.starts)]
    assert all(columns >= layout.OVERLAP - 1 for columns in shared)


def test_the_pictures_of_a_short_sound_are_repeated() -> None:
    (look,) = layout.exact(2 * 16_000).looks
    assert look[:8] == look[8:16] == look[24:]
    assert len(set(look)) == 8


def test_the_notebook_drops_what_does_not_fill_a_window() -> None:
    assert layout.of_notebook(round(8.2 * 16_000)).columns == 64
    assert len(layout.of_notebook(round(8.2 * 16_000)).seen) == 33
    assert layout.of_notebook(round(15.9 * 16_000)).columns == 128
    assert layout.of_notebook(round(15.7 * 16_000)).columns == 64
    with pytest.raises(ModelFailed, match=r"8 s at least, not 7\.5 s"):
        layout.of_notebook(round(7.5 * 16_000))


def test_as_the_original_a_short_sound_is_refused_before_weights_are_looked_for(tmp_path: Path) -> None:
    model = DiffFoley("original", tmp_path, tiny.CPU, tiny.SHAPE)
    with pytest.raises(ModelFailed, match=r"8 s at least, not 5 s"):
        model.generate(conditions(5.0), [1], no_progress)


def test_as_the_original_a_long_sound_is_not_refused_for_its_rest(folder: Path) -> None:
    film = Film()
    rest = conditions(5.5, start=55.5, steps=1, frames=film)
    audio = tiny.tiny_model(folder, compat="original").generate(rest, [1], no_progress).audio
    assert audio.shape[-1] == round(5.5 * mel.SAMPLE_RATE)
    assert min(np.abs(part).max() for part in np.array_split(audio[0, 0], 11)) > 0
    assert len(film.asked) < layout.ROWS and max(film.asked) == 5.5


@pytest.mark.parity
@pytest.mark.parametrize(("given", "prepared"), [("frame_bgr_decoded_0", "frame_rgb224_0"),
                                                 ("frame_rgb_decoded_16", "frame_rgb224_16")])  # fmt: skip
def test_pictures_are_squeezed_alike(given: str, prepared: str) -> None:
    recorded = golden.arrays("preproc_gun.npz")  # both are RGB, whatever their names
    ours = squeezed(recorded[given].numpy()).transpose(2, 0, 1) / 255
    assert ours == pytest.approx(recorded[prepared].numpy(), abs=1e-6)


@pytest.mark.parity
def test_rows_show_the_pictures_that_training_took() -> None:
    recorded = golden.arrays("preproc_gun.npz")
    chosen = recorded["src_index"].numpy()
    rate = 4 * (chosen[-1] - chosen[0]) / (len(chosen) - 1)  # of the clip, about; picture n begins at n / rate

    def shown(rate: float) -> list[int]:
        return [int((row_time(row) + float(READERS_EDGE)) * rate) for row in range(len(chosen))]

    usual = [each for each in (*range(10, 61), *(each / 1.001 for each in (24, 30, 60))) if abs(each - rate) < 0.5]
    assert chosen.tolist() in [shown(each) for each in (round(2 * rate) / 2, *usual)]


@pytest.mark.parametrize(
    "rate", [10, 12.5, 15, 24, 25, 30, 50, 60, 120, *(Fraction(n, 1001) for n in (24_000, 30_000, 60_000))]
)
def test_rows_show_the_pictures_of_ffmpegs_filter(rate: float | Fraction) -> None:
    """The last that begins less than half a row later; at 29.97 pictures a second, one does by half a millisecond."""
    for row in range(60 * ROWS_PER_SEC):
        begun = math.ceil(Fraction(2 * row + 1, 2 * ROWS_PER_SEC) * Fraction(rate)) - 1
        assert int((Fraction(row_time(row)) + READERS_EDGE) * Fraction(rate)) == begun


# ---- as the notebook


def recorded_job(plan: layout.Layout) -> _Job:
    """With the recorded tiny networks."""
    shape, ldm = golden.tiny_shape(), golden.ldm_weights()
    made = {part: getattr(networks, part)(ldm, shape, "tiny") for part in ("unet", "vae", "condition")}
    cavp = networks.cavp(golden.weights("cavp_video_tiny.safetensors"), shape, "tiny")
    alignment = networks.alignment(golden.weights("classifier_tiny.safetensors"), shape, "tiny")
    return _Job(Networks(cavp=cavp, alignment=alignment, **made), tiny.CPU, plan, conditions(8.2), no_progress)


@pytest.mark.parity
@pytest.mark.parametrize("name", ["dg_5", "dg_5_cfg1"])
def test_the_whole_path_to_latents_is_the_notebooks(name: str) -> None:
    recorded = golden.arrays(f"sampler_dpm_{name}.npz")
    job = recorded_job(layout.of_notebook(round(8.2 * 16_000)))
    context = job.context_of_notebook(recorded["origin_cond"][0])
    assert relative(context.given, recorded["context"][:1]) <= 1e-4
    scale, classifier_scale = (1.0, 0.0) if name.endswith("cfg1") else golden.guidance_scales()
    denoise = job.denoiser(context, scale, classifier_scale)
    made = dpm_solver_pp_2m(denoise, recorded["x_T"][:1], SCHEDULE, len(recorded["x_in"]))
    assert relative(made, recorded["final"][:1]) <= 1e-4


@pytest.mark.parity
def test_the_path_from_latents_to_bands_is_the_notebooks() -> None:
    recorded = golden.arrays("sampler_dpm_dg_5.npz")
    job = recorded_job(one_window(recorded["final"].shape[3]))
    assert relative(job.bands(recorded["final"]), recorded["decoded_ch0"]) <= 1e-4


@pytest.mark.parity
def test_the_path_from_bands_to_latents_is_that_of_training() -> None:
    recorded = golden.arrays("vae_tiny.npz")
    job = recorded_job(one_window(recorded["mean"].shape[3]))
    assert relative(job._coded(recorded["mel_in"]), 0.18215 * recorded["mean"]) <= 1e-4


@pytest.mark.parity
def test_in_the_default_contexts_are_as_in_training() -> None:
    recorded = golden.arrays("cond_stage_tiny.npz")
    rows, batch = recorded["video_feat"][:, : layout.ROWS], len(recorded["video_feat"])
    job = recorded_job(layout.Layout(0, 0, tuple(range(batch)), ()))
    context = job.context(rows.flatten(0, 1))
    assert relative(context.given, recorded["ldm_cond"]) <= 1e-4
    assert relative(context.judged, recorded["classifier_cond_model"]) <= 1e-4
    null = golden.arrays("sampler_variants_dg_5.npz")["uncond_embed"][:1]
    assert relative(context.null, null.expand_as(context.null)) <= 1e-4


def one_window(columns: int) -> layout.Layout:
    return layout.Layout(columns * layout.COLUMN, columns, (0,), ())


def test_unknown_compatibility_is_refused() -> None:
    assert [compat.value for compat in Compat] == ["corrected", "original"]
    with pytest.raises(ValueError, match="notebook"):
        DiffFoley(compat="notebook")


def test_tensors_of_a_job_are_plain_numbers(model: DiffFoley) -> None:
    assert torch.is_grad_enabled()
    model.generate(conditions(0.5, steps=1), [1], no_progress)
    assert torch.is_grad_enabled()
