"""Whole runs of the SDK's own Runner, with a model that answers by rote."""

from __future__ import annotations

from agents import Agent, ModelResponse, RunConfig, Runner, SQLiteSession, Usage, function_tool
from agents.models.interface import Model
from openai.types.responses import ResponseFunctionToolCall, ResponseOutputMessage, ResponseOutputText

from holdall_openai_agents import HoldallSession


class Rote(Model):
    """Asks for the tool first, and then says what it was given."""

    def __init__(self) -> None:
        self.seen = []

    async def get_response(self, system_instructions, input, *args, **kwargs):  # noqa: A002 - the SDK's name
        self.seen.append(list(input))
        turn = len(self.seen)
        if turn % 2:
            call = ResponseFunctionToolCall(
                type="function_call", call_id=f"call_{turn}", name="add", arguments='{"a": 1, "b": 2}', id=f"fc_{turn}"
            )
            return ModelResponse(output=[call], usage=Usage(), response_id=None)
        text = ResponseOutputText(type="output_text", text=f"turn {turn}", annotations=[])
        said = ResponseOutputMessage(
            id=f"msg_{turn}", type="message", role="assistant", status="completed", content=[text]
        )
        return ModelResponse(output=[said], usage=Usage(), response_id=None)

    def stream_response(self, *args, **kwargs):
        raise NotImplementedError


@function_tool
def add(a: int, b: int) -> int:
    """Add two numbers."""
    return a + b


async def turns(session):
    model = Rote()
    agent = Agent(name="rote", model=model, tools=[add])
    for question in ("one", "two", "three"):
        result = await Runner.run(agent, question, session=session, run_config=RunConfig(tracing_disabled=True))
        assert result.final_output.startswith("turn")
    return model.seen, await session.get_items()


async def test_a_run_sees_and_leaves_the_same_as_with_sqlite(store, tmp_path) -> None:
    """Three questions with a tool call each: every model call gets the same input from both."""
    theirs = SQLiteSession("s", tmp_path / "peer.db")
    seen, left = await turns(HoldallSession("s", store, owner="ana"))
    assert (seen, left) == await turns(theirs)
    theirs.close()
    assert len(left) == 12
    history = await (await store.find(owner="ana", key="s")).history()
    assert [message.role for message in history] == ["user", "assistant", "tool", "assistant"] * 3
