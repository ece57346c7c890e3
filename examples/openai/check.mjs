// OpenAI's library for Node.js against a node, unchanged: only baseURL and the key are the node's.
//
//     node check.mjs NODE KEY

import assert from "node:assert/strict";
import OpenAI from "openai";

const [node, apiKey] = process.argv.slice(2);
const client = new OpenAI({ baseURL: `http://${node}/v1`, apiKey, maxRetries: 0 });
const user = (content) => [{ role: "user", content }];

const names = [];
for await (const model of client.models.list()) names.push(model.id);
assert(names.includes("autoos/auto") && names.includes("good/small"));
assert.equal((await client.models.retrieve("good/small")).owned_by, "good");

const { data, response } = await client.chat.completions
  .create({ model: "autoos/auto", messages: user("hello there") })
  .withResponse();
assert.equal(data.choices[0].message.content, "You said: hello there");
assert.equal(response.headers.get("autoos-model"), "good/small");

let text = "";
let usage;
const stream = await client.chat.completions.create({
  model: "good/small",
  messages: user("hello there"),
  stream: true,
  stream_options: { include_usage: true },
});
for await (const chunk of stream) {
  text += chunk.choices[0]?.delta.content ?? "";
  usage = chunk.usage ?? usage;
}
assert.equal(text.trim(), "You said: hello there");
assert.equal(usage.total_tokens, 15);

const tools = [{ type: "function", function: { name: "weather", parameters: { type: "object" } } }];
const runner = client.chat.completions.stream({ model: "good/small", messages: user("?"), tools });
const final = await runner.finalChatCompletion();
assert.deepEqual(JSON.parse(final.choices[0].message.tool_calls[0].function.arguments), { city: "Oslo" });

const schema = { type: "object", properties: { name: { type: "string" }, age: { type: "integer" } } };
const person = await client.chat.completions.create({
  model: "autoos/auto",
  messages: user("who?"),
  response_format: { type: "json_schema", json_schema: { name: "person", schema } },
});
assert.deepEqual(JSON.parse(person.choices[0].message.content), { name: "Ada", age: 36 });

const vectors = await client.embeddings.create({ model: "good/vectors", input: ["a", "b"] });
assert.deepEqual(vectors.data.map((each) => each.embedding), [[1, 2], [1, 2]]);

const answered = await client.responses.create({ model: "good/small", input: "hello there" });
assert.equal(answered.output_text, "You said: hello there");
const events = client.responses.stream({ model: "good/small", input: "hello there" });
assert.equal((await events.finalResponse()).output_text.trim(), "You said: hello there");

const wrong = new OpenAI({ baseURL: `http://${node}/v1`, apiKey: "aos_wrong", maxRetries: 0 });
await assert.rejects(wrong.models.list(), OpenAI.AuthenticationError);
const create = (model, said) => client.chat.completions.create({ model, messages: user(said) });
await assert.rejects(create("nobody/knows", "hi"), OpenAI.NotFoundError);
await assert.rejects(create("wise/small", "wrong"), OpenAI.BadRequestError);
await assert.rejects(create("bad/small", "hi"), OpenAI.InternalServerError);
await assert.rejects(create("busy/small", "limit"), OpenAI.RateLimitError);

console.log("ok: openai for Node.js");
