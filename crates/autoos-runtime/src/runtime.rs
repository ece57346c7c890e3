//! The door: submissions and commands in, the shards behind it.

use crate::{
    accounts::{AccountView, Accounts, Ask, Hold, Spending},
    agent,
    brief::{Loaded, load_intent, load_workflow},
    clock::SystemRng,
    fork,
    hosts::Hosts,
    intent::{self, prepare},
    lessons::Lessons,
    meters::Counts,
    parts::{Options, Parts, Setup},
    shard,
    submission::{Refusal, Submission, Submitted},
    waker::{Bell, Waker},
    workflow::Order,
};
use autoos_fabric::Model;
use autoos_journal::{Body, Position};
use autoos_kernel::{
    account::{Limit, Owner},
    id::{IntentId, Shard, WorkflowId, uuid_at},
    lesson::Lesson,
    plan::{Plan, outline::Outline},
    rng::Rng as _,
    tool::Catalog as _,
    words::LlmRole,
    workflow::{Command, Decision},
};
use ractor::ActorRef;
use serde_json::Value;
use std::{collections::BTreeSet, sync::Arc};
use tokio::sync::{Semaphore, oneshot};
use tokio::task::AbortHandle;
use uuid::Uuid;

/// When a client that was refused should come back, in milliseconds.
const RETRY_AFTER_MS: u64 = 1_000;
/// An order can meet an actor that is just going; the next one takes it.
const ORDER_TRIES: usize = 5;

/// The running system. Cheap to clone; every clone is the same.
#[derive(Clone)]
pub struct Runtime {
    inner: Arc<Inner>,
}

struct Inner {
    parts: Parts,
    setup: Arc<Setup>,
    hosts: Arc<Hosts>,
    places: Arc<Semaphore>,
    /// Starts and ends what is hosted.
    follower: AbortHandle,
    waker: AbortHandle,
    /// Keeps the lessons.
    auditor: AbortHandle,
}

/// A human's answer to an escalation.
#[derive(Debug, Clone, PartialEq)]
pub enum Answer {
    /// Take the answer that was not sure enough.
    Approve,
    /// Take this as the step's output instead.
    Edit(Value),
    /// Try again from the first rung.
    Retry,
    /// Grant so much more, in micro-dollars, and try again from the first rung.
    Raise(u64),
    /// Go on without the step.
    Skip,
    /// Give the workflow up.
    Abandon,
}

impl Runtime {
    /// Starts the actors and brings back what the process before left unfinished.
    ///
    /// # Errors
    /// [`Refusal::Journal`] when the journal cannot be read.
    pub async fn start(parts: Parts, options: Options) -> Result<Self, Refusal> {
        let tools = parts.tools.tools().into_iter().cloned().collect();
        let (lessons, auditor) = Lessons::start(parts.journal.clone(), parts.clock.clone()).await?;
        let accounts = Accounts::start(parts.journal.clone(), parts.clock.clone()).await?;
        let setup = Arc::new(Setup { options, tools, lessons, accounts, counts: Arc::default() });
        let bell = Arc::new(Bell::default());
        let hosts = Hosts::start(parts.clone(), setup.clone(), bell.clone()).await?;
        let waker = Waker { parts: parts.clone(), hosts: hosts.clone(), bell };
        let waker = tokio::spawn(waker.run()).abort_handle();
        let follower = tokio::spawn(hosts.clone().follow()).abort_handle();
        let places = Arc::new(Semaphore::new(setup.options.max_open));
        Ok(Self {
            inner: Arc::new(Inner { parts, setup, hosts, places, follower, waker, auditor }),
        })
    }

    /// Takes an intent on and returns once that is durable.
    ///
    /// Repeating it is safe with an idempotency key: the same one gives the same workflow.
    ///
    /// # Errors
    /// [`Refusal::Overloaded`] at once when too much is open, [`Refusal::Invalid`] for what cannot
    /// be taken on, [`Refusal::Conflict`] for a key that was used for something else.
    pub async fn submit(&self, submission: Submission) -> Result<Submitted, Refusal> {
        let inner = &self.inner;
        let limit = inner.setup.options.max_open;
        let permit = inner.places.clone().try_acquire_owned().map_err(|_| {
            if inner.places.is_closed() {
                Refusal::Stopping
            } else {
                Refusal::Overloaded { limit, retry_after_ms: RETRY_AFTER_MS }
            }
        })?;
        if let Some(why) = inner.parts.journal.degraded() {
            tracing::debug!(why, "the journal is degraded, trying all the same");
        }
        let mut acceptance = Box::new(prepare(&inner.parts, &inner.setup, submission).await?);
        let uuid = acceptance.loaded.brief.uuid;
        let host = self.host(uuid).await?;
        acceptance.holds = self.grant(&acceptance.loaded).await?;
        let (reply, answer) = oneshot::channel();
        let accept = shard::Message::Accept { acceptance, permit, reply };
        host.send_message(accept).map_err(|_| self.gone(uuid))?;
        let (position, existed) = answer.await.map_err(|_| self.lost())??;
        Ok(Submitted { intent: IntentId(uuid), workflow: WorkflowId(uuid), position, existed })
    }

    /// Has the accounts of a workflow that is to be accepted grant its budget. One that is there
    /// already has what it needs, or needs nothing any more.
    async fn grant(&self, loaded: &Loaded) -> Result<Vec<Hold>, Refusal> {
        let Inner { parts, setup, .. } = &*self.inner;
        let Some(request) = &loaded.intent.request else { return Ok(Vec::new()) };
        if !setup.accounts.limits(&request.tenant, &request.user)
            || parts.journal.head(loaded.workflow.id.stream()).await?.is_some()
        {
            return Ok(Vec::new());
        }
        let (workflow, microusd) = (loaded.workflow.id, request.budget_microusd);
        let ask = Ask { workflow, microusd, raise: None, before_microusd: 0, call: false };
        setup.accounts.ask(&request.tenant, &request.user, ask).await
    }

    /// Has the accounts of a workflow grant what a human adds to its budget. It stays with the
    /// workflow until its end, even if the workflow does not take the answer.
    async fn raise(
        &self,
        id: WorkflowId,
        escalation: u32,
        microusd: u64,
    ) -> Result<Vec<Hold>, Refusal> {
        let Inner { parts, setup, .. } = &*self.inner;
        let (intent, _) = load_intent(&parts.journal, id.intent()).await?;
        let Some(request) = intent.request else { return Err(Refusal::Missing(id)) };
        if !setup.accounts.limits(&request.tenant, &request.user) {
            return Ok(Vec::new());
        }
        let (workflow, _) = load_workflow(&parts.journal, id).await?;
        let open = workflow.escalations.get(&escalation).is_some_and(|e| e.resolved.is_none());
        if workflow.end.is_some() || !open {
            // The workflow says why it takes no such answer.
            return Ok(Vec::new());
        }
        let before_microusd = workflow.budget.spent.saturating_add(workflow.budget.excess);
        let raise = Some(escalation);
        let ask = Ask { workflow: id, microusd, raise, before_microusd, call: false };
        setup.accounts.ask(&request.tenant, &request.user, ask).await
    }

    /// Whether anything limits what `user` of `tenant` may spend.
    #[must_use]
    pub fn limits(&self, tenant: &str, user: &str) -> bool {
        self.inner.setup.accounts.limits(tenant, user)
    }

    /// Has the accounts of `user` of `tenant` grant what one call of a client may cost at most.
    /// Durable when it returns; where nothing is limited it waits for nothing.
    ///
    /// # Errors
    /// [`Refusal::OverLimit`] when too little is left, and what the journal refuses.
    pub async fn spend(
        &self,
        tenant: &str,
        user: &str,
        call: Uuid,
        microusd: u64,
    ) -> Result<Spending, Refusal> {
        let accounts = &self.inner.setup.accounts;
        let ask = Ask {
            workflow: WorkflowId(call),
            microusd,
            raise: None,
            before_microusd: 0,
            call: true,
        };
        let holds = match accounts.limits(tenant, user) {
            true => accounts.ask(tenant, user, ask).await?,
            false => Vec::new(),
        };
        Ok(Spending::new(holds))
    }

    /// Sets what a tenant or a user may spend in all its workflows; none takes the limit away.
    /// Durable and in force for what is submitted from the return on; what runs already without a
    /// grant is not counted, except for what it is granted later. A limit may lie below what is
    /// used: then nothing is granted until enough has been settled.
    ///
    /// # Errors
    /// [`Refusal::Invalid`] for names that cannot be, and what the journal refuses.
    pub async fn set_limit(
        &self,
        owner: Owner,
        limit: Option<Limit>,
        by: String,
    ) -> Result<AccountView, Refusal> {
        self.inner.setup.accounts.set_limit(owner, limit, by).await
    }

    /// The accounts of a tenant, or of all, as they stand.
    #[must_use]
    pub fn accounts(&self, tenant: Option<&str>) -> Vec<AccountView> {
        self.inner.setup.accounts.list(tenant)
    }

    /// One account as it stands; none when no limit was ever set for its owner.
    #[must_use]
    pub fn account(&self, owner: &Owner) -> Option<AccountView> {
        self.inner.setup.accounts.show(owner)
    }

    /// Asks something of a workflow and returns once it is recorded: its position, or none when
    /// it was so already.
    ///
    /// # Errors
    /// [`Refusal::Missing`] and [`Refusal::Rejected`]; [`Refusal::Journal`] when nothing certain
    /// can be said.
    pub async fn command(
        &self,
        workflow: WorkflowId,
        command: Command,
    ) -> Result<Option<Position>, Refusal> {
        for _ in 0..ORDER_TRIES {
            let order = Order { by: "client".into(), ..Order::own(command.clone()) };
            if let Some(answer) = self.order(workflow, order).await? {
                return answer;
            }
        }
        Err(self.lost())
    }

    /// Answers an escalation.
    ///
    /// # Errors
    /// As [`Runtime::command`]; [`Refusal::OverLimit`] for a raise that passes the limit of its
    /// user or tenant.
    pub async fn resolve(
        &self,
        workflow: WorkflowId,
        escalation: u32,
        answer: Answer,
        by: String,
    ) -> Result<Option<Position>, Refusal> {
        self.host(workflow.0).await?;
        let holds = match &answer {
            Answer::Raise(more) => self.raise(workflow, escalation, *more).await?,
            _ => Vec::new(),
        };
        if answer == Answer::Retry {
            // Whoever says so has perhaps just mended a key: no breaker waits that out.
            self.inner.parts.llm.retry_now();
        }
        for _ in 0..ORDER_TRIES {
            let (mut bodies, mut edited) = (Vec::new(), None);
            let decision = match &answer {
                Answer::Approve => Decision::Approve,
                Answer::Retry => Decision::Retry,
                Answer::Raise(more) => Decision::Raise(*more),
                Answer::Skip => Decision::Skip,
                Answer::Abandon => Decision::Abandon,
                Answer::Edit(value) => {
                    let key = self.inner.parts.journal.body_key(workflow.0).await?;
                    let body = Body::new(&key, value.to_string().into_bytes());
                    let decision = Decision::Edit(body.body);
                    bodies.push(body);
                    edited = Some(Arc::new(value.clone()));
                    decision
                }
            };
            let value = match edited {
                Some(value) => Some((self.escalated_step(workflow, escalation).await?, value)),
                None => None,
            };
            let command = Command::Resolve { escalation, decision, by: by.clone() };
            let order =
                Order { command, by: "client".into(), bodies, value, plan: None, reply: None };
            if let Some(answer) = self.order(workflow, order).await? {
                if answer.is_ok() {
                    holds.into_iter().for_each(Hold::used);
                }
                return answer;
            }
        }
        Err(self.lost())
    }

    /// The step that an escalation is about.
    async fn escalated_step(&self, id: WorkflowId, escalation: u32) -> Result<String, Refusal> {
        let (workflow, next) = crate::brief::load_workflow(&self.inner.parts.journal, id).await?;
        if next == 0 {
            return Err(Refusal::Missing(id));
        }
        let found = workflow.escalations.get(&escalation).map(|e| e.step.clone());
        found.ok_or_else(|| {
            Refusal::Invalid(vec![format!("the workflow has no escalation {escalation}")])
        })
    }

    /// Hands an order over; none when the actor that got it went away before it answered.
    async fn order(
        &self,
        workflow: WorkflowId,
        mut order: Order,
    ) -> Result<Option<Result<Option<Position>, Refusal>>, Refusal> {
        let (reply, answer) = oneshot::channel();
        order.reply = Some(reply);
        let order = shard::Message::Order(workflow.0, Box::new(order));
        let host = self.host(workflow.0).await?;
        if host.send_message(order).is_err() {
            return Ok(None);
        }
        match answer.await {
            // Its actor ended, and not with the node.
            Ok(Err(Refusal::Stopping)) if !self.inner.places.is_closed() => Ok(None),
            answer => Ok(answer.ok()),
        }
    }

    /// A plan for an intent and its outline, made by a planner that costs nothing. Nothing is
    /// recorded and nothing runs.
    ///
    /// # Errors
    /// [`Refusal::Invalid`] with what the planner lacks or what is wrong with its plan.
    pub async fn plan(&self, submission: &Submission) -> Result<(Plan, Outline), Refusal> {
        let Inner { parts, setup, .. } = &*self.inner;
        let options = &setup.options;
        let free = |model: &Model| model.price == autoos_fabric::Price::default();
        let planner = parts.llm.candidates(LlmRole::Planner).into_iter().find(free);
        let Some(planner) = planner else {
            return Err(Refusal::Invalid(vec!["no planner is free of charge here".into()]));
        };
        let acceptance = prepare(parts, setup, submission.clone()).await?;
        let brief = &acceptance.loaded.brief;
        let plan = match &submission.plan {
            Some(plan) => plan.clone(),
            None => agent::plan_once(parts, setup, brief, planner.id)
                .await
                .map_err(|why| Refusal::Invalid(vec![why]))?,
        };
        let budget = submission.budget_microusd.unwrap_or(options.budget_microusd);
        let (names, risk, done) = (brief.context_names(), submission.risk, BTreeSet::new());
        let outline = intent::judge(parts, setup, &plan, &names, risk, budget, &done)
            .map_err(Refusal::Invalid)?;
        Ok((plan, outline))
    }

    /// Cancels a workflow if it runs, then destroys its key and bodies. Its events stay, and
    /// their chain still verifies. Repeating it is safe.
    ///
    /// # Errors
    /// [`Refusal::Missing`], and [`Refusal::Invalid`] while an effect is still in flight.
    pub async fn erase(&self, workflow: WorkflowId, by: String) -> Result<(), Refusal> {
        let reason = "it is to be erased".to_owned();
        match self.command(workflow, Command::Cancel { by, reason }).await {
            Ok(_) | Err(Refusal::Rejected(autoos_kernel::workflow::Rejected::Ended(_))) => {}
            Err(refusal) => return Err(refusal),
        }
        let journal = &self.inner.parts.journal;
        let (state, _) = crate::brief::load_workflow(journal, workflow).await?;
        if state.end.is_none() {
            return Err(Refusal::Invalid(vec![
                "the workflow is cancelled, and an effect is still in flight: erase it once that \
                 is settled"
                    .into(),
            ]));
        }
        Ok(journal.erase(workflow.0).await?)
    }

    /// Lets another workflow go on from the first `at` events of this one, asking `model` wherever
    /// it may be asked. The fork has an intent of its own, keeps its own copies of all bodies and
    /// names its parent.
    ///
    /// # Errors
    /// [`Refusal::Missing`]; [`Refusal::Invalid`] when there are not so many events, nothing was
    /// left to do there, the model serves none of its steps, or a tool with an effect would act a
    /// second time.
    pub async fn fork(
        &self,
        parent: WorkflowId,
        at: u64,
        model: Option<String>,
        by: String,
    ) -> Result<Submitted, Refusal> {
        let inner = &self.inner;
        let submitted =
            fork::fork(&inner.parts, &inner.setup.accounts, parent, at, model, by).await?;
        // Its first order has it folded and go on.
        self.command(submitted.workflow, Command::Tick).await?;
        Ok(submitted)
    }

    /// Every lesson, the reverted ones included, by number.
    #[must_use]
    pub fn lessons(&self) -> Vec<Lesson> {
        self.inner.setup.lessons.book().lessons().cloned().collect()
    }

    /// Takes a lesson back.
    ///
    /// # Errors
    /// [`Refusal::Invalid`] when there is none of that number, or it was reverted before.
    pub async fn revert_lesson(&self, number: u32, by: String) -> Result<(), Refusal> {
        self.inner.setup.lessons.revert(number, by).await
    }

    pub(crate) fn counts(&self) -> &Counts {
        &self.inner.setup.counts
    }

    /// Places for open workflows: those that are free, and all.
    pub(crate) fn places(&self) -> (usize, usize) {
        (self.inner.places.available_permits(), self.inner.setup.options.max_open)
    }

    /// How many workflows are open, those that wait in memory included.
    pub async fn open(&self) -> usize {
        let mut open = 0;
        for shard in self.inner.hosts.all() {
            let (reply, answer) = oneshot::channel();
            if shard.send_message(shard::Message::Count(reply)).is_ok() {
                open += answer.await.unwrap_or(0);
            }
        }
        open
    }

    /// The workflows that were left alone because they died again and again, with why. Whoever
    /// has removed the reason resumes one, and it is tried again; a restart tries all of them.
    pub async fn quarantined(&self) -> Vec<(WorkflowId, String)> {
        let mut all = Vec::new();
        for shard in self.inner.hosts.all() {
            let (reply, answer) = oneshot::channel();
            if shard.send_message(shard::Message::Quarantined(reply)).is_ok() {
                all.extend(answer.await.unwrap_or_default());
            }
        }
        all
    }

    /// The ports that it runs on.
    #[must_use]
    pub fn parts(&self) -> &Parts {
        &self.inner.parts
    }

    /// Takes nothing more and ends the actors. What is in flight is left to the next start, as
    /// after a crash.
    pub async fn stop(&self) {
        self.inner.places.close();
        self.inner.follower.abort();
        self.inner.waker.abort();
        self.inner.auditor.abort();
        self.inner.hosts.stop().await;
        self.inner.setup.accounts.stop();
    }

    /// An id for a request that brings none.
    #[must_use]
    pub fn fresh_id(&self) -> Uuid {
        uuid_at(self.inner.parts.clock.now(), SystemRng.uuid_bits())
    }

    /// The actor of the shard that `uuid` lies in.
    async fn host(&self, uuid: Uuid) -> Result<ActorRef<shard::Message>, Refusal> {
        if self.inner.places.is_closed() {
            return Err(Refusal::Stopping);
        }
        self.inner.hosts.of(uuid).await
    }

    /// Why a shard's actor took nothing: it ended with the node, or its shard went elsewhere.
    fn gone(&self, uuid: Uuid) -> Refusal {
        let Inner { parts, places, .. } = &*self.inner;
        if places.is_closed() {
            return Refusal::Stopping;
        }
        let leader = parts.journal.leader(Shard::of(uuid, parts.journal.shards()));
        Refusal::Elsewhere { leader }
    }

    /// Why whoever took something never answered: whether it was recorded is unknown.
    fn lost(&self) -> Refusal {
        if self.inner.places.is_closed() {
            return Refusal::Stopping;
        }
        Refusal::Journal("whoever took it ended before it answered".into())
    }
}
