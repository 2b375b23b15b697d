import itertools
import math
from dataclasses import replace
from fractions import Fraction

import numpy as np
import pytest
from footfall_bridge.errors import JobCancelled
from footfall_bridge.messages import Hit, HitKind
from footfall_bridge.timeline import TimeRange
from footfall_engine.analysis import analyse
from footfall_engine.analysis.bodies import Bodies, middle_level
from footfall_engine.analysis.cuts import cut_pairs, cut_times
from footfall_engine.analysis.events import find_hits, in_rhythm, is_walk, without_halves
from footfall_engine.analysis.falls import find_falls
from footfall_engine.analysis.flow import SHORTEST_PAIR, measure, middle, robust_affine
from footfall_engine.analysis.motion import motion_curves
from footfall_engine.analysis.picture import MOTION_RATE
from footfall_engine.analysis.strokes import BROAD, CRISP, Stroke, contact_tick, stroke_salience
from footfall_engine.contacts import SCENES, Scene, contacts_of, render_clip
from footfall_engine.evaluation.lift import f_measure, match_offsets
from footfall_engine.evaluation.sync import evaluate_sync
from footfall_engine.media.video import Frame, probe, region_of
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from tests.clips import SHARED, make_clip, needs_shared_media

RATES = {
    "24": Fraction(24),
    "25": Fraction(25),
    "23.976": Fraction(24000, 1001),
    "29.97": Fraction(30000, 1001),
    "50": Fraction(50),
    "variable": None,
}
SMALL = {"width": 384, "height": 216}
TOLERANCE = 0.04  # seconds


def analysed(path):
    return analyse(path, region_of(probe(path), 0))


def texture(height, width, seed=0, grain=6):
    """A picture full of detail that flow can hold on to."""
    import cv2

    rough = np.random.default_rng(seed).uniform(40, 200, (height // grain + 2, width // grain + 2)).astype(np.float32)
    smooth = cv2.resize(rough, (width + 2 * grain, height + 2 * grain), interpolation=cv2.INTER_CUBIC)
    return smooth[grain : grain + height, grain : grain + width].clip(0, 255)


def wide_view(left, background, height=144, width=256):
    """What a camera sees whose left edge is at a fractional column of a wide background."""
    import cv2

    move = np.array([[1, 0, -left], [0, 1, 0]], np.float64)
    return np.round(cv2.warpAffine(background, move, (width, height))).astype(np.uint8)


def bouncing(times, bounces, height=144, width=256, radius=14):
    """A textured ball in free fall that touches the floor at the given times, before a still background."""
    background = texture(height, width, 1) * 0.5
    ball = texture(2 * radius, 2 * radius, 2, 4) + 55
    y, x = np.mgrid[-radius:radius, -radius:radius] + 0.5
    inside = np.hypot(x, y) < radius
    for time in times:
        before = max((bounce for bounce in bounces if bounce <= time), default=2 * bounces[0] - bounces[1])
        after = min((bounce for bounce in bounces if bounce > time), default=2 * bounces[-1] - bounces[-2])
        image = background.copy()
        bottom = height - 8 - 0.5 * 4.9 * height * (time - before) * (after - time)
        top = max(0, round(bottom) - 2 * radius)
        patch = image[top : top + 2 * radius, 120 : 120 + 2 * radius]
        patch[inside] = ball[inside]
        yield Frame(time, image.clip(0, 255).astype(np.uint8))


def still(times, image):
    return [Frame(time, image) for time in times]


def hits_of(frames, duration):
    field = measure(frames, duration)
    return find_hits(field, cut_pairs(field), duration)


# ---- rendered scenes, from the file to the hits


@pytest.mark.parametrize("rate", RATES)
@pytest.mark.parametrize("name", SCENES)
def test_contacts_of_rendered_scenes_are_found_at_every_rate(tmp_path, name, rate):
    scene = Scene(name, 4.0, RATES[rate], seed=4, **SMALL)
    truth = [contact.time for contact in render_clip(tmp_path / "clip.mp4", scene)]
    found = analysed(tmp_path / "clip.mp4")
    offsets = match_offsets([hit.time for hit in found.hits], truth, TOLERANCE)
    assert f_measure(len(offsets), len(found.hits), len(truth)) >= 0.75
    assert abs(np.median(offsets)) <= 0.02
    if RATES[rate] is not None:
        assert found.frame_rate == pytest.approx(float(RATES[rate]), rel=1e-3)


def test_panned_cut_and_noisy_hammer_is_found_and_its_cuts_are_no_hits(tmp_path):
    scene = Scene("hammer", 6.0, pan=0.15, cuts=(2.3, 4.2), noise=2.0, seed=3, **SMALL)
    truth = [contact.time for contact in render_clip(tmp_path / "clip.mp4", scene)]
    found = analysed(tmp_path / "clip.mp4")
    offsets = match_offsets([hit.time for hit in found.hits], truth, TOLERANCE)
    assert f_measure(len(offsets), len(found.hits), len(truth)) >= 0.8
    assert found.cuts == pytest.approx(scene.cuts, abs=0.05)
    assert all(abs(hit.time - cut) > TOLERANCE for hit in found.hits for cut in found.cuts)


def test_hit_is_described(tmp_path):
    scene = Scene("hammer", 4.0, seed=2, **SMALL)
    contacts = render_clip(tmp_path / "clip.mp4", scene)
    hits = analysed(tmp_path / "clip.mp4").hits
    assert list(hits) == sorted(hits, key=lambda hit: hit.time)
    assert all(0 < hit.strength <= 1 and 0 < hit.size <= 1 for hit in hits)
    assert np.median([hit.x for hit in hits]) == pytest.approx(np.median([contact.x for contact in contacts]), abs=0.35)


def test_same_clip_gives_the_same_analysis(tmp_path):
    render_clip(tmp_path / "clip.mp4", Scene("balls", 2.0, noise=2.0, **SMALL))
    once, again = analysed(tmp_path / "clip.mp4"), analysed(tmp_path / "clip.mp4")
    assert once.hits == again.hits
    assert np.array_equal(once.motion, again.motion)
    assert np.array_equal(once.motion_x, again.motion_x)


def test_region_in_the_middle_counts_its_times_from_its_start(tmp_path):
    scene = Scene("hammer", 6.0, seed=5, **SMALL)
    truth = [contact.time - 2 for contact in render_clip(tmp_path / "clip.mp4", scene) if 2.2 < contact.time < 4.8]
    region = TimeRange(Fraction(2), Fraction(5))
    found = analyse(tmp_path / "clip.mp4", region)
    assert found.duration == 3.0
    assert len(found.motion) == len(found.motion_x) == 3 * MOTION_RATE + 1
    assert len(match_offsets([hit.time for hit in found.hits], truth, TOLERANCE)) >= len(truth) - 1


# ---- what is not a hit


def test_still_picture_has_no_hits_no_motion_and_no_cuts(tmp_path):
    frames = still(np.arange(50) / 25, texture(144, 256).astype(np.uint8))
    field = measure(frames, 2.0)
    cuts = cut_pairs(field)
    motion, motion_x, activity = motion_curves(field, cuts, 2.0)
    assert find_hits(field, cuts, 2.0) == ()
    assert not motion.any()
    assert not motion_x.any()
    assert (activity, cut_times(field, cuts)) == (0, ())


@pytest.mark.parametrize("count", [1, 2, 3])
def test_picture_or_three_are_enough_to_say_nothing(tmp_path, count):
    found = analysed(make_clip(tmp_path / "clip.mp4", count=count))
    assert found.hits == ()
    assert len(found.motion) == round(found.duration * MOTION_RATE) + 1


def test_pan_over_a_still_scene_has_no_hits():
    background = texture(144, 900, 3)
    swing = [250 + 80 * math.sin(2 * math.pi * n / 75) for n in range(100)]
    frames = [Frame(n / 25, wide_view(left, background)) for n, left in enumerate(swing)]
    field = measure(frames, 4.0)
    assert find_hits(field, cut_pairs(field), 4.0) == ()
    assert np.median(np.abs(field.camera[:, 0])) > 10 * np.median(field.energy)


def test_flash_is_no_cut_but_a_hit_of_its_own_kind():
    picture = texture(144, 256)
    frames = [
        Frame(n / 25, (picture if n not in (20, 21) else picture * 0.2 + 200).astype(np.uint8)) for n in range(50)
    ]
    field = measure(frames, 2.0)
    cuts = cut_pairs(field)
    (hit,) = find_hits(field, cuts, 2.0)
    assert not cuts.any()
    assert (hit.kind, hit.time) == (HitKind.FLASH, 0.8)


def test_lamp_that_is_switched_on_and_stays_on_is_no_flash():
    picture = texture(144, 256)
    frames = [Frame(n / 25, (picture if n < 20 else picture * 0.6 + 100).astype(np.uint8)) for n in range(50)]
    assert not [hit for hit in hits_of(frames, 2.0) if hit.kind is HitKind.FLASH]


def test_cut_between_two_still_pictures_is_a_cut_and_no_hit():
    pictures = [texture(144, 256, seed).astype(np.uint8) for seed in (1, 2)]
    field = measure([Frame(n / 25, pictures[n >= 30]) for n in range(50)], 2.0)
    cuts = cut_pairs(field)
    assert cut_times(field, cuts) == (1.2,)
    assert find_hits(field, cuts, 2.0) == ()


# ---- the parts


def test_contact_between_frames_is_timed_between_them():
    bounces = [0.5 + 0.613 * n for n in range(6)]
    for rate in (24, 25, 30):
        hits = hits_of(bouncing(np.arange(round(4 * rate)) / rate, bounces), 4.0)
        offsets = match_offsets([hit.time for hit in hits], bounces, TOLERANCE)
        assert len(offsets) == len(hits) >= 5
        assert max(np.abs(offsets)) < 0.02


def test_repeated_pictures_and_uneven_times_do_not_move_the_hits():
    bounces = [0.5 + 0.6 * n for n in range(6)]
    rng = np.random.default_rng(0)
    uneven = np.cumsum(rng.choice([1 / 30, 1 / 24, 1 / 20], 110))
    even = list(bouncing(np.arange(0, 4, 1 / 24), bounces))
    twice = [replace(frame, time=frame.time + late) for frame in even for late in (0, 1 / 48)]
    for frames in (list(bouncing(uneven[uneven < 4], bounces)), twice):
        offsets = match_offsets([hit.time for hit in hits_of(frames, 4.0)], bounces, TOLERANCE)
        assert len(offsets) >= 5


@pytest.mark.parametrize("size", [(2, 2), (16, 16), (40, 16), (16, 64), (1600, 16), (640, 360)])
def test_pictures_of_any_size_and_shape_can_be_analysed(tmp_path, size):
    found = analysed(make_clip(tmp_path / "clip.mp4", count=10, size=size))
    assert found.duration == pytest.approx(0.4)


def test_fast_pictures_are_thinned_out():
    picture = texture(144, 256)
    field = measure([Frame(n / 120, np.roll(picture, n, axis=1).astype(np.uint8)) for n in range(120)], 1.0)
    assert np.diff(field.times).min() >= SHORTEST_PAIR
    assert len(field.times) > 25
    assert field.frame_rate == pytest.approx(120)


@pytest.mark.parametrize(("first", "period", "count", "dwell"), [(0.5, 0.7, 5, 0.12), (1.0, 1.4, 4, 0.3)])
def test_hammer_that_rests_on_its_nail_is_heard_once_and_when_it_comes_to_rest(first, period, count, dwell):
    background, head = texture(144, 256, 1) * 0.5, texture(30, 30, 2, 4) + 55
    blows = [first + period * n for n in range(count)]
    duration = first + period * count
    frames = []
    for n in range(round(25 * duration)):
        image = background.copy()
        since = min((n / 25 - blow for blow in blows), key=abs)
        height = 60 * min(1.0, -since / 0.2 if since < 0 else max(0.0, since - dwell) / 0.3)
        top = 100 - round(height)
        image[top : top + 30, 120:150] = head
        frames.append(Frame(n / 25, image.clip(0, 255).astype(np.uint8)))
    found = [hit.time for hit in hits_of(frames, duration)]
    offsets = match_offsets(found, blows, TOLERANCE)
    assert len(offsets) == len(found) == count
    assert abs(np.median(offsets)) <= 0.02


def bodies_on_a_way(times, places, radius):
    """Rows of one body whose upper edge has these heights and that drifts to the right."""
    size = 2 * radius
    rows = [(1, n, 0.3 + 0.2 * t, y, size, size**2) for n, (t, y) in enumerate(zip(times, places, strict=True))]
    return np.array(rows, np.float32)


@given(st.floats(2, 9), st.floats(0.6, 0.9), st.floats(0, 0.04), st.sampled_from([24, 25, 30]))
def test_body_that_bounces_touches_where_its_flights_meet(gravity, keeps, phase, rate):
    times = np.arange(0, 3, 1 / rate)
    touches, speed, touch = [], 2.0, 0.2 + phase
    y = 0.7 - speed * (touch - times) + gravity / 2 * (touch - times) ** 2
    while touch < 3 and speed > 1.0:
        touches.append(touch)
        speed *= keeps
        after = times >= touch
        y[after] = 0.7 - speed * (times[after] - touch) + gravity / 2 * (times[after] - touch) ** 2
        touch += 2 * speed / gravity
    seen = times < touch
    times = times[seen]
    falls = find_falls(times, bodies_on_a_way(times, y[seen], 0.05), np.zeros(len(times) - 1, bool))
    whole = [t for t in touches if times[3] < t < times[-4]]
    assert len(match_offsets([fall.time for fall in falls], whole, 0.01)) == len(whole)


@pytest.mark.parametrize("swing", [0.02, 0.15])
def test_body_that_only_sways_or_rises_never_touches(swing):
    times = np.arange(0, 4, 1 / 25)
    for places in (0.5 + swing * np.sin(2.5 * times), 0.9 - 0.2 * times, np.full(len(times), 0.5)):
        assert not find_falls(times, bodies_on_a_way(times, places, 0.05), np.zeros(len(times) - 1, bool))


def test_small_fast_body_is_seen_whole_and_a_still_picture_has_none():
    picture = texture(72, 128, 1).astype(np.uint8)
    found, still_found = [], []
    moving, watching = Bodies(), Bodies()
    for n in range(60):
        image = picture.copy()
        image[10 + n % 40 : 16 + n % 40, 2 * n : 2 * n + 6] = 250
        moved = np.eye(3) if n else None
        found += moving.see(n, n / 25, image, moved)
        still_found += watching.see(n, n / 25, picture, moved)
    found += moving.finish()
    still_found += watching.finish()
    assert len(found) == len(still_found) == 60
    assert not np.concatenate(still_found).size
    largest = np.array([rows[np.argmax(rows[:, 5])] for rows in found if len(rows)])
    assert len(largest) >= 55
    numbers = largest[:, 1]
    assert np.median(np.abs(largest[:, 2] - (2 * numbers + 2.5) / 72)) < 0.01
    assert np.median(np.abs(largest[:, 3] - (10 + numbers % 40) / 72)) < 0.02


def crossing(count, radius=6):
    """Two discs of different brightness that meet in the middle, one of them falling and thrown back; 25 a second."""
    picture = texture(72, 128, 1).astype(np.uint8)
    y, x = np.mgrid[:72, :128]
    for n in range(count):
        image = picture.copy()
        for across, top, level in ((20 + 1.6 * n, 40.0, 250), (108 - 1.6 * n, 44.0 - min(2 * abs(n - 28), 30), 10)):
            image[np.hypot(x - across, y - top - radius) < radius] = level
        yield image


def test_bodies_keep_their_numbers_where_they_pass_each_other_and_a_contact_there_is_seen():
    seen, times = Bodies(), np.arange(56) / 25
    rows = [
        part for n, image in enumerate(crossing(56)) for part in seen.see(n, n / 25, image, np.eye(3) if n else None)
    ]
    rows = np.concatenate([*rows, *seen.finish()])
    numbers = {body: (rows[:, 0] == body).sum() for body in set(rows[:, 0].tolist())}
    assert sorted(numbers.values())[-2] >= 45
    together = rows[np.abs(rows[:, 1] - 28) <= 6]
    assert len(set(together[:, 0].tolist())) == 2
    falls = find_falls(times, rows, np.zeros(len(times) - 1, bool))
    assert [fall.time for fall in falls] == pytest.approx([28 / 25], abs=0.02)
    assert falls[0].rebound > 0.2


def test_one_burst_of_movement_in_a_still_picture_is_one_hit():
    background = texture(144, 256, 1)
    frames = []
    for n in range(100):
        image = background.copy()
        left = 60 + round(90 * min(1.0, max(0.0, (n - 50) / 5)))
        image[60:90, left : left + 30] = texture(30, 30, 2, 4) + 55
        frames.append(Frame(n / 25, image.clip(0, 255).astype(np.uint8)))
    (hit,) = hits_of(frames, 4.0)
    assert 2.0 <= hit.time <= 2.25
    assert hit.kind in (HitKind.START, HitKind.STOP)
    assert hit.x == pytest.approx(0.0, abs=0.5)


def test_motion_follows_what_moves_and_where():
    background = texture(144, 256, 1)
    frames = []
    for n in range(75):
        image = background.copy()
        top = 20 + (3 * n) % 60 if n >= 50 else 20
        image[top : top + 40, 200:240] = texture(40, 40, 2, 4)
        frames.append(Frame(n / 25, image.clip(0, 255).astype(np.uint8)))
    field = measure(frames, 3.0)
    motion, motion_x, activity = motion_curves(field, cut_pairs(field), 3.0)
    assert len(motion) == len(motion_x) == 3 * MOTION_RATE + 1
    assert motion.dtype == motion_x.dtype == np.float32
    assert motion[:180].max() < 0.1
    assert motion[215:].mean() > 0.3
    assert np.median(motion_x[215:-5]) > 0.4
    assert 0 < activity < 1


def test_analysis_reports_often_and_stops_when_told(tmp_path):
    make_clip(tmp_path / "clip.mp4", count=50)
    region = region_of(probe(tmp_path / "clip.mp4"), 0)
    shares = []
    analyse(tmp_path / "clip.mp4", region, shares.append)
    assert shares == sorted(shares)
    assert len(shares) >= 50
    assert 0 <= shares[0] <= shares[-1] <= 1

    def impatient(share):
        if share > 0.3:
            raise JobCancelled("enough")

    with pytest.raises(JobCancelled):
        analyse(tmp_path / "clip.mp4", region, impatient)


def test_memory_kept_for_half_an_hour_is_small():
    picture = texture(144, 256)
    field = measure([Frame(n / 25, np.roll(picture, n, axis=0).astype(np.uint8)) for n in range(30)], 2.0)
    kept = (field.v, field.energy, field.camera, field.thumbs, field.bodies)
    per_pair = sum(column.nbytes for column in kept) / len(field.v)
    assert per_pair * 25 * 1800 < 60e6


@given(st.floats(-3, 3), st.floats(-3, 3), st.floats(-4, 4), st.integers(0, 5))
def test_camera_is_what_most_of_the_picture_does(x, y, zoom, seed):
    rng = np.random.default_rng(seed)
    points = np.column_stack([np.ones(200), rng.uniform(-0.5, 0.5, (200, 2))])
    truth = np.array([[x, y], [zoom, 0], [0, zoom]])
    samples = points @ truth
    samples[:50] += rng.uniform(2, 6, (50, 2))  # a quarter of it moves on its own
    found = robust_affine(points, samples.astype(np.float32), np.ones(200, np.float32), rounds=6)
    assert found == pytest.approx(truth, abs=0.3)


@given(arrays(np.float64, st.integers(1, 300), elements=st.floats(-1e6, 1e6)))
def test_middle_is_the_median_of_numbers(values):
    assert middle(values) == pytest.approx(np.median(values))


@given(arrays(np.uint8, st.tuples(st.integers(1, 20), st.integers(1, 20))))
def test_middle_level_is_the_median_of_a_picture(image):
    assert middle_level(image) == np.median(image)


@given(st.floats(0.05, 3), st.integers(30, 70), st.integers(2, 8))
def test_crisp_contact_lies_where_the_velocity_turns(speed, turn, sharpness):
    ticks = np.arange(100)
    v = (speed * np.clip((turn - ticks) / sharpness, -1, 1)).astype(np.float32)
    assert contact_tick(v, turn + 2) == pytest.approx(turn, abs=1)


@given(st.floats(0.05, 3), st.sampled_from([CRISP, BROAD]))
def test_salience_grows_with_the_stroke_and_needs_both_halves(speed, gesture):
    down_up = np.concatenate([np.full(40, speed), np.full(40, -speed)]).astype(np.float32)[:, None, None]
    salience = stroke_salience(down_up, np.abs(down_up), gesture)[:, 0, 0]
    assert abs(int(np.argmax(salience)) - 40) <= 1
    assert salience.max() == pytest.approx(speed, rel=0.05)
    for half in (np.abs(down_up), -np.abs(down_up), -down_up):
        middle = stroke_salience(half, np.abs(half), gesture)[20:60]
        assert not middle.any()


def test_backswings_between_strokes_are_dropped():
    blows = [Stroke(0.4 + 0.7 * n, 1.0, 4, 9) for n in range(5)]
    backswings = [Stroke(blow.time + 0.2, 0.2, 5, 7) for blow in blows[:-1]]
    assert without_halves([*backswings, *blows], 16) == blows


def test_soft_strokes_that_fade_or_lie_elsewhere_are_kept():
    bounces = [Stroke(float(0.4 * n), 0.6**n, 6, 3) for n in range(8)]
    assert without_halves(bounces, 16) == bounces
    drip = [Stroke(0.2 + 0.4 * n, 0.1, 6, 14) for n in range(7)]
    both = sorted([Stroke(0.4 * n, 1.0, 6, 3) for n in range(8)] + drip, key=lambda stroke: stroke.time)
    assert without_halves(both, 16) == both


def test_paced_strokes_leave_out_no_beat_and_add_none_between():
    steps = [Stroke(0.5 * n + 0.03 * (n % 2), 1.0, 6, n) for n in range(1, 12)]
    between, soft, faint = (Stroke(time, salience, 6, 5) for time, salience in ((2.27, 0.8), (3.02, 0.4), (3.55, 0.1)))
    seen = [step for step in steps if step.time not in (3.0, 3.53)]
    assert in_rhythm([*seen, between], [*seen, between, soft, faint]) == sorted([*seen], key=lambda s: s.time)
    seen = [step for step in steps if step.time != 3.0]
    assert in_rhythm([*seen, between], [*seen, between, soft]) == sorted([*seen, soft], key=lambda s: s.time)


@given(st.lists(st.floats(0.1, 3), min_size=6, max_size=12))
def test_strokes_without_a_pace_are_left_alone(gaps):
    gaps = np.array(gaps)
    if (np.abs(gaps[1:] / np.median(gaps[1:]) - 1) < 0.2).mean() < 0.65:
        strokes = [Stroke(float(time), 1.0, 6, 3) for time in np.cumsum(gaps)]
        assert in_rhythm(strokes, []) == strokes


def hits_at(times, places):
    pairs = zip(times, places, strict=True)
    return [Hit(time=float(t), strength=1.0, x=float(x), size=0.1, kind=HitKind.IMPACT) for t, x in pairs]


def test_even_hits_ever_further_across_are_a_walk_and_blows_and_bounces_are_not():
    even, across, fading = 0.3 + 0.5 * np.arange(8), np.linspace(-0.8, 0.8, 8), np.cumsum(0.8 * 0.8 ** np.arange(8))
    assert is_walk(hits_at(even, across))
    assert not is_walk(hits_at(even, np.full(8, 0.2)))
    assert not is_walk(hits_at(fading, across))


def test_hits_of_a_long_region_do_not_depend_on_how_it_is_cut_into_blocks(monkeypatch):
    from footfall_engine.analysis import strokes

    bounces = [0.5 + 0.6 * n for n in range(20)]
    field = measure(bouncing(np.arange(0, 12, 1 / 24), bounces), 12.0)
    cuts = cut_pairs(field)
    whole = find_hits(field, cuts, 12.0)
    monkeypatch.setattr(strokes, "BLOCK", 3.0)
    parts = find_hits(field, cuts, 12.0)
    assert [hit.time for hit in parts] == pytest.approx([hit.time for hit in whole])


def test_light_modules_do_not_bring_the_heavy_ones():
    import subprocess
    import sys

    code = "import sys, footfall_engine.analysis, footfall_engine.evaluation.sync; sys.exit('cv2' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False, timeout=60).returncode == 0


# ---- real clips


@needs_shared_media
def test_events_of_real_clips_lie_on_their_sounds():
    found = evaluate_sync(SHARED / "media" / "sync")
    assert len(found["clips"]) == 12
    assert found["mean_lift"] >= 0.3


@needs_shared_media
def test_waterfall_has_few_events_for_all_its_movement():
    (clip,) = (SHARED / "media" / "other").glob("SpecVQGAN*")
    found = analysed(clip)
    assert len(found.hits) / found.duration <= 1.5
    assert all(later.time > earlier.time for earlier, later in itertools.pairwise(found.hits))


def test_rendered_truth_is_what_the_scene_says(tmp_path):
    scene = Scene("balls", 2.0, **SMALL)
    assert render_clip(tmp_path / "clip.mp4", scene) == contacts_of(scene)
