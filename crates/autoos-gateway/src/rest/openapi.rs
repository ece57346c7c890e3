//! The description of the REST API, as OpenAPI 3.1: a table of routes and one of shapes.
//!
//! Written by hand, since most answers are the views' own values, which know nothing of the web.
//! Tests hold the routes against the router and the shapes against real answers.

use super::shapes;
use axum::Json;
use serde_json::{Map, Value, json};

/// A route: method, path, group, what it does in a line.
type Route = (&'static str, &'static str, &'static str, &'static str);

/// Every route.
pub(crate) const ROUTES: [Route; 43] = [
    ("post", "/api/v1/intents", "Intents", "Submit an intent"),
    ("post", "/api/v1/plans", "Intents", "Plan an intent without running it"),
    ("get", "/api/v1/workflows", "Workflows", "List workflows, newest first"),
    ("get", "/api/v1/workflows/{id}", "Workflows", "Show a workflow"),
    ("delete", "/api/v1/workflows/{id}", "Workflows", "Cancel a workflow, or erase it"),
    ("get", "/api/v1/workflows/{id}/plan", "Workflows", "The plan in force, as a document"),
    ("get", "/api/v1/workflows/{id}/events", "Workflows", "Watch a workflow (server-sent events)"),
    ("get", "/api/v1/workflows/{id}/picture.svg", "Workflows", "What happened, as a time line"),
    ("get", "/api/v1/workflows/{id}/picture.txt", "Workflows", "Its plan, drawn as text"),
    ("get", "/api/v1/workflows/{id}/why", "Workflows", "Why it came out as it did"),
    ("get", "/api/v1/workflows/{id}/trace", "Workflows", "Its spans, as OTLP/JSON"),
    ("get", "/api/v1/workflows/{id}/diff", "Workflows", "What came out differently in another"),
    ("post", "/api/v1/workflows/{id}/fork", "Workflows", "Go on from an earlier event"),
    ("post", "/api/v1/workflows/{id}/cancel", "Workflows", "Cancel a workflow"),
    ("post", "/api/v1/workflows/{id}/pause", "Workflows", "Pause a workflow"),
    ("post", "/api/v1/workflows/{id}/resume", "Workflows", "Resume a workflow"),
    ("get", "/api/v1/workflows/{id}/audit", "Audit", "The audit trail"),
    ("get", "/api/v1/workflows/{id}/audit/verify", "Audit", "Check the audit trail's hash chains"),
    ("get", "/api/v1/audit", "Audit", "The key and the newest signed checkpoint"),
    ("get", "/api/v1/audit/export", "Audit", "A file that proves itself, as JSON lines"),
    ("get", "/api/v1/escalations", "Escalations", "List questions to humans"),
    ("post", "/api/v1/escalations/{workflow}/{number}/resolve", "Escalations", "Answer a question"),
    ("get", "/api/v1/lessons", "Lessons", "List lessons"),
    ("post", "/api/v1/lessons/{number}/revert", "Lessons", "Take a lesson back"),
    ("put", "/api/v1/uploads/{name}", "Uploads", "Upload a file, to name it as a context"),
    ("delete", "/api/v1/uploads/{name}", "Uploads", "Remove an upload, by its id"),
    ("get", "/api/v1/calls", "Calls", "List calls, newest first"),
    ("get", "/api/v1/calls/{id}", "Calls", "Show a call, with what was asked and answered"),
    ("get", "/api/v1/costs", "Node", "What was spent"),
    ("get", "/api/v1/tools", "Node", "List tools"),
    ("get", "/api/v1/providers", "Node", "How the providers are doing"),
    ("get", "/health", "Node", "How the node is doing"),
    ("get", "/metrics", "Node", "Metrics in Prometheus' text format"),
    ("get", "/openapi.json", "Node", "This description"),
    ("post", "/api/v1/backups", "Node", "Back the data directory up, on the node's machine"),
    ("get", "/api/v1/log", "Node", "How much the node logs"),
    ("put", "/api/v1/log", "Node", "Change how much the node logs, while it runs"),
    ("get", "/api/v1/accounts", "Accounts", "List accounts"),
    ("get", "/api/v1/accounts/{tenant}", "Accounts", "Show an account"),
    ("put", "/api/v1/accounts/{tenant}", "Accounts", "Set what may be spent"),
    ("get", "/api/v1/keys", "Keys", "List API keys"),
    ("post", "/api/v1/keys", "Keys", "Make an API key"),
    ("delete", "/api/v1/keys/{id}", "Keys", "Revoke an API key"),
];

const GROUPS: [(&str, &str); 10] = [
    ("Intents", "What someone asks for."),
    (
        "Workflows",
        "The runs of intents. A caller sees its own tenant's; everything else is not there.",
    ),
    ("Audit", "What happened and why, and the check that nothing in it was changed."),
    ("Escalations", "Questions to humans."),
    ("Lessons", "Failures that recur, and what is done about them the next time."),
    ("Uploads", "Files that are too large to ride in a request."),
    ("Node", "The node itself. /health, /docs and /openapi.json need no key."),
    ("Accounts", "What tenants and users may spend in all their workflows."),
    ("Calls", "What clients asked of models through /v1, which speaks OpenAI's format."),
    ("Keys", "Who may call. The first key closes the node to everyone without one, for good."),
];

const ABOUT: &str = "Intents in, verified results out. Every request may carry X-Request-Id and \
    traceparent. While no API key was ever made, the node serves its own machine and takes any \
    X-API-Key; afterwards a key that works is needed, as X-API-Key or Authorization: Bearer. Every \
    error is application/problem+json with a code, a sentence, and what to do. The same operations \
    are on the same port as gRPC (autoos.v1, with reflection).";

pub(super) async fn json() -> Json<Value> {
    Json(document())
}

/// The whole description.
pub(crate) fn document() -> Value {
    let mut paths = Map::new();
    for route in ROUTES {
        let path = paths.entry(route.1).or_insert_with(|| json!({}));
        path[route.0] = operation(route);
    }
    let tags: Vec<Value> =
        GROUPS.iter().map(|(name, about)| json!({"name": name, "description": about})).collect();
    json!({
        "openapi": "3.1.0",
        "info": {
            "title": "AUTOOS API",
            "version": env!("CARGO_PKG_VERSION"),
            "description": ABOUT,
            "license": {"name": "Apache-2.0", "identifier": "Apache-2.0"},
        },
        "tags": tags,
        "security": [{"key": []}, {"bearer": []}],
        "paths": paths,
        "components": {
            "securitySchemes": {
                "key": {"type": "apiKey", "in": "header", "name": "X-API-Key"},
                "bearer": {"type": "http", "scheme": "bearer"},
            },
            "schemas": shapes::shapes(),
        },
    })
}

fn operation((method, path, group, summary): Route) -> Value {
    let name: String = path
        .split(['/', '{', '}', '.'])
        .filter(|part| !part.is_empty() && *part != "api" && *part != "v1")
        .collect::<Vec<_>>()
        .join("_");
    let mut operation = json!({
        "operationId": format!("{method}_{name}"),
        "tags": [group],
        "summary": summary,
        "responses": responses(method, path),
    });
    let parameters = parameters(method, path);
    if !parameters.is_empty() {
        operation["parameters"] = parameters.into();
    }
    if let Some(about) = about(method, path) {
        operation["description"] = about.into();
    }
    if let Some(body) = body(method, path) {
        operation["requestBody"] = body;
    }
    if matches!(path, "/health" | "/openapi.json") {
        operation["security"] = json!([]);
    }
    operation
}

fn about(method: &str, path: &str) -> Option<&'static str> {
    Some(match (method, path) {
        ("post", "/api/v1/intents") => {
            "Answers once the intent is durable: 201, or 200 when an earlier request with the same \
             Idempotency-Key had made it. Repeating it is safe with such a key. Each entry of \
             `context` becomes a context of that name: text as it is, other values as JSON; \
             {\"text\": …, \"label\": \"app.log\"}, {\"upload\": \"up-…\"} and {\"file\": \"/path\"} \
             say where the content is. `priority` and `risk` (low, normal or medium, high, urgent \
             or critical) say how much a wrong answer would cost."
        }
        ("post", "/api/v1/plans") => "Records nothing, runs nothing and costs nothing.",
        ("get", "/api/v1/workflows/{id}/events") => {
            "What happened, then what happens, to the event that ends the workflow. An event's id \
             is its sequence: after a broken connection send it as Last-Event-ID, and nothing is \
             missed. 204 once there is nothing more to come."
        }
        ("get", "/api/v1/workflows/{id}/why") => {
            "From the journal alone: what was decided, by whom and why, what failed, what each rung \
             of the ladder did, what each claim of the result rests on, what it cost."
        }
        ("get", "/api/v1/workflows/{id}/trace") => {
            "Folded from the journal, whether the trace was kept or not: a document that any \
             collector takes at /v1/traces."
        }
        ("get", "/api/v1/audit/export") => {
            "Events with their hash chains, signed checkpoints, and a signature over all: `autoos \
             audit verify FILE` finds every change, without a node. Of workflows that are not \
             named it holds hashes alone. Everything is the operator's to export."
        }
        ("post", "/api/v1/workflows/{id}/fork") => {
            "Another workflow takes over the first events of this one and goes on by itself, asking \
             another model wherever it may be asked. Refused where a tool with an effect would act \
             a second time."
        }
        ("post", "/api/v1/lessons/{number}/revert") => {
            "It takes new failures to learn it again. For the operator, since a lesson counts for \
             all tenants."
        }
        ("delete", "/api/v1/workflows/{id}") => {
            "Cancels; with erase=true it also destroys all texts of the workflow and the uploads \
             that came with it. The events stay, and their chain still verifies."
        }
        ("put", "/api/v1/uploads/{name}") => {
            "The body is the file, streamed to the node's disk in bounded memory. The id in the \
             answer names it in a context: {\"upload\": \"up-…\"}."
        }
        ("post", "/api/v1/backups") => {
            "Copies the journal as it stands, the keys and the tools' records into a folder on the \
             node's machine, while work goes on, and answers once the copy is whole. For the \
             operator, from that machine alone."
        }
        ("put", "/api/v1/log") => {
            "In force at once, until the next change or the node's end. Whatever the filter says, \
             secrets and the texts of work are not logged. For the operator."
        }
        ("put", "/api/v1/accounts/{tenant}") => {
            "A workflow's budget is granted by the accounts of its user and its tenant before it is \
             accepted, and what it did not spend returns at its end; what would pass a limit is \
             refused with 402 and what is left. What runs already without a grant is not counted. \
             Durable and in force with the answer; repeating it is safe. For the operator."
        }
        ("post", "/api/v1/keys") => "The answer is the one time that the secret is shown.",
        ("get", "/health") => {
            "Always 200 while the node answers; status is degraded while the journal is read-only."
        }
        _ => return None,
    })
}

fn parameters(method: &str, path: &str) -> Vec<Value> {
    let mut parameters = Vec::new();
    for part in path.split('/') {
        let Some(name) = part.strip_prefix('{').and_then(|p| p.strip_suffix('}')) else { continue };
        let about = match (name, method, path.contains("uploads"), path.contains("keys")) {
            ("number", ..) if path.contains("lessons") => "The lesson's number.",
            ("tenant", ..) => "The tenant.",
            ("number", ..) => "The question's number in its workflow.",
            ("name", "put", ..) => "The file's name, whose ending tells its kind.",
            ("name", ..) => "The upload's id, up-<uuid>.",
            ("id", _, _, true) => "The key's id, key-….",
            ("id", ..) if path.contains("calls") => {
                "The call's id, as the header autoos-call told it."
            }
            _ => "The workflow's id, wf-<uuid>.",
        };
        parameters.push(parameter(name, "path", about));
    }
    let more: &[(&str, &str, &str)] = match (method, path) {
        ("post", "/api/v1/intents") => {
            &[("Idempotency-Key", "header", "The same key gives the same workflow, for ever.")]
        }
        ("get", "/api/v1/workflows") => &[
            ("state", "query", "Only those in one of these states, comma-separated."),
            ("user_id", "query", "Only those of this user."),
            ("since", "query", "Only those accepted then or later, RFC 3339."),
            ("text", "query", "Only those whose intent contains this."),
            ("limit", "query", "Rows at most, 1 to 500; 50 by default."),
            ("page_token", "query", "next of the page before."),
            ("after", "query", "A position (5:1207): waits until the list holds it."),
        ],
        ("get", "/api/v1/audit/export") => &[
            ("workflows", "query", "Their ids, comma-separated; everything without it."),
            ("texts", "query", "true gives texts in plain besides."),
        ],
        ("get", "/api/v1/workflows/{id}/picture.txt") => &[
            ("at", "query", "As of the event with this sequence, that one included."),
            ("width", "query", "Columns, 40 to 400; 100 by default."),
            ("ascii", "query", "true draws with ASCII alone."),
            ("color", "query", "true colours it for a terminal."),
        ],
        ("get", "/api/v1/workflows/{id}" | "/api/v1/workflows/{id}/picture.svg") => {
            &[("at", "query", "As of the event with this sequence, that one included.")]
        }
        ("get", "/api/v1/workflows/{id}/why") => &[(
            "claim",
            "query",
            "Only the claims that this means: a number, or a part of their text.",
        )],
        ("get", "/api/v1/workflows/{id}/diff") => {
            &[("with", "query", "The other workflow's id; required.")]
        }
        ("delete", "/api/v1/workflows/{id}") => {
            &[("erase", "query", "true destroys all texts as well.")]
        }
        ("get", "/api/v1/workflows/{id}/events") => &[
            ("from", "query", "The first sequence wanted; 0 by default."),
            ("Last-Event-ID", "header", "The last sequence that was received."),
        ],
        ("get", "/api/v1/escalations") => &[
            ("all", "query", "true lists those that were answered as well."),
            ("user_id", "query", "Only those of this user."),
            ("limit", "query", "Rows at most, 1 to 500; 50 by default."),
            ("page_token", "query", "next of the page before."),
        ],
        ("get", "/api/v1/calls") => &[
            ("limit", "query", "Rows at most, 1 to 500; 50 by default."),
            ("page_token", "query", "next of the page before."),
        ],
        ("get", "/api/v1/accounts") => &[("tenant", "query", "Only those of this tenant.")],
        (_, "/api/v1/accounts/{tenant}") => {
            &[("user", "query", "The user whose account it is; the tenant's own without it.")]
        }
        ("get", "/api/v1/costs") => &[(
            "by",
            "query",
            "tenant, user, model or day (default), or several of them, comma-separated.",
        )],
        _ => &[],
    };
    parameters.extend(more.iter().map(|(name, place, about)| parameter(name, place, about)));
    parameters
}

fn parameter(name: &str, place: &str, about: &str) -> Value {
    json!({
        "name": name,
        "in": place,
        "required": place == "path",
        "description": about,
        "schema": {"type": "string"},
    })
}

fn reference(shape: &str) -> Value {
    json!({"$ref": format!("#/components/schemas/{shape}")})
}

fn body(method: &str, path: &str) -> Option<Value> {
    let (shape, required, example) = match (method, path) {
        ("post", "/api/v1/intents" | "/api/v1/plans") => (
            "Intent",
            true,
            json!({
                "intent": "Analyze system logs and identify errors",
                "user_id": "user-dev",
                "context": {"priority": "high", "log": "12:00:01 ERROR disk full\n"},
            }),
        ),
        ("post", "/api/v1/workflows/{id}/fork") => {
            ("NewFork", true, json!({"at": 12, "model": "anthropic/claude-sonnet-5"}))
        }
        ("post", "/api/v1/workflows/{id}/cancel") => {
            ("Reason", false, json!({"reason": "no longer needed"}))
        }
        ("post", "/api/v1/escalations/{workflow}/{number}/resolve") => {
            ("Answer", true, json!({"answer": "retry", "by": "ann"}))
        }
        ("post", "/api/v1/backups") => {
            ("NewBackup", true, json!({"target": "/var/backups/autoos-1"}))
        }
        ("put", "/api/v1/log") => ("LogLevel", true, json!({"level": "info,autoos_fabric=debug"})),
        ("post", "/api/v1/keys") => ("NewKey", true, json!({"name": "ci"})),
        ("put", "/api/v1/accounts/{tenant}") => {
            ("NewLimit", true, json!({"limit_usd": 5.0, "period": "day"}))
        }
        ("put", _) => {
            let any = json!({"application/octet-stream": {}});
            return Some(json!({"required": true, "content": any}));
        }
        _ => return None,
    };
    let content = json!({"schema": reference(shape), "example": example});
    Some(json!({"required": required, "content": {"application/json": content}}))
}

fn responses(method: &str, path: &str) -> Value {
    let (status, shape, about) = match (method, path) {
        ("post", "/api/v1/intents") => ("201", "Submitted", "It is durable."),
        ("post", "/api/v1/plans") => ("200", "Planned", "The plan, checked."),
        ("get", "/api/v1/workflows") => ("200", "Workflows", "A page."),
        ("get", "/api/v1/workflows/{id}") => ("200", "Workflow", "Everything about it."),
        ("get", "/api/v1/workflows/{id}/plan") => ("200", "Plan", "The document."),
        ("get", "/api/v1/workflows/{id}/audit") => ("200", "Audit", "Every event, in order."),
        ("get", "/api/v1/workflows/{id}/audit/verify") => ("200", "Verified", "Both chains hold."),
        ("get", "/api/v1/workflows/{id}/picture.svg") => ("200", "image/svg+xml", "The picture."),
        ("get", "/api/v1/workflows/{id}/picture.txt") => ("200", "text/plain", "The drawing."),
        ("get", "/api/v1/audit") => ("200", "AuditStatus", "As it stands."),
        ("get", "/api/v1/audit/export") => ("200", "application/jsonl", "The export."),
        ("get", "/api/v1/workflows/{id}/why") => ("200", "Why", "The account."),
        ("get", "/api/v1/workflows/{id}/trace") => ("200", "application/json", "The spans."),
        ("get", "/api/v1/workflows/{id}/diff") => ("200", "Comparison", "Side by side."),
        ("post", "/api/v1/workflows/{id}/fork") => ("201", "Submitted", "The fork is durable."),
        ("get", "/api/v1/lessons") => ("200", "Lessons", "Every lesson, the reverted ones too."),
        ("get", "/api/v1/escalations") => ("200", "Escalations", "A page."),
        ("delete", "/api/v1/workflows/{id}") => ("200", "Changed", "It is durable."),
        ("post", "/api/v1/backups") => ("201", "Backup", "The copy is whole."),
        ("post", "/api/v1/keys") => ("201", "MadeKey", "The key, shown once."),
        ("get", "/api/v1/keys") => ("200", "Keys", "Every key that the caller manages."),
        ("delete", "/api/v1/keys/{id}") => ("200", "Key", "It no longer works."),
        ("get", "/api/v1/accounts") => ("200", "Accounts", "Every account that the caller sees."),
        (_, "/api/v1/accounts/{tenant}") => ("200", "Account", "As it stands."),
        (_, "/api/v1/log") => ("200", "LogLevel", "What is in force."),
        ("put", _) => ("201", "Uploaded", "It is durable."),
        ("delete", _) => ("204", "", "It is gone."),
        ("get", "/api/v1/calls") => ("200", "Calls", "A page."),
        ("get", "/api/v1/calls/{id}") => ("200", "Call", "Everything about it."),
        ("get", "/api/v1/costs") => ("200", "Costs", "The lines of the bill."),
        ("get", "/api/v1/tools") => ("200", "Tools", "Every tool."),
        ("get", "/api/v1/providers") => ("200", "Providers", "Every provider."),
        ("get", "/health") => ("200", "Health", "It answers."),
        ("get", "/metrics") => ("200", "text/plain", "The metrics."),
        ("get", "/openapi.json") => ("200", "", "The description."),
        ("get", _) => ("200", "text/event-stream", "Each event's data is a Change."),
        _ => ("200", "Changed", "It is durable."),
    };
    let mut good = json!({"description": about});
    match shape {
        "" => {}
        kind if kind.contains('/') => good["content"] = json!({kind: {}}),
        shape => {
            good["content"] = json!({"application/json": {"schema": reference(shape)}});
        }
    }
    let mut responses = Map::new();
    responses.insert(status.into(), good);
    let problem = json!({"application/problem+json": {"schema": reference("Problem")}});
    for (status, about) in [
        ("400", "Something in the request does not fit."),
        ("401", "No key, or one that does not work."),
        ("402", "It would pass the limit of its user or tenant."),
        ("404", "It is not there, or not the caller's."),
        ("409", "It does not fit with how things stand."),
        ("413", "The body is too large."),
        ("429", "Too much at once; Retry-After says when to come back."),
        ("503", "The node is stopping, or its journal is read-only."),
    ] {
        let open = matches!(path, "/health" | "/openapi.json");
        let bodied = matches!(method, "post" | "put");
        let pays = method == "post"
            && (path.ends_with("/intents")
                || path.ends_with("/fork")
                || path.ends_with("/resolve"));
        if (status == "402" && !pays) || (open && status != "429") || (status == "413" && !bodied) {
            continue;
        }
        responses.insert(status.into(), json!({"description": about, "content": problem}));
    }
    responses.into()
}

#[cfg(test)]
#[path = "openapi_test.rs"]
mod tests;
