"""Which job may start: never a run before its pretraining, never a free slot while something could start."""

from hypothesis import given
from hypothesis import strategies as st

from pilots.agenda import Agenda, pretraining
from pilots.trainers import Run

POOL = (("general", 10),)
PLAIN = [Run("cars", labels, 0) for labels in (1, 2, 3)]
POOLED = [Run("cars", labels, 0, POOL) for labels in (1, 2, 3)]


def test_with_several_slots_pretraining_starts_at_once_beside_runs_that_need_none():
    agenda = Agenda(PLAIN + POOLED)
    assert [agenda.next(2) for _ in range(5)] == [(POOL, 0), *PLAIN, None]
    agenda.pretrained((POOL, 0))
    assert [agenda.next(2) for _ in range(4)] == [*POOLED, None]


def test_one_slot_is_left_to_the_runs_while_there_are_any():
    other = Run("cars", 1, 1, POOL)
    agenda = Agenda([POOLED[0], other, PLAIN[0]])
    assert [agenda.next(2) for _ in range(3)] == [(POOL, 0), PLAIN[0], (POOL, 1)]


def test_what_was_given_up_takes_its_runs_with_it_and_no_others():
    agenda = Agenda(PLAIN + POOLED)
    agenda.next(2)
    assert agenda.give_up((POOL, 0)) == tuple(POOLED)
    assert len(agenda) == len(PLAIN)


def test_a_step_put_back_is_the_next_and_a_postponed_one_waits_for_its_recall():
    agenda = Agenda(PLAIN)
    first, second = agenda.next(1), agenda.next(1)
    agenda.postpone(second)
    agenda.put_back(first)
    assert [agenda.next(1) for _ in range(3)] == [first, PLAIN[2], None]
    assert len(agenda) == 1
    agenda.recall()
    assert agenda.next(1) == second


def test_a_postponed_pretraining_keeps_no_slot_from_the_runs_that_need_none():
    agenda = Agenda(PLAIN + POOLED)
    agenda.postpone(agenda.next(2))
    assert [agenda.next(2) for _ in range(4)] == [*PLAIN, None]
    agenda.recall()
    assert agenda.next(2) == (POOL, 0)


runs = st.builds(
    Run, st.just("cars"), st.integers(1, 9), st.integers(0, 2), st.sampled_from([(), POOL, (("general", 40),)])
)


@given(st.lists(runs, unique=True), st.integers(1, 4), st.randoms())
def test_everything_is_done_once_in_a_possible_order_with_every_slot_busy(design, slots, random):
    """A simulation: jobs end in any order."""
    agenda, active, done, pretrained = Agenda(design), [], [], []
    while agenda or active:
        while len(active) < slots and (step := agenda.next(slots)) is not None:
            active.append(step)
        assert active
        if len(active) < slots:  # then all that is left waits for a pretraining under way
            assert all(pretraining(run) in active for run in set(design) - set(done) - set(active))
        ended = active.pop(random.randrange(len(active)))
        if isinstance(ended, Run):
            assert not ended.pools or pretraining(ended) in pretrained
            done.append(ended)
        else:
            agenda.pretrained(ended)
            pretrained.append(ended)
    assert sorted(map(repr, done)) == sorted(map(repr, design))
    assert sorted(pretrained) == sorted({pretraining(run) for run in design if run.pools})
