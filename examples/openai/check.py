"""OpenAI's Python library against a node, unchanged: only `base_url` and the key are the node's.

    check.py NODE KEY VENDOR

Ends with 0 when all of it holds, and says what did not otherwise.
"""

import json
import sys
import time
import urllib.request

import openai
from pydantic import BaseModel

node, key, vendor = sys.argv[1:]
client = openai.OpenAI(base_url=f"http://{node}/v1", api_key=key, max_retries=0)
USER = {"role": "user", "content": "hello there"}


def user(text):
    return [{"role": "user", "content": text}]


def refused(kind, call):
    try:
        call()
    except openai.APIError as error:
        assert type(error) is kind, f"{kind.__name__} was expected, not {error!r}"
        return error
    raise AssertionError(f"{kind.__name__} was expected and nothing went wrong")


def get(path):
    request = urllib.request.Request(f"http://{node}{path}", headers={"X-API-Key": key})
    return json.load(urllib.request.urlopen(request))


# Models.
names = [model.id for model in client.models.list()]
assert {"autoos/auto", "autoos/executor", "good/small", "good/vectors"} <= set(names), names
assert client.models.retrieve("good/small").owned_by == "good"
refused(openai.NotFoundError, lambda: client.models.retrieve("nobody/knows"))

# An answer in one, and what the node tells beside it.
raw = client.chat.completions.with_raw_response.create(
    model="good/small", messages=[USER], temperature=0, max_tokens=50, seed=1, stop=["x"],
    user="ann", metadata={"a": "b"}, n=1,
)
answer = raw.parse()
assert answer.choices[0].message.content == "You said: hello there", answer
assert answer.usage.total_tokens == 15 and answer.choices[0].finish_reason == "stop"
assert raw.headers["autoos-model"] == "good/small"
call = raw.headers["autoos-call"]
recorded = get(f"/api/v1/calls/{call}")
assert recorded["user"] == "ann" and recorded["outcome"] == "answered", recorded
assert recorded["request"]["seed"] == 1
assert recorded["answer"]["choices"][0]["message"]["content"] == "You said: hello there"
assert recorded["cost_microusd"] == 10 * 1 + 5 * 2, recorded
assert get("/api/v1/calls?limit=1")["items"][0]["id"] == call

# The bare name of a model does, too, and the node chooses where it is asked to: the vendor that
# always fails is passed over.
assert client.chat.completions.create(model="small", messages=[USER]).choices[0].message.content
for name in ["autoos/auto", "autoos/executor"]:
    raw = client.chat.completions.with_raw_response.create(model=name, messages=[USER])
    assert raw.headers["autoos-model"] == "good/small", raw.headers
tried = [each["failed"] for each in get("/api/v1/calls?limit=500")["items"]]
assert [{"model": "bad/small", "class": "server"}] in tried, tried

# Piece by piece.
stream = client.chat.completions.create(
    model="good/small", messages=[USER], stream=True, stream_options={"include_usage": True}
)
text, usage = "", None
for chunk in stream:
    if chunk.choices:
        text += chunk.choices[0].delta.content or ""
    usage = chunk.usage or usage
assert text.strip() == "You said: hello there" and usage.total_tokens == 15, (text, usage)
stream = client.chat.completions.create(model="autoos/auto", messages=[USER], stream=True)
assert all(chunk.choices for chunk in stream), "usage was not asked for"

# Tools: the call comes back to the client, and its result goes on.
tools = [{
    "type": "function",
    "function": {"name": "weather", "parameters": {"type": "object", "properties": {}}},
}]
answer = client.chat.completions.create(
    model="good/small", messages=user("weather?"), tools=tools, tool_choice="auto"
)
asked = answer.choices[0].message.tool_calls[0]
assert (asked.function.name, answer.choices[0].finish_reason) == ("weather", "tool_calls")
assert json.loads(asked.function.arguments) == {"city": "Oslo"}
messages = [*user("weather?"), answer.choices[0].message,
            {"role": "tool", "tool_call_id": asked.id, "content": "4 degrees"}]
answer = client.chat.completions.create(model="good/small", messages=messages, tools=tools)
assert answer.choices[0].message.content == "You said: 4 degrees"
with client.chat.completions.stream(
    model="good/small", messages=user("weather?"), tools=tools
) as stream:
    final = stream.get_final_completion()
assert json.loads(final.choices[0].message.tool_calls[0].function.arguments) == {"city": "Oslo"}


# Answers as data.
class Person(BaseModel):
    name: str
    age: int


parsed = client.chat.completions.parse(
    model="autoos/auto", messages=user("who?"), response_format=Person
)
assert parsed.choices[0].message.parsed == Person(name="Ada", age=36)

# Embeddings.
vectors = client.embeddings.create(model="good/vectors", input=["a", "b"])
assert [each.embedding for each in vectors.data] == [[1.0, 2.0], [1.0, 2.0]], vectors
assert vectors.usage.prompt_tokens == 4
refused(openai.BadRequestError, lambda: client.embeddings.create(model="good/small", input="a"))

# Responses.
response = client.responses.create(model="good/small", instructions="be brief", input="hello there")
assert response.output_text == "You said: hello there" and response.usage.total_tokens == 15
kinds, text = [], ""
for event in client.responses.create(model="autoos/auto", input="hello there", stream=True):
    kinds.append(event.type)
    text += event.delta if event.type == "response.output_text.delta" else ""
assert kinds[0] == "response.created" and kinds[-1] == "response.completed", kinds
assert text.strip() == "You said: hello there", text
with client.responses.stream(model="good/small", input="hello there") as stream:
    assert stream.get_final_response().output_text.strip() == "You said: hello there"

# Checked against what was given: the fee is another one.
context = [{"role": "system", "content": "The fee is 12 euros. Returns take 30 days."},
           {"role": "user", "content": "What is the fee?"}]
raw = client.chat.completions.with_raw_response.create(
    model="good/small", messages=context, extra_headers={"autoos-verify": "grounding"}
)
checked = raw.parse().autoos["verification"]
assert checked["unsupported"] >= 1 and checked["confidence"] < 0.5, checked
assert float(raw.headers["autoos-confidence"]) < 0.5
assert int(raw.headers["autoos-unsupported"]) >= 1
*_, last = client.chat.completions.create(
    model="good/small", messages=context, stream=True,
    extra_headers={"autoos-verify": "grounding"},
)
assert last.autoos["verification"]["unsupported"] >= 1, last

# The same again costs nothing, where the client says that it will do.
use = {"autoos-cache": "use"}
for wanted in ["miss", "hit"]:
    raw = client.chat.completions.with_raw_response.create(
        model="good/small", messages=user("the same"), temperature=0, extra_headers=use
    )
    assert raw.headers["autoos-cache"] == wanted
assert get(f"/api/v1/calls/{raw.headers['autoos-call']}")["cost_microusd"] == 0

# Answered before it is recorded, where the client does not want to wait.
assert client.chat.completions.create(
    model="good/small", messages=[USER], extra_headers={"autoos-durability": "relaxed"}
).choices

# Errors have their classes, and say what is wrong.
create = client.chat.completions.create
wrong_key = openai.OpenAI(base_url=f"http://{node}/v1", api_key="aos_wrong", max_retries=0)
error = refused(openai.AuthenticationError, lambda: wrong_key.models.list())
assert error.code == "invalid_api_key"
error = refused(openai.NotFoundError, lambda: create(model="nobody/knows", messages=[USER]))
assert (error.code, error.param) == ("model_not_found", "model")
error = refused(
    openai.RateLimitError, lambda: create(model="busy/small", messages=user("limit"))
)
assert error.response.headers["retry-after"] == "7", error.response.headers
for bad in [{"n": 2}, {"messages": []}, {"messages": [{"role": "user", "content": [
        {"type": "image_url", "image_url": {"url": "https://example.com/a.png"}}]}]}]:
    refused(openai.BadRequestError, lambda: create(**{"model": "wise/small", "messages": [USER], **bad}))
error = refused(openai.BadRequestError, lambda: create(model="wise/small", messages=user("wrong")))
assert "temperature is too hot" in error.message, error
refused(openai.InternalServerError, lambda: create(model="bad/small", messages=[USER]))

# A stream that breaks off ends with an error and not as if it were whole.
def whole():
    for _ in create(model="wise/small", messages=user("break"), stream=True):
        pass


refused(openai.APIError, whole)

# Whoever goes away ends the call at the vendor as well, and it is settled.
stream = create(model="wise/small", messages=user("endless"), stream=True)
call = stream.response.headers["autoos-call"]
next(iter(stream))
stream.close()
end = time.monotonic() + 30
while time.monotonic() < end:
    gone = json.load(urllib.request.urlopen(f"http://127.0.0.1:{vendor}/"))["gone"]
    try:
        outcome = get(f"/api/v1/calls/{call}")["outcome"]
    except urllib.error.HTTPError:
        outcome = None
    if gone and outcome == "given_up":
        break
    time.sleep(0.05)
else:
    raise AssertionError("the vendor still writes to a client that went away")

# A limit that is used up is no reason to try again.
broke = openai.OpenAI(base_url=f"http://{node}/v1", api_key=key, max_retries=5)
error = refused(
    openai.RateLimitError,
    lambda: broke.chat.completions.create(model="good/small", messages=[USER], user="broke"),
)
assert error.code == "insufficient_quota", error

print("ok: openai", openai.__version__, "for Python")
