"""Runs on MicroPython: coroutines of the firmware's tasks that are spoilt when it is ordered.

What is done to a slice, which is what runs between two waits: an exception comes out of the wait
before it, its memory ends, or the wait never ends.
"""

import asyncio
import gc

from evse.supervisor import Watched

RAISE, HANG, PROBE = -1, -2, -3  # what is done to a slice; from 0 on: bytes of memory that it has
_LISTED = 20_000
_GROUND = 16  # bytes before the items of a tuple
_WORD = 8

_ballast = [None] * _LISTED


class Order:
    """What is to be done: to slice ``step`` of the service ``number``, ``how`` as above.

    Slice 0 is what happens before it runs.

    ``fired`` once it is done, ``problem`` what the service ended with, ``place`` where, ``need``
    the bytes that the slice took. ``slices`` are those of each service since it began.
    """

    number = step = None
    how = RAISE
    fired = False
    problem = place = None
    need = 0
    slices = {}


def order(number, step, how):
    """From now on this is to be done, once."""
    Order.number, Order.step, Order.how = number, step, how
    Order.fired = False
    Order.problem = Order.place = None


async def _never():
    await asyncio.Event().wait()


class Spoilt:
    """A coroutine of the service ``number`` whose slices are counted, and spoilt as ordered."""

    def __init__(self, number, coroutine):
        self.number = number
        self._coroutine = coroutine
        self._hanging = None
        self._count = 0
        Order.slices[number] = 0

    def send(self, value):
        """Run it until it waits."""
        if self._hanging:
            return self._hanging.send(None)
        self._count += 1
        Order.slices[self.number] += 1
        if Order.fired or self.number != Order.number or self._count < Order.step:
            return self._coroutine.send(value)
        if Order.how == HANG:
            Order.fired = True
            self._hanging = _never()
            return self._hanging.send(None)
        return _spoil(self._coroutine.throw, self._coroutine.send, value)

    def throw(self, problem):
        """Run it from an exception on."""
        if self._hanging:
            self._hanging.close()
            self._hanging = None
        return self._coroutine.throw(problem)

    def close(self):
        """End it."""
        self._coroutine.close()


def _spoil(throw, step, argument):
    """Do what is ordered to ``step(argument)``, which ``throw(problem)`` begins otherwise."""
    Order.fired = True
    try:
        if Order.how == RAISE:
            return throw(RuntimeError("made by the campaign"))
        return _measured(step, argument)
    except StopIteration:
        raise
    except BaseException as problem:
        Order.problem = problem
        raise


def _measured(step, argument):
    """Run a slice with the memory ordered, or see how much it takes."""
    gc.collect()
    used = 0 if Order.how == PROBE else _fill(Order.how)
    gc.disable()
    before = gc.mem_alloc()
    try:
        return step(argument)
    finally:
        if Order.how == PROBE:
            Order.need = gc.mem_alloc() - before
        for number in range(used):
            _ballast[number] = None
        gc.enable()


def _fill(left):
    """Take all memory but so many bytes in one piece; returns how much of the list is used."""
    spare = (None,) * max(0, (left - _GROUND) // _WORD)
    used = 0
    size = 1 << 16
    gc.disable()
    while size and used < _LISTED:
        try:
            _ballast[used] = (None,) * size
            used += 1
        except MemoryError:
            size //= 2
    gc.enable()
    del spare
    gc.collect()
    return used


class Task(Watched):
    """A task of the supervisor's that can be spoilt; ``all`` has them by number."""

    all = {}

    def __init__(self, number, service):
        def fail(problem):
            raise problem

        def spoilt():
            if Order.number == number and Order.step == 0 and not Order.fired:
                coroutine = _spoil(fail, lambda _: service(), None)
            else:
                coroutine = service()
            return coroutine and Spoilt(number, coroutine)

        super().__init__(number, spoilt)
        self.all[number] = self
