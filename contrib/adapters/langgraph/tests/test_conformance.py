"""LangGraph's own conformance suite for checkpointers, as it is installed."""

from __future__ import annotations

from langgraph.checkpoint.conformance import checkpointer_test, validate
from langgraph.checkpoint.conformance.capabilities import ALL_CAPABILITIES

from holdall_langgraph import HoldallSaver


async def test_langgraphs_conformance_suite(store) -> None:
    """Every capability, required and optional, every test."""

    @checkpointer_test(name="HoldallSaver")
    async def saver():
        yield HoldallSaver(store, owner="ana")

    report = await validate(saver)
    failures = [failure for result in report.results.values() for failure in result.failures]
    passed = sum(result.tests_passed for result in report.results.values())
    assert failures == []
    assert {name for name, result in report.results.items() if result.passed} == {
        each.value for each in ALL_CAPABILITIES
    }
    print(f"{passed} of {passed} passed")
    assert passed > 60
