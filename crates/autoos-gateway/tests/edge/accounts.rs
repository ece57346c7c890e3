//! Limits of tenants and users, over both protocols.

use crate::{
    grpc::channel,
    support::{Setup, node},
};
use autoos_proto::v1::{self, accounts_client::AccountsClient};
use serde_json::{Value, json};

#[tokio::test(flavor = "multi_thread")]
async fn a_limit_is_the_operators_to_set_and_refuses_what_would_pass_it() {
    let node = node(Setup::default()).await;
    let none = node.get("/api/v1/accounts").await;
    assert_eq!(none.body, json!({"accounts": []}));
    node.get("/api/v1/accounts/default").await.is(404, "not_found");
    let put = |path: &str, key: Option<&str>, body: &Value| {
        let mut request = node.http.put(node.url(path)).json(body);
        if let Some(key) = key {
            request = request.bearer_auth(key);
        }
        node.send(request)
    };
    let path = "/api/v1/accounts/default?user=ann";
    for (bad, said) in [
        (json!({}), "limit_usd is missing"),
        (json!({"limit_usd": -1}), "limit_usd is -1"),
        (json!({"limit_usd": 1e9}), "limit_usd is"),
        (json!({"limit_usd": 1, "period": "week"}), "period is \"week\""),
        (json!({"limit_usd": 1, "per": "day"}), "unknown field"),
    ] {
        let refused = put(path, None, &bad).await;
        assert!(refused.body["detail"].as_str().is_some_and(|d| d.contains(said)), "{refused:?}");
        refused.is(400, "invalid");
    }
    let set = put(path, None, &json!({"limit_usd": 0.5, "period": "day"})).await;
    assert_eq!(set.status, 200, "{:?}", set.body);
    assert_eq!(set.body["left_microusd"], 500_000);
    assert!(set.body["until"].as_str().is_some_and(|at| at.ends_with("T00:00:00.000Z")));
    assert_eq!(node.get(path).await.body["id"], set.body["id"]);

    let ask = |user: &str, usd: f64| json!({"intent": "do the parts", "user_id": user, "budget_usd": usd});
    let refused = node.post("/api/v1/intents", ask("ann", 0.75)).await;
    let detail = refused.body["detail"].as_str().unwrap_or_default().to_owned();
    let said = "the limit of user ann of tenant default leaves $0.5 until ";
    assert!(detail.starts_with(said) && detail.ends_with("$0.75 are asked for"), "{detail}");
    refused.is(402, "over_limit");
    assert_eq!(node.post("/api/v1/intents", ask("ann", 0.5)).await.status, 201);
    assert_eq!(node.post("/api/v1/intents", ask("bob", 0.75)).await.status, 201);

    // Another tenant's key sees its own accounts and sets none.
    let body = json!({"name": "acme's", "tenant": "acme"});
    let operator = node.post("/api/v1/keys", json!({"name": "operator"})).await;
    let operator = operator.body["secret"].as_str().expect("a secret").to_owned();
    let request = node.http.post(node.url("/api/v1/keys")).bearer_auth(&operator).json(&body);
    let acme = node.send(request).await.body["secret"].as_str().expect("a secret").to_owned();
    let body = json!({"limit_usd": 3});
    put("/api/v1/accounts/acme", Some(&acme), &body).await.is(403, "forbidden");
    assert_eq!(put("/api/v1/accounts/acme", Some(&operator), &body).await.status, 200);
    let get = |path: &str, key: &str| node.send(node.http.get(node.url(path)).bearer_auth(key));
    let seen = get("/api/v1/accounts", &acme).await.body;
    assert_eq!(seen["accounts"].as_array().map(Vec::len), Some(1), "{seen}");
    get(path, &acme).await.is(404, "not_found");
    let all = get("/api/v1/accounts", &operator).await.body;
    assert_eq!(all["accounts"].as_array().map(Vec::len), Some(2), "{all}");
    let named = get("/api/v1/accounts?tenant=acme", &operator).await.body;
    assert_eq!(named, seen);
    let free = put("/api/v1/accounts/acme", Some(&operator), &json!({"limit_usd": null})).await;
    assert_eq!(free.body["limit_microusd"], Value::Null);
    node.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn accounts_over_grpc() {
    let node = node(Setup::default()).await;
    let mut accounts = AccountsClient::new(channel(&node).await);
    let whose = || v1::GetAccountRequest { tenant: String::new(), user: "ann".into() };
    let missing = accounts.get_account(whose()).await.expect_err("there is none");
    assert_eq!(missing.code(), tonic::Code::NotFound);
    let set = v1::SetLimitRequest {
        tenant: String::new(),
        user: "ann".into(),
        limit_microusd: Some(7),
        period: v1::Period::Month.into(),
    };
    let account = accounts.set_limit(set).await.expect("set").into_inner().account.expect("it");
    assert_eq!((account.tenant.as_str(), account.left_microusd), ("default", Some(7)));
    assert!(account.until.is_some());
    let got = accounts.get_account(whose()).await.expect("there").into_inner().account;
    assert_eq!(got.expect("it").id, account.id);
    let mut intents = v1::intents_client::IntentsClient::new(channel(&node).await);
    let intent = v1::Intent {
        text: "do the parts".into(),
        user: "ann".into(),
        budget_microusd: Some(8),
        ..Default::default()
    };
    let asked = v1::SubmitIntentRequest { intent: Some(intent), idempotency_key: String::new() };
    let refused = intents.submit_intent(asked).await.expect_err("refused");
    assert_eq!(refused.code(), tonic::Code::ResourceExhausted, "{refused:?}");
    let all = accounts.list_accounts(v1::ListAccountsRequest::default()).await.expect("listed");
    assert_eq!(all.into_inner().accounts.len(), 1);
    node.stop().await;
}
