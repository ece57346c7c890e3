//! One call of a client under way: what it may spend, whom it asks, what is recorded of it.
//!
//! A [`Talk`] is settled and recorded exactly once, whichever way it ends: [`Talk::end`] by an
//! answer or a failure, its drop by a client that went away. Nothing is asked before the accounts
//! granted what it may cost at most.

use super::{
    choose::{Choice, Chosen, Wishes},
    record::Entry,
    refused::Refused,
    verify::{self, Checked, Means},
};
use crate::{call::Call, edge::Edge, fault::Fault};
use autoos_fabric::{
    Failure, FailureClass, Model, Usage,
    chat::{Answered, Asked, Chat, Pieces, Seen},
};
use autoos_kernel::{
    call::{Called, Outcome, What},
    id::uuid_at,
};
use autoos_runtime::{Refusal, Spending};
use axum::{
    body::Bytes,
    http::{HeaderMap, HeaderValue},
};
use futures::future::BoxFuture;
use std::{sync::Arc, time::Instant};
use tokio::sync::{OwnedSemaphorePermit, oneshot};

/// The longest name of a user, in bytes.
const NAME_MAX: usize = 128;

/// A call under way.
pub(super) struct Talk {
    edge: Edge,
    pub(super) asked: Arc<Asked>,
    pub(super) wishes: Wishes,
    choice: Choice,
    began: Instant,
    /// What will be recorded; taken when it is.
    called: Option<Box<Called>>,
    request: Bytes,
    trace: Option<autoos_journal::Trace>,
    place: Option<OwnedSemaphorePermit>,
    spending: Option<Spending>,
    /// Granted, and spent of it on what failed and on what is certain, in micro-dollars.
    granted: u64,
    spent: u64,
    limited: bool,
    tokens: (u32, u32),
    /// Of the model that is asked now: what it costs, and what can be told of its answer.
    asking: Option<(Model, Arc<Seen>)>,
    /// What the last model that failed said.
    said: Arc<Seen>,
}

/// What is granted to whoever is not limited.
const ENDLESS: u64 = u64::MAX;

impl Talk {
    /// Takes a call on: everything about it fits, and what it may cost is granted.
    pub(super) async fn begin(
        edge: &Edge,
        call: &Call,
        (what, asked, request): (What, Asked, Bytes),
        wishes: Wishes,
    ) -> Result<Self, Refused> {
        let began = Instant::now();
        let options = &edge.options.openai;
        let llm = &edge.runtime.parts().llm;
        let user = asked.user.clone().unwrap_or_else(|| call.caller.name.clone());
        if user.is_empty() || user.len() > NAME_MAX || user.chars().any(char::is_control) {
            let sentence = format!("user has 1 to {NAME_MAX} bytes and no control characters");
            return Err(Refused::wrong(Some("user"), sentence));
        }
        let prompt = u32::try_from(asked.prompt_tokens()).unwrap_or(u32::MAX);
        let output = match what {
            What::Embedding => 0,
            _ => asked.output_tokens.unwrap_or(options.output_tokens),
        };
        let choice = Choice::of(llm, &asked, (prompt, output))?;
        if !wishes.relaxed
            && let Some(why) = edge.journal.degraded()
        {
            return Err(Fault::from(Refusal::ReadOnly(why)).into());
        }
        let place = edge.calls.recorder.place();
        let place = place.ok_or(Fault::Busy { what: "calls that are not recorded yet" })?;
        let now = edge.runtime.parts().clock.now();
        let random = uuid::Uuid::new_v4().into_bytes();
        let mut bits = [0; 10];
        bits.copy_from_slice(&random[..10]);
        let called = Called {
            id: uuid_at(now, bits),
            tenant: call.caller.tenant.clone(),
            user,
            what,
            asked: asked.model.chars().take(256).collect(),
            model: None,
            reason: None,
            failed: Vec::new(),
            outcome: Outcome::GivenUp,
            class: None,
            streamed: asked.stream,
            hedge_microusd: None,
            input_tokens: 0,
            output_tokens: 0,
            cost_microusd: 0,
            latency_ms: 0,
            first_ms: None,
            confidence: None,
            unsupported: None,
            texts: None,
        };
        Ok(Self {
            edge: edge.clone(),
            asked: Arc::new(asked),
            wishes,
            choice,
            began,
            called: Some(Box::new(called)),
            request,
            trace: call.trace,
            place: Some(place),
            spending: None,
            granted: ENDLESS,
            spent: 0,
            limited: false,
            tokens: (prompt, output),
            asking: None,
            said: Arc::default(),
        })
    }

    /// What a call of this model may cost at most, in micro-dollars.
    fn worst(&self, model: &Model) -> u64 {
        let (input, output) = self.tokens;
        model.price.cost(Usage { input: input.into(), output: output.into() })
    }

    /// Has the accounts grant what the call may cost: a second call and a verifier included, if so
    /// much is left, else the call alone.
    async fn grant(&mut self) -> Result<(), Refused> {
        let Some(called) = &self.called else { return Ok(()) };
        let runtime = &self.edge.runtime;
        self.limited = runtime.limits(&called.tenant, &called.user);
        if !self.limited {
            return Ok(());
        }
        let once = self.choice.dearest(&runtime.parts().llm, |model| self.worst(model));
        let mut refusal = None;
        for times in [3, 2, 1] {
            let asked = once.saturating_mul(times);
            match runtime.spend(&called.tenant, &called.user, called.id, asked).await {
                Ok(spending) => {
                    (self.spending, self.granted) = (Some(spending), asked);
                    return Ok(());
                }
                Err(Refusal::OverLimit { account, rejected }) => {
                    refusal = Some(Refusal::OverLimit { account, rejected });
                }
                Err(other) => return Err(Fault::from(other).into()),
            }
        }
        let refusal = refusal.unwrap_or(Refusal::Stopping);
        Err(Fault::from(refusal).into())
    }

    /// What is left of the grant, in micro-dollars.
    fn left(&self) -> u64 {
        self.granted.saturating_sub(self.spent)
    }

    /// Begins to ask the next model that may be asked: none when nobody is left, and the last
    /// failure says why.
    #[allow(clippy::type_complexity, reason = "an answer on its way")]
    pub(super) async fn next(
        &mut self,
        pieces: Option<Pieces>,
    ) -> Result<Option<BoxFuture<'static, Result<Answered, Failure>>>, Refused> {
        if self.spending.is_none() && !self.limited {
            self.grant().await?;
        }
        let llm = self.edge.runtime.parts().llm.clone();
        let left = self.left();
        let Some(Chosen { model, reason }) = self.choice.next(&llm, left)? else {
            return Ok(None);
        };
        let worst = self.worst(&model);
        if worst > left {
            return Ok(None);
        }
        let seen = Arc::new(Seen::default());
        let Some(called) = &mut self.called else { return Ok(None) };
        called.model = Some(model.id.clone());
        called.reason = reason;
        let chat = Chat {
            key: called.id.to_string(),
            model: model.id.clone(),
            asked: self.asked.clone(),
            prompt_tokens: self.tokens.0,
            output_tokens: self.tokens.1,
            bounded: self.limited,
            timeout_ms: self.edge.options.openai.timeout_ms,
            spare_microusd: left.saturating_sub(worst),
            pieces,
            seen: seen.clone(),
        };
        self.asking = Some((model, seen));
        Ok(Some(llm.chat(chat)))
    }

    /// The model that was asked failed; whether another one may be asked. A request that is wrong
    /// is wrong everywhere.
    pub(super) fn failed(&mut self, failure: &Failure) -> bool {
        let unknown = self.over().map_or(0, |model| self.worst(&model));
        self.spent = self.spent.saturating_add(failure.cost_microusd.unwrap_or(unknown));
        let again = !matches!(failure.class, FailureClass::BadRequest | FailureClass::Invalid);
        if let Some(called) = &mut self.called {
            called.failed.push((failure.model.clone(), failure.class));
        }
        again
    }

    /// How the last failure is told to the client.
    pub(super) fn refusal(&self, failure: &Failure) -> Refused {
        Refused::failed(failure, &self.said)
    }

    /// The model that was asked has ended; it, if there was one.
    fn over(&mut self) -> Option<Model> {
        let (model, seen) = self.asking.take()?;
        if let Some(called) = &mut self.called {
            called.hedge_microusd = seen.hedge_microusd().or(called.hedge_microusd);
        }
        self.said = seen;
        Some(model)
    }

    /// Nothing was asked and nothing is to be told of it.
    pub(super) fn forget(mut self) {
        self.called = None;
    }

    /// Checks the answer as the client wants it.
    pub(super) async fn check(&mut self, answered: &Answered) -> Option<Checked> {
        self.over();
        let how = self.wishes.verify?;
        let called = self.called.as_ref()?;
        let llm = self.edge.runtime.parts().llm.clone();
        // Told before the verifier is asked, so that a client that leaves now pays for the answer.
        self.spent = self.spent.saturating_add(answered.cost_microusd);
        let means = Means {
            llm: &llm,
            key: format!("{}/verify", called.id),
            left_microusd: self.left(),
            timeout_ms: self.edge.options.openai.timeout_ms,
        };
        let checked = verify::check(how, &self.asked, answered, means).await;
        self.spent = self.spent.saturating_sub(answered.cost_microusd);
        if let Some(called) = &mut self.called {
            called.confidence = Some(checked.confidence);
            called.unsupported = Some(checked.unsupported);
        }
        self.spent = self.spent.saturating_add(checked.cost_microusd);
        Some(checked)
    }

    /// The call is over with an answer. Returns once that is durable, unless the client does not
    /// want to wait for it.
    pub(super) async fn answered(&mut self, answered: &Answered) -> Result<(), Refused> {
        self.over();
        self.spent = self.spent.saturating_add(answered.cost_microusd);
        if let Some(called) = &mut self.called {
            called.model = Some(answered.model.clone());
            (called.input_tokens, called.output_tokens) =
                (answered.usage.input, answered.usage.output);
            called.first_ms = answered.first_ms;
        }
        self.end(Outcome::Answered, None, answered.body.clone()).await
    }

    /// The call is over with an answer that was kept.
    pub(super) async fn kept(&mut self, answered: &Answered) -> Result<(), Refused> {
        if let Some(called) = &mut self.called {
            called.model = Some(answered.model.clone());
            (called.input_tokens, called.output_tokens) =
                (answered.usage.input, answered.usage.output);
        }
        self.end(Outcome::Cached, None, answered.body.clone()).await
    }

    /// The call is over without an answer.
    pub(super) async fn lost(&mut self, class: Option<FailureClass>) -> Result<(), Refused> {
        self.end(Outcome::Failed, class, Bytes::new()).await
    }

    async fn end(
        &mut self,
        outcome: Outcome,
        class: Option<FailureClass>,
        answer: Bytes,
    ) -> Result<(), Refused> {
        let (done, told) = oneshot::channel();
        let wait = !self.wishes.relaxed;
        self.settle(outcome, class, answer, wait.then_some(done));
        if !wait {
            return Ok(());
        }
        match told.await {
            Ok(Ok(())) => Ok(()),
            Ok(Err(error)) => Err(Fault::from(Refusal::from(error)).into()),
            Err(_) => Err(Fault::Stopping.into()),
        }
    }

    /// Settles and hands the record over, once.
    fn settle(
        &mut self,
        outcome: Outcome,
        class: Option<FailureClass>,
        answer: Bytes,
        done: Option<oneshot::Sender<Result<(), autoos_journal::Error>>>,
    ) {
        let Some(mut called) = self.called.take() else { return };
        (called.outcome, called.class) = (outcome, class);
        called.cost_microusd = self.spent;
        called.latency_ms = u64::try_from(self.began.elapsed().as_millis()).unwrap_or(u64::MAX);
        if let Some(spending) = self.spending.take() {
            spending.settle(self.spent);
        }
        self.edge.calls.recorder.record(Entry {
            called: *called,
            request: std::mem::take(&mut self.request),
            answer,
            trace: self.trace,
            done,
            _place: self.place.take(),
        });
    }

    /// What the answer's headers tell.
    pub(super) fn headers(&self, headers: &mut HeaderMap) {
        let Some(called) = &self.called else { return };
        if let Ok(id) = HeaderValue::try_from(called.id.to_string()) {
            headers.insert("autoos-call", id);
        }
        if let Some(model) = called.model.as_deref().and_then(|m| HeaderValue::try_from(m).ok()) {
            headers.insert("autoos-model", model);
        }
    }

    /// The call's id, for documents.
    pub(super) fn id(&self) -> String {
        self.called.as_ref().map(|called| called.id.to_string()).unwrap_or_default()
    }
}

impl Drop for Talk {
    /// The client has gone. What the model was asked counts by what it had said by then; an answer
    /// in one piece says nothing before its end and counts as what it may have cost.
    fn drop(&mut self) {
        if self.called.is_none() {
            return;
        }
        if let Some((model, seen)) = self.asking.take() {
            let output = match self.asked.stream {
                true => seen.output_tokens(),
                false => self.tokens.1.into(),
            };
            let usage = Usage { input: self.tokens.0.into(), output };
            let hedged = seen.hedge_microusd().unwrap_or(0);
            self.spent = self.spent.saturating_add(model.price.cost(usage)).saturating_add(hedged);
            if let Some(called) = &mut self.called {
                (called.input_tokens, called.output_tokens) = (usage.input, usage.output);
                called.hedge_microusd = seen.hedge_microusd();
            }
        }
        self.settle(Outcome::GivenUp, None, Bytes::new(), None);
    }
}
