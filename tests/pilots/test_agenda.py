"""Which job may start: never a run before its pretraining, never a free slot while something could start."""

from hypothesis import given
from hypothesis import strategies as st

from pilots.agenda import Agenda, Group, pretraining
from pilots.trainers import Run

POOL = (("general", 10),)
PLAIN = [Run("cars", labels, 0) for labels in (1, 2, 3)]
POOLED = [Run("cars", labels, 0, POOL) for labels in (1, 2, 3)]


def alone(*runs):
    return [Group((run,)) for run in runs]


def test_with_several_slots_pretraining_starts_at_once_beside_runs_that_need_none():
    agenda = Agenda(PLAIN + POOLED)
    assert [agenda.next(2) for _ in range(5)] == [(POOL, 0), *alone(*PLAIN), None]
    agenda.pretrained((POOL, 0))
    assert [agenda.next(2) for _ in range(4)] == [*alone(*POOLED), None]


def test_one_slot_is_left_to_the_runs_while_there_are_any():
    other = Run("cars", 1, 1, POOL)
    agenda = Agenda([POOLED[0], other, PLAIN[0]])
    assert [agenda.next(2) for _ in range(3)] == [(POOL, 0), *alone(PLAIN[0]), (POOL, 1)]


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
    assert [agenda.next(1) for _ in range(3)] == [first, *alone(PLAIN[2]), None]
    assert len(agenda) == 1
    agenda.recall()
    assert agenda.next(1) == second


def test_a_postponed_pretraining_keeps_no_slot_from_the_runs_that_need_none():
    agenda = Agenda(PLAIN + POOLED)
    agenda.postpone(agenda.next(2))
    assert [agenda.next(2) for _ in range(4)] == [*alone(*PLAIN), None]
    agenda.recall()
    assert agenda.next(2) == (POOL, 0)


runs = st.builds(
    Run, st.just("cars"), st.integers(1, 9), st.integers(0, 2), st.sampled_from([(), POOL, (("general", 40),)])
)


def test_runs_of_one_kin_go_together_so_many_at_a_time_and_what_failed_goes_alone():
    other = Run("lanes", 1, 0)
    agenda = Agenda([PLAIN[0], other, *PLAIN[1:]], lambda run: run.task, 2)
    first = agenda.next(1)
    assert first == Group((PLAIN[0], PLAIN[1]))
    agenda.put_back(first)
    assert [agenda.next(1) for _ in range(4)] == [*alone(*PLAIN[:2]), *alone(other, PLAIN[2])]


def test_kin_wait_for_the_pretrainings_of_all_of_them():
    runs = [Run("cars", labels, seed, POOL) for seed in (0, 1) for labels in (1, 2)]
    agenda = Agenda([*runs, Run("lanes", 1, 0)], lambda run: (run.task, bool(run.pools)), 9)
    assert [agenda.next(1) for _ in range(2)] == [(POOL, 0), (POOL, 1)]
    agenda.pretrained((POOL, 0))
    assert agenda.next(1) == Group((Run("lanes", 1, 0),))
    assert agenda.next(1) is None
    agenda.pretrained((POOL, 1))
    assert agenda.next(1) == Group(tuple(runs))


def test_a_run_of_another_network_waits_for_no_pretraining():
    agenda = Agenda([Run("cars", 1, 0, POOL, backbone="large"), POOLED[0]])
    assert agenda.next(1).runs[0].backbone == "large"
    assert agenda.next(1) == (POOL, 0)


def test_a_pretraining_that_is_given_up_keeps_no_kin_waiting():
    runs = [Run("cars", 1, seed, POOL) for seed in (0, 1)]
    agenda = Agenda(runs, lambda run: run.task, 9)
    agenda.next(1), agenda.next(1)
    agenda.pretrained((POOL, 0))
    assert agenda.give_up((POOL, 1)) == (runs[1],)
    assert agenda.next(1) == Group((runs[0],))


@given(st.lists(runs, unique=True), st.integers(1, 4), st.integers(1, 5), st.randoms())
def test_everything_is_done_once_in_a_possible_order_with_every_slot_busy(design, slots, most, random):
    """A simulation: jobs end in any order."""

    def kin(run):
        return bool(run.pools) if most > 1 else run

    agenda, active, done, pretrained = Agenda(design, kin, most), [], [], []
    while agenda or active:
        while len(active) < slots and (step := agenda.next(slots)) is not None:
            active.append(step)
        assert active
        if len(active) < slots:  # then all that is left waits for a pretraining under way
            under_way = {run for step in active if isinstance(step, Group) for run in step.runs}
            left = set(design) - set(done) - under_way
            needed = {kin(run): {pretraining(mate) for mate in design if kin(mate) == kin(run)} for run in left}
            assert all(needed[kin(run)] & set(active) for run in left)
        ended = active.pop(random.randrange(len(active)))
        if isinstance(ended, Group):
            assert len(ended.runs) <= most
            assert len({kin(run) for run in ended.runs}) == 1
            assert all(not run.pools or pretraining(run) in pretrained for run in ended.runs)
            done += ended.runs
        else:
            agenda.pretrained(ended)
            pretrained.append(ended)
    assert sorted(map(repr, done)) == sorted(map(repr, design))
    assert sorted(pretrained) == sorted({step for step in map(pretraining, design) if step})
