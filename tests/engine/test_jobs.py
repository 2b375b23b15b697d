"""The queue: order, ids, restarts, cancel."""

from __future__ import annotations

import threading
from pathlib import Path

import pytest
from footfall_bridge import messages
from footfall_bridge.errors import DiskFull, EngineFault, UnknownJob
from footfall_bridge.messages import JobState
from footfall_engine.jobs import MOST_FALLS, JobQueue

KINDS = ("generate", "spot")


def ask(job_id: str, **fields: object) -> messages.Generate:
    return messages.Generate(id=job_id, video="/clips/a.mp4", stem_folder="/stems", **fields)


def stem(job_id: str, variant: int = 1) -> messages.Stem:
    return messages.Stem(
        id=job_id, variant=variant, path=f"/stems/{variant}.wav", seed=1, start=0, samples=48, rate=48_000
    )


def take(queue: JobQueue, kinds: tuple[str, ...] = KINDS):
    job = queue.take(kinds, timeout=5)
    assert job is not None, "no job became ready within 5 s"
    return job


def test_jobs_run_in_the_order_they_came():
    queue = JobQueue()
    for name in ("c", "a", "b"):
        queue.submit(ask(name))
    assert [take(queue).id for _ in range(3)] == ["c", "a", "b"]


def test_a_repeated_id_returns_the_present_state_and_never_runs_twice():
    queue = JobQueue()
    queue.submit(ask("one"))
    take(queue)
    queue.finish("one", messages.Done(id="one"))
    assert queue.submit(ask("one", prompt="something else")).state is JobState.DONE
    assert queue.take(KINDS, timeout=0) is None


def test_every_job_gets_a_seed_so_that_running_it_again_gives_the_same_sound():
    queue = JobQueue()
    queue.submit(ask("one"))
    seed = take(queue).request.seed
    assert seed is not None
    queue.put_back("one")
    assert take(queue).request.seed == seed


def test_a_full_disk_is_told_and_leaves_everything_as_it_was(tmp_path):
    queue = JobQueue(tmp_path / "jobs.db")
    queue.submit(ask("running"))
    take(queue)
    long = ask("long", prompt="x" * 10_000)
    lengthy = messages.Failed(id="running", code="internal", message="a bug", detail="x" * 100_000)
    queue._db.execute("PRAGMA max_page_count = 1")  # not a page more than there are
    for write in (lambda: queue.submit(long), lambda: queue.finish("running", lengthy)):
        with pytest.raises(DiskFull, match="the disk is full"):
            write()
    assert queue.counts() == {"running": 1}
    queue._db.execute("PRAGMA max_page_count = 1000000")
    queue.finish("running", lengthy)
    assert queue.submit(long).position == 0
    assert queue.counts() == {"failed": 1, "queued": 1}


def test_position_counts_the_jobs_before():
    queue = JobQueue()
    assert [queue.submit(ask(str(n))).position for n in range(3)] == [0, 1, 2]
    take(queue)
    assert queue.status("2").position == 1


def test_a_queued_job_is_cancelled_at_once_and_a_running_one_is_told():
    queue = JobQueue()
    queue.submit(ask("running"))
    queue.submit(ask("queued"))
    job = take(queue)
    assert queue.cancel("queued").state is JobState.CANCELLED
    assert queue.cancel("running").state is JobState.RUNNING
    assert job.cancelled.is_set()


def test_cancelling_a_finished_job_changes_nothing():
    queue = JobQueue()
    queue.submit(ask("one"))
    take(queue)
    queue.finish("one", messages.Done(id="one"))
    assert queue.cancel("one").state is JobState.DONE


@pytest.mark.parametrize("question", ["status", "cancel"])
def test_an_unknown_job_is_named(question: str):
    with pytest.raises(UnknownJob, match="'nobody'"):
        getattr(JobQueue(), question)("nobody")


def test_a_restarted_queue_runs_the_interrupted_job_again_and_keeps_its_finished_stems(tmp_path: Path):
    queue = JobQueue(tmp_path / "jobs.db")
    queue.submit(ask("interrupted", variants=2))
    queue.submit(ask("waiting"))
    take(queue)
    queue.report(messages.Warned(id="interrupted", code="unknown_word", message="flurb"))
    queue.report(stem("interrupted"))

    restarted = JobQueue(tmp_path / "jobs.db")
    again = take(restarted)
    assert (again.id, again.stems) == ("interrupted", (stem("interrupted"),))
    assert restarted.status("interrupted").warnings == [], "what the first run said is said again by the second"
    assert take(restarted).id == "waiting"


def killed_while_working(path: Path, stem_made: bool = False) -> None:
    queue = JobQueue(path)
    job = take(queue)
    queue.report(messages.Warned(id=job.id, code="few_events", message="nothing hits"))
    if stem_made:
        queue.report(stem(job.id))


def test_a_job_at_which_the_engine_keeps_ending_fails_and_the_next_one_runs(tmp_path: Path):
    queue = JobQueue(tmp_path / "jobs.db")
    queue.submit(ask("deadly", variants=9))
    queue.submit(ask("harmless"))
    for _ in range(MOST_FALLS):
        killed_while_working(tmp_path / "jobs.db")
    restarted, heard = JobQueue(tmp_path / "jobs.db"), []
    restarted.subscribe(heard.append)
    assert take(restarted).id == "harmless"
    (failed,) = [event for event in heard if isinstance(event, messages.Failed)]
    assert (failed.id, failed.code) == ("deadly", EngineFault.code)
    assert f"ended {MOST_FALLS} times" in failed.message
    assert restarted.status("deadly").state is JobState.FAILED


def test_a_job_that_makes_stems_between_the_engines_ends_goes_on(tmp_path: Path):
    JobQueue(tmp_path / "jobs.db").submit(ask("long", variants=9))
    for number in range(2 * MOST_FALLS):
        killed_while_working(tmp_path / "jobs.db", stem_made=number % 2 == 1)
    assert take(JobQueue(tmp_path / "jobs.db")).id == "long"


def test_an_engine_that_is_closed_in_good_order_is_no_fall(tmp_path: Path):
    JobQueue(tmp_path / "jobs.db").submit(ask("patient"))
    for _ in range(MOST_FALLS + 1):
        queue = JobQueue(tmp_path / "jobs.db")
        queue.put_back(take(queue).id)
    assert take(JobQueue(tmp_path / "jobs.db")).id == "patient"


def test_finished_jobs_stay_finished_after_a_restart(tmp_path: Path):
    queue = JobQueue(tmp_path / "jobs.db")
    queue.submit(ask("one"))
    take(queue)
    queue.report(stem("one"))
    queue.finish("one", messages.Failed(id="one", code="disk_full", message="the disk is full"))
    status = JobQueue(tmp_path / "jobs.db").status("one")
    assert status.state is JobState.FAILED
    assert status.failure is not None and status.failure.code == "disk_full"
    assert status.stems == [stem("one")]


def test_old_finished_jobs_are_forgotten_and_queued_ones_never(tmp_path: Path):
    queue = JobQueue(tmp_path / "jobs.db")
    for name in ("old", "queued"):
        queue.submit(ask(name))
    take(queue)
    queue.finish("old", messages.Done(id="old"))
    later = JobQueue(tmp_path / "jobs.db", keep_days=-1)
    assert later.counts() == {"queued": 1}


def test_listeners_hear_every_event_in_order_and_a_broken_one_disturbs_nobody():
    queue, heard = JobQueue(), []

    def broken(event: object) -> None:
        raise RuntimeError("broken listener")

    queue.subscribe(broken)
    unsubscribe = queue.subscribe(heard.append)
    queue.submit(ask("one"))
    take(queue)
    queue.report(messages.Progress(id="one", stage="s", fraction=0.5))
    queue.report(stem("one"))
    queue.finish("one", messages.Done(id="one"))
    assert [event.type for event in heard] == ["queued", "progress", "stem", "done"]
    unsubscribe()
    queue.submit(ask("two"))
    assert len(heard) == 4


def test_a_new_audition_stops_the_one_before():
    queue = JobQueue()
    queue.submit(messages.Audition(id="first", path="/a.wav"))
    first = take(queue, ("audition",))
    queue.submit(messages.Audition(id="second", path="/b.wav"))
    assert first.cancelled.is_set()
    assert take(queue, ("audition",)).id == "second"


def test_an_audition_does_not_wait_behind_a_long_job():
    queue = JobQueue()
    queue.submit(ask("long"))
    queue.submit(messages.Audition(id="play", path="/a.wav"))
    assert take(queue, ("audition",)).id == "play"


def test_a_thousand_jobs_from_many_threads_are_each_taken_once():
    queue = JobQueue()
    taken: list[str] = []

    def submit(first: int) -> None:
        for number in range(first, first + 125):
            queue.submit(ask(str(number)))

    def work() -> None:
        while (job := queue.take(KINDS, timeout=1)) is not None:
            taken.append(job.id)
            queue.finish(job.id, messages.Done(id=job.id))

    threads = [threading.Thread(target=submit, args=(n,)) for n in range(0, 1000, 125)]
    threads += [threading.Thread(target=work) for _ in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
        assert not thread.is_alive(), f"stuck with {queue.counts()}"
    assert sorted(taken, key=int) == [str(number) for number in range(1000)]


def test_recent_lists_the_running_job_then_the_queued_ones_then_the_latest_finished():
    queue = JobQueue()
    for name in ("done1", "done2", "running", "queued1", "queued2"):
        queue.submit(ask(name))
    for name in ("done1", "done2"):
        take(queue)
        queue.finish(name, messages.Done(id=name))
    take(queue)
    assert [brief.id for brief in queue.recent(5)] == ["running", "queued1", "queued2", "done2", "done1"]


def test_a_list_of_jobs_says_why_one_failed():
    queue = JobQueue()
    for name in ("good", "bad"):
        queue.submit(ask(name))
        take(queue)
    queue.finish("good", messages.Done(id="good"))
    queue.finish("bad", messages.Failed(id="bad", code="no_picture", message="the clip has no picture", detail="…"))
    assert [(brief.id, brief.message) for brief in queue.recent()] == [("bad", "the clip has no picture"), ("good", "")]
