"""Visible hits of a region: which strokes and which bursts of movement count.

A region is judged window by window, by how much of the time something happens:

- *clear*: between its strokes next to nothing comes down and goes up (a ball, a hammer, before a still background).
  Small strokes count then, and may follow each other quickly; where a body is seen to fall and to be stopped, that
  tells the time.
- *sparse*: most of the time hardly anything moves. Every burst of movement counts, at its fastest moment: what is at
  rest and suddenly moves is an event, whatever its direction (a recoil, a bark, a slammed door). What is swung down
  and lifted again and again is at work, though: it strikes at the end of its way down, and its lifts are silent.
- *busy*, the rest: strokes that stand out count, and falls where there are many. What strikes shakes more than one
  place (a step the foot and the head, a drum the arm and the stick), so strokes that others elsewhere coincide with
  count for more. Strokes that keep a pace, like steps, leave out no beat and add none between.

Light that flares up and is gone again counts in all of them.

The numbers below were chosen on rendered scenes with known contacts and on real clips with their own sound. None of
them is delicate: moving all at once by up to a fifth, at random, costs a tenth of the lift (`evaluation/lift.py`) at
most.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

import numpy as np
from footfall_bridge.messages import Hit, HitKind
from numpy.typing import NDArray
from scipy.ndimage import maximum_filter1d

from footfall_engine.analysis.flashes import Flash, find_flashes
from footfall_engine.analysis.flow import Field
from footfall_engine.analysis.motion import columns_x
from footfall_engine.analysis.strokes import GRID_RATE, Curve, Sightings, Stroke, survey
from footfall_engine.progress import ProgressFn, no_progress

WINDOW = 20.0  # seconds judged together
STRONG = 95  # percentile of an envelope that counts as strong
HARD = 90  # percentile of the chosen strokes' salience that is struck with full strength
LIVELY = 98  # percentile of the liveliness that counts as lively
BACKGROUND = 40  # percentile of an envelope that is what goes on between the strokes
CLEAR_BACKGROUND = 0.02  # background of the crisp envelope, as a share of the strong
SPARSE_BACKGROUND = 0.2  # median of the liveliness, as a share of the lively
CLEAR_SHARE, CLEAR_GAP = 0.1, 0.08  # least share of the strong, seconds between two hits
EDGE_SHARE = 0.4  # of its salience that a stroke at the picture's edge keeps
HALF_STROKE, HALF_SPAN = 0.3, 0.45  # least share of the salience of the strokes around it, seconds to the nearest
LAST_HALF = 0.2  # share for the last stroke, which has none behind it
OFF_PACE, PACED_SHARE = 0.2, 0.65  # share of the usual gap that gaps differ by, share of gaps that differ by less …
OFF_BEAT = 0.7  # … where strokes keep a pace; share of it that no two strokes are nearer than
NEAR_BEAT, ON_BEAT_SHARE = 0.25, 0.3  # share of the pace around a beat, of the usual salience that one there needs
SAME_ACTION = 0.25  # of the picture's width within which strokes belong to the same body
FEWEST_STROKES = 5  # that show what a whole stroke is
FALL_GAP = 0.08  # seconds from a body's fall, which is timed better, to any other hit
FALLS_SHARE = 0.5  # of the strokes that stand out where much else moves: as many falls as that, and bodies bounce there
ECHO, ECHO_SPAN = 0.1, 0.2  # share of a landing's salience, seconds after it, in which nothing less is a stroke
LANDING_GAP = 0.1  # seconds between a landing and any other hit
AT_REST, OWN_REST = 0.15, 0.1  # share of the fastest change around, and of the own speed, at which a stroke rests
SHORTEST_REST, LOOK_BACK, MOST_LATE = 0.05, 0.2, 0.13  # seconds
REST_COLUMNS = 5  # of cells on either side that rest too
BUSY_SHARE, BUSY_GAP = 0.45, 0.15
COINCIDENCE, MOST_SUPPORT = 0.1, 1.5  # seconds; times its own salience that others may add to a stroke's
OVERSHADOWED, DOMINANCE = 0.3, 0.7  # seconds; least share of the strongest stroke's salience so near
BURST_SHARE, BURST_GAP = 0.4, 0.25  # least share of the lively, seconds within which the fastest counts
ABOVE_BACKGROUND = 2.6  # times the median of the envelope that a stroke must reach
LEAST_STROKE = 0.01  # heights per second; falling water reaches 0.009 …
CLEAR_STROKE = 0.005  # … but is never clear
FLASH_GAP = 0.12  # seconds around a flash in which the picture lights up, and so seems to move
ALONG = 0.7  # share of a burst's movement that is down, or up
FEWEST_BLOWS = 3  # with lifts between them, that are work; what comes down but once or twice is a nod
LONGEST_DESCENT = 0.3  # seconds from the fastest moment of a descent to its end
OVER = 0.3  # share of its fastest at which it is over
STILL = 0.01  # heights per second, RMS over the picture: less is not a burst
QUIET = 0.25  # share of the movement on the other side that makes it a start or a stop
ASIDE = 0.12  # seconds before and after a hit that its kind is told from
FEWEST_STEPS = 5
PACE, UNEVEN, EVEN_SHARE = (
    (0.25, 0.8),
    0.2,
    0.75,
)  # seconds between steps, share they vary by, share of them that do not
WAY, STRAIGHT = 0.4, 0.9  # of half the picture's width that is walked at least, correlation of place with time
HELD = 0.03  # heights per second that a held camera moves sideways on average, at most


@dataclass(frozen=True)
class Moment:
    """Something that counts, before it is described."""

    time: float
    strength: float
    row: int
    column: int


def find_hits(
    field: Field, cuts: NDArray[np.bool_], duration: float, progress: ProgressFn = no_progress
) -> tuple[Hit, ...]:
    """Hits of a region in order of time; none lies on a cut."""
    ticks = round(duration * GRID_RATE) + 1
    if len(field.v) < 2:
        return ()
    seen = survey(field, cuts, ticks, progress)
    moments: list[Moment] = []
    for window in _windows(duration):
        moments += _moments(field, cuts, seen, window)
    hits = [_hit(field, moment, duration) for moment in moments]
    if is_walk(hits) and abs(float(field.camera[~cuts, 0].mean())) < HELD:
        hits = [hit.model_copy(update={"kind": HitKind.STEP}) for hit in hits]
    for flash in find_flashes(field, cuts):
        hits = [hit for hit in hits if abs(hit.time - flash.time) >= FLASH_GAP]
        hits.append(_flash_hit(field, flash, duration))
    return tuple(sorted(hits, key=lambda hit: hit.time))


def is_walk(hits: Sequence[Hit]) -> bool:
    """Whether hits before a held camera are the steps of somebody: at an even pace, ever further across the picture."""
    if len(hits) < FEWEST_STEPS:
        return False
    times, places = np.array(sorted((hit.time, hit.x) for hit in hits)).T
    gaps = np.diff(times)
    pace = float(np.median(gaps))
    if not PACE[0] <= pace <= PACE[1] or np.ptp(places) < WAY:
        return False
    even = np.abs(gaps - pace) < UNEVEN * pace
    return bool(even.mean() >= EVEN_SHARE and abs(np.corrcoef(times, places)[0, 1]) > STRAIGHT)


def _windows(duration: float) -> Iterator[slice]:
    """Grid ticks of a region in equal windows."""
    count = max(1, round(duration / WINDOW))
    marks = [round(duration * k / count * GRID_RATE) for k in range(count)]
    yield from (slice(first, last) for first, last in itertools.pairwise([*marks, round(duration * GRID_RATE) + 1]))


def _moments(field: Field, cuts: NDArray[np.bool_], seen: Sightings, window: slice) -> Iterator[Moment]:
    """What counts in a window of grid ticks."""
    liveliness = seen.liveliness[window]
    lively = float(np.percentile(liveliness, LIVELY))
    if _background(seen.crisp.envelope[window]) < CLEAR_BACKGROUND:
        columns = field.v.shape[2]
        strokes = _doubt_edges(_within(window, seen.crisp.strokes), columns, EDGE_SHARE)
        landings = _doubt_edges(_within(window, seen.landings), columns, 0.0)
        strokes = _without_echoes(strokes, landings)
        falls = _within(window, seen.falls)
        chosen = _standing_out(seen.crisp.envelope[window], strokes, CLEAR_SHARE, CLEAR_GAP, CLEAR_STROKE, landings)
        stopped = [stroke if stroke in landings else _at_its_stop(field, cuts, stroke) for stroke in chosen]
        rested = [stop for stroke, stop in zip(chosen, stopped, strict=True) if stop is not stroke]
        falls = _apart(_away_from(rested, falls), FALL_GAP)
        yield from _by_strength(falls + _away_from(falls, without_halves(stopped, columns)))
    elif np.median(liveliness) < SPARSE_BACKGROUND * lively:
        yield from _bursts(field, seen.liveliness, window, lively)
    else:
        strokes = _supported(_within(window, seen.broad.strokes))
        chosen = _standing_out(seen.broad.envelope[window], _dominant(strokes), BUSY_SHARE, BUSY_GAP, LEAST_STROKE)
        falls = _apart(_within(window, seen.falls), FALL_GAP)
        falls = falls if len(falls) >= FALLS_SHARE * len(chosen) else []
        whole = in_rhythm(without_halves(chosen, field.v.shape[2]), strokes)
        yield from _by_strength(falls + _away_from(falls, whole))


def _without_echoes(strokes: Sequence[Stroke], landings: Sequence[Stroke]) -> list[Stroke]:
    """Strokes that are more than what still trembles after a landing."""
    return [
        stroke
        for stroke in strokes
        if not any(0 < stroke.time - it.time < ECHO_SPAN and stroke.salience < ECHO * it.salience for it in landings)
    ]


def _apart(strokes: Sequence[Stroke], gap: float) -> list[Stroke]:
    """The strongest strokes, at least a gap (seconds) from each other."""
    chosen: list[Stroke] = []
    choose(chosen, strokes, 0.0, gap)
    return chosen


def _away_from(known: Sequence[Stroke], strokes: Sequence[Stroke]) -> list[Stroke]:
    return [stroke for stroke in strokes if all(abs(stroke.time - other.time) >= FALL_GAP for other in known)]


def _background(envelope: Curve) -> float:
    """What goes on between the strokes, as a share of the strong ones."""
    strong = float(np.percentile(envelope, STRONG))
    return float(np.percentile(envelope, BACKGROUND)) / strong if strong > 0 else 1.0


def _standing_out(
    envelope: Curve, strokes: list[Stroke], share: float, gap: float, least: float, landings: Sequence[Stroke] = ()
) -> list[Stroke]:
    """Strokes that stand out of their envelope, and landings between them."""
    strong = float(np.percentile(envelope, STRONG))
    threshold = max(share * strong, ABOVE_BACKGROUND * float(np.median(envelope)), least)
    chosen: list[Stroke] = []
    choose(chosen, strokes, threshold, gap)
    choose(chosen, landings, threshold, LANDING_GAP)
    return chosen


def _at_its_stop(field: Field, cuts: NDArray[np.bool_], stroke: Stroke) -> Stroke:
    """A stroke as it comes to rest, when it rests before it goes up again: a hammer on its nail, a shoe on the ground.

    Rest is told from the pictures' change, which is sure where flow is lost in a movement too fast for it. How far the
    last moving pair changes, against the pair before, tells when in it the movement ended.
    """
    first, here = int(np.searchsorted(field.times, stroke.time - LOOK_BACK)), _pair_at(field, stroke.time)
    pairs = slice(first, here + 2)
    if cuts[pairs].any():
        return stroke
    times, change = field.times[first : here + 3], _change(field, pairs, stroke.column)
    own = field.energy[pairs, max(0, stroke.row - 1) : stroke.row + 2, max(0, stroke.column - 1) : stroke.column + 2]
    speed = own.astype(np.float32).mean(axis=(1, 2))
    rests = change < AT_REST * change.max()
    peak = here - first
    if not rests[peak] or speed[peak] > OWN_REST * speed.max():
        return stroke
    moving = np.flatnonzero(~rests)
    last = int(moving[moving < peak].max(initial=0))
    rest_end = int(moving[moving > peak].min(initial=len(rests)))
    if last < 1 or times[rest_end] - times[last + 1] < SHORTEST_REST:
        return stroke
    moved = min(1.0, float(change[last] / max(change[last - 1], 1e-9)))
    stop = float(times[last] + moved * (times[last + 1] - times[last]))
    return replace(stroke, time=stop) if 0 <= stroke.time - stop <= MOST_LATE else stroke


def _change(field: Field, pairs: slice, column: int) -> NDArray[np.float64]:
    """How much the picture changes in each pair, grey levels per second summed over the columns around one."""
    columns = slice(max(0, column - REST_COLUMNS), column + REST_COLUMNS + 1)
    thumbs = field.thumbs[pairs.start : pairs.stop + 1, :, columns].astype(np.int16)
    change = np.maximum(np.abs(np.diff(thumbs, axis=0)) - 1, 0).sum(axis=(1, 2))  # one level is rounding
    return change / np.diff(field.times[pairs.start : pairs.stop + 1])


def without_halves(strokes: Sequence[Stroke], columns: int) -> list[Stroke]:
    """Strokes in order of time, less those that are only half of one: a lift that stops, a leg that swings through.

    Such a half lies shortly before or after a whole stroke of the same body, and is much weaker than the whole ones on
    either side of it. What fades, like a ball's bounces, has none as strong behind it and stays.
    """
    strokes = sorted(strokes, key=lambda stroke: stroke.time)
    if len(strokes) < FEWEST_STROKES:
        return strokes
    return [stroke for number, stroke in enumerate(strokes) if not _is_half(number, strokes, SAME_ACTION * columns)]


def in_rhythm(strokes: Sequence[Stroke], others: Sequence[Stroke]) -> list[Stroke]:
    """Strokes in order of time; where most of them keep a pace, one fills each beat, and none falls between beats.

    Between the beats the weakest goes first. A beat is filled from the `others`, by one that may be weaker than a
    stroke that has to stand out by itself.
    """
    strokes = sorted(strokes, key=lambda stroke: stroke.time)
    gaps = np.diff([stroke.time for stroke in strokes])
    if len(strokes) < FEWEST_STROKES or (np.abs(gaps / np.median(gaps) - 1) < OFF_PACE).mean() < PACED_SHARE:
        return strokes
    pace = float(np.median(gaps))
    while between := [pair for pair in itertools.pairwise(strokes) if pair[1].time - pair[0].time < OFF_BEAT * pace]:
        strokes.remove(min(itertools.chain(*between), key=lambda stroke: stroke.salience))
    beats = [(a.time + b.time) / 2 for a, b in itertools.pairwise(strokes) if _is_two(b.time - a.time, pace)]
    beats += [strokes[0].time - pace, strokes[-1].time + pace]
    least = ON_BEAT_SHARE * float(np.median([stroke.salience for stroke in strokes]))
    for beat in beats:
        near = [stroke for stroke in others if abs(stroke.time - beat) < NEAR_BEAT * pace and stroke.salience >= least]
        strokes += sorted(near, key=lambda stroke: stroke.salience)[-1:]
    return sorted(strokes, key=lambda stroke: stroke.time)


def _is_two(gap: float, pace: float) -> bool:
    return abs(gap / pace - 2) < 2 * OFF_PACE


def _is_half(number: int, strokes: Sequence[Stroke], reach: float) -> bool:
    """Whether one of many strokes is much weaker than its neighbours in time among those so many columns around."""
    stroke = strokes[number]
    before = next((s for s in reversed(strokes[:number]) if abs(s.column - stroke.column) <= reach), None)
    after = next((s for s in strokes[number + 1 :] if abs(s.column - stroke.column) <= reach), None)
    if before is None:
        return False
    if after is None:
        return stroke.time - before.time < HALF_SPAN and stroke.salience < LAST_HALF * before.salience
    near = min(stroke.time - before.time, after.time - stroke.time) < HALF_SPAN
    return near and stroke.salience < HALF_STROKE * min(before.salience, after.salience)


def _by_strength(strokes: Sequence[Stroke]) -> Iterator[Moment]:
    """Strokes as moments; the hardest are struck with full strength."""
    if strokes:
        hard = float(np.percentile([stroke.salience for stroke in strokes], HARD))
        yield from (Moment(s.time, min(1.0, s.salience / hard), s.row, s.column) for s in strokes)


def choose(chosen: list[Stroke], strokes: Sequence[Stroke], threshold: float, gap: float) -> None:
    """Add strokes above a threshold to the chosen, the strongest first and at least a gap (seconds) from all others."""
    for stroke in sorted(strokes, key=lambda stroke: (-stroke.salience, stroke.time)):
        if stroke.salience < threshold:
            break
        if all(abs(stroke.time - other.time) >= gap for other in chosen):
            chosen.append(stroke)


def _doubt_edges(strokes: list[Stroke], columns: int, share: float) -> list[Stroke]:
    """Strokes; those at the sides and top of the picture, where what leaves seems to turn, keep a share of salience."""
    return [
        replace(stroke, salience=share * stroke.salience)
        if stroke.row == 0 or stroke.column in (0, columns - 1)
        else stroke
        for stroke in strokes
    ]


def _supported(strokes: list[Stroke]) -> list[Stroke]:
    """Strokes with the salience of those that coincide with them added, up to so many times their own."""
    strokes = sorted(strokes, key=lambda stroke: stroke.time)
    own = np.array([stroke.salience for stroke in strokes])
    others = _sums_near(strokes, own, COINCIDENCE) - own
    total = own + np.minimum(others, MOST_SUPPORT * own)
    return [replace(stroke, salience=float(salience)) for stroke, salience in zip(strokes, total, strict=True)]


def _sums_near(strokes: list[Stroke], values: NDArray[np.float64], seconds: float) -> NDArray[np.float64]:
    """Sum of the values of all strokes that lie within so many seconds of each; strokes in order of time."""
    first, last = _neighbours(strokes, seconds)
    total = np.concatenate([[0.0], np.cumsum(values)])
    return total[last] - total[first]


def _dominant(strokes: list[Stroke]) -> list[Stroke]:
    """Strokes, in order of time, that no much stronger one is near."""
    first, last = _neighbours(strokes, OVERSHADOWED)
    salience = np.array([stroke.salience for stroke in strokes])
    return [
        stroke
        for stroke, a, b in zip(strokes, first, last, strict=True)
        if stroke.salience >= DOMINANCE * salience[a:b].max()
    ]


def _neighbours(strokes: list[Stroke], seconds: float) -> tuple[NDArray[np.intp], NDArray[np.intp]]:
    """First and one past the last stroke within so many seconds of each; strokes in order of time."""
    times = np.array([stroke.time for stroke in strokes])
    return np.searchsorted(times, times - seconds, "left"), np.searchsorted(times, times + seconds, "right")


def _within(window: slice, strokes: list[Stroke]) -> list[Stroke]:
    return [stroke for stroke in strokes if window.start <= stroke.time * GRID_RATE < window.stop]


def _bursts(field: Field, liveliness: Curve, window: slice, lively: float) -> Iterator[Moment]:
    """Fastest moments of bursts of movement, where the picture moves most."""
    least = max(STILL, BURST_SHARE * lively)
    found: list[Moment] = []
    largest = maximum_filter1d(liveliness, 2 * round(BURST_GAP * GRID_RATE) + 1)
    for tick in np.flatnonzero((liveliness >= largest) & (liveliness > least)).tolist():
        if window.start <= tick < window.stop:
            time = tick / GRID_RATE
            row, column = np.unravel_index(int(np.argmax(field.energy[_pair_at(field, time)])), field.energy.shape[1:])
            found.append(Moment(time, min(1.0, float(liveliness[tick]) / lively), int(row), int(column)))
    yield from _worked(field, found)


def _worked(field: Field, bursts: list[Moment]) -> Iterator[Moment]:
    """Bursts of movement; where something is swung down and lifted again and again, the ends of its way down alone."""
    down = [_downward(field, burst) for burst in bursts]
    blows, lifts = sum(share > ALONG for share in down), sum(share < -ALONG for share in down)
    if blows < FEWEST_BLOWS or lifts < FEWEST_BLOWS - 1:
        yield from bursts
        return
    last = -np.inf
    for burst, share in zip(bursts, down, strict=True):
        end = replace(burst, time=_end_of_descent(field, burst)) if share > ALONG else burst
        if share > -ALONG and end.time - last >= BURST_GAP:
            last = end.time
            yield end


def _downward(field: Field, moment: Moment) -> float:
    """How much of the movement around a moment's cell is down (1) or up (−1)."""
    cells = _pair_at(field, moment.time), *_around(field, moment)
    v, energy = field.v[cells].astype(np.float32), field.energy[cells].astype(np.float32)
    return float(v.sum() / max(1e-6, float(energy.sum())))


def _around(field: Field, moment: Moment) -> tuple[slice, slice]:
    return slice(max(0, moment.row - 1), moment.row + 2), slice(max(0, moment.column - 1), moment.column + 2)


def _end_of_descent(field: Field, moment: Moment) -> float:
    """When a descent that is fastest at a moment is over: what strikes does so at its end."""
    first = _pair_at(field, moment.time)
    last = int(np.searchsorted(field.times, moment.time + LONGEST_DESCENT))
    rows, columns = _around(field, moment)
    v = field.v[first : max(last, first + 1), rows.start : rows.stop + 2, columns].astype(np.float32).mean(axis=(1, 2))
    fastest = int(np.argmax(v))
    over = np.flatnonzero(v[fastest:] < OVER * v[fastest])
    return float(field.times[first + fastest + int(over[0])]) if over.size else moment.time


def _pair_at(field: Field, time: float) -> int:
    return int(np.clip(np.searchsorted(field.times, time, side="right") - 1, 0, len(field.v) - 1))


def _hit(field: Field, moment: Moment, duration: float) -> Hit:
    return Hit(
        time=min(max(0.0, moment.time), duration),
        strength=min(1.0, max(0.0, moment.strength)) ** 0.5,
        x=float(columns_x(field.v.shape[2])[moment.column]),
        size=_size(field, moment),
        kind=_kind(field, moment),
    )


def _flash_hit(field: Field, flash: Flash, duration: float) -> Hit:
    x = float(columns_x(field.thumbs.shape[2])[flash.column])
    time = min(max(0.0, flash.time), duration)
    return Hit(time=time, strength=flash.strength**0.5, x=x, size=1.0, kind=HitKind.FLASH)


def _size(field: Field, moment: Moment) -> float:
    """Share of the picture's height, around a hit's cell, that moves at least half as fast as that column's fastest."""
    pair = _pair_at(field, moment.time)
    near = field.energy[max(0, pair - 1) : pair + 2, :, max(0, moment.column - 1) : moment.column + 2]
    profile = near.astype(np.float32).max(axis=(0, 2))
    moving = profile >= 0.5 * profile.max()
    first = last = int(np.argmin(np.where(moving, np.abs(np.arange(len(moving)) - moment.row), len(moving))))
    while first > 0 and moving[first - 1]:
        first -= 1
    while last + 1 < len(moving) and moving[last + 1]:
        last += 1
    return float(last + 1 - first) / len(moving)


def _kind(field: Field, moment: Moment) -> HitKind:
    """Start or stop when there is hardly any movement before or after, around the hit's cell; impact otherwise."""
    rows = slice(max(0, moment.row - 1), moment.row + 2)
    columns = slice(max(0, moment.column - 1), moment.column + 2)
    middles = (field.times[:-1] + field.times[1:]) / 2
    before, after = (
        float(field.energy[pairs, rows, columns].astype(np.float32).mean())
        for pairs in (
            _span(middles, moment.time - ASIDE, moment.time),
            _span(middles, moment.time, moment.time + ASIDE),
        )
    )
    if before < QUIET * after:
        return HitKind.START
    return HitKind.STOP if after < QUIET * before else HitKind.IMPACT


def _span(middles: NDArray[np.float64], start: float, end: float) -> slice:
    """Pairs whose middles lie in [start, end]; at least one."""
    first = min(int(np.searchsorted(middles, start)), len(middles) - 1)
    return slice(first, max(first + 1, int(np.searchsorted(middles, end, side="right"))))
