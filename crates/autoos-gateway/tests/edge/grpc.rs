//! gRPC, over HTTP/2 and as gRPC-web.

use crate::support::{LONG, Node, Setup, hanging, node};
use autoos_proto::v1::{
    self, audit_client::AuditClient, escalations_client::EscalationsClient,
    events_client::EventsClient, intents_client::IntentsClient, keys_client::KeysClient,
    providers_client::ProvidersClient, tools_client::ToolsClient, uploads_client::UploadsClient,
    workflows_client::WorkflowsClient,
};
use futures::{StreamExt as _, stream};
use serde_json::json;
use std::collections::BTreeSet;
use tonic::{Code, Request, transport::Channel};
use tonic_types::StatusExt as _;

pub(crate) async fn channel(node: &Node) -> Channel {
    let endpoint = Channel::from_shared(node.url("")).expect("an address");
    endpoint.connect().await.expect("a connection")
}

fn submit(text: &str, key: &str) -> v1::SubmitIntentRequest {
    let intent = v1::Intent { text: text.into(), user: "ann".into(), ..Default::default() };
    v1::SubmitIntentRequest { intent: Some(intent), idempotency_key: key.into() }
}

#[tokio::test(flavor = "multi_thread")]
async fn an_intent_is_submitted_watched_and_read() {
    let node = node(Setup::default()).await;
    let channel = channel(&node).await;
    let mut intents = IntentsClient::new(channel.clone());
    let made = intents.submit_intent(submit("do the parts", "k")).await.expect("made").into_inner();
    let again =
        intents.submit_intent(submit("do the parts", "k")).await.expect("made").into_inner();
    assert_eq!((again.workflow_id.as_str(), again.existed), (made.workflow_id.as_str(), true));
    let conflict = intents.submit_intent(submit("something else", "k")).await;
    assert_eq!(conflict.expect_err("refused").code(), Code::AlreadyExists);

    let mut workflows = WorkflowsClient::new(channel.clone());
    let watch = v1::WatchWorkflowRequest { workflow_id: made.workflow_id.clone(), from_seq: 0 };
    let watched = workflows.watch_workflow(watch).await.expect("watched").into_inner();
    let changes: Vec<_> = tokio::time::timeout(LONG, watched.collect()).await.expect("in time");
    let seqs: Vec<u64> = changes
        .iter()
        .map(|c| c.as_ref().expect("a change").entry.as_ref().expect("an entry").seq)
        .collect();
    assert_eq!(seqs, (0..seqs.len() as u64).collect::<Vec<_>>());

    let get = v1::GetWorkflowRequest { workflow_id: made.workflow_id.clone(), at_seq: None };
    let workflow = workflows.get_workflow(get).await.expect("shown").into_inner();
    assert_eq!(workflow.state(), v1::WorkflowState::Completed);
    assert_eq!((workflow.user.as_str(), workflow.steps.len()), ("ann", 6));
    assert!(workflow.result.is_some_and(|r| r.text.is_some() || !r.value_json.is_empty()));
    let get = v1::GetWorkflowRequest { workflow_id: made.workflow_id.clone(), at_seq: Some(0) };
    let first = workflows.get_workflow(get).await.expect("shown").into_inner();
    assert_eq!((first.state(), first.seq), (v1::WorkflowState::Planning, 1));

    let list = v1::ListWorkflowsRequest { after: made.position, ..Default::default() };
    let list = workflows.list_workflows(list).await.expect("listed").into_inner();
    assert_eq!(list.workflows[0].id, made.workflow_id);

    let mut audit = AuditClient::new(channel);
    let read = v1::ReadAuditRequest { workflow_id: made.workflow_id.clone() };
    let entries = audit.read_audit(read).await.expect("read").into_inner().count().await;
    let verify = v1::VerifyAuditRequest { workflow_id: made.workflow_id };
    let verified = audit.verify_audit(verify).await.expect("verified").into_inner();
    assert_eq!(verified.events, entries as u64);
    node.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn workflows_are_steered_and_errors_say_what_to_do() {
    let node = node(Setup { script: hanging(), ..Setup::default() }).await;
    let channel = channel(&node).await;
    let made = IntentsClient::new(channel.clone()).submit_intent(submit("do the parts", "")).await;
    let id = made.expect("made").into_inner().workflow_id;
    let mut workflows = WorkflowsClient::new(channel.clone());
    let pause = v1::PauseWorkflowRequest { workflow_id: id.clone() };
    assert!(workflows.pause_workflow(pause).await.expect("paused").into_inner().position.is_some());
    let resume = v1::ResumeWorkflowRequest { workflow_id: id.clone() };
    workflows.resume_workflow(resume).await.expect("resumed");
    let cancel = || v1::CancelWorkflowRequest { workflow_id: id.clone(), reason: "enough".into() };
    workflows.cancel_workflow(cancel()).await.expect("cancelled");
    node.ended(&id).await;

    let mut request = Request::new(cancel());
    request.metadata_mut().insert("x-request-id", "req-7".parse().expect("a value"));
    let refused = workflows.cancel_workflow(request).await.expect_err("refused");
    assert_eq!(refused.code(), Code::FailedPrecondition);
    let details = refused.get_error_details();
    let info = details.error_info().expect("an error info");
    assert_eq!((info.reason.as_str(), info.domain.as_str()), ("rejected", "autoos.v1"));
    assert!(!info.metadata["what_to_do"].is_empty());
    assert_eq!(details.request_info().map(|info| info.request_id.as_str()), Some("req-7"));

    let empty = v1::SubmitIntentRequest::default();
    let refused = IntentsClient::new(channel.clone()).submit_intent(empty).await;
    assert_eq!(refused.expect_err("refused").code(), Code::InvalidArgument);
    let missing = v1::GetWorkflowRequest { workflow_id: "wf-7".into(), at_seq: None };
    let refused = workflows.get_workflow(missing).await.expect_err("refused");
    assert!(refused.get_error_details().bad_request().is_some());

    let erase = v1::EraseWorkflowRequest { workflow_id: id };
    workflows.erase_workflow(erase).await.expect("erased");
    let mut escalations = EscalationsClient::new(channel.clone());
    let all = v1::ListEscalationsRequest { include_resolved: true, ..Default::default() };
    let list = escalations.list_escalations(all).await;
    assert_eq!(list.expect("listed").into_inner().escalations, Vec::new());
    let tools = ToolsClient::new(channel.clone()).list_tools(v1::ListToolsRequest {}).await;
    assert!(tools.expect("listed").into_inner().tools.iter().any(|t| t.name == "fs.read"));
    let providers = ProvidersClient::new(channel).list_providers(v1::ListProvidersRequest {}).await;
    assert_eq!(providers.expect("listed").into_inner().providers[0].name, "scripted");
    node.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn events_are_replayed_and_followed() {
    let node = node(Setup::default()).await;
    let mut events = EventsClient::new(channel(&node).await);
    let id = node.done().await;
    let other = node.done().await;
    let ask = v1::SubscribeRequest { workflow_id: id.clone(), ..Default::default() };
    let mut stream = events.subscribe(ask).await.expect("subscribed").into_inner();
    let mut seen = Vec::new();
    while !seen.iter().any(|event: &v1::Event| event.kind == "settled") {
        let event = tokio::time::timeout(LONG, stream.message()).await.expect("in time");
        seen.push(event.expect("an event").expect("not the end"));
    }
    let uuid = id.trim_start_matches("wf-");
    assert!(seen.iter().all(|event| event.stream.ends_with(uuid)));
    assert!(seen.iter().all(|event| event.data_json != "null"));
    // From the cursor behind the third event the rest comes, and the same.
    let third = seen[2].position.expect("a position");
    let after = v1::Position { shard: third.shard, offset: third.offset + 1 };
    let ask = v1::SubscribeRequest { workflow_id: id, cursor: vec![after], ..Default::default() };
    let stream = events.subscribe(ask).await.expect("subscribed").into_inner();
    let rest: Vec<_> = stream.take(seen.len() - 3).map(|e| e.expect("an event")).collect().await;
    assert_eq!(rest, seen[3..]);

    let ask = v1::SubscribeRequest { kinds: vec!["completed".into()], ..Default::default() };
    let stream = events.subscribe(ask).await.expect("subscribed").into_inner();
    let ended: BTreeSet<_> =
        stream.take(2).map(|event| event.expect("an event").stream).collect().await;
    assert!(ended.contains(&other));
    node.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_an_event_says_is_gone_once_its_workflow_is_erased() {
    let node = node(Setup { script: hanging(), ..Setup::default() }).await;
    let mut events = EventsClient::new(channel(&node).await);
    let id = node.submit(json!({"intent": "do the parts"})).await;
    let cancel = json!({"reason": "a planted reason"});
    let answer = node.post(&format!("/api/v1/workflows/{id}/cancel"), cancel).await;
    assert_eq!(answer.status, 200, "{:?}", answer.body);
    node.ended(&id).await;
    let mut told = async || {
        let ask = v1::SubscribeRequest { workflow_id: id.clone(), ..Default::default() };
        let mut stream = events.subscribe(ask).await.expect("subscribed").into_inner();
        loop {
            let event = tokio::time::timeout(LONG, stream.message()).await.expect("in time");
            let event = event.expect("an event").expect("not the end");
            if event.kind == "cancelled" {
                return event.data_json;
            }
        }
    };
    assert!(told().await.contains("a planted reason"));
    let erase = node.http.delete(node.url(&format!("/api/v1/workflows/{id}?erase=true")));
    assert_eq!(node.send(erase).await.status, 200);
    let after = told().await;
    assert!(after.contains("(erased)") && !after.contains("planted"), "{after}");
    node.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_group_shares_the_events_and_keeps_its_place() {
    let node = node(Setup::default()).await;
    let channel = channel(&node).await;
    for _ in 0..8 {
        node.done().await;
    }
    let total: u64 = autoos_journal::Journal::end(&*node.journal).0.values().sum();
    let join = |consumer: &str| v1::SubscribeRequest {
        group: "billing".into(),
        consumer: consumer.into(),
        ..Default::default()
    };
    let mut events = EventsClient::new(channel.clone());
    let mut first = events.subscribe(join("a")).await.expect("joined").into_inner();
    let twice = events.subscribe(join("a")).await.expect_err("refused");
    assert_eq!(twice.code(), Code::AlreadyExists);
    // All but the last of what there is, each acknowledged.
    let mut done = BTreeSet::new();
    for _ in 0..total - 1 {
        let event = tokio::time::timeout(LONG, first.message()).await.expect("in time");
        let event = event.expect("an event").expect("not the end");
        let position = event.position.expect("a position");
        assert!(done.insert((position.shard, position.offset)), "once each: {event:?}");
        let ack = v1::AckRequest {
            group: "billing".into(),
            consumer: "a".into(),
            position: Some(position),
        };
        events.ack(ack).await.expect("acknowledged");
    }
    drop(first);
    // The next consumer gets what was not acknowledged, and nothing else.
    let mut second = loop {
        // The first leaves when its connection's end is seen.
        match events.subscribe(join("a")).await {
            Ok(stream) => break stream.into_inner(),
            Err(status) => assert_eq!(status.code(), Code::AlreadyExists),
        }
    };
    let event = tokio::time::timeout(LONG, second.message()).await.expect("in time");
    let position = event.expect("an event").expect("not the end").position.expect("a position");
    assert!(!done.contains(&(position.shard, position.offset)));

    let ack = |consumer: &str| v1::AckRequest {
        group: "billing".into(),
        consumer: consumer.into(),
        position: Some(position),
    };
    let nobody = events.ack(ack("nobody")).await.expect_err("refused");
    assert_eq!(nobody.code(), Code::FailedPrecondition);
    events.ack(ack("a")).await.expect("acknowledged");
    node.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn keys_are_needed_once_one_exists() {
    let node = node(Setup::default()).await;
    let channel = channel(&node).await;
    let mut keys = KeysClient::new(channel.clone());
    let made = keys.create_key(v1::CreateKeyRequest { name: "ci".into(), tenant: String::new() });
    let made = made.await.expect("made").into_inner();
    let refused = keys.list_keys(v1::ListKeysRequest {}).await.expect_err("refused");
    assert_eq!(refused.code(), Code::Unauthenticated);
    let with = |name: &'static str, value: String| {
        let mut request = Request::new(v1::ListKeysRequest {});
        request.metadata_mut().insert(name, value.parse().expect("a value"));
        request
    };
    let wrong = keys.list_keys(with("x-api-key", "aos_wrong".into())).await;
    assert_eq!(wrong.expect_err("refused").code(), Code::Unauthenticated);
    let listed = keys.list_keys(with("x-api-key", made.secret.clone())).await.expect("listed");
    assert_eq!(listed.into_inner().keys[0].name, "ci");
    let bearer = format!("Bearer {}", made.secret);
    assert!(keys.list_keys(with("authorization", bearer)).await.is_ok());

    let mut health = tonic_health::pb::health_client::HealthClient::new(channel);
    let check = tonic_health::pb::HealthCheckRequest { service: String::new() };
    assert!(health.check(check).await.is_ok(), "health needs no key");
    node.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn health_follows_the_journal() {
    use tonic_health::pb::{HealthCheckRequest, health_check_response::ServingStatus};
    let node = node(Setup::default()).await;
    let mut health = tonic_health::pb::health_client::HealthClient::new(channel(&node).await);
    let mut check = async |service: &str| {
        let answer = health.check(HealthCheckRequest { service: service.into() }).await;
        answer.map(|a| a.into_inner().status()).map_err(|status| status.code())
    };
    assert_eq!(check("").await, Ok(ServingStatus::Serving));
    assert_eq!(check("autoos.v1.Intents").await, Ok(ServingStatus::Serving));
    assert_eq!(check("autoos.v1.Weather").await, Err(Code::NotFound));
    node.journal.set_degraded(Some("the disk is full".into()));
    assert_eq!(check("autoos.v1.Intents").await, Ok(ServingStatus::NotServing));
    assert_eq!(check("autoos.v1.Workflows").await, Ok(ServingStatus::Serving));
    node.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_contract_is_reflected_in_both_versions() {
    use tonic_reflection::pb;
    let node = node(Setup::default()).await;
    let channel = channel(&node).await;
    macro_rules! services {
        ($version:ident) => {{
            use pb::$version::{
                ServerReflectionRequest, server_reflection_client::ServerReflectionClient,
                server_reflection_request::MessageRequest,
                server_reflection_response::MessageResponse,
            };
            let ask = ServerReflectionRequest {
                host: String::new(),
                message_request: Some(MessageRequest::ListServices(String::new())),
            };
            let mut client = ServerReflectionClient::new(channel.clone());
            let answers = client.server_reflection_info(stream::iter([ask])).await;
            let answer = answers.expect("reflected").into_inner().message().await;
            match answer.expect("an answer").expect("not the end").message_response {
                Some(MessageResponse::ListServicesResponse(list)) => {
                    list.service.into_iter().map(|s| s.name).collect::<BTreeSet<_>>()
                }
                other => panic!("{other:?}"),
            }
        }};
    }
    let (v1, v1alpha) = (services!(v1), services!(v1alpha));
    for service in ["Intents", "Workflows", "Audit", "Escalations", "Events", "Keys", "Uploads"] {
        assert!(v1.contains(&format!("autoos.v1.{service}")), "{v1:?}");
        assert!(v1alpha.contains(&format!("autoos.v1.{service}")));
    }
    assert!(v1.contains("grpc.health.v1.Health"));
    node.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn uploads_stream_and_are_contexts() {
    let node = node(Setup::default()).await;
    let channel = channel(&node).await;
    let part = |part| v1::UploadRequest { part: Some(part) };
    use v1::upload_request::Part;
    let parts = [
        part(Part::Name("app.log".into())),
        part(Part::Chunk(vec![b'x'; 1 << 20])),
        part(Part::Chunk(vec![b'y'; 10])),
    ];
    let mut uploads = UploadsClient::new(channel.clone());
    let made = uploads.upload(stream::iter(parts)).await.expect("uploaded").into_inner();
    assert_eq!(made.bytes, (1 << 20) + 10);
    let nameless = uploads.upload(stream::iter([part(Part::Chunk(vec![1]))])).await;
    assert_eq!(nameless.expect_err("refused").code(), Code::InvalidArgument);

    let mut request = submit("do the parts", "");
    let content = Some(v1::context::Content::Upload(made.upload));
    let context = v1::Context { name: "log".into(), label: String::new(), content };
    request.intent.as_mut().expect("an intent").contexts.push(context);
    let id = IntentsClient::new(channel).submit_intent(request).await.expect("made").into_inner();
    let ended = node.ended(&id.workflow_id).await;
    assert_eq!(ended["contexts"][0]["label"], "app.log");
    node.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn overload_and_deadlines_have_their_codes() {
    let runtime = autoos_runtime::Options { max_open: 1, ..Default::default() };
    let node = node(Setup { script: hanging(), runtime, ..Setup::default() }).await;
    let channel = channel(&node).await;
    let mut intents = IntentsClient::new(channel.clone());
    intents.submit_intent(submit("do the parts", "")).await.expect("made");
    let refused = intents.submit_intent(submit("do the parts", "")).await.expect_err("refused");
    assert_eq!(refused.code(), Code::ResourceExhausted);
    assert!(refused.get_error_details().retry_info().is_some());
    let nowhere: Result<tonic::Response<v1::ListToolsResponse>, _> = {
        let mut grpc = tonic::client::Grpc::new(channel);
        grpc.ready().await.expect("ready");
        let codec = tonic_prost::ProstCodec::<v1::ListToolsRequest, _>::default();
        let path = axum::http::uri::PathAndQuery::from_static("/autoos.v1.Weather/Tell");
        grpc.unary(Request::new(v1::ListToolsRequest {}), path, codec).await
    };
    assert_eq!(nowhere.expect_err("refused").code(), Code::Unimplemented);
    node.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn browsers_speak_grpc_web_over_http_1() {
    let node = node(Setup::default()).await;
    // A frame of grpc-web: no flags, four bytes of length, an empty message.
    let request = node
        .http
        .post(node.url("/autoos.v1.Tools/ListTools"))
        .header("Content-Type", "application/grpc-web+proto")
        .header("X-Grpc-Web", "1")
        .body(vec![0u8; 5]);
    let answer = request.send().await.expect("an answer");
    assert_eq!(answer.status(), 200);
    let kind = answer.headers()["content-type"].to_str().expect("text").to_owned();
    assert!(kind.starts_with("application/grpc-web"), "{kind}");
    let bytes = answer.bytes().await.expect("a body");
    let text = String::from_utf8_lossy(&bytes);
    assert!(text.contains("fs.read") && text.contains("grpc-status:0"), "{text:?}");
    node.stop().await;
}
