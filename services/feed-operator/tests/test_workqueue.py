"""The order in which feeds are looked at."""

import asyncio

from meetup_feed_operator.control.workqueue import WorkQueue

A, B = ("n", "a"), ("n", "b")


class Clock:
    def __init__(self) -> None:
        self.now = 0.0

    def __call__(self) -> float:
        return self.now


def test_a_feed_woken_twice_is_taken_once() -> None:
    async def scenario() -> None:
        queue = WorkQueue()
        queue.wake(A)
        queue.wake(A)
        assert await queue.take(within=0) == A
        queue.done(A)
        assert await queue.take(within=0) is None

    asyncio.run(scenario())


def test_a_feed_is_with_one_worker_at_a_time_and_a_wake_meanwhile_is_kept() -> None:
    async def scenario() -> None:
        queue = WorkQueue()
        queue.wake(A)
        assert await queue.take(within=0) == A
        queue.wake(A)
        assert await queue.take(within=0) is None
        queue.done(A)
        assert await queue.take(within=60) == A

    asyncio.run(scenario())


def test_a_feed_that_was_dealt_with_rests_however_often_it_is_woken() -> None:
    """Else two operators of different settings would undo each other's changes as fast as the API server answers."""

    async def scenario() -> None:
        clock = Clock()
        queue = WorkQueue(clock)
        queue.wake(A)
        await queue.take(within=0)
        queue.wake(A)
        queue.done(A)
        queue.wake(A)
        assert await queue.take(within=0) is None
        queue.wake(B)
        assert await queue.take(within=0) == B
        clock.now = 1
        assert await queue.take(within=0) == A

    asyncio.run(scenario())


def test_a_feed_that_was_gone_and_is_made_again_does_not_wait() -> None:
    async def scenario() -> None:
        clock = Clock()
        queue = WorkQueue(clock)
        queue.wake(A)
        await queue.take(within=0)
        queue.failed(A, retry_after=7)
        clock.now = 7
        await queue.take(within=0)
        queue.forget(A)
        queue.wake(A)
        assert await queue.take(within=0) == A

    asyncio.run(scenario())


def test_the_feed_due_longest_comes_first() -> None:
    async def scenario() -> None:
        clock = Clock()
        queue = WorkQueue(clock)
        queue.wake(B, after=5)
        queue.wake(A, after=3)
        assert await queue.take(within=0) is None
        clock.now = 6
        assert queue.depth() == 2
        assert [await queue.take(within=0), await queue.take(within=0)] == [A, B]

    asyncio.run(scenario())


def test_an_event_does_not_shorten_the_wait_of_a_failed_feed() -> None:
    async def scenario() -> None:
        clock = Clock()
        queue = WorkQueue(clock)
        queue.wake(A)
        await queue.take(within=0)
        assert queue.failed(A, retry_after=7) == 7
        queue.wake(A)
        clock.now = 6.9
        assert await queue.take(within=0) is None
        clock.now = 7
        assert await queue.take(within=0) == A

    asyncio.run(scenario())


def test_waits_grow_to_the_ceiling_and_start_anew_after_success() -> None:
    async def scenario() -> None:
        clock = Clock()
        queue = WorkQueue(clock)
        waits = []
        for _ in range(20):
            queue.wake(A)
            clock.now += 100
            await queue.take(within=0)
            waits.append(queue.failed(A))
        assert waits[0] <= 0.5
        assert 16 <= waits[-1] <= 32
        clock.now += 100
        await queue.take(within=0)
        queue.done(A)
        queue.wake(A)
        await queue.take(within=0)
        assert queue.failed(A) <= 0.5

    asyncio.run(scenario())


def test_a_waiting_worker_is_woken_by_an_event() -> None:
    async def scenario() -> None:
        queue = WorkQueue()
        waiting = asyncio.create_task(queue.take(within=60))
        await asyncio.sleep(0)
        queue.wake(A)
        assert await asyncio.wait_for(waiting, 60) == A

    asyncio.run(scenario())
