//! Calls in OpenAI's format: recorded whole, granted, settled, told apart by tenant, erased. Its
//! own libraries are tried in `examples/openai`.

use crate::support::{LONG, Node, Setup, hanging, node};
use autoos_gateway::{CacheOptions, OpenaiOptions, Options};
use autoos_journal::Journal as _;
use autoos_kernel::id::StreamId;
use serde_json::{Value, json};

const MODEL: &str = "scripted/default";

fn asked(text: &str) -> Value {
    json!({"model": MODEL, "messages": [{"role": "user", "content": text}]})
}

async fn calls(node: &Node) -> Vec<Value> {
    let page = node.get("/api/v1/calls").await;
    assert_eq!(page.status, 200, "{:?}", page.body);
    page.body["items"].as_array().cloned().expect("items")
}

/// Waits for the record of a call that nobody waits for.
async fn recorded(node: &Node, count: usize) -> Vec<Value> {
    let found = async {
        loop {
            let calls = calls(node).await;
            if calls.len() == count {
                return calls;
            }
            tokio::task::yield_now().await;
        }
    };
    tokio::time::timeout(LONG, found).await.expect("recorded in time")
}

#[tokio::test(flavor = "multi_thread")]
async fn a_call_is_recorded_with_its_texts_and_erased_with_its_hour() {
    let node = node(Setup::default()).await;
    let answer = node.post("/v1/chat/completions", asked("say something")).await;
    assert_eq!(answer.status, 200, "{:?}", answer.body);
    let said = answer.body["choices"][0]["message"]["content"].clone();
    assert!(said.as_str().is_some_and(|said| !said.is_empty()), "{:?}", answer.body);
    let id = answer.headers["autoos-call"].to_str().expect("an id").to_owned();

    let path = format!("/api/v1/calls/{id}");
    let call = node.get(&path).await.body;
    assert_eq!(call["request"], asked("say something"));
    assert_eq!(call["answer"]["choices"][0]["message"]["content"], said);
    assert_eq!((&call["model"], &call["outcome"]), (&json!(MODEL), &json!("answered")));
    assert_eq!(calls(&node).await[0]["id"], id.as_str());
    let costs = node.get("/api/v1/costs?by=model").await.body;
    assert!(costs["lines"].as_array().is_some_and(|lines| lines.len() <= 1), "{costs}");

    let stream: StreamId = call["stream"].as_str().expect("a stream").parse().expect("an id");
    let raw = node.journal.read(stream, 0, 10).await.expect("reads");
    assert!(!raw.iter().any(|event| event.body.windows(8).any(|part| part == b"say some")));
    node.journal.erase(stream.uuid).await.expect("erases");
    let call = node.get(&path).await.body;
    assert_eq!((&call["request"], &call["answer"]), (&json!("(erased)"), &json!("(erased)")));
    node.get("/api/v1/calls/0198c0de-0000-7000-8000-000000000000").await.is(404, "not_found");
    node.get("/api/v1/calls/7").await.is(400, "invalid");
    node.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn calls_beside_each_other_are_recorded_each_with_its_own_texts() {
    let node = node(Setup::default()).await;
    let relaxed = |n: usize| {
        let request = node.http.post(node.url("/v1/chat/completions"));
        let request = request.header("autoos-durability", "relaxed");
        node.send(request.json(&asked(&format!("question {n}"))))
    };
    let answers = futures::future::join_all((0..40).map(relaxed)).await;
    recorded(&node, 40).await;
    for (n, answer) in answers.iter().enumerate() {
        let id = answer.headers["autoos-call"].to_str().expect("an id");
        let call = node.get(&format!("/api/v1/calls/{id}")).await.body;
        assert_eq!(call["request"], asked(&format!("question {n}")));
    }
    let first = node.get("/api/v1/calls?limit=30").await.body;
    let next = first["next"].as_str().expect("more");
    let rest = node.get(&format!("/api/v1/calls?limit=30&page_token={next}")).await.body;
    let ids: std::collections::BTreeSet<&str> = [&first, &rest]
        .iter()
        .flat_map(|page| page["items"].as_array().expect("items"))
        .filter_map(|call| call["id"].as_str())
        .collect();
    assert_eq!((ids.len(), &rest["next"]), (40, &Value::Null));
    node.get("/api/v1/calls?page_token=x").await.is(400, "invalid");
    node.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn who_goes_away_is_settled_and_recorded_too() {
    let node = node(Setup { script: hanging(), ..Setup::default() }).await;
    let request = node.http.post(node.url("/v1/chat/completions")).json(&asked("hang"));
    let gone = tokio::time::timeout(std::time::Duration::from_millis(300), request.send()).await;
    assert!(gone.is_err(), "it hangs");
    let calls = recorded(&node, 1).await;
    assert_eq!(calls[0]["outcome"], "given_up");
    node.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn tenants_see_their_own_and_errors_have_openais_shape() {
    let node = node(Setup::default()).await;
    let key = |name: &str, tenant: &str, by: Option<String>| {
        let mut request = node.http.post(node.url("/api/v1/keys"));
        if let Some(by) = by {
            request = request.bearer_auth(by);
        }
        let body = json!({"name": name, "tenant": tenant});
        let answer = node.send(request.json(&body));
        async { answer.await.body["secret"].as_str().expect("a secret").to_owned() }
    };
    let operator = key("operator", "default", None).await;
    let acme = key("acme", "acme", Some(operator.clone())).await;
    let other = key("other", "other", Some(operator.clone())).await;
    let nobody = node.post("/v1/chat/completions", asked("hi")).await;
    assert_eq!((nobody.status, &nobody.body["error"]["code"]), (401, &json!("invalid_api_key")));

    let post = node.http.post(node.url("/v1/chat/completions")).bearer_auth(&acme);
    let answer = node.send(post.json(&asked("hi"))).await;
    assert_eq!(answer.status, 200, "{:?}", answer.body);
    let id = answer.headers["autoos-call"].to_str().expect("an id");
    for (key, status) in [(&acme, 200), (&operator, 200), (&other, 404)] {
        let get = node.http.get(node.url(&format!("/api/v1/calls/{id}"))).bearer_auth(key);
        assert_eq!(node.send(get).await.status, status);
    }

    let limit = node.http.put(node.url("/api/v1/accounts/acme?user=ann")).bearer_auth(&operator);
    assert_eq!(node.send(limit.json(&json!({"limit_usd": 0}))).await.status, 200);
    let mut broke = asked("hi");
    broke["user"] = "ann".into();
    broke["max_tokens"] = 5.into();
    let post = |body: &Value| {
        node.send(node.http.post(node.url("/v1/chat/completions")).bearer_auth(&acme).json(body))
    };
    // The scripted model costs nothing, and so is not refused at a limit of nothing.
    assert_eq!(post(&broke).await.status, 200);
    for (body, status, field) in [
        (json!({"model": "nobody", "messages": [{"role": "user"}]}), 404, "model"),
        (json!({"model": MODEL, "messages": [], "n": 1}), 400, "messages"),
        (json!({"model": "autoos/king", "messages": [{"role": "user"}]}), 404, "model"),
    ] {
        let refused = post(&body).await;
        assert_eq!((refused.status, &refused.body["error"]["param"]), (status, &json!(field)));
    }
    let nowhere = node.http.get(node.url("/v1/files")).bearer_auth(&acme);
    let nowhere = node.send(nowhere).await;
    assert_eq!((nowhere.status, &nowhere.body["error"]["code"]), (404, &json!("no_route")));
    node.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_answer_is_kept_for_its_tenant_alone() {
    let cache = CacheOptions { max_bytes: 1 << 20, max_age_s: 600 };
    let openai = OpenaiOptions { cache, ..OpenaiOptions::default() };
    let options = Options { openai, ..Options::default() };
    let node = node(Setup { options, ..Setup::default() }).await;
    let operator = node.post("/api/v1/keys", json!({"name": "operator"})).await;
    let operator = operator.body["secret"].as_str().expect("a secret").to_owned();
    let body = json!({"name": "acme", "tenant": "acme"});
    let acme = node.http.post(node.url("/api/v1/keys")).bearer_auth(&operator).json(&body);
    let acme = node.send(acme).await.body["secret"].as_str().expect("a secret").to_owned();
    let ask = |key: &str, stream: bool| {
        let mut body = asked("the same");
        (body["temperature"], body["stream"]) = (json!(0), json!(stream));
        let request = node.http.post(node.url("/v1/chat/completions")).bearer_auth(key);
        node.send(request.header("autoos-cache", "use").json(&body))
    };
    for (key, stream, wanted) in
        [(&operator, false, "miss"), (&operator, true, "hit"), (&acme, false, "miss")]
    {
        let answer = ask(key, stream).await;
        assert_eq!(answer.headers["autoos-cache"], wanted);
        let text = answer.body.as_str().unwrap_or_default();
        assert!(!stream || text.ends_with("data: [DONE]\n\n"), "{text}");
    }
    let list = node.http.get(node.url("/api/v1/calls")).bearer_auth(&operator);
    let list = node.send(list).await.body;
    let outcomes: Vec<_> = list["items"].as_array().expect("items").iter().collect();
    assert_eq!(outcomes.iter().filter(|call| call["outcome"] == "cached").count(), 1);
    node.stop().await;
}
