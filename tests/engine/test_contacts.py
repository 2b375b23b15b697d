import itertools
from dataclasses import replace
from fractions import Fraction

import av
import numpy as np
import pytest
from footfall_bridge.messages import HitKind
from footfall_bridge.timeline import TimeRange
from footfall_engine import contacts
from footfall_engine.contacts import SCENES, Scene, contacts_of, frames_of, presentation_times, render_clip
from footfall_engine.contacts.footsteps import ANKLE
from footfall_engine.media.video import probe, read_frames, region_of

SMALL = {"width": 320, "height": 180}


def staged(scene):
    return contacts._staged(scene)[0]


@pytest.mark.parametrize("name", SCENES)
@pytest.mark.parametrize("seed", range(4))
def test_scene_is_full_of_contacts_that_can_be_told_apart(name, seed):
    scene = Scene(name, seed=seed, cuts=(2.0, 4.1), pan=0.1)
    found = contacts_of(scene)
    times = [contact.time for contact in found]
    assert len(found) >= 6
    assert times == sorted(times)
    assert min(later - earlier for earlier, later in itertools.pairwise(times)) >= contacts.APART_SECONDS
    assert all(scene.clear_of_edits(time) for time in times)
    assert {contact.as_hit().kind for contact in found} == {HitKind.STEP if name == "footsteps" else HitKind.IMPACT}
    assert all(abs(contact.x) <= 1 and 0 < contact.strength <= 1 for contact in found)


@pytest.mark.parametrize("name", SCENES)
def test_same_seed_same_pictures_another_seed_others(name):
    scene = Scene(name, duration=0.4, noise=2, **SMALL)
    once, again = ([image for _, image in frames_of(scene)] for _ in range(2))
    assert all(np.array_equal(a, b) for a, b in zip(once, again, strict=True))
    assert contacts_of(Scene(name, seed=1)) == contacts_of(Scene(name, seed=1)) != contacts_of(Scene(name, seed=2))


def test_ball_is_on_the_floor_at_its_contacts_and_above_it_between():
    balls = staged(Scene("balls", seed=1)).balls
    assert len(balls) >= 3
    for ball in balls:
        for bounce in ball.bounces[1:]:
            for aside, least in ((0.0, 0.0), (-1e-3, 1e-4)):
                x, y = ball.where(bounce.time + aside)
                above = ball.floor - ball.radius - y
                assert least <= above + 1e-9 <= 0.01
                assert x == pytest.approx(bounce.x, abs=1e-3)


def test_hammer_is_down_at_its_contacts_alone():
    hammer = staged(Scene("hammer", seed=1))
    for contact in hammer.contacts():
        assert hammer.lifted(contact.time) == pytest.approx(0, abs=1e-6)
        assert hammer.lifted(contact.time - 0.02) > 0.02
        assert hammer.lifted(contact.time + 0.02) > 0.004
    moments = np.arange(0, 6, 0.001)
    angles = np.array([hammer.lifted(float(moment)) for moment in moments])
    assert np.abs(np.diff(angles)).max() < 0.02  # it never jumps


def test_foot_comes_down_at_its_contacts_and_then_stands():
    walker = staged(Scene("footsteps", seed=1))
    sole = walker.ground - ANKLE
    for number, step in enumerate(walker.steps[2:-2], start=2):
        (_, before), _, _ = walker.foot(number % 2, step.time - 0.03)
        (x, height), _, _ = walker.foot(number % 2, step.time)
        (standing, _), _, _ = walker.foot(number % 2, step.time + 0.15)
        assert sole - before > 0.004
        assert height == pytest.approx(sole, abs=1e-6)
        assert x == standing == step.x


def test_contact_is_where_the_picture_shows_it():
    """The hammer's x against the middle of what is brightest there: the glowing iron."""
    scene = Scene("hammer", seed=2, shutter=0, cuts=(3.0,), pan=0.1)
    pictures = list(frames_of(scene))
    for contact in contacts_of(scene):
        _, image = min(pictures, key=lambda shown: abs(float(shown[0]) - contact.time))
        glow = (image[:, :, 2].astype(int) - image[:, :, 0] > 120) & (image[:, :, 1] > 80)
        x = np.nonzero(glow)[1].mean() * 2 / scene.width - 1
        assert x == pytest.approx(contact.x, abs=0.08)


@pytest.mark.parametrize("fps", [Fraction(24), Fraction(24000, 1001), Fraction(30000, 1001), Fraction(50), None])
def test_clip_keeps_the_times_it_was_filmed_at(tmp_path, fps):
    scene = Scene("hammer", duration=2.0, fps=fps, **SMALL)
    truth = render_clip(tmp_path / "clip.mp4", scene)
    assert truth == contacts_of(scene)
    facts = probe(tmp_path / "clip.mp4")
    frames = list(read_frames(facts.path, region_of(facts, 0)))
    wanted = [float(time) for time in presentation_times(scene)]
    assert [frame.time for frame in frames] == pytest.approx(wanted, abs=1e-4)
    if fps is None:
        assert len({round(later - earlier, 3) for earlier, later in itertools.pairwise(wanted)}) > 2
    else:
        assert facts.frame_rate == fps


def test_clicks_sound_at_the_contacts(tmp_path):
    scene = Scene("hammer", duration=4.0, sound=True, **SMALL)
    truth = render_clip(tmp_path / "clip.mp4", scene)
    with av.open(str(tmp_path / "clip.mp4")) as container:
        sound = np.concatenate([frame.to_ndarray()[0] for frame in container.decode(audio=0)])
    for contact in truth:
        at = round(contact.time * contacts.AUDIO_RATE)
        loud = np.nonzero(np.abs(sound[at - 960 : at + 2400]) > 0.1)[0][0] - 960
        assert abs(loud) / contacts.AUDIO_RATE < 0.003


def mean_change(images):
    return [np.abs(later.astype(int) - earlier).mean() for earlier, later in itertools.pairwise(images)]


def test_cut_changes_the_whole_picture_at_its_time_alone():
    scene = Scene("footsteps", duration=3.0, cuts=(1.0, 2.0), **SMALL)
    changes = mean_change([image for _, image in frames_of(scene)])
    assert sorted(np.argsort(changes)[-2:] + 1) == [25, 50]
    assert sorted(changes)[-2] > 5 * sorted(changes)[-3]


def test_pan_moves_the_room_and_noise_covers_it():
    import cv2

    still, moving, noisy = (
        [cv2.cvtColor(image, cv2.COLOR_BGR2GRAY)[:80].astype(np.float32) for _, image in frames_of(scene)]
        for scene in (
            Scene("hammer", duration=0.4),
            Scene("hammer", duration=0.4, pan=0.2),
            Scene("hammer", duration=0.4, noise=4),
        )
    )
    (x, _), _ = cv2.phaseCorrelate(still[0][:, :200], still[4][:, :200])
    assert abs(x) < 0.05
    (x, _), _ = cv2.phaseCorrelate(moving[0][:, :200], moving[4][:, :200])
    assert x == pytest.approx(-0.2 * 360 * 4 / 25, abs=0.5)
    assert (noisy[0] - still[0])[:, :200].std() == pytest.approx(4 * np.hypot(0.299, np.hypot(0.587, 0.114)), rel=0.15)


def test_long_clip_repeats_its_take_without_a_seam(tmp_path):
    scene = Scene("footsteps", duration=2.0, **SMALL)
    seconds = contacts.render_long_clip(tmp_path / "long.mp4", 0.5, scene)
    assert seconds == 30
    facts = probe(tmp_path / "long.mp4")
    assert (facts.duration, facts.frame_rate) == (30, 25)
    first, later = (list(read_frames(facts.path, TimeRange(Fraction(start), Fraction(start + 2)))) for start in (0, 20))
    assert [frame.time for frame in first] == [frame.time for frame in later] == [n / 25 for n in range(50)]
    assert all(np.array_equal(a.image, b.image) for a, b in zip(first, later, strict=True))


def test_unknown_scene_is_named():
    with pytest.raises(ValueError, match="no scene 'tea'; there are balls, hammer, footsteps"):
        contacts_of(replace(Scene(), name="tea"))
