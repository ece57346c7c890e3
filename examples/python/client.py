#!/usr/bin/env python3
"""Submits an intent to a node, watches it, and prints its result and audit trail.

Its stubs are made from proto/ when it starts, so it always speaks the contract of this checkout.
Left out: TLS, which is for whatever stands before the node.
"""

import argparse
import importlib
import json
import os
import pathlib
import sys
import tempfile
import uuid

import grpc
from google.rpc import error_details_pb2, status_pb2
from grpc_tools import protoc

PROTO = pathlib.Path(__file__).resolve().parents[2] / "proto"
# Longer than any step of this example takes; every call has a deadline.
DEADLINE_S = 120

SAMPLE = """\
2026-01-31 08:15:00 INFO  worker-1 started
2026-01-31 08:15:02 ERROR db connection to 10.0.0.7 refused
2026-01-31 08:15:03 WARN  worker-2 queue is at 91 %
2026-01-31 08:15:04 ERROR db connection to 10.0.0.9 refused
2026-01-31 08:15:09 ERROR disk /dev/sdb1 is full
2026-01-31 08:15:11 INFO  worker-1 done
"""


def stubs(directory):
    """Generates the modules of the contract into a directory and gives a way to import them."""
    import grpc_tools

    bundled = pathlib.Path(grpc_tools.__file__).parent / "_proto"
    files = [str(path.relative_to(PROTO)) for path in sorted(PROTO.glob("autoos/v1/*.proto"))]
    arguments = [
        "protoc",
        f"-I{PROTO}",
        f"-I{bundled}",
        f"--python_out={directory}",
        f"--grpc_python_out={directory}",
    ]
    if protoc.main(arguments + files) != 0:
        sys.exit("the stubs could not be made")
    sys.path.insert(0, directory)
    return lambda name: importlib.import_module(f"autoos.v1.{name}")


def explain(error):
    """What a call failed with: its code, its sentence, and what to do about it."""
    lines = [f"{error.code().name}: {error.details()}"]
    for key, value in error.trailing_metadata() or ():
        if key != "grpc-status-details-bin":
            continue
        for detail in status_pb2.Status.FromString(value).details:
            info = error_details_pb2.ErrorInfo()
            request = error_details_pb2.RequestInfo()
            if detail.Unpack(info):
                lines.append(f"what to do: {info.metadata['what_to_do']} (code {info.reason})")
            elif detail.Unpack(request):
                lines.append(f"request id: {request.request_id}")
    return "\n".join(lines)


class Client:
    """The services of one node."""

    def __init__(self, address, key, module):
        self.channel = grpc.insecure_channel(address)
        self.metadata = (("x-api-key", key),) if key else ()
        self.module = module

    def stub(self, service):
        return getattr(self.module(f"{service.lower()}_pb2_grpc"), f"{service}Stub")(self.channel)

    def messages(self, service):
        return self.module(f"{service.lower()}_pb2")

    def how(self):
        return {"metadata": self.metadata, "timeout": DEADLINE_S}

    def submit(self, text, log):
        """Submits an intent, twice: with an idempotency key the second changes nothing."""
        pb = self.messages("Intents")
        context = pb.Context(name="log", label="sample.log", text=log)
        request = pb.SubmitIntentRequest(
            intent=pb.Intent(text=text, user="python-example", contexts=[context]),
            idempotency_key=str(uuid.uuid4()),
        )
        intents = self.stub("Intents")
        first = intents.SubmitIntent(request, **self.how())
        again = intents.SubmitIntent(request, **self.how())
        assert again.existed and again.workflow_id == first.workflow_id, "one key, one workflow"
        return first.workflow_id

    def watch(self, workflow_id):
        """Prints what happens until the workflow rests; goes on behind the last event seen."""
        pb, workflows = self.messages("Workflows"), self.stub("Workflows")
        after, breaks = 0, 0
        while True:
            request = pb.WatchWorkflowRequest(workflow_id=workflow_id, from_seq=after)
            try:
                for change in workflows.WatchWorkflow(request, **self.how()):
                    after = change.entry.seq + 1
                    print(f"  {change.steps_over}/{change.steps} {change.entry.what}")
                    if change.state == self.module("words_pb2").WORKFLOW_STATE_ESCALATED:
                        return
                return
            except grpc.RpcError as error:
                breaks += 1
                if error.code() != grpc.StatusCode.UNAVAILABLE or breaks > 5:
                    raise

    def get(self, workflow_id):
        request = self.messages("Workflows").GetWorkflowRequest(workflow_id=workflow_id)
        return self.stub("Workflows").GetWorkflow(request, **self.how())

    def consume(self, workflow_id, count):
        """Takes so many of the workflow's events as a consumer group, acknowledging each."""
        pb, events = self.messages("Events"), self.stub("Events")
        group, consumer = f"example-{uuid.uuid4()}", "python"
        request = pb.SubscribeRequest(group=group, consumer=consumer, workflow_id=workflow_id)
        stream = events.Subscribe(request, **self.how())
        kinds = []
        for event in stream:
            ack = pb.AckRequest(group=group, consumer=consumer, position=event.position)
            events.Ack(ack, **self.how())
            kinds.append(event.kind)
            if len(kinds) == count:
                stream.cancel()
                return kinds
        return kinds

    def audit(self, workflow_id):
        """Every event with its sentence, and how many the check of the chains found."""
        pb, audit = self.messages("Audit"), self.stub("Audit")
        entries = list(audit.ReadAudit(pb.ReadAuditRequest(workflow_id=workflow_id), **self.how()))
        verify = pb.VerifyAuditRequest(workflow_id=workflow_id)
        return entries, audit.VerifyAudit(verify, **self.how())


def show(workflow, state):
    print(f"\n{workflow.id} is {state}")
    if workflow.HasField("failure"):
        print(f"it failed: {workflow.failure}")
    for question in workflow.escalations:
        if question.open:
            print(f"question {question.number}: {question.detail}")
    if workflow.HasField("result"):
        result = workflow.result
        if result.HasField("text"):
            print(result.text)
        if result.value_json:
            print(json.dumps(json.loads(result.value_json), indent=2, ensure_ascii=False))
        if result.HasField("confidence"):
            print(f"confidence {result.confidence:.2f}")
    print(f"spent {workflow.budget.spent_microusd / 1e6:.6f} USD in {workflow.duration_ms} ms")


def run(client, text, log):
    workflow_id = client.submit(text, log)
    print(f"workflow {workflow_id}")
    client.watch(workflow_id)
    workflow = client.get(workflow_id)
    state = client.module("words_pb2").WorkflowState.Name(workflow.state)
    state = state.removeprefix("WORKFLOW_STATE_").lower()
    show(workflow, state)

    entries, verified = client.audit(workflow_id)
    print(f"\naudit: {len(entries)} events, {verified.events} verified")
    for entry in entries:
        print(f"  {entry.at.ToJsonString()} {entry.kind}: {entry.what}")
    kinds = client.consume(workflow_id, len(entries))
    assert sorted(kinds) == sorted(entry.kind for entry in entries), "the bus tells the same"
    print(f"events: {len(kinds)} taken and acknowledged by a consumer group")
    return {"completed": 0, "failed": 3, "escalated": 4, "cancelled": 5}.get(state, 1)


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("address", help="where the node listens, for example 127.0.0.1:8000")
    parser.add_argument("--intent", default="Analyze the system logs and identify errors")
    parser.add_argument("--log", type=pathlib.Path, help="a log to send; a small one by default")
    asked = parser.parse_args()
    address = asked.address.removeprefix("http://").rstrip("/")
    log = asked.log.read_text() if asked.log else SAMPLE
    with tempfile.TemporaryDirectory() as directory:
        client = Client(address, os.environ.get("AUTOOS_API_KEY"), stubs(directory))
        try:
            return run(client, asked.intent, log)
        except grpc.RpcError as error:
            print(explain(error), file=sys.stderr)
            return 1


if __name__ == "__main__":
    sys.exit(main())
