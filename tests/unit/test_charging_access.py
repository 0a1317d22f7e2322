"""Access: which card switches what in which state, and the minute without a car."""

from evse import reasons
from evse.charging.access import Access, same

OFF, ON, PAUSE = 0, 1, 2
DISABLED, ENABLE_ALL, ENABLE_ONE, LEARN, DELETE, DELETE_ALL = range(6)
READY, HANDLED, INVALID = 0, 1, 7
ANNA = "04A1B2C3D4E5F6"
BERT = "04A1B2C3D4E5F7"


class Log:
    """A journal to look into."""

    def __init__(self):
        self.events = []

    def __call__(self, code, a=0, b=0):
        self.events.append((code, a, b))


def _access(state=OFF, card=""):
    log = Log()
    access = Access(log)
    access.state = state
    access.card = card
    return access, log.events


def _empty_for(access, mode, seconds):
    """Let seconds pass without a car; returns those in which access was switched off."""
    return [second for second in range(1, seconds + 1) if access.second(mode, False)]


def test_it_begins_switched_off():
    access, events = _access()
    assert (access.state, access.card, access.by) == (OFF, "", reasons.NONE) and not events


def test_set_tells_whether_it_changed_anything_and_by_whom():
    for before in (OFF, ON, PAUSE):
        for after in (OFF, ON, PAUSE):
            access, events = _access(before)
            assert access.set(after, reasons.SWITCH) is (before != after)
            assert access.state == after
            assert access.by == (reasons.SWITCH if before != after else reasons.NONE)
            assert events == ([(reasons.SWITCH, after, 0)] if before != after else [])


def test_set_refuses_what_is_no_state():
    for state in (-1, 3, None, "On"):
        access, events = _access(ON, ANNA)
        try:
            access.set(state, reasons.COMMANDED)
            raise AssertionError(state)
        except ValueError:
            assert (access.state, access.card, events) == (ON, ANNA, [])


def test_the_card_is_forgotten_when_access_ends_and_kept_in_a_pause():
    access, _ = _access(ON, ANNA)
    access.set(PAUSE, reasons.COMMANDED)
    assert access.card == ANNA
    access.set(ON, reasons.COMMANDED)
    assert access.card == ANNA
    access.set(OFF, reasons.TIMER)
    assert access.card == ""


def test_every_state_and_mode_with_every_card():
    # By mode, state and who switched on: state and status after Anna's card.
    table = {}
    for owner in ("", ANNA, BERT):
        table[ENABLE_ALL, OFF, owner] = (ON, HANDLED)
        table[ENABLE_ALL, ON, owner] = (OFF, HANDLED)
        table[ENABLE_ALL, PAUSE, owner] = (ON, HANDLED)
        table[ENABLE_ONE, OFF, owner] = (ON, HANDLED)
        for state in (ON, PAUSE):
            table[ENABLE_ONE, state, owner] = (
                (state, INVALID) if owner == BERT else (OFF, HANDLED))
        for state in (OFF, ON, PAUSE):
            for mode in (DISABLED, LEARN, DELETE, DELETE_ALL, 6, -1):
                table[mode, state, owner] = (state, READY)
    for (mode, state, owner), (after, status) in table.items():
        for known in (False, None, True, (3, "Anna")):
            access, events = _access(state, owner)
            answer = access.swipe(mode, ANNA, known)
            if not known and mode in (ENABLE_ALL, ENABLE_ONE):
                assert (access.state, answer) == (state, INVALID), (mode, state)
            else:
                assert (access.state, answer) == (after, status), (mode, state, owner)
            if answer == READY:
                assert not events
            else:
                assert (reasons.CARD_READ, answer, 0) in events
            changed = access.state != state
            assert access.by == (reasons.CARD if changed else reasons.NONE)
            if changed:
                assert access.card == (ANNA if access.state == ON else "")
                assert (reasons.CARD, access.state, 0) in events
            else:
                assert access.card == owner and len(events) <= 1


def test_one_card_from_an_old_and_a_new_reader():
    access, _ = _access()
    assert access.swipe(ENABLE_ONE, ANNA, True) == HANDLED
    assert access.swipe(ENABLE_ONE, ANNA[:12], True) == HANDLED
    assert access.state == OFF


def test_same_card():
    assert same(ANNA, ANNA) and same(ANNA[:12], ANNA) and same(ANNA, ANNA[:12])
    assert same(ANNA[:12], BERT)  # an old reader cannot tell them apart
    assert same(ANNA[:12], ANNA[:12])
    assert not same(ANNA, BERT)
    assert not same(ANNA[:12], "04A1B2C3D4E4F6")
    for short in ("", "04", ANNA[:11], ANNA[:13], ANNA + "0"):
        assert not same(short, ANNA) and not same(ANNA, short), short
        assert not same(short, ANNA[:12])


def test_a_minute_without_a_car_ends_access_where_cards_decide():
    for mode in (ENABLE_ALL, ENABLE_ONE):
        for state in (ON, PAUSE):
            access, events = _access(state, ANNA)
            assert _empty_for(access, mode, 120) == [60]
            assert (access.state, access.card, access.by) == (OFF, "", reasons.NO_CAR)
            assert events == [(reasons.NO_CAR, OFF, 0)]


def test_without_cards_access_stays():
    for mode in (DISABLED, LEARN, DELETE, DELETE_ALL):
        access, events = _access(ON)
        assert _empty_for(access, mode, 120) == []
        assert access.state == ON and not events


def test_a_car_or_a_new_permission_starts_the_minute_anew():
    access, _ = _access(ON)
    assert _empty_for(access, ENABLE_ALL, 59) == []
    assert not access.second(ENABLE_ALL, True)
    assert _empty_for(access, ENABLE_ALL, 59) == []
    access.set(OFF, reasons.COMMANDED)
    access.set(ON, reasons.COMMANDED)
    assert _empty_for(access, ENABLE_ALL, 59) == []
    assert not access.second(LEARN, False)
    assert _empty_for(access, ENABLE_ALL, 60) == [60]


def test_access_that_is_off_counts_nothing():
    access, events = _access()
    assert _empty_for(access, ENABLE_ALL, 200) == []
    access.state = ON
    assert _empty_for(access, ENABLE_ALL, 60) == [60]
    assert len(events) == 1


def test_a_car_keeps_access():
    access, _ = _access(ON, ANNA)
    for _ in range(500):
        assert not access.second(ENABLE_ONE, True)
    assert (access.state, access.card) == (ON, ANNA)
