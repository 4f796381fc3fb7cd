"""Offers of modes: from any trainer, for a while."""

from registry.core.job_modes import (
    OFFERED_MS,
    note_offer,
    offered_modes,
    prolong_offers,
    refuse_unoffered,
)
from registry.core.refusals import RegistryCode


def test_modes_on_offer_are_those_that_any_trainer_announced_lately():
    assert offered_modes({}, 0) is None
    offers = note_offer(note_offer({}, ("fast", "full"), 0), ("fast",), 1000)
    assert offered_modes(offers, OFFERED_MS - 1) == ("fast", "full")
    assert offered_modes(offers, OFFERED_MS) == ("fast",)
    assert offered_modes(offers, OFFERED_MS + 1000) is None
    assert offered_modes(note_offer({}, (), 0), 0) is None


def test_a_trainer_that_works_for_long_still_offers_its_modes():
    offers = note_offer({}, ("fast",), 0)
    for at_ms in range(0, 10 * OFFERED_MS, OFFERED_MS // 2):
        offers = prolong_offers(offers, at_ms)
        assert offered_modes(offers, at_ms) == ("fast",)
    assert offered_modes(prolong_offers(offers, 20 * OFFERED_MS), 20 * OFFERED_MS) is None


def test_a_mode_that_no_trainer_offers_is_refused_with_what_it_needs():
    assert refuse_unoffered("full", None) is None
    assert refuse_unoffered("full", ("fast", "full")) is None
    refusal = refuse_unoffered("full", ("fast",))
    assert refusal is not None
    assert refusal.code == RegistryCode.MODE_NOT_OFFERED
    for word in ("offered: fast.", "PNEUMO_TRAINER_DATA", "PNEUMO_TRAINER_WEIGHTS", "mode fast"):
        assert word in refusal.detail
