//! Mistakes that are planted on purpose: each must be caught by the invariant named with it, or the
//! simulation proves nothing.

use autoos_kernel::{ladder::Exit, workflow::Event};

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Bug {
    /// Recovery forgets that effects are in doubt, and begins them again.
    DropDoubt,
    /// A result is recorded twice.
    SettleTwice,
    /// A cancellation is acknowledged and ignored.
    IgnoreCancel,
    /// An append is acknowledged before it is synced.
    AckBeforeSync,
    /// Effects are performed before what led to them is durable.
    ActBeforeRecording,
    /// A tool that cannot tell counts as one that did nothing.
    RetryOnUnknown,
    /// The tool is asked while a lost agent may still send.
    AskBeforeTheDeadline,
    /// Agents do not look at their deadline before they send.
    SendTooLate,
    /// Nobody wakes the owner.
    ForgetTimers,
    /// Whether the budget covers a call is not looked at.
    Overspend,
}

impl Bug {
    /// Each with the invariant that it must break.
    pub(crate) const ALL: [(Self, &'static str); 10] = [
        (Self::DropDoubt, "I3"),
        (Self::SettleTwice, "I4"),
        (Self::IgnoreCancel, "I12"),
        (Self::AckBeforeSync, "I1"),
        (Self::ActBeforeRecording, "I3"),
        (Self::RetryOnUnknown, "I3"),
        (Self::AskBeforeTheDeadline, "I3"),
        (Self::SendTooLate, "I3"),
        (Self::ForgetTimers, "I6"),
        (Self::Overspend, "I8"),
    ];

    /// What the owner records instead of what was decided.
    pub(crate) fn tamper(self, events: Vec<Event>) -> Vec<Event> {
        let one = |event: Event| match (self, event) {
            (Self::DropDoubt, Event::AttemptInDoubt { exit: Exit::HostLost, .. }) => Vec::new(),
            (Self::SettleTwice, event @ Event::AttemptCompleted { .. }) => {
                vec![event.clone(), event]
            }
            (_, event) => vec![event],
        };
        events.into_iter().flat_map(one).collect()
    }
}
