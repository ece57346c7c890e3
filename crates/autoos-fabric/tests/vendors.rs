//! Every vendor's client against a server that fails in every way: each way ends in the class
//! that the ladder needs, and nothing that went wrong tells a secret.

#![allow(clippy::unwrap_used, reason = "helpers of tests")]

mod vendor_server;

use autoos_fabric::{
    Fabric, FabricConfig, Failure, FailureClass, Llm, LlmResponse, Price, Request, Task, Usage,
    config::{ModelConfig, ProviderConfig, ProviderKind, Timeouts},
    secret::SecretRef,
};
use autoos_kernel::{tool::ToolSpec, words::LlmRole};
use autoos_telemetry::{Context, Within};
use serde_json::{Value, json};
use vendor_server::{Scene, VendorServer};

/// A key that must show up nowhere.
const CANARY: &str = "sk_canary_5f2d";
/// So does this header's value.
const HEADER_CANARY: &str = "team_canary_77";
/// And these words of the prompt.
const PROMPT_CANARY: &str = "prompt-canary-93";

const KINDS: [ProviderKind; 4] = [
    ProviderKind::Openai,
    ProviderKind::Anthropic,
    ProviderKind::Gemini,
    ProviderKind::OpenaiCompatible,
];

/// Deadlines that no machine is too slow for.
const PATIENT: Timeouts = Timeouts { connect_ms: 10_000, first_token_ms: 15_000, chunk_ms: 15_000 };

/// The deadlines for a scene: short where it is the deadline that ends it.
fn deadlines(scene: Scene) -> Timeouts {
    match scene {
        Scene::Hang | Scene::HangAfterHeaders | Scene::OnlyPings | Scene::FloodWithoutPieces => {
            Timeouts { first_token_ms: 200, ..PATIENT }
        }
        Scene::HangMidStream => Timeouts { chunk_ms: 200, ..PATIENT },
        _ => PATIENT,
    }
}

/// A fabric with one provider `v`, which is this scene played by a vendor of this kind.
async fn fabric(base_url: String, kind: ProviderKind, timeouts: Timeouts) -> Fabric {
    let mut provider = ProviderConfig::new(kind);
    provider.base_url = Some(base_url);
    provider.api_key = Some(SecretRef::Env("KEY".into()));
    provider.headers.insert("x-team".into(), SecretRef::Env("TEAM".into()));
    provider.timeouts = timeouts;
    provider.models = vec![ModelConfig {
        context_tokens: Some(10_000),
        price: Some(Price { input: 3_000_000, output: 15_000_000 }),
        ..ModelConfig::new("m-1")
    }];
    let mut config = FabricConfig::default();
    config.providers.insert("v".into(), provider);
    let env = |name: &str| match name {
        "KEY" => Some(CANARY.to_owned()),
        "TEAM" => Some(HEADER_CANARY.to_owned()),
        _ => None,
    };
    Fabric::builder(config).env(env).start().await.unwrap()
}

fn request() -> Request {
    let mut inputs = serde_json::Map::new();
    inputs.insert("log".into(), json!("one line\nanother line"));
    Request {
        key: "wf-1/s/1".into(),
        model: "v/m-1".into(),
        role: LlmRole::Executor,
        task: Task::Execute { instruction: format!("count the lines {PROMPT_CANARY}"), inputs },
        schema: None,
        complaint: None,
        tools: Vec::new(),
        prompt_tokens: 4_000,
        output_tokens: 500,
        timeout_ms: 20_000,
    }
}

fn counted() -> Request {
    let schema = json!({
        "type": "object",
        "properties": {"count": {"type": "integer", "minimum": 0}},
        "required": ["count"],
        "additionalProperties": false,
    });
    Request { schema: Some(schema), ..request() }
}

fn tool(name: &str) -> ToolSpec {
    serde_json::from_value(json!({
        "name": name, "description": "Reads a file.",
        "arguments": {"type": "object", "properties": {"path": {"type": "string"}}},
        "trust": "vetted", "effect": "pure", "reads": true, "timeout_ms": 1000,
    }))
    .unwrap()
}

fn with_tools() -> Request {
    Request { tools: vec![tool("logs.analyze"), tool("fs.read")], ..request() }
}

async fn ask(
    server: &VendorServer,
    scene: Scene,
    kind: ProviderKind,
    request: Request,
) -> Result<LlmResponse, Failure> {
    fabric(server.base_url(scene), kind, deadlines(scene)).await.ask(request).await
}

#[tokio::test]
async fn an_answer_comes_whole_counted_and_priced() {
    let server = VendorServer::start().await;
    for kind in KINDS {
        let answer = ask(&server, Scene::Text, kind, request()).await.unwrap();
        assert_eq!(answer.text, "Hello, wörld", "{kind:?}");
        assert_eq!(answer.usage, Usage { input: 11, output: 2 }, "{kind:?}");
        assert_eq!(answer.cost_microusd, 11 * 3 + 2 * 15, "{kind:?}");
        assert!(answer.first_token_ms.is_some_and(|ms| ms <= answer.latency_ms), "{kind:?}");
        assert_eq!((answer.value, answer.tool_calls.len()), (None, 0), "{kind:?}");
        assert_eq!(answer.model, "v/m-1");
    }
}

#[tokio::test]
async fn a_request_is_put_as_each_vendor_wants_it() {
    let server = VendorServer::start().await;
    for kind in KINDS {
        ask(&server, Scene::Json, kind, counted()).await.unwrap();
        let received = server.received(Scene::Json).pop().unwrap();
        let (headers, body) = (&received.headers, &received.body);
        let header = |name: &str| headers.get(name).map(|v| v.to_str().unwrap().to_owned());
        assert_eq!(header("x-team").as_deref(), Some(HEADER_CANARY), "{kind:?}");
        let (key, limit, format) = match kind {
            ProviderKind::Anthropic => {
                (header("x-api-key"), "/max_tokens", "/output_config/format")
            }
            ProviderKind::Gemini => (
                header("x-goog-api-key"),
                "/generationConfig/maxOutputTokens",
                "/generationConfig/responseJsonSchema",
            ),
            _ => (
                header("authorization").map(|v| v.replace("Bearer ", "")),
                "/max_tokens",
                "/response_format/json_schema",
            ),
        };
        assert_eq!(key.as_deref(), Some(CANARY), "{kind:?}");
        assert_eq!(body.pointer(limit), Some(&json!(500)), "{kind:?} {body}");
        // A server that is only compatible is asked in words, since it may know no schemas.
        let bound = kind != ProviderKind::OpenaiCompatible;
        assert_eq!(body.pointer(format).is_some(), bound, "{kind:?} {body}");
        let text = body.to_string();
        for part in ["one line", PROMPT_CANARY, "never an instruction", "JSON schema"] {
            assert!(text.contains(part), "{kind:?}: {part} is missing in {text}");
        }
        if kind != ProviderKind::Gemini {
            assert_eq!(body["model"], "m-1");
            assert_eq!(body["stream"], true);
        }
    }
}

#[tokio::test]
async fn thinking_is_bounded_as_each_vendor_words_it() {
    let server = VendorServer::start().await;
    for (kind, word, at, sent) in [
        (ProviderKind::Openai, "low", "/reasoning_effort", json!("low")),
        (ProviderKind::Openai, "none", "/reasoning_effort", json!("none")),
        (
            ProviderKind::Gemini,
            "low",
            "/generationConfig/thinkingConfig/thinkingBudget",
            json!(1000),
        ),
        (ProviderKind::Gemini, "none", "/generationConfig/thinkingConfig/thinkingBudget", json!(0)),
    ] {
        let mut provider = ProviderConfig::new(kind);
        provider.base_url = Some(server.base_url(Scene::Text));
        provider.api_key = Some(SecretRef::Env("KEY".into()));
        let price = json!({"input": 1, "output": 1});
        let model = json!([{"id": "m", "price": price, "reasoning": word}]);
        provider.models = serde_json::from_value(model).unwrap();
        let mut config = FabricConfig::default();
        config.providers.insert("v".into(), provider);
        let env = |_: &str| Some("k".to_owned());
        let fabric = Fabric::builder(config).env(env).start().await.unwrap();
        fabric.ask(Request { model: "v/m".into(), ..request() }).await.unwrap();
        let body = server.received(Scene::Text).pop().unwrap().body;
        assert_eq!(body.pointer(at), Some(&sent), "{kind:?} {word} {body}");
    }
}

#[tokio::test]
async fn data_is_taken_out_of_what_stands_around_it_and_checked() {
    let server = VendorServer::start().await;
    for kind in KINDS {
        for scene in [Scene::Json, Scene::Fenced] {
            let answer = ask(&server, scene, kind, counted()).await.unwrap();
            assert_eq!(answer.value, Some(json!({"count": 3})), "{kind:?} {scene:?}");
        }
        for scene in [Scene::WrongSchema, Scene::NotANumber, Scene::HugeNumber, Scene::HalfJson] {
            let failure = ask(&server, scene, kind, counted()).await.unwrap_err();
            assert_eq!(failure.class, FailureClass::Malformed, "{kind:?} {scene:?} {failure}");
            // The vendor charges for it all the same.
            assert_eq!(failure.cost_microusd, Some(63), "{kind:?} {scene:?}");
        }
    }
}

#[tokio::test]
async fn tool_calls_are_put_together_and_those_that_cannot_be_are_refused() {
    let server = VendorServer::start().await;
    for kind in KINDS {
        let answer = ask(&server, Scene::Tools, kind, with_tools()).await.unwrap();
        let calls: Vec<(&str, &Value)> =
            answer.tool_calls.iter().map(|call| (call.name.as_str(), &call.args)).collect();
        let expected = [("logs.analyze", &json!({"path": "x y"})), ("fs.read", &json!({}))];
        assert_eq!(calls, expected, "{kind:?}");
        let sent = server.received(Scene::Tools).pop().unwrap().body.to_string();
        assert!(sent.contains("\"logs_analyze\"") && sent.contains("Reads a file."), "{sent}");
        // A compatible server's duplicate is OpenAI's; for all of them an id is an id.
        for scene in [Scene::InventedTool, Scene::DuplicateIds] {
            let failure = ask(&server, scene, kind, with_tools()).await;
            if scene == Scene::DuplicateIds && kind == ProviderKind::Anthropic {
                // There the id says which call a piece belongs to, so two become one.
                assert_eq!(failure.unwrap().tool_calls.len(), 1);
                continue;
            }
            let failure = failure.unwrap_err();
            assert_eq!(failure.class, FailureClass::Malformed, "{kind:?} {scene:?} {failure}");
        }
    }
}

#[tokio::test]
async fn every_status_has_its_class() {
    use FailureClass as C;
    let server = VendorServer::start().await;
    let classes = [
        (400, C::BadRequest),
        (401, C::Auth),
        (402, C::Auth),
        (403, C::Auth),
        (404, C::BadRequest),
        (408, C::Timeout),
        (413, C::BadRequest),
        (422, C::BadRequest),
        (429, C::RateLimit),
        (500, C::Server),
        (502, C::Server),
        (503, C::Server),
        (529, C::Server),
    ];
    for kind in KINDS {
        for (status, class) in classes {
            let failure = ask(&server, Scene::Status(status), kind, request()).await.unwrap_err();
            assert_eq!(failure.class, class, "{kind:?} {status} {failure}");
            assert!(failure.detail.contains(&format!("HTTP {status} some_code")), "{failure}");
            // Nobody is charged for what was turned away.
            assert_eq!(failure.cost_microusd, (status < 500).then_some(0), "{kind:?} {status}");
        }
        let failure = ask(&server, Scene::Redirect, kind, request()).await.unwrap_err();
        assert_eq!(failure.class, C::BadRequest, "{failure}");
        assert!(failure.detail.contains("base_url"), "{failure}");
    }
    assert!(server.received(Scene::Text).is_empty(), "a redirect was followed");
}

#[tokio::test]
async fn retry_after_is_honoured_and_an_empty_account_is_no_rate_limit() {
    let server = VendorServer::start().await;
    for kind in KINDS {
        let failure = ask(&server, Scene::RetrySeconds, kind, request()).await.unwrap_err();
        assert_eq!(failure.class, FailureClass::RateLimit);
        assert_eq!(failure.retry_after_ms, Some(7_000), "{kind:?}");
        let failure = ask(&server, Scene::RetryDate, kind, request()).await.unwrap_err();
        let wait = failure.retry_after_ms.unwrap();
        assert!((1_700_000..=1_800_000).contains(&wait), "{kind:?} {wait}");
        // Gemini has no word for it and no body of ours says so.
        if kind != ProviderKind::Gemini {
            let failure = ask(&server, Scene::Quota, kind, request()).await.unwrap_err();
            assert_eq!(failure.class, FailureClass::Auth, "{kind:?} {failure}");
            assert!(failure.detail.contains("out of credit"), "{failure}");
        }
    }
}

#[tokio::test]
async fn silence_ends_at_a_deadline() {
    let server = VendorServer::start().await;
    for kind in KINDS {
        for (scene, what) in [
            (Scene::Hang, "no first token within 200 ms"),
            (Scene::HangAfterHeaders, "no first token within 200 ms"),
            (Scene::OnlyPings, "no first token within 200 ms"),
            (Scene::HangMidStream, "nothing came for 200 ms"),
            (Scene::FloodWithoutPieces, "no first token within 200 ms"),
        ] {
            let failure = ask(&server, scene, kind, request()).await.unwrap_err();
            assert_eq!(failure.class, FailureClass::Timeout, "{kind:?} {scene:?} {failure}");
            assert!(failure.detail.contains(what), "{kind:?} {scene:?} {failure}");
        }
        let short = Request { timeout_ms: 50, ..request() };
        let failure = ask(&server, Scene::Hang, kind, short).await.unwrap_err();
        assert_eq!(failure.class, FailureClass::Timeout);
        assert!(failure.detail.contains("no answer within 50 ms"), "{failure}");
    }
}

#[tokio::test]
async fn what_is_cut_broken_or_endless_is_no_answer() {
    use FailureClass as C;
    let server = VendorServer::start().await;
    for kind in KINDS {
        for (scene, class) in [
            (Scene::CutMidStream, C::Network),
            (Scene::EndMidStream, C::Network),
            (Scene::TruncatedPiece, C::Malformed),
            (Scene::Garbage, C::Malformed),
            (Scene::WebPage, C::Malformed),
            (Scene::ErrorMidStream, C::Server),
            (Scene::Flood, C::Malformed),
            (Scene::TooLong, C::Malformed),
            (Scene::Filtered, C::Unable),
        ] {
            let failure = ask(&server, scene, kind, request()).await.unwrap_err();
            assert_eq!(failure.class, class, "{kind:?} {scene:?} {failure}");
        }
        let failure = ask(&server, Scene::Flood, kind, request()).await.unwrap_err();
        assert!(failure.detail.contains("longer than 4194304 bytes"), "{failure}");
        // The library reads it whole; what keeps that bounded is the deadline.
        let failure = ask(&server, Scene::FloodOfError, kind, request()).await.unwrap_err();
        assert_eq!(failure.class, C::Server, "{kind:?} {failure}");
    }
}

#[tokio::test]
async fn counts_that_cannot_be_are_estimated_instead() {
    let server = VendorServer::start().await;
    for kind in KINDS {
        for scene in [Scene::HugeUsage, Scene::NoUsage] {
            let answer = ask(&server, scene, kind, request()).await.unwrap();
            let Usage { input, output } = answer.usage;
            if (scene, kind) == (Scene::HugeUsage, ProviderKind::Anthropic) {
                // What it counted at the beginning stands, since only the end was nonsense.
                assert_eq!((input, output), (11, 1));
                continue;
            }
            assert!((100..1_000).contains(&input), "{kind:?} {scene:?} {input}");
            assert!((2..20).contains(&output), "{kind:?} {scene:?} {output}");
            assert_eq!(answer.cost_microusd, input * 3 + output * 15);
        }
    }
}

#[tokio::test]
async fn a_server_that_is_not_there_is_a_network_failure() {
    let nobody = {
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        listener.local_addr().unwrap()
    };
    for kind in KINDS {
        let fabric = fabric(format!("http://{nobody}/v1"), kind, PATIENT).await;
        let failure = fabric.ask(request()).await.unwrap_err();
        assert_eq!(failure.class, FailureClass::Network, "{failure}");
        assert_eq!(failure.cost_microusd, Some(0));
        assert!(failure.detail.contains("no connection: connection refused"), "{failure}");
    }
}

#[tokio::test]
async fn a_prompt_that_does_not_fit_is_never_sent() {
    let server = VendorServer::start().await;
    let small = Request { prompt_tokens: 20, ..request() };
    let failure = ask(&server, Scene::Text, ProviderKind::Openai, small).await.unwrap_err();
    assert_eq!(failure.class, FailureClass::BadRequest);
    assert!(failure.detail.contains("limits.prompt_tokens"), "{failure}");
    let long = Request { output_tokens: 10_000, ..request() };
    let failure = ask(&server, Scene::Text, ProviderKind::Openai, long).await.unwrap_err();
    assert_eq!(failure.class, FailureClass::BadRequest);
    assert!(failure.detail.contains("window of 10000"), "{failure}");
    assert!(server.received(Scene::Text).is_empty());
}

#[tokio::test]
async fn a_server_of_ones_own_needs_no_key() {
    let server = VendorServer::start().await;
    let mut provider = ProviderConfig::new(ProviderKind::OpenaiCompatible);
    provider.base_url = Some(format!("{}?api-version=7", server.base_url(Scene::Text)));
    provider.headers.insert("x-team".into(), SecretRef::parse("blue"));
    provider.models = serde_json::from_value(json!([{"id": "llama-3-high"}])).unwrap();
    let mut config = FabricConfig::default();
    config.providers.insert("mine".into(), provider);
    let fabric = Fabric::start(config).await.unwrap();
    let request = Request { model: "mine/llama-3-high".into(), ..request() };
    let answer = fabric.ask(request).await.unwrap();
    assert_eq!((answer.text.as_str(), answer.cost_microusd), ("Hello, wörld", 0));
    let received = server.received(Scene::Text).pop().unwrap();
    assert!(received.headers.get("authorization").is_none());
    assert_eq!(received.headers["x-team"], "blue");
    assert_eq!(received.query.as_deref(), Some("api-version=7"));
    assert_eq!(received.body["model"], "llama-3-high");
}

#[tokio::test]
async fn a_vendor_is_told_where_in_a_trace_it_is_asked() {
    let server = VendorServer::start().await;
    for kind in KINDS {
        let place = Context { trace: 7, span: 9, sampled: true };
        let asking = ask(&server, Scene::Text, kind, request());
        Within::new(Some(place), asking).await.unwrap();
        let received = server.received(Scene::Text).pop().unwrap();
        assert_eq!(received.headers["traceparent"], place.traceparent().as_str(), "{kind:?}");
        assert_eq!(received.headers.get_all("x-team").iter().count(), 1, "{kind:?}");
    }
    ask(&server, Scene::Text, ProviderKind::Openai, request()).await.unwrap();
    let received = server.received(Scene::Text).pop().unwrap();
    assert!(received.headers.get("traceparent").is_none(), "nobody is told of no trace");
}

mod secrets {
    //! The canary over all error paths: failures, statuses, debug forms and everything logged.

    use super::*;
    use std::{
        io,
        sync::{Arc, Mutex},
    };

    #[derive(Clone, Default)]
    struct Log(Arc<Mutex<Vec<u8>>>);

    impl io::Write for Log {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            self.0.lock().unwrap().extend_from_slice(bytes);
            Ok(bytes.len())
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    #[tokio::test]
    async fn no_failure_and_no_log_tells_a_secret() {
        let log = Log::default();
        let writer = log.clone();
        let subscriber = tracing_subscriber::fmt()
            .with_max_level(tracing::Level::TRACE)
            .with_writer(move || writer.clone())
            .finish();
        // For this thread, on which a test's runtime runs everything.
        let _guard = tracing::subscriber::set_default(subscriber);
        tracing::info!("the log is on");

        let server = VendorServer::start().await;
        let mut told = String::new();
        let mut failures = 0;
        for kind in KINDS {
            for scene in Scene::ALL.iter().filter(|s| {
                !matches!(s, Scene::Flood | Scene::FloodOfError | Scene::FloodWithoutPieces)
            }) {
                let fabric = fabric(server.base_url(*scene), kind, deadlines(*scene)).await;
                let asked = match scene {
                    Scene::Tools | Scene::InventedTool | Scene::DuplicateIds => with_tools(),
                    Scene::Text | Scene::HugeUsage | Scene::NoUsage => request(),
                    _ => counted(),
                };
                if let Err(failure) = fabric.ask(asked).await {
                    failures += 1;
                    assert!(!failure.detail.contains('\n'), "{failure}");
                    told += &format!("{failure} {failure:?}\n");
                }
                told += &format!("{:?}\n", fabric.status());
            }
        }
        assert!(failures > 100, "{failures}");
        let logged = String::from_utf8_lossy(&log.0.lock().unwrap()).into_owned();
        assert!(logged.contains("the log is on"));
        for canary in [CANARY, HEADER_CANARY, PROMPT_CANARY, "Hello, "] {
            assert!(!told.contains(canary), "{canary} is told");
            let at = logged.find(canary).map(|at| {
                let begin = logged[..at].rfind('\n').unwrap_or(0);
                logged[begin..].chars().take(600).collect::<String>()
            });
            assert_eq!(at, None, "{canary} is logged");
        }
    }

    #[test]
    fn a_configuration_with_a_key_in_it_is_refused_without_repeating_it() {
        let config = format!("[providers.x]\nkind = \"openai\"\napi_key = \"{CANARY}\"\n");
        let config: FabricConfig = toml::from_str(&config).unwrap();
        assert!(!format!("{config:?}").contains(CANARY));
        let runtime = tokio::runtime::Runtime::new().unwrap();
        let error = match runtime.block_on(Fabric::start(config)) {
            Ok(_) => panic!("it started"),
            Err(error) => format!("{error} {error:?}"),
        };
        assert!(error.contains("env:NAME") && !error.contains(CANARY), "{error}");
    }
}
