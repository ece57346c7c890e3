"""A vendor in OpenAI's format that answers by rule: what the last message says decides.

Prints the port that it listens on. Started a second time with `--fail` it answers every call with
500, so that a fallback can be seen.
"""

import json
import sys
import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

FAIL = "--fail" in sys.argv
# Streams whose client went away before their end.
GONE = []


def last(messages):
    content = messages[-1].get("content") or ""
    if isinstance(content, list):
        return " ".join(part.get("text", "") for part in content)
    return content


class Vendor(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def log_message(self, *_):
        pass

    def reply(self, status, body, headers=()):
        data = json.dumps(body).encode()
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(data)))
        for name, value in headers:
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(data)

    def refuse(self, status, message, code, headers=()):
        error = {"message": message, "type": "error", "param": None, "code": code}
        self.reply(status, {"error": error}, headers)

    def do_GET(self):
        self.reply(200, {"gone": len(GONE)})

    def do_POST(self):
        asked = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        if FAIL:
            return self.refuse(500, "this one always fails", "server_error")
        if self.headers.get("Authorization") != "Bearer upstream-key":
            return self.refuse(401, "no key", "invalid_api_key")
        if self.path.endswith("/embeddings"):
            texts = asked["input"] if isinstance(asked["input"], list) else [asked["input"]]
            vectors = [
                {"object": "embedding", "index": n, "embedding": "AACAPwAAAEA="
                 if asked.get("encoding_format") == "base64" else [1.0, 2.0]}
                for n, _ in enumerate(texts)
            ]
            usage = {"prompt_tokens": 4, "total_tokens": 4}
            return self.reply(
                200, {"object": "list", "data": vectors, "model": asked["model"], "usage": usage}
            )
        said = last(asked["messages"])
        if "limit" in said:
            return self.refuse(429, "slow down", "rate_limit_exceeded", [("Retry-After", "7")])
        if "wrong" in said:
            return self.refuse(400, "temperature is too hot", "invalid_value")
        message, finish = self.message(asked, said)
        usage = {"prompt_tokens": 10, "completion_tokens": 5, "total_tokens": 15}
        if asked.get("stream"):
            return self.stream(asked, message, finish, usage, said)
        choice = {"index": 0, "message": message, "finish_reason": finish, "logprobs": None}
        self.reply(
            200,
            {
                "id": "chatcmpl-1", "object": "chat.completion", "created": 1,
                "model": asked["model"], "choices": [choice], "usage": usage,
            },
        )

    def message(self, asked, said):
        roles = [message["role"] for message in asked["messages"]]
        if asked.get("tools") and roles[-1] != "tool":
            call = {
                "id": "call_1", "type": "function",
                "function": {"name": "weather", "arguments": '{"city": "Oslo"}'},
            }
            return {"role": "assistant", "content": None, "tool_calls": [call]}, "tool_calls"
        if asked.get("response_format", {}).get("type") == "json_schema":
            return {"role": "assistant", "content": '{"name": "Ada", "age": 36}'}, "stop"
        if "fee" in said:
            return {"role": "assistant", "content": "The fee is 99 euros."}, "stop"
        return {"role": "assistant", "content": f"You said: {said}"}, "stop"

    def stream(self, asked, message, finish, usage, said):
        self.send_response(200)
        self.send_header("Content-Type", "text/event-stream")
        self.send_header("Transfer-Encoding", "chunked")
        self.end_headers()

        def event(data):
            data = f"data: {data}\n\n".encode()
            self.wfile.write(b"%x\r\n%s\r\n" % (len(data), data))
            self.wfile.flush()

        def chunk(delta, finish=None, choices=None, **more):
            choice = {"index": 0, "delta": delta, "finish_reason": finish}
            event(json.dumps({
                "id": "chatcmpl-1", "object": "chat.completion.chunk", "created": 1,
                "model": asked["model"],
                "choices": [choice] if choices is None else choices, **more,
            }))

        try:
            chunk({"role": "assistant", "content": ""})
            for n, call in enumerate(message.get("tool_calls") or ()):
                function = call["function"]
                half = len(function["arguments"]) // 2
                first = dict(function, arguments=function["arguments"][:half])
                chunk({"tool_calls": [dict(call, index=n, function=first)]})
                rest = {"index": n, "function": {"arguments": function["arguments"][half:]}}
                chunk({"tool_calls": [rest]})
            for word in (message["content"] or "").split(" "):
                if word:
                    chunk({"content": word + " "})
            if "break" in said:
                # The connection ends and no end of the answer was in it.
                self.close_connection = True
                return self.connection.close()
            while "endless" in said:
                chunk({"content": "more "})
                time.sleep(0.02)
            chunk({}, finish)
            if (asked.get("stream_options") or {}).get("include_usage"):
                chunk({}, choices=[], usage=usage)
            event("[DONE]")
            self.wfile.write(b"0\r\n\r\n")
        except OSError:
            GONE.append(True)
            self.close_connection = True


server = ThreadingHTTPServer(("127.0.0.1", 0), Vendor)
server.daemon_threads = True
print(server.server_address[1], flush=True)
thread = threading.Thread(target=server.serve_forever)
thread.start()
thread.join()
