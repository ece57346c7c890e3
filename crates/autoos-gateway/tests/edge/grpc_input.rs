//! Bad input over gRPC: each with a code, a sentence and what to do, and a node that goes on.

use crate::support::{Node, Setup, node};
use autoos_proto::v1::{
    self, backups_client::BackupsClient, context::Content, escalations_client::EscalationsClient,
    events_client::EventsClient, intents_client::IntentsClient, keys_client::KeysClient,
    resolve_escalation_request::Answer, uploads_client::UploadsClient,
    workflows_client::WorkflowsClient,
};
use tonic::{Code, Status, transport::Channel};
use tonic_types::StatusExt as _;

const MISSING: &str = "wf-00000000-0000-7000-8000-000000000000";

async fn channel(node: &Node) -> Channel {
    let endpoint = Channel::from_shared(node.url("")).expect("an address");
    endpoint.connect().await.expect("a connection")
}

/// Fails unless a refusal is whole: its code, a sentence, a reason, and what to do.
fn is(what: &str, refused: &Status, code: Code) {
    assert_eq!(refused.code(), code, "{what}: {refused:?}");
    assert!(!refused.message().is_empty(), "{what} has no sentence");
    let details = refused.get_error_details();
    let info = details.error_info().unwrap_or_else(|| panic!("{what} has no code: {refused:?}"));
    assert!(!info.reason.is_empty() && !info.metadata["what_to_do"].is_empty(), "{what}: {info:?}");
    assert!(details.request_info().is_some(), "{what} has no request id");
}

fn intent(text: &str) -> v1::Intent {
    v1::Intent { text: text.into(), ..v1::Intent::default() }
}

fn context(name: &str, content: Option<Content>) -> v1::Context {
    v1::Context { name: name.into(), label: String::new(), content }
}

#[tokio::test(flavor = "multi_thread")]
async fn intents_that_do_not_fit_are_refused_whole() {
    let node = node(Setup::default()).await;
    let mut intents = IntentsClient::new(channel(&node).await);
    let with = |change: &dyn Fn(&mut v1::Intent)| {
        let mut asked = intent("do the parts");
        change(&mut asked);
        Some(asked)
    };
    let time = |seconds, nanos| Some(prost_types::Timestamp { seconds, nanos });
    let text = |name: &str| context(name, Some(Content::Text("t".into())));
    let cases: Vec<(&str, Option<v1::Intent>, Code)> = vec![
        ("nothing", None, Code::InvalidArgument),
        ("empty", Some(intent("")), Code::InvalidArgument),
        ("blank", Some(intent(" \n\t")), Code::InvalidArgument),
        ("NUL", Some(intent("a\0b")), Code::InvalidArgument),
        ("5 MB", Some(intent(&"x".repeat(5 << 20))), Code::InvalidArgument),
        ("40 MB", Some(intent(&"x".repeat(40 << 20))), Code::OutOfRange),
        ("risk", with(&|i| i.risk = 99), Code::InvalidArgument),
        ("negative risk", with(&|i| i.risk = -1), Code::InvalidArgument),
        ("past", with(&|i| i.deadline = time(1, 0)), Code::InvalidArgument),
        ("before 1970", with(&|i| i.deadline = time(-1, 0)), Code::InvalidArgument),
        ("nanos", with(&|i| i.deadline = time(4_000_000_000, -1)), Code::InvalidArgument),
        ("end of time", with(&|i| i.deadline = time(i64::MAX, 0)), Code::InvalidArgument),
        ("plan list", with(&|i| i.plan_json = "[]".into()), Code::InvalidArgument),
        ("plan cut", with(&|i| i.plan_json = "{".into()), Code::InvalidArgument),
        ("plan null", with(&|i| i.plan_json = "null".into()), Code::InvalidArgument),
        ("plan deep", with(&|i| i.plan_json = "[".repeat(10_000)), Code::InvalidArgument),
        ("no content", with(&|i| i.contexts = vec![context("a", None)]), Code::InvalidArgument),
        ("twice", with(&|i| i.contexts = vec![text("a"), text("a")]), Code::InvalidArgument),
        ("name", with(&|i| i.contexts = vec![text("../a")]), Code::InvalidArgument),
        ("many", with(&|i| i.contexts = vec![text("a"); 65]), Code::InvalidArgument),
        (
            "file",
            with(&|i| i.contexts = vec![context("a", Some(Content::File("/etc/passwd".into())))]),
            Code::PermissionDenied,
        ),
        (
            "upload",
            with(&|i| i.contexts = vec![context("a", Some(Content::Upload("../../x".into())))]),
            Code::NotFound,
        ),
        ("user", with(&|i| i.user = "u".repeat(10_000)), Code::InvalidArgument),
    ];
    for (what, intent, code) in cases {
        let request = v1::SubmitIntentRequest { intent, idempotency_key: String::new() };
        let refused = intents.submit_intent(request).await.expect_err(what);
        is(what, &refused, code);
    }
    let long = v1::SubmitIntentRequest {
        intent: Some(intent("do the parts")),
        idempotency_key: "k".repeat(300),
    };
    is("key", &intents.submit_intent(long).await.expect_err("long"), Code::InvalidArgument);
    // None of them left anything, and the node goes on.
    let list = node.get("/api/v1/workflows").await.body;
    assert_eq!(list["items"], serde_json::json!([]));
    node.done().await;
    node.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn other_methods_refuse_what_does_not_fit() {
    let node = node(Setup::default()).await;
    let channel = channel(&node).await;
    let mut workflows = WorkflowsClient::new(channel.clone());
    for (id, code) in
        [("", Code::InvalidArgument), ("42", Code::InvalidArgument), (MISSING, Code::NotFound)]
    {
        let get = v1::GetWorkflowRequest { workflow_id: id.into(), at_seq: Some(u64::MAX) };
        is(id, &workflows.get_workflow(get).await.expect_err("refused"), code);
        let watch = v1::WatchWorkflowRequest { workflow_id: id.into(), from_seq: u64::MAX };
        is(id, &workflows.watch_workflow(watch).await.expect_err("refused"), code);
        let erase = v1::EraseWorkflowRequest { workflow_id: id.into() };
        is(id, &workflows.erase_workflow(erase).await.expect_err("refused"), code);
    }
    let list = |change: &dyn Fn(&mut v1::ListWorkflowsRequest)| {
        let mut request = v1::ListWorkflowsRequest::default();
        change(&mut request);
        request
    };
    let position = |shard, offset| Some(v1::Position { shard, offset });
    for (what, request) in [
        ("page size", list(&|r| r.page_size = u32::MAX)),
        ("page token", list(&|r| r.page_token = "zzz".into())),
        ("state", list(&|r| r.states = vec![77])),
        ("no state", list(&|r| r.states = vec![0])),
        ("shard", list(&|r| r.after = position(u32::MAX, 0))),
        ("offset", list(&|r| r.after = position(3, u64::MAX))),
    ] {
        let refused = workflows.list_workflows(request).await.expect_err(what);
        is(what, &refused, Code::InvalidArgument);
    }

    let mut escalations = EscalationsClient::new(channel.clone());
    let resolve = |number, answer| v1::ResolveEscalationRequest {
        workflow_id: MISSING.into(),
        number,
        answer,
        by: String::new(),
    };
    let none = escalations.resolve_escalation(resolve(1, None)).await.expect_err("none");
    is("no answer", &none, Code::InvalidArgument);
    let edit = resolve(1, Some(Answer::EditJson("{".into())));
    let edit = escalations.resolve_escalation(edit).await.expect_err("no JSON");
    is("edit", &edit, Code::InvalidArgument);
    let retry = resolve(u32::MAX, Some(Answer::Retry(Default::default())));
    let retry = escalations.resolve_escalation(retry).await.expect_err("missing");
    is("missing", &retry, Code::NotFound);

    let mut events = EventsClient::new(channel.clone());
    let both = v1::SubscribeRequest {
        cursor: vec![v1::Position { shard: 0, offset: 0 }],
        group: "g".into(),
        consumer: "c".into(),
        ..Default::default()
    };
    is("both", &events.subscribe(both).await.expect_err("both"), Code::InvalidArgument);
    let nobody = v1::AckRequest { group: "g".into(), consumer: "c".into(), position: None };
    is("ack", &events.ack(nobody).await.expect_err("nobody"), Code::InvalidArgument);

    let mut backups = BackupsClient::new(channel.clone());
    for target in ["", "copy", "../copy", "/x\0y"] {
        let asked = v1::CreateBackupRequest { target: target.into() };
        let refused = backups.create_backup(asked).await.expect_err("refused");
        is(target, &refused, Code::InvalidArgument);
    }
    let target = node.dir.path().join("copy").display().to_string();
    let asked = || v1::CreateBackupRequest { target: target.clone() };
    assert_eq!(backups.create_backup(asked()).await.expect("made").into_inner().events, 7);
    let again = backups.create_backup(asked()).await.expect_err("it is there");
    is("there already", &again, Code::FailedPrecondition);

    let chunk = v1::UploadRequest { part: Some(v1::upload_request::Part::Chunk(vec![1])) };
    let mut uploads = UploadsClient::new(channel.clone());
    let nameless = uploads.upload(futures::stream::iter([chunk])).await.expect_err("nameless");
    is("nameless", &nameless, Code::InvalidArgument);
    let name = v1::UploadRequest { part: Some(v1::upload_request::Part::Name("../x".into())) };
    let outside = uploads.upload(futures::stream::iter([name])).await.expect_err("outside");
    is("outside", &outside, Code::InvalidArgument);

    let mut keys = KeysClient::new(channel);
    let revoke = v1::RevokeKeyRequest { id: "../x".into() };
    is("revoke", &keys.revoke_key(revoke).await.expect_err("none"), Code::NotFound);
    let unnamed = v1::CreateKeyRequest { name: String::new(), tenant: String::new() };
    is("unnamed", &keys.create_key(unnamed).await.expect_err("unnamed"), Code::InvalidArgument);
    node.stop().await;
}
