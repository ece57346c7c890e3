//! What must hold of accounts, whatever is asked of them.

use super::*;
use proptest::prelude::*;
use uuid::Uuid;

const DAY: u64 = Timestamp::DAY_MS;

fn workflow(n: u128) -> WorkflowId {
    WorkflowId(Uuid::from_u128(n))
}

fn limit(microusd: u64, period: Period) -> Command {
    Command::SetLimit(Some(Limit { microusd, period }))
}

fn grant(n: u128, microusd: u64) -> Command {
    Command::Grant { workflow: workflow(n), microusd, raise: None, before_microusd: 0, call: false }
}

fn raise(n: u128, microusd: u64, escalation: u32) -> Command {
    let workflow = workflow(n);
    Command::Grant { workflow, microusd, raise: Some(escalation), before_microusd: 0, call: false }
}

fn settle(n: u128, spent_microusd: u64) -> Command {
    Command::Settle { workflow: workflow(n), spent_microusd }
}

fn limited(microusd: u64, period: Period) -> Account {
    let mut account = Account::default();
    account.decide(limit(microusd, period), Timestamp(0)).expect("a limit is set");
    account
}

/// Whether the command changed anything.
fn did(account: &mut Account, command: Command, at: u64) -> Result<bool, Rejected> {
    account.decide(command, Timestamp(at)).map(|event| event.is_some())
}

#[test]
fn grants_stop_at_the_limit_and_money_that_was_not_spent_returns() {
    let mut account = limited(100, Period::Total);
    assert_eq!(did(&mut account, grant(1, 60), 1), Ok(true));
    let full = Rejected { asked_microusd: 60, left_microusd: 40, until: None };
    assert_eq!(did(&mut account, grant(2, 60), 2), Err(full));
    assert_eq!(did(&mut account, settle(1, 10), 3), Ok(true));
    assert_eq!(did(&mut account, grant(2, 60), 4), Ok(true));
    let figures = account.figures(Timestamp(5));
    let seen = (figures.spent_microusd, figures.granted_microusd, figures.left_microusd);
    assert_eq!(seen, (10, 60, Some(30)));
}

#[test]
fn everything_may_be_said_twice() {
    let mut account = limited(100, Period::Total);
    for (command, at) in [(grant(1, 60), 1), (raise(1, 20, 1), 2), (settle(1, 70), 3)] {
        assert_eq!(did(&mut account, command.clone(), at), Ok(true), "{command:?}");
        let after = account.clone();
        assert_eq!(did(&mut account, command.clone(), at + 10), Ok(false), "{command:?}");
        assert_eq!(account, after);
    }
    assert_eq!(did(&mut account, settle(9, 70), 20), Ok(false), "nothing was granted to it");
    // Two requests under one key that want different amounts: the larger is set aside.
    assert_eq!(did(&mut account, grant(2, 10), 21), Ok(true));
    assert_eq!(did(&mut account, grant(2, 25), 22), Ok(true));
    assert_eq!(account.figures(Timestamp(23)).granted_microusd, 25);
}

#[test]
fn a_fork_pays_only_for_what_it_spent_itself() {
    let mut account = limited(100, Period::Total);
    let fork = Command::Grant {
        workflow: workflow(1),
        microusd: 50,
        raise: None,
        before_microusd: 30,
        call: false,
    };
    assert_eq!(did(&mut account, fork, 1), Ok(true));
    assert_eq!(did(&mut account, settle(1, 42), 2), Ok(true));
    assert_eq!(account.spent(Timestamp(3)), 12);
}

#[test]
fn a_day_begins_anew_and_open_grants_go_with_it() {
    let mut account = limited(100, Period::Day);
    assert_eq!(did(&mut account, grant(1, 40), 1), Ok(true));
    assert_eq!(did(&mut account, grant(2, 60), 2), Ok(true));
    assert_eq!(did(&mut account, settle(2, 60), 3), Ok(true));
    let until = Some(Timestamp(DAY));
    let full = Rejected { asked_microusd: 1, left_microusd: 0, until };
    assert_eq!(did(&mut account, grant(3, 1), 4), Err(full));
    // The next day still has to pay for what is open.
    let full = Rejected { asked_microusd: 61, left_microusd: 60, until: Some(Timestamp(2 * DAY)) };
    assert_eq!(did(&mut account, grant(3, 61), DAY), Err(full));
    assert_eq!(did(&mut account, settle(1, 5), DAY + 1), Ok(true));
    assert_eq!(account.figures(Timestamp(DAY + 2)).left_microusd, Some(95));
    // A clock that goes back brings no second day.
    assert_eq!(account.figures(Timestamp(5)).left_microusd, Some(95));
}

#[test]
fn another_period_knows_what_was_spent_before_it_was_set() {
    let mut account = limited(100, Period::Day);
    assert_eq!(did(&mut account, grant(1, 40), 1), Ok(true));
    assert_eq!(did(&mut account, settle(1, 40), 2), Ok(true));
    let later = 3 * DAY;
    assert_eq!(account.spent(Timestamp(later)), 0);
    for (period, spent) in [(Period::Month, 40), (Period::Total, 40), (Period::Day, 0)] {
        assert_eq!(did(&mut account, limit(50, period), later), Ok(true));
        assert_eq!(account.spent(Timestamp(later)), spent, "{period}");
    }
    assert_eq!(account.figures(Timestamp(32 * DAY)).ever_microusd, 40);
}

#[test]
fn without_a_limit_nothing_is_granted() {
    let mut account = Account::default();
    assert_eq!(did(&mut account, grant(1, u64::MAX), 1), Ok(false));
    assert_eq!(account, Account::default());
}

/// A command out of a few that meet each other often.
fn any_command() -> impl Strategy<Value = Command> {
    let period = prop_oneof![Just(Period::Total), Just(Period::Day), Just(Period::Month)];
    prop_oneof![
        1 => (0..300u64, period.clone()).prop_map(|(amount, period)| limit(amount, period)),
        6 => (0..8u128, 0..120u64).prop_map(|(n, amount)| grant(n, amount)),
        3 => (0..8u128, 0..60u64, 1..3u32).prop_map(|(n, amount, e)| raise(n, amount, e)),
        6 => (0..8u128, 0..200u64).prop_map(|(n, amount)| settle(n, amount)),
    ]
}

proptest! {
    /// No grant passes the limit of its moment; the state is the fold of the events; what is
    /// granted is what the events granted and did not settle; repeating changes nothing.
    #[test]
    fn granted_and_spent_stay_within_the_limit(
        commands in prop::collection::vec((any_command(), 0..DAY), 1..120),
    ) {
        let (mut account, mut folded) = (limited(200, Period::Day), limited(200, Period::Day));
        let mut now = Timestamp(0);
        let mut grants: BTreeMap<WorkflowId, u64> = BTreeMap::new();
        let mut spent = 0u64;
        for (command, later) in commands {
            now = now.plus_ms(later);
            // A workflow never spends more than it was granted.
            let command = match command {
                Command::Settle { workflow, spent_microusd } => {
                    let granted = grants.get(&workflow).copied().unwrap_or(0);
                    Command::Settle { workflow, spent_microusd: spent_microusd.min(granted) }
                }
                other => other,
            };
            let used = account.used(now);
            let before = account.clone();
            match account.decide(command.clone(), now) {
                Ok(Some(event)) => {
                    folded.fold(&event, now);
                    match event {
                        Event::Granted { workflow, microusd, .. } => {
                            *grants.entry(workflow).or_default() += microusd;
                            let limit = account.limit().expect("there is one").microusd;
                            prop_assert!(account.used(now) <= limit);
                        }
                        Event::Settled { workflow, microusd } => {
                            grants.remove(&workflow);
                            spent += microusd;
                            prop_assert!(account.used(now) <= used);
                        }
                        Event::LimitSet { .. } => {}
                    }
                }
                Ok(None) | Err(_) => prop_assert_eq!(&account, &before),
            }
            prop_assert_eq!(&folded, &account);
            let open: u64 = grants.values().sum();
            let figures = account.figures(now);
            prop_assert_eq!((figures.granted_microusd, figures.ever_microusd), (open, spent));
            let again = account.decide(command, now);
            prop_assert!(matches!(again, Ok(None) | Err(_)));
            prop_assert_eq!(&folded, &account);
        }
    }
}
