//! The accounts of tenants and users: what all their workflows may spend together.
//!
//! | | |
//! |---|---|
//! | parent | the runtime |
//! | children | one pen per account, the only one that appends to its `ac-…` stream |
//! | takes | asks before an acceptance or a raise, settlements of workflows that ended, limits |
//! | survives a restart | every grant; one whose workflow never came to be, or has ended, is settled |
//!
//! A workflow's budget is granted by its user's account and by its tenant's, durably, before its
//! acceptance is recorded. Whoever asked holds a [`Hold`] until that acceptance is known; a hold
//! that is dropped has the account look into the journal and take back what nobody will spend.
//! So no crash, refusal or lost client leaves money away for good, and none lets a workflow run
//! without its grant. Where no limit was ever set there is no account, and nothing is waited for.
//! Left out: the rules ([`autoos_kernel::account`]).

mod pen;
mod register;

use crate::{clock::Clock, submission::Refusal};
use autoos_journal::SharedJournal;
use autoos_kernel::{
    account::{Account, Figures, Limit, Owner},
    id::{AccountId, WorkflowId},
};
use pen::{Message, Pen};
use register::Book;
use std::{
    collections::BTreeMap,
    sync::{Arc, Mutex as StdMutex, PoisonError, RwLock},
};
use tokio::{
    sync::{Mutex, mpsc, oneshot},
    task::AbortHandle,
};

/// Characters of a tenant's or a user's name.
const NAME_MAX: usize = 128;

/// An account as it stands.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AccountView {
    /// Its id.
    pub id: AccountId,
    /// Whose it is.
    pub owner: Owner,
    /// Its figures.
    pub figures: Figures,
}

/// What is asked of the accounts of a workflow.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Ask {
    pub(crate) workflow: WorkflowId,
    /// How much, in micro-dollars.
    pub(crate) microusd: u64,
    /// The escalation that it is an answer to.
    pub(crate) raise: Option<u32>,
    /// What the workflow's figures say it has spent already.
    pub(crate) before_microusd: u64,
    /// Whether it is one call of a client and no workflow.
    pub(crate) call: bool,
}

/// A grant whose use is not certain yet. One that is dropped is looked into, and taken back when
/// its workflow is not there.
#[derive(Debug)]
pub(crate) struct Hold {
    workflow: WorkflowId,
    inbox: mpsc::UnboundedSender<Message>,
    used: bool,
}

impl Hold {
    /// The workflow has it.
    pub(crate) fn used(mut self) {
        self.used = true;
    }
}

impl Drop for Hold {
    fn drop(&mut self) {
        let (workflow, used) = (self.workflow, self.used);
        // Without a pen the node stops, and the next start looks into every grant.
        let _ = self.inbox.send(Message::Released { workflow, used });
    }
}

/// What the accounts granted to one call of a client. Dropped without being settled it counts as
/// spent whole, since nobody knows what the call had cost by then.
#[derive(Debug, Default)]
#[must_use]
pub struct Spending(Vec<Hold>);

impl Spending {
    pub(crate) fn new(holds: Vec<Hold>) -> Self {
        Self(holds)
    }

    /// The call is over and cost so much, in micro-dollars. The accounts record it in their own
    /// time; a node that dies before that counts the whole grant.
    pub fn settle(self, microusd: u64) {
        for hold in self.0 {
            let (workflow, spent_microusd) = (hold.workflow, microusd);
            let message = Message::Settle { workflow, spent_microusd, reply: None };
            // Without a pen the node stops.
            let _ = hold.inbox.send(message);
            hold.used();
        }
    }
}

/// The accounts as everyone in the runtime holds them.
pub(crate) struct Accounts {
    journal: SharedJournal,
    clock: Arc<dyn Clock>,
    all: RwLock<BTreeMap<AccountId, Handle>>,
    book: Mutex<Book>,
    pens: StdMutex<Vec<AbortHandle>>,
}

/// One account.
#[derive(Clone)]
struct Handle {
    owner: Owner,
    /// As it is recorded.
    state: Arc<RwLock<Account>>,
    /// Bounded by who asks: submissions and open workflows have places of their own.
    inbox: mpsc::UnboundedSender<Message>,
}

impl Handle {
    fn read<T>(&self, look: impl FnOnce(&Account) -> T) -> T {
        look(&self.state.read().unwrap_or_else(PoisonError::into_inner))
    }
}

impl Accounts {
    /// Folds every account and goes on with it in a task of its own.
    ///
    /// # Errors
    /// When the journal cannot give them.
    pub(crate) async fn start(
        journal: SharedJournal,
        clock: Arc<dyn Clock>,
    ) -> Result<Arc<Self>, Refusal> {
        let (book, owners) = Book::open(&journal).await?;
        let accounts = Arc::new(Self {
            journal,
            clock,
            all: RwLock::default(),
            book: Mutex::new(book),
            pens: StdMutex::default(),
        });
        for owner in owners {
            accounts.open(owner).await?;
        }
        Ok(accounts)
    }

    /// Folds one account and starts its pen.
    async fn open(&self, owner: Owner) -> Result<Handle, Refusal> {
        let state = Arc::new(RwLock::default());
        let (inbox, messages) = mpsc::unbounded_channel();
        let pen = Pen::open(
            self.journal.clone(),
            self.clock.clone(),
            owner.clone(),
            state.clone(),
            inbox.clone(),
        )
        .await?;
        let task = tokio::spawn(pen.run(messages)).abort_handle();
        self.pens.lock().unwrap_or_else(PoisonError::into_inner).push(task);
        let handle = Handle { owner, state, inbox };
        let mut all = self.all.write().unwrap_or_else(PoisonError::into_inner);
        all.insert(handle.owner.id(), handle.clone());
        Ok(handle)
    }

    fn get(&self, id: AccountId) -> Option<Handle> {
        self.all.read().unwrap_or_else(PoisonError::into_inner).get(&id).cloned()
    }

    /// The accounts that count what `user` of `tenant` spends, the user's first.
    fn of(&self, tenant: &str, user: &str) -> Vec<Handle> {
        let all = self.all.read().unwrap_or_else(PoisonError::into_inner);
        if all.is_empty() {
            return Vec::new();
        }
        let ids = [AccountId::of(tenant, Some(user)), AccountId::of(tenant, None)];
        ids.iter().filter_map(|id| all.get(id).cloned()).collect()
    }

    /// Whether anything limits `user` of `tenant`.
    pub(crate) fn limits(&self, tenant: &str, user: &str) -> bool {
        self.of(tenant, user).iter().any(|account| account.read(|a| a.limit().is_some()))
    }

    /// Has every account of a workflow grant what is asked. Durable when it returns.
    ///
    /// # Errors
    /// [`Refusal::OverLimit`] from the first that has too little left; what the others granted is
    /// taken back. [`Refusal::ReadOnly`] and [`Refusal::Journal`] when nothing can be granted.
    pub(crate) async fn ask(
        &self,
        tenant: &str,
        user: &str,
        ask: Ask,
    ) -> Result<Vec<Hold>, Refusal> {
        let mut holds = Vec::new();
        for account in self.of(tenant, user) {
            if account.read(|a| a.limit().is_none()) {
                continue;
            }
            let (reply, answer) = oneshot::channel();
            let message = Message::Ask { ask, reply };
            account.inbox.send(message).map_err(|_| Refusal::Stopping)?;
            holds.push(answer.await.map_err(|_| Refusal::Stopping)??);
        }
        Ok(holds)
    }

    /// Tells every account of a workflow what it spent in the end, and returns once that is
    /// durable. It waits as long as the journal takes no appends.
    ///
    /// # Errors
    /// [`Refusal::Stopping`]; the next start settles it then.
    pub(crate) async fn settle(
        &self,
        tenant: &str,
        user: &str,
        workflow: WorkflowId,
        spent_microusd: u64,
    ) -> Result<(), Refusal> {
        let mut answers = Vec::new();
        for account in self.of(tenant, user) {
            if account.read(|a| a.granted(workflow).is_none()) {
                continue;
            }
            let (reply, answer) = oneshot::channel();
            let message = Message::Settle { workflow, spent_microusd, reply: Some(reply) };
            account.inbox.send(message).map_err(|_| Refusal::Stopping)?;
            answers.push(answer);
        }
        for answer in answers {
            answer.await.map_err(|_| Refusal::Stopping)?;
        }
        Ok(())
    }

    /// Sets what may be spent; none takes a limit away. Durable and in force when it returns.
    ///
    /// # Errors
    /// [`Refusal::Invalid`] for names that cannot be; what the journal refuses.
    pub(crate) async fn set_limit(
        &self,
        owner: Owner,
        limit: Option<Limit>,
        by: String,
    ) -> Result<AccountView, Refusal> {
        check("tenant", &owner.tenant)?;
        owner.user.as_deref().map_or(Ok(()), |user| check("user", user))?;
        let account = match self.get(owner.id()) {
            Some(account) => account,
            // An account without a limit would only be looked at in vain.
            None if limit.is_none() => return Ok(view(&owner, &Account::default(), &self.clock)),
            None => {
                let mut book = self.book.lock().await;
                match self.get(owner.id()) {
                    Some(account) => account,
                    None => {
                        book.add(&self.journal, &owner, &by, self.clock.now()).await?;
                        self.open(owner).await?
                    }
                }
            }
        };
        let (reply, answer) = oneshot::channel();
        let message = Message::SetLimit { limit, by, reply };
        account.inbox.send(message).map_err(|_| Refusal::Stopping)?;
        answer.await.map_err(|_| Refusal::Stopping)??;
        Ok(account.read(|state| view(&account.owner, state, &self.clock)))
    }

    /// The accounts of a tenant, or of all, by tenant and user.
    pub(crate) fn list(&self, tenant: Option<&str>) -> Vec<AccountView> {
        let all = self.all.read().unwrap_or_else(PoisonError::into_inner);
        let mine = all.values().filter(|a| tenant.is_none_or(|tenant| a.owner.tenant == tenant));
        let mut views: Vec<_> =
            mine.map(|a| a.read(|state| view(&a.owner, state, &self.clock))).collect();
        views.sort_by(|a, b| a.owner.cmp(&b.owner));
        views
    }

    /// One account; none when no limit was ever set for its owner.
    pub(crate) fn show(&self, owner: &Owner) -> Option<AccountView> {
        let account = self.get(owner.id())?;
        Some(account.read(|state| view(owner, state, &self.clock)))
    }

    /// Ends the pens. What they had not recorded is settled by the next start.
    pub(crate) fn stop(&self) {
        for pen in self.pens.lock().unwrap_or_else(PoisonError::into_inner).drain(..) {
            pen.abort();
        }
    }
}

fn view(owner: &Owner, state: &Account, clock: &Arc<dyn Clock>) -> AccountView {
    AccountView { id: owner.id(), owner: owner.clone(), figures: state.figures(clock.now()) }
}

fn check(what: &str, name: &str) -> Result<(), Refusal> {
    let length = name.chars().count();
    if length == 0 || length > NAME_MAX || name.chars().any(char::is_control) {
        return Err(Refusal::Invalid(vec![format!(
            "the name of a {what} has 1 to {NAME_MAX} characters and no control characters"
        )]));
    }
    Ok(())
}
