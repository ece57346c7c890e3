//! Keys and tenants.

use crate::support::{OWNER, Setup, client, node};
use autoos_gateway::{Error, Gateway, GatewayParts, Options, OwnerToken};
use serde_json::json;

#[tokio::test(flavor = "multi_thread")]
async fn the_first_key_closes_the_node_and_each_tenant_sees_its_own() {
    let node = node(Setup::default()).await;
    // Open: any key, or none.
    let before = node.submit(json!({"intent": "do the parts"})).await;
    let path = format!("/api/v1/workflows/{before}");
    let request = node.http.get(node.url(&path)).header("X-API-Key", "dev-key-123");
    assert_eq!(node.send(request).await.status, 200);

    let made = node.post("/api/v1/keys", json!({"name": "operator"})).await;
    assert_eq!(made.status, 201, "{:?}", made.body);
    let operator = made.body["secret"].as_str().expect("a secret").to_owned();
    assert!(operator.starts_with("aos_"));

    node.get(&path).await.is(401, "unauthenticated");
    let wrong = node.http.get(node.url(&path)).header("X-API-Key", "dev-key-123");
    node.send(wrong).await.is(401, "unauthenticated");
    node.post("/api/v1/keys", json!({"name": "x"})).await.is(401, "unauthenticated");
    for open in ["/health", "/docs", "/openapi.json"] {
        assert_eq!(node.get(open).await.status, 200, "{open}");
    }
    node.get("/metrics").await.is(401, "unauthenticated");

    let get = |path: &str, key: &str| node.send(node.http.get(node.url(path)).bearer_auth(key));
    assert_eq!(get(&path, &operator).await.status, 200);
    let body = json!({"name": "acme's", "tenant": "acme"});
    let request = node.http.post(node.url("/api/v1/keys")).bearer_auth(&operator).json(&body);
    let acme = node.send(request).await.body["secret"].as_str().expect("a secret").to_owned();

    get(&path, &acme).await.is(404, "not_found");
    get(&format!("{path}/audit"), &acme).await.is(404, "not_found");
    get(&format!("{path}/events"), &acme).await.is(404, "not_found");
    let cancel = node.http.delete(node.url(&path)).bearer_auth(&acme);
    node.send(cancel).await.is(404, "not_found");
    assert_eq!(get("/api/v1/workflows", &acme).await.body["items"], json!([]));
    let keys = get("/api/v1/keys", &acme).await.body;
    assert_eq!(keys["keys"].as_array().map(Vec::len), Some(1));
    assert!(!keys.to_string().contains("aos_"), "secrets are not listed");
    let other = json!({"name": "x", "tenant": "default"});
    let other = node.http.post(node.url("/api/v1/keys")).bearer_auth(&acme).json(&other);
    node.send(other).await.is(403, "forbidden");

    let id = keys["keys"][0]["id"].as_str().expect("an id");
    let revoke = node.http.delete(node.url(&format!("/api/v1/keys/{id}"))).bearer_auth(&operator);
    assert_eq!(node.send(revoke).await.status, 200);
    get("/api/v1/workflows", &acme).await.is(401, "unauthenticated");
    let gone = node.http.delete(node.url("/api/v1/keys/key-1")).bearer_auth(&operator);
    node.send(gone).await.is(404, "not_found");
    node.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_open_node_refuses_other_sites_pages() {
    let node = node(Setup::default()).await;
    let request =
        node.http.get(node.url("/api/v1/workflows")).header("Origin", "https://x.example");
    node.send(request).await.is(401, "unauthenticated");
    let request = node.http.get(node.url("/api/v1/workflows")).header("Host", "x.example:8000");
    node.send(request).await.is(401, "unauthenticated");
    node.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn without_a_key_only_this_machine_is_served() {
    let node = node(Setup::default()).await;
    let parts = |keys| {
        let journal = node.journal.clone();
        let dir = node.dir.path().to_owned();
        async move {
            let tools = autoos_tools::Registry::builder().build().expect("tools");
            let (fabric, _) =
                autoos_fabric::Fabric::scripted(Default::default()).await.expect("ok");
            let parts = autoos_runtime::Parts {
                journal: journal.clone(),
                llm: std::sync::Arc::new(fabric),
                tools,
                clock: std::sync::Arc::new(autoos_runtime::SystemClock),
            };
            let runtime = autoos_runtime::Runtime::start(parts, Default::default()).await;
            let _ = dir;
            GatewayParts {
                runtime: runtime.expect("a runtime"),
                views: autoos_views::Views::start(journal),
                keys,
                providers: None,
                figures: None,
                backups: None,
                log_level: None,
                keeper: None,
                owner: None,
                nodes: None,
                options: Options::default(),
            }
        }
    };
    let everywhere = || tokio::net::TcpListener::bind(("0.0.0.0", 0));
    let gateway = Gateway::new(parts(node.keys.clone()).await);
    let refused = gateway.serve(everywhere().await.expect("a port"), std::future::pending()).await;
    let refused = refused.expect_err("is refused");
    assert!(matches!(refused, Error::OpenToAll(_)));
    assert!(refused.to_string().contains("autoos key create"), "{refused}");

    let (_, secret) = node.keys.create("operator", "default").await.expect("a key");
    let gateway = Gateway::new(parts(node.keys.clone()).await);
    let listener = everywhere().await.expect("a port");
    let url = format!(
        "http://127.0.0.1:{}/api/v1/tools",
        listener.local_addr().expect("is there").port()
    );
    let (stop, stopped) = tokio::sync::oneshot::channel::<()>();
    let shutdown = async { drop(stopped.await) };
    let served = tokio::spawn(async move { gateway.serve(listener, shutdown).await });
    let answer = client().get(url).header("X-API-Key", secret.expose()).send().await;
    assert_eq!(answer.expect("an answer").status(), 200);
    drop(stop);
    served.await.expect("no panic").expect("served");
    node.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn who_can_read_the_data_directory_is_never_locked_out() {
    let node = node(Setup::default()).await;
    let (made, _) = node.keys.create("lost", "default").await.expect("a key");
    node.keys.revoke(&made.id).await.expect("revoked");
    let refused = node.post("/api/v1/keys", json!({"name": "x"})).await;
    refused.is(401, "unauthenticated");
    let advice = refused.body["what_to_do"].as_str().expect("advice");
    assert!(advice.contains("autoos key create NAME --data-dir DIR"), "{advice}");

    let with = |token: &str| {
        let request = node.http.post(node.url("/api/v1/keys")).json(&json!({"name": "new"}));
        node.send(request.header(OwnerToken::HEADER, token))
    };
    with("a guess").await.is(401, "unauthenticated");
    with("").await.is(401, "unauthenticated");
    let made = with(OWNER).await;
    assert_eq!(made.status, 201, "{:?}", made.body);
    let secret = made.body["secret"].as_str().expect("a secret");
    let request = node.http.get(node.url("/api/v1/workflows")).bearer_auth(secret);
    assert_eq!(node.send(request).await.status, 200);
    node.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_backup_is_the_operators_to_ask_for() {
    let node = node(Setup::default()).await;
    let target = node.dir.path().join("copy").display().to_string();
    let ask = |target: &str| node.post("/api/v1/backups", json!({ "target": target }));
    ask("copy").await.is(400, "invalid");
    ask("").await.is(400, "invalid");
    let made = ask(&target).await;
    assert_eq!((made.status, &made.body["events"]), (201, &json!(7)), "{:?}", made.body);
    let again = ask(&target).await;
    again.is(409, "backup_failed");
    again.says("exists");

    let (_, acme) = node.keys.create("acme's", "acme").await.expect("a key");
    let body = json!({ "target": target });
    let request = node.http.post(node.url("/api/v1/backups")).json(&body);
    node.send(request.bearer_auth(acme.expose())).await.is(403, "forbidden");
    ask(&target).await.is(401, "unauthenticated");
    node.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_log_is_the_operators_to_turn() {
    use autoos_proto::v1::{SetLogLevelRequest, log_client::LogClient};
    let node = node(Setup::default()).await;
    let set = |level: &str| node.http.put(node.url("/api/v1/log")).json(&json!({"level": level}));
    assert_eq!(node.get("/api/v1/log").await.body, json!({"level": "warn"}));
    assert_eq!(node.send(set("info")).await.body, json!({"level": "info"}));
    node.send(set("loud")).await.is(400, "invalid");
    node.send(set(" ")).await.is(400, "invalid");
    let mut log = LogClient::connect(format!("http://{}", node.address)).await.expect("connects");
    let asked = SetLogLevelRequest { level: "debug".into() };
    assert_eq!(log.set_log_level(asked).await.expect("set").into_inner().level, "debug");
    let (_, acme) = node.keys.create("acme's", "acme").await.expect("a key");
    node.send(set("trace").bearer_auth(acme.expose())).await.is(403, "forbidden");
    node.send(set("trace")).await.is(401, "unauthenticated");
    node.stop().await;
}
