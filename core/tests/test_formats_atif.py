"""ATIF: a trajectory comes in as a session and goes out as the same trajectory; any session goes out as a valid one."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from holdall.formats import export
from holdall.sessions.store import Store
from holdall.transfer.importing import Choices, import_file
from holdall.transfer.report import FileReport
from holdall.transfer.targets import StoreTarget

pytestmark = pytest.mark.covers("CV-07", "CV-16")

PIXEL = "data:image/png;base64,aGk="
CALLS = [
    {"tool_call_id": "c1", "function_name": "task", "arguments": {"prompt": "look"}},
    {"tool_call_id": "c2", "function_name": "ls", "arguments": {}},
]
INNER = {
    "schema_version": "ATIF-v1.7", "trajectory_id": "sub-look", "agent": {"name": "helper", "version": "2"},
    "steps": [{"step_id": 1, "timestamp": "2026-03-01T10:00:02.000Z", "source": "user", "message": "look"}],
}  # fmt: skip
STEPS: list[dict[str, Any]] = [
    {"step_id": 1, "timestamp": "2026-03-01T10:00:00.000Z", "source": "system", "message": "be brief"},
    {"step_id": 2, "timestamp": "2026-03-01T10:00:01.250Z", "source": "user", "message": [
        {"type": "text", "text": "what is this?"},
        {"type": "image", "source": {"media_type": "image/png", "path": PIXEL}},
        {"type": "image", "source": {"media_type": "image/png", "path": "pictures/a.png"}},
    ]},
    {"step_id": 3, "timestamp": "2026-03-01T10:00:02.000Z", "source": "agent", "model_name": "m-1",
     "message": "I look.", "reasoning_content": "hm", "reasoning_effort": "low", "llm_call_count": 1,
     "tool_calls": CALLS,
     "observation": {"results": [
         {"source_call_id": "c1", "content": "done", "subagent_trajectory_ref": [{"trajectory_id": "sub-look"}]},
         {"source_call_id": "c2", "content": [{"type": "text", "text": "a"}]},
     ]},
     "metrics": {"prompt_tokens": 100, "completion_tokens": 7, "cached_tokens": 90, "cost_usd": 0.25,
                 "logprobs": [-0.5]},
     "extra": {"note": "x"}},
    {"step_id": 4, "timestamp": "2026-03-01T10:00:03.000Z", "source": "system", "message": "",
     "observation": {"results": [{"content": "the context was cut"}]}},
    {"step_id": 5, "timestamp": "2026-03-01T10:00:04.000Z", "source": "agent", "message": "", "is_copied_context": True},
]  # fmt: skip
WHOLE = {
    "schema_version": "ATIF-v1.6", "session_id": "run-1", "trajectory_id": "t-1",
    "agent": {"name": "terminus", "version": "1.2", "model_name": "m-1"},
    "steps": STEPS, "notes": "by hand", "subagent_trajectories": [INNER],
}  # fmt: skip


async def bring(store: Store, path: Path, **asked: Any) -> FileReport:
    return await import_file(StoreTarget(store), path, Choices("ana", **asked))


async def atif(store: Store, session: str, **asked: Any) -> dict[str, Any]:
    return json.loads(b"".join([piece async for piece in export(store, session, "atif", **asked)]))


def bare(told: Any) -> Any:
    """Without what is Holdall's own."""
    if isinstance(told, list):
        return [bare(one) for one in told]
    if not isinstance(told, dict):
        return told
    fields = {name: bare(what) for name, what in told.items() if name != "holdall"}
    return {name: what for name, what in fields.items() if name != "extra" or what}


async def test_a_trajectory_comes_in_and_goes_out_the_same(store: Store, tmp_path: Path) -> None:
    (tmp_path / "t.json").write_text(json.dumps(WHOLE))
    report = await bring(store, tmp_path / "t.json")
    (done,) = report.sessions
    assert (done.format, report.clean) == ("atif", True)
    told = await atif(store, done.session, every=True)
    wanted = json.loads(json.dumps(STEPS))
    assert bare(told["steps"]) == wanted
    assert told["agent"] == WHOLE["agent"]
    assert told["final_metrics"] == {
        "total_steps": 5, "total_prompt_tokens": 100, "total_completion_tokens": 7, "total_cached_tokens": 90,
        "total_cost_usd": 0.25,
    }  # fmt: skip
    (inner,) = told["subagent_trajectories"]
    assert (inner["trajectory_id"], bare(inner["steps"])) == ("sub-look", INNER["steps"])
    again = await bring(store, tmp_path / "t.json")
    assert sum(again.sessions[0].added.values()) == 0


async def test_what_a_trajectory_says_is_in_the_sessions_own_terms(store: Store, tmp_path: Path) -> None:
    (tmp_path / "t.json").write_text(json.dumps(WHOLE))
    (done,) = (await bring(store, tmp_path / "t.json")).sessions
    messages = (await store.history(done.session)).items
    assert [message.role for message in messages] == ["system", "user", "assistant", "tool", "tool", "assistant"]
    asked = messages[2]
    assert [part["type"] for part in asked.content] == ["thinking", "text", "tool_call", "tool_call"]
    assert (asked["model"], asked["usage"]["prompt_tokens"], asked["cost_usd"]) == ("m-1", 100, 0.25)
    assert asked.metadata["atif"]["metrics"] == {"logprobs": [-0.5]}
    assert (await store.totals(done.session)).totals.input_tokens == 100
    runs = (await store.tool_runs(done.session)).items
    assert [(run.tool, run.status, run["result"]) for run in runs] == [
        ("task", "succeeded", "done"), ("ls", "succeeded", [{"type": "text", "text": "a"}]),
    ]  # fmt: skip
    (sub,) = (await store.branches(done.session, subs=True)).items
    assert (sub.name, sub.under.call, sub.under.message) == ("sub-look", "c1", asked.id)


async def test_a_session_goes_out_and_comes_in_again(store: Store, tmp_path: Path) -> None:
    session = await store.create(owner="ana", title="Mine", tags=["x"], metadata={"k": 1}, messages=[
        {"role": "developer", "content": "rules"},
        {"role": "user", "name": "ana", "content": [
            {"type": "file", "name": "a.txt"}, {"type": "text", "text": "one"}, {"type": "text", "text": "two"},
            {"type": "weather", "sky": "grey"},
        ]},
        {"role": "assistant", "content": [{"type": "tool_call", "id": "c1", "name": "run", "arguments": "raw"}],
         "metadata": {"message_id": "a", "usage": {"input_tokens": 1, "output_tokens": 1}}},
        {"role": "assistant", "content": "x", "metadata": {"message_id": "a", "usage": {"output_tokens": 9}}},
        {"role": "user", "content": [{"type": "tool_result", "id": "c1", "content": {"a": 1}, "is_error": True}]},
    ])  # fmt: skip
    told = await atif(store, session.id)
    assert [step["source"] for step in told["steps"]] == ["system", "user", "agent", "agent"]
    assert ["metrics" in step for step in told["steps"]] == [False, False, False, True]
    assert told["steps"][2]["tool_calls"][0]["arguments"] == {"input": "raw"}
    (tmp_path / "t.json").write_text(json.dumps(told))
    (done,) = (await bring(store, tmp_path / "t.json", new=True)).sessions
    again = await store.get(done.session)
    assert (again.title, again.tags, again.metadata["k"]) == ("Mine", ["x"], 1)
    before, after = [(await store.history(name)).items for name in (session.id, done.session)]
    assert [(one.role, one.get("name")) for one in after][:2] == [("developer", None), ("user", "ana")]
    assert after[1].content == before[1].content
    assert after[3]["content"][0] == {"type": "tool_result", "id": "c1", "content": '{"a":1}', "is_error": True}
    assert bare((await atif(store, done.session))["steps"]) == bare(told["steps"])


async def test_usage_comes_back_in_the_words_that_it_was_told_in(store: Store, tmp_path: Path) -> None:
    """Answers that come in pieces, each for what it adds, add up to what the trajectory took."""
    usage = [
        {"input_tokens": 3, "cache_read_input_tokens": 100, "output_tokens": 1},
        {"output_tokens": 39},
        {"prompt_tokens": 7},
    ]
    said = [{"role": "assistant", "content": "x", "metadata": {"message_id": "a"}, "usage": one} for one in usage]
    session = await store.create(owner="ana", messages=said)
    told = await atif(store, session.id)
    assert [step["metrics"] for step in told["steps"]] == [
        {"prompt_tokens": 103, "completion_tokens": 1, "cached_tokens": 100},
        {"completion_tokens": 39},
        {"prompt_tokens": 7},
    ]
    assert (told["final_metrics"]["total_prompt_tokens"], told["final_metrics"]["total_completion_tokens"]) == (110, 40)
    (tmp_path / "t.json").write_text(json.dumps(told))
    (done,) = (await bring(store, tmp_path / "t.json", new=True)).sessions
    assert [message["usage"] for message in (await store.history(done.session)).items] == usage
    assert (await store.totals(done.session)).totals == (await store.totals(session.id)).totals


async def test_a_call_whose_result_is_far_away_is_told_without_it(store: Store) -> None:
    call = {"type": "tool_call", "id": "c1", "name": "run"}
    session = await store.create(owner="ana", messages=[{"role": "assistant", "content": [call]}])
    await session.append([{"role": "user", "content": "?"}] * 150)
    await session.append({"role": "tool", "content": [{"type": "tool_result", "id": "c1", "content": "late"}]})
    steps = (await atif(store, session.id))["steps"]
    assert "observation" not in steps[0]
    assert steps[-1]["observation"]["results"] == [{"content": "late", "extra": {"holdall": {"call": "c1"}}}]
    assert [step["step_id"] for step in steps] == list(range(1, 153))


async def test_what_is_no_trajectory_is_named(store: Store, tmp_path: Path) -> None:
    bad = {
        **WHOLE,
        "steps": [{"step_id": 1, "source": "nobody", "message": "x"}, *STEPS[:1]],
        "subagent_trajectories": [],
    }
    (tmp_path / "t.jsonl").write_text(f"{json.dumps(bad)}\n{{}}\n")
    report = await bring(store, tmp_path / "t.jsonl")
    assert [fault.reason for fault in report.faults] == [
        "step 1 has no source that ATIF knows",
        "is no ATIF trajectory",
    ]
    assert report.sessions[0].added["messages"] == 1
