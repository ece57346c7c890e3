//! The same over REST, with nothing but an HTTP client.

#![expect(clippy::print_stdout, reason = "what it prints is what it is for")]

use anyhow::{Context as _, bail};
use serde_json::{Value, json};

const LOG: &str = "12:00:01 ERROR disk full\n12:00:02 INFO ok\n12:00:03 ERROR disk full\n";

#[tokio::main]
async fn main() -> anyhow::Result<()> {
    let node = std::env::args().nth(1).unwrap_or_else(|| "http://127.0.0.1:8000".into());
    // The one thing that this client needs from its TLS library; an error says it was done before.
    let _ = rustls::crypto::ring::default_provider().install_default();
    let http = reqwest::Client::new();

    let intent = json!({
        "intent": "Analyze the system logs and identify errors",
        "user_id": "rest-example",
        "context": {"log": LOG, "priority": "low"},
    });
    let sent = http.post(format!("{node}/api/v1/intents")).json(&intent).send().await?;
    let made = answer(sent).await?;
    let path = made["links"]["workflow"].as_str().context("no link to the workflow")?.to_owned();
    println!("workflow {}", made["workflow_id"].as_str().unwrap_or_default());

    // Server-sent events: the stream ends with the workflow.
    let events = http.get(format!("{node}{path}/events")).send().await?;
    let text = events.error_for_status()?.text().await?;
    for data in text.lines().filter_map(|line| line.strip_prefix("data:")) {
        let change: Value = serde_json::from_str(data)?;
        println!("  {}", change["what"].as_str().unwrap_or_default());
    }

    let workflow = answer(http.get(format!("{node}{path}")).send().await?).await?;
    println!("{}", workflow["state"].as_str().unwrap_or_default());
    println!("{}", workflow["result"]["text"].as_str().unwrap_or_default());
    Ok(())
}

/// An answer's JSON; a problem says what happened and what to do.
async fn answer(response: reqwest::Response) -> anyhow::Result<Value> {
    let good = response.status().is_success();
    let value: Value = response.json().await?;
    if !good {
        bail!("{}: {} ({})", value["code"], value["detail"], value["what_to_do"]);
    }
    Ok(value)
}
