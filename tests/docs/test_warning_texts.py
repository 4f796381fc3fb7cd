"""Every warning code that a service can put into an answer has a sentence in client and UI."""

import pytest

from gateway.core.dicom import Warned
from inference_worker.adapters import engine_noop
from inference_worker.core import verdicts
from pneumo import describe_warning
from shared.contracts.predict import EXPLANATION_UNAVAILABLE
from shared.domain_guard import REASONS

CODES = [
    *[each.value for each in Warned],
    *REASONS,
    verdicts.CLOSE_CALL,
    EXPLANATION_UNAVAILABLE,
    engine_noop.WARNING,
]


@pytest.mark.parametrize("code", CODES)
def test_a_warning_code_has_a_sentence(code):
    assert describe_warning(code).endswith(".")
