//! The shapes of the REST API: what is in each body, and what it means.

use serde_json::{Map, Value, json};

/// A field: name, type, what it means. A type in brackets is a list; `?` at its end may be null; a
/// name with a star is always there.
type Field = (&'static str, &'static str, &'static str);

/// Every shape by name.
pub(super) fn shapes() -> Value {
    let mut shapes = Map::new();
    for (name, about, fields) in ASKED.iter().chain(&ANSWERED).chain(&PARTS) {
        shapes.insert((*name).to_owned(), shape(about, fields));
    }
    shapes.into()
}

fn shape(about: &str, fields: &[Field]) -> Value {
    let mut properties = Map::new();
    let mut required = Vec::new();
    for (name, kind, about) in fields {
        let bare = name.trim_end_matches('*');
        if bare.len() < name.len() {
            required.push(bare);
        }
        let mut schema = schema(kind);
        schema["description"] = (*about).into();
        properties.insert(bare.to_owned(), schema);
    }
    let mut shape = json!({"type": "object", "description": about, "properties": properties});
    if !required.is_empty() {
        shape["required"] = required.into();
    }
    shape
}

fn schema(kind: &str) -> Value {
    if let Some(kind) = kind.strip_suffix('?') {
        return match schema(kind) {
            // A reference stands alone; that it may be null is said beside it.
            reference if reference.get("$ref").is_some() => {
                json!({"anyOf": [reference, {"type": "null"}]})
            }
            mut plain => {
                plain["type"] = json!([plain["type"], "null"]);
                plain
            }
        };
    }
    if let Some(of) = kind.strip_prefix('[').and_then(|kind| kind.strip_suffix(']')) {
        return json!({"type": "array", "items": schema(of)});
    }
    match kind {
        "any" => json!({}),
        "time" => json!({"type": "string", "format": "date-time"}),
        "string" | "integer" | "number" | "boolean" | "object" => json!({"type": kind}),
        words if words.contains('|') => {
            json!({"type": "string", "enum": words.split('|').collect::<Vec<_>>()})
        }
        shape => json!({"$ref": format!("#/components/schemas/{shape}")}),
    }
}

type Shape = (&'static str, &'static str, &'static [Field]);

/// What clients send.
const ASKED: [Shape; 7] = [
    (
        "Intent",
        "What someone asks for. Unknown fields are refused.",
        &[
            ("intent*", "string", "What is to be done, in words; at most 65,536 bytes."),
            ("user_id", "string", "For whom; the key's id where it is left out."),
            ("context", "object", "What comes with it, by name; at most 64 entries."),
            ("risk", "low|medium|high|critical", "What a wrong answer would cost; medium."),
            ("budget_usd", "number", "What it may cost, in dollars; 1 by default."),
            ("deadline", "time", "When it fails if it is not done."),
            ("idempotency_key", "string", "As the header Idempotency-Key."),
            ("plan", "Plan", "A plan to run as it is."),
        ],
    ),
    ("Reason", "Why.", &[("reason", "string", "For the audit trail.")]),
    (
        "Answer",
        "A human's answer to a question.",
        &[
            ("answer*", "approve|edit|retry|raise|skip|abandon", "One that the question takes."),
            ("budget_usd", "number", "With raise: how much more may be spent, in dollars."),
            (
                "value",
                "any",
                "With edit: the step's output instead. Of the planning step it is a Plan, which is \
                 checked before it is taken.",
            ),
            ("by", "string", "Who answers, for the audit trail."),
        ],
    ),
    (
        "NewFork",
        "Where a fork begins.",
        &[
            ("at*", "integer", "How many of the workflow's events it takes over, from 1."),
            ("model", "string", "The model to ask wherever it may be asked."),
        ],
    ),
    (
        "NewLimit",
        "What may be spent from now on.",
        &[
            ("limit_usd*", "number?", "So much, in dollars; null takes the limit away."),
            ("period", "total|day|month", "After how long it begins anew, in UTC; total never."),
        ],
    ),
    (
        "NewKey",
        "A key to be made.",
        &[
            ("name*", "string", "What people call it."),
            ("tenant", "string", "Whose calls it lets in; the caller's own tenant by default."),
        ],
    ),
    (
        "NewBackup",
        "A backup to be made.",
        &[("target*", "string", "An absolute path; a folder that is empty or not there yet.")],
    ),
];

/// What the node answers.
const ANSWERED: [Shape; 28] = [
    (
        "Calls",
        "A page of calls.",
        &[
            ("items*", "[Call]", "Newest first."),
            ("next*", "string?", "Where the next page begins."),
        ],
    ),
    (
        "Call",
        "What a client asked of a model through /v1, as it ended.",
        &[
            ("id*", "string", "Its id; the answer's header autoos-call."),
            ("began*", "time", "When it came."),
            ("ended*", "time", "When it was recorded."),
            ("tenant*", "string", "Whose key it came with."),
            ("user*", "string", "For whom."),
            ("what*", "string", "chat, response or embedding."),
            ("asked*", "string", "The model as the client named it."),
            ("model*", "string?", "The model that answered, or was asked last."),
            ("reason*", "string?", "Why that one, where the client left it open."),
            ("failed*", "[object]", "model and class of each that failed."),
            ("outcome*", "string", "answered, cached, failed or given_up."),
            ("class*", "string?", "How it failed."),
            ("streamed*", "boolean", "Whether the answer came in pieces."),
            (
                "asked_twice*",
                "boolean",
                "Whether a second call was made since the first took long.",
            ),
            ("tokens*", "object", "input and output."),
            ("cost_microusd*", "integer", "What it cost, its verification included."),
            ("latency_ms*", "integer", "To the end of the answer."),
            ("first_ms*", "integer?", "To its first piece."),
            ("confidence*", "number?", "How sure the answer is, where the client asked."),
            ("unsupported*", "integer?", "Claims that the context does not bear out."),
            ("trace*", "string?", "The trace that it belongs to."),
            ("stream*", "string", "The stream that it is recorded in."),
            ("seq*", "integer", "Its place in that stream."),
            ("request", "any", "What was asked; only of one call."),
            ("answer", "any", "What was answered; only of one call."),
        ],
    ),
    (
        "LogLevel",
        "How much is logged.",
        &[("level*", "string", "A level, or module=level, comma-separated.")],
    ),
    ("Accounts", "Accounts.", &[("accounts*", "[Account]", "By tenant and user.")]),
    (
        "Problem",
        "Why a request brought nothing (RFC 9457).",
        &[
            ("type*", "string", "urn:autoos:problem:<code>."),
            ("title*", "string", "The status in words."),
            ("status*", "integer", "The HTTP status."),
            ("code*", "string", "What programs match on."),
            ("detail*", "string", "What happened."),
            ("what_to_do*", "string", "What to do about it."),
            ("problems", "[string]", "Each thing that is wrong."),
            ("request_id*", "string", "What the node's log knows it by."),
            ("retry_after_ms", "integer", "When to come back."),
        ],
    ),
    (
        "Submitted",
        "An intent that was taken on.",
        &[
            ("intent_id*", "string", "in-<uuid>."),
            ("workflow_id*", "string", "wf-<uuid>, with the same UUID."),
            ("existed*", "boolean", "Whether an earlier request had made it."),
            ("position*", "string", "Where its acceptance lies in the journal."),
            ("links*", "object", "workflow, audit and events, as paths."),
        ],
    ),
    (
        "Planned",
        "A plan and its cost.",
        &[
            ("plan*", "Plan", "The document; it can be submitted, or kept as a file."),
            ("worst_case_microusd*", "integer", "What running it costs at worst."),
        ],
    ),
    (
        "Workflow",
        "Everything about one workflow.",
        &[
            ("id*", "string", "wf-<uuid>."),
            ("intent_id*", "string", "in-<uuid>."),
            ("intent*", "string?", "What was asked; null when it was erased."),
            ("erased*", "boolean", "Whether its texts were destroyed."),
            ("tenant*", "string", "Whose key it came with."),
            ("user*", "string", "For whom."),
            ("contexts*", "[object]", "name, label and bytes of what came with it."),
            ("state*", STATES, "Where it stands."),
            ("risk*", "low|medium|high|critical", "What a wrong answer would cost."),
            ("created*", "time", "When it was accepted."),
            ("updated*", "time", "When its last event was decided."),
            ("ended*", "time?", "When it ended."),
            ("deadline*", "time?", "When it fails if it is not done."),
            ("duration_ms*", "integer", "From acceptance to its end, or its last event."),
            ("budget*", "object", "granted, reserved, spent and excess, each _microusd."),
            ("plan*", "object?", "Name, version, revision and worst case of the plan in force."),
            ("refused*", "[string]", "What was wrong with the last plan that was refused."),
            ("steps*", "[Step]", "Each after those that it needs."),
            ("escalations*", "[Escalation]", "Every question to a human, in order."),
            ("cancelled*", "object?", "by and reason."),
            ("result*", "Result?", "What it brought."),
            ("failure*", "string?", "Why it brought nothing."),
            ("tokens*", "object", "input and output."),
            ("calls*", "object", "Calls that were begun: model and tool."),
            ("seq*", "integer", "The sequence that its next event will get."),
        ],
    ),
    (
        "Why",
        "Why a workflow came out as it did.",
        &[
            ("workflow*", "string", "wf-<uuid>."),
            ("state*", STATES, "Where it stands."),
            ("erased*", "boolean", "Whether its texts were destroyed."),
            ("asked*", "object", "What was asked, by whom, with which risk and budget."),
            ("reading*", "object?", "How it was read: summary, task_kind, goals, risk."),
            ("forked*", "object?", "The parent, how many of its events, the model, by whom."),
            ("plans*", "[object]", "Every plan that came up, with what it changed."),
            ("steps*", "[object]", "Attempts with their choices and reviews, climbs, waits."),
            ("questions*", "[object]", "Every question to a human and its answer."),
            ("lessons*", "[object]", "Lessons that changed something, and those taught here."),
            ("outcome*", "object", "The result, its confidence and recipe, or why there is none."),
            ("claims*", "[object]", "What the result says, and what each claim rests on."),
            ("costs*", "object", "By step and by model, failed attempts included."),
            ("timeline*", "[object]", "Every event in a sentence."),
        ],
    ),
    (
        "Comparison",
        "Two workflows side by side.",
        &[
            ("left*", "object", "The one: state, confidence, cost, models, result."),
            ("right*", "object", "The other."),
            ("shared_events*", "integer?", "Events that both share, of a fork and its parent."),
            ("steps*", "[object]", "Every step of either, and how its output differs."),
            ("result*", "[object]", "How the results differ, in lines."),
        ],
    ),
    (
        "Lessons",
        "The lessons.",
        &[("lessons*", "[object]", "number, sentence, pattern, remedy, times, reverted …")],
    ),
    ("Workflows", "A page of workflows.", PAGE_OF_WORKFLOWS),
    ("Escalations", "A page of questions.", PAGE_OF_ESCALATIONS),
    (
        "Audit",
        "The audit trail.",
        &[
            ("workflow_id*", "string", "wf-<uuid>."),
            ("entries*", "[Entry]", "Every event of the workflow and its intent, in order."),
        ],
    ),
    (
        "AuditStatus",
        "How the audit is doing.",
        &[
            ("key*", "string", "The public key that verifies its signatures: keep it elsewhere."),
            ("checkpoint*", "object?", "The newest checkpoint, signed."),
            ("hash*", "string?", "Its hash, which names it and all before it."),
            ("problem*", "string?", "Why there is none newer."),
        ],
    ),
    (
        "Verified",
        "The chains hold.",
        &[
            ("ok*", "boolean", "Always true; a broken chain is a problem with the code corrupt."),
            ("found*", "object", "events, intent_chain and workflow_chain."),
        ],
    ),
    (
        "Changed",
        "A change that is durable.",
        &[
            ("changed", "boolean", "false when it was so already."),
            ("position", "string?", "Where it lies in the journal."),
            ("erased", "boolean", "Of an erasure: true."),
        ],
    ),
    (
        "Uploaded",
        "An upload.",
        &[
            ("upload*", "string", "up-<uuid>: what to put into a context."),
            ("name*", "string", "Its name."),
            ("bytes*", "integer", "Its length."),
        ],
    ),
    (
        "Costs",
        "A bill.",
        &[
            ("by*", "string", "What it is summed by."),
            ("lines*", "[object]", "keys (one for each), key, calls, cost_microusd and tokens."),
        ],
    ),
    ("Tools", "The tools.", &[("tools*", "[object]", "Name, schema, trust, effect, timeout.")]),
    (
        "Providers",
        "The providers.",
        &[(
            "providers*",
            "[object]",
            "Health, breaker, limits, spend, calls, last error; and learned figures by model.",
        )],
    ),
    (
        "Health",
        "How the node is doing.",
        &[
            ("status*", "ok|degraded", "degraded while the journal is read-only."),
            ("version*", "string", "The version that runs."),
            ("journal*", "object", "state (ok or read_only) and the reason."),
            ("views*", "object", "Whether lists and counts cover all there is."),
            ("open_workflows*", "integer", "Workflows that are in memory."),
            (
                "quarantined_workflows*",
                "integer",
                "Workflows left alone since they died again and again; the log names them.",
            ),
        ],
    ),
    (
        "MadeKey",
        "A key that was made.",
        &[("secret*", "string", "aos_…: shown this once."), ("key*", "Key", "What is kept of it.")],
    ),
    (
        "Backup",
        "A backup that is whole.",
        &[
            ("target*", "string", "Where it is, on the node's machine."),
            ("events*", "integer", "How many events it holds."),
            ("bytes*", "integer", "The bytes of its log."),
        ],
    ),
    ("Keys", "Keys.", &[("keys*", "[Key]", "Oldest first.")]),
    (
        "Key",
        "What is known of a key.",
        &[
            ("id*", "string", "What it is revoked by."),
            ("name*", "string", "What people call it."),
            ("tenant*", "string", "Whose calls it lets in."),
            ("created*", "time", "When it was made."),
            ("revoked*", "time?", "When it was revoked."),
        ],
    ),
    (
        "Change",
        "An event as it is streamed: an Entry and how things stand after it.",
        &[
            ("state*", STATES, "Where the workflow stands after it."),
            ("step*", "Step?", "The step that it is about."),
            ("steps_over*", "integer", "Steps that are over."),
            ("steps*", "integer", "Steps that are known."),
            ("spent_microusd*", "integer", "What was spent so far."),
        ],
    ),
    (
        "Plan",
        "A plan, as a planner or a person writes it.",
        &[
            ("name*", "string", "For people."),
            ("version", "integer", "Of a plan that is kept as a file."),
            ("intent", "object", "How the intent was read."),
            ("goals", "[object]", "What the steps are for."),
            ("steps*", "[object]", "Tools, questions to models, and waits, with their inputs."),
            ("result*", "string", "The step whose output is the result."),
        ],
    ),
];

const STATES: &str = "planning|running|paused|escalated|cancelling|completed|failed|cancelled";
const PAGE_OF_WORKFLOWS: &[Field] = &[
    ("items*", "[Summary]", "The rows, newest first; a page may be short and not the last."),
    ("next*", "string?", "The page_token of the next page; null on the last."),
    ("complete*", "boolean", "false while the index is built after a start."),
];
const PAGE_OF_ESCALATIONS: &[Field] = &[
    ("items*", "[Escalation]", "The rows, newest first, each with its workflow."),
    ("next*", "string?", "The page_token of the next page; null on the last."),
    ("complete*", "boolean", "false while the index is built after a start."),
];

/// What the others are made of.
const PARTS: [Shape; 6] = [
    (
        "Account",
        "How an account stands.",
        &[
            ("id*", "string", "ac-<uuid>."),
            ("tenant*", "string", "The tenant."),
            ("user*", "string?", "The user; null for the tenant's own account."),
            ("limit_microusd*", "integer?", "What may be spent; null without a limit."),
            ("period*", "string?", "total, day or month."),
            ("spent_microusd*", "integer", "Spent in the period."),
            ("granted_microusd*", "integer", "Granted to workflows that have not ended."),
            ("left_microusd*", "integer?", "Free to be granted."),
            ("ever_microusd*", "integer", "Spent since the account was opened."),
            ("workflows*", "integer", "Workflows that have a grant."),
            ("until*", "time?", "When the limit begins anew."),
        ],
    ),
    (
        "Summary",
        "A workflow in a list.",
        &[
            ("id*", "string", "wf-<uuid>."),
            ("intent*", "string?", "The beginning of what was asked."),
            ("tenant*", "string", "Whose key it came with."),
            ("user*", "string", "For whom."),
            ("state*", STATES, "Where it stands."),
            ("risk*", "low|medium|high|critical", "What a wrong answer would cost."),
            ("created*", "time", "When it was accepted."),
            ("updated*", "time", "When its last event was decided."),
            ("ended*", "time?", "When it ended."),
            ("steps_over*", "integer", "Steps that are over."),
            ("steps*", "integer", "Steps that are known."),
            ("open_escalations*", "integer", "Questions to a human that are open."),
            ("cost_microusd*", "integer", "What was spent."),
        ],
    ),
    (
        "Step",
        "One step.",
        &[
            ("id*", "string", "Unique in its workflow."),
            ("title*", "string?", "What it does, in a line."),
            (
                "kind*",
                "tool|ask|wait",
                "Its work; tool, effect, role, model and wait_ms beside it.",
            ),
            ("state*", "string", "Where it stands."),
            ("due*", "time?", "When it goes on by itself."),
            ("started*", "time?", "When its first attempt or its timer began."),
            ("ended*", "time?", "When it was over."),
            ("duration_ms*", "integer?", "From start to end."),
            ("cost_microusd*", "integer", "What all attempts cost."),
            ("note*", "string?", "Why it was left out or failed, or what ended the last attempt."),
            ("confidence*", "number?", "How sure its output is, in 0..=1."),
            ("needs*", "[string]", "The steps that must be over before it."),
            ("attempts*", "[object]", "Every attempt, in order."),
            ("climbs*", "[object]", "Every climb of the ladder: at, rung, exit, due."),
        ],
    ),
    (
        "Escalation",
        "A question to a human.",
        &[
            ("workflow", "string", "In a list: the workflow that waits."),
            ("intent", "string?", "In a list: the beginning of what it was asked."),
            ("number*", "integer", "Its number in the workflow, from 1."),
            ("step*", "string", "The step that cannot go on."),
            ("exit*", "string", "What ended its last attempt."),
            ("detail*", "string", "What happened and what is needed."),
            ("asked*", "time", "When it was asked."),
            ("due*", "time", "When the default is taken."),
            ("default*", "string", "What the default is."),
            ("answers*", "[string]", "The answers that can be given."),
            ("proposed*", "any", "The answer that was not sure enough and can be approved."),
            ("verification*", "any", "What was found unsupported in that answer."),
            ("open*", "boolean", "Whether an answer is still awaited."),
            ("resolved*", "object?", "decision, by and at."),
        ],
    ),
    (
        "Result",
        "What a workflow brought.",
        &[
            ("text*", "string?", "The answer, where it is text."),
            ("value*", "any", "The answer, where it is data."),
            ("confidence*", "number?", "How sure it is, in 0..=1, where that was measured."),
            ("verification*", "any", "How that came about, and what was found unsupported."),
        ],
    ),
    (
        "Entry",
        "One event of the audit trail.",
        &[
            ("stream*", "string", "in-<uuid> or wf-<uuid>."),
            ("seq*", "integer", "Its place in that stream, from 0, without gaps."),
            ("at*", "time", "When it was decided."),
            ("actor*", "string", "Who decided it."),
            ("kind*", "string", "What became true, in one word."),
            ("what*", "string", "What happened and why, in a sentence."),
            ("cause*", "string?", "What it follows from."),
            ("trace_id*", "string?", "The trace that it belongs to."),
            ("epoch*", "integer", "Under which epoch it was written."),
            ("data*", "any", "The event itself."),
            ("chain*", "string", "The chain behind it, which names it and all before it."),
            ("inputs*", "[object]", "What it rests on: what each is, and its hash."),
        ],
    ),
];
