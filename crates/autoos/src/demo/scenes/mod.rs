//! The scenes, in the order of the ladder's rungs.

mod lesson;
mod money;
mod plans;
mod rungs;

use super::{scene::Scene, stage::Stage};

/// Every scene, in order.
pub(super) fn all(stage: &Stage) -> Vec<Scene> {
    let pace = stage.pace;
    vec![
        rungs::refusal(pace),
        rungs::silence_and_death(pace),
        rungs::no_credit(pace),
        rungs::lie(pace),
        plans::dead_end(pace),
        money::overcharged(pace),
        lesson::learned(pace, &stage.report()),
        lesson::applied(pace, &stage.report()),
    ]
}
