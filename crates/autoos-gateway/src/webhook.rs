//! Tells a human's inbox of questions: each escalation is posted to one URL, signed, until it is
//! taken or no longer open.
//!
//! The journal's events are followed as a consumer group with a durable cursor, so a question that
//! was asked while nobody listened, or just before a crash, is told of later: at least once, with
//! the same id each time. What was answered meanwhile is not told of at all.
//! The signature is that of the Standard Webhooks specification 1.0: HMAC-SHA256 over
//! `id.timestamp.body`, base64, in `webhook-signature`. Left out: asking for the answer; that comes
//! by the CLI, REST or gRPC, with a key.

use autoos_journal::{Event, Groups, SharedJournal};
use autoos_kernel::{
    codec::Recorded as _,
    id::{Prefix, WorkflowId},
    workflow,
};
use autoos_meter::Tally;
use autoos_telemetry::{Context, Kind, Live};
use autoos_views::{EscalationView, Views};
use base64::{Engine as _, engine::general_purpose::STANDARD};
use ring::hmac;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use std::{
    sync::Arc,
    time::{Duration, SystemTime, UNIX_EPOCH},
};
use tokio::task::AbortHandle;

/// The consumer group whose cursor says how far it was told.
const GROUP: &str = "autoos-webhook";
/// Events that pass without a question before the cursor is moved.
const ACK_EVERY: u32 = 1_024;
/// The first wait after a failed delivery; it doubles.
const RETRY_MIN: Duration = Duration::from_secs(1);
/// How long it is waited before the journal is followed again after it failed.
const REJOIN: Duration = Duration::from_secs(5);
/// The longest wait.
const RETRY_MAX: Duration = Duration::from_secs(300);

/// Where escalations are told of.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct WebhookOptions {
    /// Where they are posted to.
    pub url: String,
    /// What deliveries are signed with: `env:NAME` or `file:PATH`.
    pub secret: String,
    /// One delivery may take so long, in milliseconds.
    #[serde(default = "ten_seconds")]
    pub timeout_ms: u64,
}

fn ten_seconds() -> u64 {
    10_000
}

/// The task that tells; it ends when dropped.
pub struct Webhook {
    task: AbortHandle,
    deliveries: Arc<Deliveries>,
}

/// Deliveries that were tried, `taken` and `failed`.
pub type Deliveries = Tally<&'static str>;

impl Drop for Webhook {
    fn drop(&mut self) {
        self.task.abort();
    }
}

impl Webhook {
    /// Begins to tell of escalations. `key` is what `options.secret` refers to.
    #[must_use]
    pub fn start(
        journal: SharedJournal,
        views: Views,
        client: reqwest::Client,
        options: WebhookOptions,
        key: &[u8],
    ) -> Self {
        let key = hmac::Key::new(hmac::HMAC_SHA256, key);
        let deliveries = Arc::<Deliveries>::default();
        let (groups, tried) = (Groups::new(journal), deliveries.clone());
        let teller = Teller { groups, views, client, options, key, deliveries: tried };
        Self { task: tokio::spawn(teller.run()).abort_handle(), deliveries }
    }

    /// How often it delivered.
    #[must_use]
    pub fn deliveries(&self) -> Arc<Deliveries> {
        self.deliveries.clone()
    }
}

struct Teller {
    groups: Groups,
    views: Views,
    client: reqwest::Client,
    options: WebhookOptions,
    key: hmac::Key,
    deliveries: Arc<Deliveries>,
}

impl Teller {
    async fn run(self) {
        loop {
            if let Err(error) = self.follow().await {
                tracing::warn!(%error, "escalations are not told of for now");
            }
            tokio::time::sleep(REJOIN).await;
        }
    }

    async fn follow(&self) -> Result<(), autoos_journal::Error> {
        let mut member = self.groups.join(GROUP, "node").await?;
        let mut passed = 0;
        loop {
            let (position, event) = member.next().await?;
            passed += 1;
            let asked = self.question(&event).await;
            if asked || passed >= ACK_EVERY {
                member.ack(position).await?;
                passed = 0;
            }
        }
    }

    /// Tells of the question that an event asks, if it asks one.
    async fn question(&self, event: &Event) -> bool {
        if event.stream.prefix != Prefix::WORKFLOW || event.kind != "escalated" {
            return false;
        }
        let decoded = workflow::Event::decode(&event.kind, &event.body);
        let Ok(Some(workflow::Event::Escalated { escalation, .. })) = decoded else { return false };
        let id = WorkflowId(event.stream.uuid);
        let trace = event.trace.filter(|trace| trace.sampled);
        let context = trace.map(|trace| Context {
            trace: trace.trace_id,
            span: autoos_telemetry::id::escalation(id.0.as_u128(), escalation),
            sampled: true,
        });
        let mut wait = RETRY_MIN;
        while let Some(question) = self.open(id, escalation).await {
            match self.deliver(id, &question, context).await {
                Ok(()) => {
                    self.deliveries.add("taken", 1);
                    tracing::info!(workflow = %id, escalation, "a human was told");
                    return true;
                }
                Err(why) => {
                    self.deliveries.add("failed", 1);
                    let again_ms = wait.as_millis();
                    tracing::warn!(workflow = %id, escalation, why, again_ms, "a human was not told");
                }
            }
            tokio::time::sleep(wait).await;
            wait = (wait * 2).min(RETRY_MAX);
        }
        true
    }

    /// The question, as long as it is open.
    async fn open(&self, id: WorkflowId, escalation: u32) -> Option<EscalationView> {
        let workflow = self.views.workflow(id).await.ok().flatten()?;
        let mut questions = workflow.escalations.into_iter();
        questions.find(|q| q.number == escalation && q.open)
    }

    async fn deliver(
        &self,
        id: WorkflowId,
        question: &EscalationView,
        above: Option<Context>,
    ) -> Result<(), String> {
        let mut span = Live::below(above, Kind::Client, || "POST webhook");
        let delivered = self.post(id, question, span.context()).await;
        if delivered.is_err() {
            span.fail("webhook_failed");
        }
        delivered
    }

    async fn post(
        &self,
        id: WorkflowId,
        question: &EscalationView,
        place: Option<Context>,
    ) -> Result<(), String> {
        let delivery = format!("{id}.{}", question.number);
        let body = body(id, question).to_string();
        let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default().as_secs();
        let signature = sign(&self.key, &delivery, now, &body);
        let mut request = self.client.post(&self.options.url);
        if let Some(place) = place {
            request = request.header("traceparent", place.traceparent());
        }
        let answer = request
            .timeout(Duration::from_millis(self.options.timeout_ms))
            .header("content-type", "application/json")
            .header("webhook-id", &delivery)
            .header("webhook-timestamp", now.to_string())
            .header("webhook-signature", signature)
            .body(body)
            .send()
            .await
            .map_err(|error| error.without_url().to_string())?;
        let status = answer.status();
        if status.is_success() { Ok(()) } else { Err(format!("the receiver said {status}")) }
    }
}

fn body(id: WorkflowId, question: &EscalationView) -> Value {
    json!({
        "type": "escalation.opened",
        "workflow": id.to_string(),
        "number": question.number,
        "step": question.step,
        "exit": question.exit,
        "detail": question.detail,
        "asked": question.asked.to_string(),
        "due": question.due.to_string(),
        "default": question.default,
        "answers": question.answers,
        "answer_with": format!("autoos escalation resolve {id} ANSWER --number {}", question.number),
    })
}

/// `v1,` and the base64 of the HMAC over `id.timestamp.body`.
fn sign(key: &hmac::Key, id: &str, timestamp: u64, body: &str) -> String {
    let tag = hmac::sign(key, format!("{id}.{timestamp}.{body}").as_bytes());
    format!("v1,{}", STANDARD.encode(tag.as_ref()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_signature_is_that_of_the_specification() {
        // HMAC-SHA256 of "msg_p5jXN8AQM9LWM0D4loKWxJek.1614265330.{\"test\": 2432232314}" under the
        // key of the specification's example.
        let key = STANDARD.decode("MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw").expect("base64");
        let key = hmac::Key::new(hmac::HMAC_SHA256, &key);
        let signed =
            sign(&key, "msg_p5jXN8AQM9LWM0D4loKWxJek", 1_614_265_330, "{\"test\": 2432232314}");
        assert_eq!(signed, "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=");
    }
}
