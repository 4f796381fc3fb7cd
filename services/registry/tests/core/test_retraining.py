"""When the registry asks for a training by itself."""

import dataclasses
from uuid import RFC_4122, UUID

from registry.core.dataset import JobMark, UploadCounts, refuse_too_few
from registry.core.retraining import RetrainRules, Situation, decide_retraining
from shared.clock import created_at_ms

HOUR_MS = 3_600_000
NOW_MS = 1_790_000_000_000
BY_COUNT = RetrainRules(new_images=10, every_ms=0, policy="manual")
BY_CLOCK = RetrainRules(new_images=0, every_ms=24 * HOUR_MS, policy="auto")
DUE = Situation(is_busy=False, last_request=JobMark(7, NOW_MS - HOUR_MS), new_images=10, lacks=None)


def test_off_is_the_default_and_does_nothing() -> None:
    off = RetrainRules(new_images=0, every_ms=0, policy="auto")
    assert off.are_off
    assert decide_retraining(off, DUE, NOW_MS) is None
    assert not BY_COUNT.are_off
    assert not BY_CLOCK.are_off


def test_enough_new_images_make_a_job() -> None:
    new = decide_retraining(BY_COUNT, DUE, NOW_MS)
    assert new is not None
    assert (new.mode, new.policy) == ("fast", "manual")
    fewer = dataclasses.replace(DUE, new_images=9)
    assert decide_retraining(BY_COUNT, fewer, NOW_MS) is None


def test_the_clock_makes_a_job_for_any_new_image_but_none_without() -> None:
    one = dataclasses.replace(DUE, new_images=1)
    assert decide_retraining(BY_CLOCK, one, NOW_MS) is not None
    assert decide_retraining(BY_CLOCK, dataclasses.replace(DUE, new_images=0), NOW_MS) is None


def test_nothing_happens_while_a_job_is_open_or_would_be_refused() -> None:
    lacks = refuse_too_few(UploadCounts(10, {"viral": 1}), 1)
    for rules in (BY_COUNT, BY_CLOCK):
        for hindered in (
            dataclasses.replace(DUE, is_busy=True),
            dataclasses.replace(DUE, lacks=lacks),
        ):
            assert decide_retraining(rules, hindered, NOW_MS) is None


def test_one_occasion_has_one_id_and_another_occasion_another() -> None:
    first = decide_retraining(BY_COUNT, DUE, NOW_MS)
    again = decide_retraining(BY_COUNT, dataclasses.replace(DUE, new_images=30), NOW_MS + 1)
    after = decide_retraining(
        BY_COUNT, dataclasses.replace(DUE, last_request=JobMark(7, NOW_MS)), NOW_MS
    )
    today = decide_retraining(BY_CLOCK, DUE, NOW_MS)
    late = decide_retraining(BY_CLOCK, DUE, NOW_MS - NOW_MS % BY_CLOCK.every_ms)
    tomorrow = decide_retraining(BY_CLOCK, DUE, NOW_MS + 24 * HOUR_MS)
    assert first == again
    assert today == late
    set_back = JobMark(8, NOW_MS - HOUR_MS)  # a later request, whose time is no later
    other = decide_retraining(BY_COUNT, dataclasses.replace(DUE, last_request=set_back), NOW_MS)
    ids = [new.id for new in (first, after, other, today, tomorrow) if new is not None]
    assert len(set(ids)) == 5


def test_the_ids_are_uuids_of_version_7_and_the_variant_of_the_rfc() -> None:
    for ago in range(64):
        situation = dataclasses.replace(DUE, last_request=JobMark(7, NOW_MS - ago))
        new = decide_retraining(BY_COUNT, situation, NOW_MS)
        assert new is not None
        assert UUID(new.id).variant == RFC_4122
        assert created_at_ms(new.id) == NOW_MS - ago
    never = decide_retraining(BY_COUNT, dataclasses.replace(DUE, last_request=None), NOW_MS)
    assert never is not None
    assert created_at_ms(never.id) == 0
