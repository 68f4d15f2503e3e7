"""The conformance kit, on ``openai``, against a service that speaks its protocol."""

from __future__ import annotations

import pytest

from holdall.testing import SummariserTests
from tests.chat_service import chat


@pytest.mark.covers("CV-10")
class TestOpenAI(SummariserTests):
    plugin = "openai"

    @pytest.fixture(params=[24_000, 2_000])
    def options(self, request):
        with chat() as service:
            yield {"base_url": service.url, "model": "kit", "piece": request.param}
