//! What tenants and users may spend: never more, whatever fails, and what was not spent returns.

mod support;

use autoos_fabric::Price;
use autoos_journal::{Cursor, Journal as _, Outcome, SharedJournal};
use autoos_kernel::{
    account::{Account, Event, Limit, Owner, Period},
    codec::Recorded as _,
    id::{Prefix, WorkflowId},
    plan::Plan,
    words::WorkflowState,
    workflow::Workflow,
};
use autoos_runtime::{AccountView, Answer, Refusal, Submission};
use futures::{FutureExt as _, StreamExt as _, future::join_all};
use serde_json::json;
use std::{
    collections::{BTreeMap, BTreeSet},
    time::{Duration, Instant},
};
use support::{Setup, World, one_step, ready, submission};
use tokio::sync::watch;

const BUDGET: u64 = 1_000_000;
/// What a call costs in these tests.
const CALL: u64 = 20;

fn tenant() -> Owner {
    Owner { tenant: "default".into(), user: None }
}

fn user() -> Owner {
    Owner { user: Some("tester".into()), ..tenant() }
}

fn limit(microusd: u64) -> Option<Limit> {
    Some(Limit { microusd, period: Period::Total })
}

/// One call, once the gate is open.
async fn world(gate: Option<watch::Receiver<bool>>) -> World {
    let price = Price { input: 10_000, output: 10_000 };
    World::new(Setup { price, ..Setup::default() }, move |_| match gate.clone() {
        None => ready(json!("The count is 42.")),
        Some(mut gate) => async move {
            // A gate that is gone is open.
            let _ = gate.wait_for(|open| *open).await;
            Ok(json!("The count is 42."))
        }
        .boxed(),
    })
    .await
}

fn asked(key: &str) -> Submission {
    Submission {
        plan: serde_json::from_value::<Plan>(one_step()).ok(),
        budget_microusd: Some(BUDGET),
        idempotency_key: Some(key.into()),
        ..submission("how many?")
    }
}

async fn set(world: &World, owner: Owner, limit: Option<Limit>) -> AccountView {
    world.runtime.set_limit(owner, limit, "operator".into()).await.expect("it is set")
}

/// An account once it is as wanted; what it comes to announces itself nowhere.
async fn settled(
    world: &World,
    owner: &Owner,
    wanted: impl Fn(&AccountView) -> bool,
) -> AccountView {
    let last = Instant::now() + Duration::from_secs(20);
    loop {
        let view = world.runtime.account(owner).expect("it is there");
        if wanted(&view) {
            return view;
        }
        assert!(Instant::now() < last, "never came: {view:?}");
        tokio::time::sleep(Duration::from_millis(1)).await;
    }
}

fn free(view: &AccountView) -> bool {
    view.figures.granted_microusd == 0
}

/// Every account's events, folded one by one: no grant passes the limit. Gives the workflows that
/// were ever granted something.
async fn audited(world: &World) -> BTreeSet<WorkflowId> {
    let journal: SharedJournal = world.journal.clone();
    let mut accounts: BTreeMap<_, (Account, u64)> = BTreeMap::new();
    let mut granted = BTreeSet::new();
    for shard in journal.end().0.keys() {
        for (_, event) in journal.scan(*shard, 0, 100_000).await.expect("it reads") {
            if event.stream.prefix != Prefix::ACCOUNT {
                continue;
            }
            let known = Event::decode(&event.kind, &event.body).expect("it decodes");
            let Some(known) = known else { continue };
            let (account, seen) = accounts.entry(event.stream).or_default();
            account.fold(&known, event.at);
            *seen += 1;
            if let Event::Granted { workflow, .. } = known {
                granted.insert(workflow);
                let limit = account.limit().expect("granted under a limit").microusd;
                assert!(account.used(event.at) <= limit, "{}: {account:?}", event.stream);
            }
        }
    }
    granted
}

/// The workflows that were accepted, as they stand.
async fn workflows(world: &World) -> Vec<Workflow> {
    let mut all: BTreeMap<WorkflowId, Workflow> = BTreeMap::new();
    for shard in world.journal.end().0.keys() {
        for (_, event) in world.journal.scan(*shard, 0, 100_000).await.expect("it reads") {
            if event.stream.prefix == Prefix::WORKFLOW {
                let id = WorkflowId(event.stream.uuid);
                let workflow = all.entry(id).or_insert_with(|| Workflow::new(id));
                let decoded =
                    autoos_kernel::workflow::Event::decode(&event.kind, &event.body).expect("ok");
                workflow.fold(&decoded.expect("known"), event.at);
            }
        }
    }
    all.into_values().collect()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn fifty_at_once_over_a_limit_for_ten() {
    let (gate, shut) = watch::channel(false);
    let world = world(Some(shut)).await;
    set(&world, tenant(), limit(10 * BUDGET + BUDGET / 2)).await;
    let all = (0..50).map(|n| {
        let runtime = world.runtime.clone();
        tokio::spawn(async move { runtime.submit(asked(&format!("{n}"))).await })
    });
    let mut accepted = Vec::new();
    for answer in join_all(all).await {
        match answer.expect("it does not panic") {
            Ok(submitted) => accepted.push(submitted.workflow),
            Err(Refusal::OverLimit { account, rejected }) => {
                assert_eq!(account, tenant());
                assert_eq!((rejected.asked_microusd, rejected.until), (BUDGET, None));
            }
            Err(other) => panic!("{other}"),
        }
    }
    assert_eq!(accepted.len(), 10);
    let refused = world.runtime.submit(asked("more")).await.expect_err("it is full");
    assert_eq!(
        refused.to_string(),
        "the limit of tenant default leaves $0.5, and $1 are asked for"
    );
    gate.send(true).expect("the models hold the other end");
    for id in accepted {
        assert_eq!(world.ended(id).await.state(), WorkflowState::Completed);
    }
    let view = settled(&world, &tenant(), free).await;
    assert_eq!(view.figures.spent_microusd, 10 * CALL);
    assert_eq!(view.figures.left_microusd, Some(10 * BUDGET + BUDGET / 2 - 10 * CALL));
    world.runtime.submit(asked("more")).await.expect("there is room again");
    audited(&world).await;
}

#[tokio::test]
async fn what_the_tenant_refuses_returns_to_the_user() {
    let world = world(None).await;
    set(&world, tenant(), limit(BUDGET / 2)).await;
    set(&world, user(), limit(BUDGET)).await;
    for n in 0..3 {
        let refused = world.runtime.submit(asked(&format!("{n}"))).await;
        let whose = match refused {
            Err(Refusal::OverLimit { account, .. }) => account,
            other => panic!("{other:?}"),
        };
        assert_eq!(whose, tenant());
        settled(&world, &user(), free).await;
    }
    // Another user of the tenant has no limit of its own, and the tenant's all the same.
    let other = Submission { user: "other".into(), ..asked("other") };
    assert!(matches!(world.runtime.submit(other).await, Err(Refusal::OverLimit { .. })));
    set(&world, tenant(), None).await;
    let id = world.runtime.submit(asked("0")).await.expect("the user has enough").workflow;
    world.ended(id).await;
    let view = settled(&world, &user(), free).await;
    assert_eq!(view.figures.spent_microusd, CALL);
    audited(&world).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn one_key_is_granted_once() {
    let (gate, shut) = watch::channel(false);
    let world = world(Some(shut)).await;
    set(&world, tenant(), limit(BUDGET)).await;
    let all = (0..20).map(|_| {
        let runtime = world.runtime.clone();
        tokio::spawn(async move { runtime.submit(asked("same")).await })
    });
    let mut ids = BTreeSet::new();
    for answer in join_all(all).await {
        ids.insert(answer.expect("it does not panic").expect("the first one's").workflow);
    }
    assert_eq!(ids.len(), 1);
    let view = world.runtime.account(&tenant()).expect("it is there");
    assert_eq!(view.figures.granted_microusd, BUDGET);
    gate.send(true).expect("the models hold the other end");
    settled(&world, &tenant(), free).await;
    let again = world.runtime.submit(asked("same")).await.expect("what is there answers");
    assert!(again.existed);
    let view = settled(&world, &tenant(), free).await;
    assert_eq!(view.figures.ever_microusd, CALL);
}

/// Whoever asked goes away at every point where it can.
#[tokio::test]
async fn a_client_that_leaves_takes_no_money_with_it() {
    let (gate, shut) = watch::channel(false);
    let world = world(Some(shut)).await;
    set(&world, tenant(), limit(1_000 * BUDGET)).await;
    set(&world, user(), limit(1_000 * BUDGET)).await;
    for polls in 0..40 {
        let mut submit = Box::pin(world.runtime.submit(asked(&format!("{polls}"))));
        for _ in 0..polls {
            if futures::poll!(&mut submit).is_ready() {
                break;
            }
            tokio::task::yield_now().await;
        }
    }
    for owner in [tenant(), user()] {
        let last = Instant::now() + Duration::from_secs(20);
        // As above: neither an account nor the end of what nobody waits for announces itself.
        loop {
            let count = workflows(&world).await.len() as u64;
            let view = world.runtime.account(&owner).expect("it is there");
            if view.figures.granted_microusd == count * BUDGET && count > 0 {
                break;
            }
            assert!(Instant::now() < last, "{count} workflows: {view:?}");
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
    }
    gate.send(true).expect("the models hold the other end");
    for owner in [tenant(), user()] {
        settled(&world, &owner, free).await;
    }
    audited(&world).await;
}

/// Submits, with one append failing or every one from there on, starts anew and submits again:
/// what was granted is settled in the end, at what the models were really asked for.
async fn at_a_boundary(n: usize, outcome: Option<Outcome>) -> usize {
    let mut world = world(None).await;
    set(&world, tenant(), limit(3 * BUDGET)).await;
    set(&world, user(), limit(2 * BUDGET)).await;
    let before = world.watched.appends();
    let down = outcome.is_none();
    match outcome {
        Some(outcome) => world.watched.fail_after(n, outcome),
        None => world.watched.down_after(Some(n)),
    }
    if let Ok(submitted) = world.runtime.submit(asked("one")).await {
        // Without the journal it cannot end; nothing says when it has given up.
        let wait = if down { Duration::from_millis(20) } else { Duration::from_secs(20) };
        let _ = tokio::time::timeout(wait, world.ended(submitted.workflow)).await;
    }
    let appends = world.watched.appends() - before;
    world.runtime.stop().await;
    world.watched.down_after(None);
    world.restart().await;
    let id = world.runtime.submit(asked("one")).await.expect("it is accepted now").workflow;
    let workflow = world.ended(id).await;
    assert_eq!(workflow.state(), WorkflowState::Completed, "{n}: {workflow:#?}");
    for owner in [tenant(), user()] {
        let view = settled(&world, &owner, free).await;
        assert_eq!(view.figures.ever_microusd, workflow.budget.spent, "{n}: {workflow:#?}");
        assert!(world.calls().len() as u64 * CALL <= view.figures.ever_microusd, "{n}");
    }
    // Nothing is settled twice by a start that finds all in order.
    world.restart().await;
    for owner in [tenant(), user()] {
        let view = settled(&world, &owner, free).await;
        assert_eq!(view.figures.ever_microusd, workflow.budget.spent, "{n}");
    }
    assert_eq!(audited(&world).await, BTreeSet::from([id]));
    appends
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn nothing_is_lost_or_granted_twice_whichever_append_fails() {
    for lost in [true, false] {
        for n in 0..16 {
            let outcome = if lost { Outcome::Lost } else { Outcome::Recorded };
            at_a_boundary(n, Some(outcome)).await;
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn nothing_is_lost_or_granted_twice_wherever_it_crashes() {
    for n in 0..16 {
        at_a_boundary(n, None).await;
    }
}

#[tokio::test]
async fn an_account_that_takes_nothing_grants_nothing_and_is_settled_later() {
    let (gate, shut) = watch::channel(false);
    let world = world(Some(shut)).await;
    set(&world, tenant(), limit(2 * BUDGET)).await;
    let id = world.runtime.submit(asked("one")).await.expect("accepted").workflow;
    world.watched.close(Some(Prefix::ACCOUNT));
    let refused = world.runtime.submit(asked("two")).await;
    assert!(matches!(refused, Err(Refusal::ReadOnly(_))), "{refused:?}");
    gate.send(true).expect("the models hold the other end");
    world.ended(id).await;
    let view = world.runtime.account(&tenant()).expect("it is there");
    assert_eq!((view.figures.granted_microusd, view.figures.ever_microusd), (BUDGET, 0));
    world.watched.close(None);
    let view = settled(&world, &tenant(), free).await;
    assert_eq!(view.figures.ever_microusd, CALL);
    world.runtime.submit(asked("two")).await.expect("it is granted again");
    audited(&world).await;
}

#[tokio::test]
async fn a_raise_asks_the_accounts_first() {
    // The price lets no call fit the budget, so that a human is asked.
    let price = Price { input: 1_000_000, output: 1_000_000 };
    let world =
        World::new(Setup { price, ..Setup::default() }, |_| ready(json!("The count is 42."))).await;
    let first = Submission {
        plan: None,
        budget_microusd: Some(1_000),
        idempotency_key: None,
        ..asked("one")
    };
    set(&world, tenant(), limit(200_000)).await;
    set(&world, user(), limit(150_000)).await;
    let id = world.runtime.submit(first).await.expect("accepted").workflow;
    world.until(id, |w| !w.escalations.is_empty()).await;
    let raise = |microusd| world.runtime.resolve(id, 1, Answer::Raise(microusd), "ann".into());
    let refused = raise(190_000).await;
    assert!(matches!(&refused, Err(Refusal::OverLimit { account, .. }) if *account == user()));
    let workflow = world.until(id, |w| !w.escalations.is_empty()).await;
    assert!(workflow.escalations[&1].resolved.is_none(), "the question still stands");
    raise(100_000).await.expect("there is so much");
    let view = world.runtime.account(&user()).expect("it is there");
    assert_eq!(view.figures.granted_microusd, 101_000);
    // Saying it twice grants nothing more, and is too late.
    assert!(matches!(raise(100_000).await, Err(Refusal::Rejected(_))));
    let view = world.runtime.account(&tenant()).expect("it is there");
    assert_eq!(view.figures.granted_microusd, 101_000);
    audited(&world).await;
}

#[tokio::test]
async fn a_fork_pays_for_its_own_calls_alone() {
    let world = world(None).await;
    set(&world, tenant(), limit(10 * BUDGET)).await;
    let step = |id: &str, after: &[&str]| {
        json!({"id": id, "after": after, "inputs": {"numbers": {"context": "numbers"}},
               "work": {"ask": {"role": "executor", "instruction": id}}})
    };
    let steps = json!([step("first", &[]), step("second", &["first"])]);
    let plan = serde_json::from_value(support::plan(steps)).ok();
    let parent = world.runtime.submit(Submission { plan, ..asked("one") }).await.expect("accepted");
    let parent = world.ended(parent.workflow).await;
    assert_eq!((parent.state(), parent.budget.spent), (WorkflowState::Completed, 2 * CALL));
    settled(&world, &tenant(), free).await;
    let events = world.journal.read(parent.id.stream(), 0, 1_000).await.expect("it reads");
    let decode = |event: &autoos_journal::Event| {
        autoos_kernel::workflow::Event::decode(&event.kind, &event.body)
            .expect("ok")
            .expect("known")
    };
    let mut folded = Workflow::new(parent.id);
    let paid = events.iter().position(|event| {
        folded.fold(&decode(event), event.at);
        folded.budget.spent == CALL
    });
    let at = paid.expect("the first call was paid for") as u64 + 1;
    let fork = world.runtime.fork(parent.id, at, None, "ann".into()).await.expect("it forks");
    let fork = world.ended(fork.workflow).await;
    assert_eq!(fork.state(), WorkflowState::Completed);
    assert_eq!(world.calls().len(), 3);
    let view = settled(&world, &tenant(), free).await;
    // What the fork took over its parent has paid for.
    assert_eq!(view.figures.ever_microusd, parent.budget.spent + fork.budget.spent - CALL);
    set(&world, tenant(), limit(3 * CALL)).await;
    let refused = world.runtime.fork(parent.id, at, None, "ann".into()).await;
    assert!(matches!(refused, Err(Refusal::OverLimit { .. })), "{refused:?}");
    audited(&world).await;
}

#[tokio::test]
async fn without_a_limit_there_is_no_account_and_no_append() {
    let world = world(None).await;
    let id = world.runtime.submit(asked("one")).await.expect("accepted").workflow;
    world.ended(id).await;
    assert!(world.runtime.accounts(None).is_empty());
    assert_eq!(set(&world, tenant(), None).await.figures.limit, None);
    assert!(world.runtime.accounts(None).is_empty(), "no limit is no account");
    let mut events = world.journal.subscribe(Cursor::default());
    while let Some(Some(Ok((_, event)))) = events.next().now_or_never() {
        assert_ne!(event.stream.prefix, Prefix::ACCOUNT);
    }
}
