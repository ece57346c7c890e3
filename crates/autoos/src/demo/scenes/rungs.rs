//! Rungs one to three: a refusal, a silence and a crash, an empty account, a lie.

use crate::demo::{
    Pace,
    scene::{FIGURES, Scene},
    vendor::{Vendor, approves, fails, slowly},
};
use autoos_fabric::{FailureClass, provider::scripted::Answer};
use autoos_kernel::words::LlmRole::{Executor, Verifier};

/// How long an answer takes, in milliseconds.
const THINKING_MS: u64 = 400;

fn right(pace: Pace) -> Answer {
    slowly(pace.ms(THINKING_MS), Answer::text(FIGURES))
}

fn judge(pace: Pace) -> Vendor {
    let method = "looked both figures up in the notes";
    Vendor::new("judge", &[Verifier]).then(approves(pace.ms(THINKING_MS), method))
}

/// Too many calls, says the vendor.
pub(super) fn refusal(pace: Pace) -> Scene {
    let mut busy = fails(pace.ms(100), FailureClass::RateLimit);
    busy.retry_after_ms = Some(pace.ms(1_500));
    let vendors =
        vec![Vendor::new("busy", &[Executor]).first(1, busy).then(right(pace)), judge(pace)];
    Scene::question(
        "Rung 1: a vendor is busy",
        "The vendor busy refuses the first call (429) and asks to be left alone for a while. It is \
         given that time, then the same agent asks again.",
        vendors,
        |seen| {
            seen.climbed(&["retry"])?;
            let author = seen.author("answer");
            Ok(format!("{author} was asked again after its own Retry-After, and answered."))
        },
    )
}

/// Nothing comes; then the call crashes.
pub(super) fn silence_and_death(pace: Pace) -> Scene {
    let sleepy = Vendor::new("sleepy", &[Executor])
        .patience(pace.ms(2_000))
        .first(1, Answer { hang: true, ..Answer::default() })
        .first(1, slowly(pace.ms(300), Answer { panic: true, ..Answer::default() }))
        .then(right(pace));
    Scene::question(
        "Rung 2: a vendor hangs, then dies",
        "The vendor sleepy takes the first call and says nothing: no first token comes, and that is \
         noticed by a deadline, not by waiting for ever. The second call crashes inside the node. \
         Then a fresh agent takes over, with a note of what happened.",
        vec![sleepy, judge(pace)],
        |seen| {
            seen.climbed(&["retry", "replace_agent"])?;
            let ends = seen.of("attempt_failed").map(|f| f["exit"]["failed"].to_string());
            Ok(format!("two attempts ended ({}), the third agent answered.", join(ends)))
        },
    )
}

/// The account is empty.
pub(super) fn no_credit(pace: Pace) -> Scene {
    let unpaid = Vendor::new("unpaid", &[Executor])
        .quality(0.97)
        .then(fails(pace.ms(200), FailureClass::Auth));
    let steady = Vendor::new("steady", &[Executor]).quality(0.8).then(right(pace));
    Scene::question(
        "Rung 3: an account is out of credit",
        "The vendor unpaid, asked first since it is the best, refuses the key (401). To ask again \
         would bring the same: another vendor is asked at once, and unpaid gets no more calls until \
         a probe succeeds.",
        vec![unpaid, steady, judge(pace)],
        |seen| {
            seen.climbed(&["swap_llm"])?;
            Ok(format!("{} answered in its place, after one failure.", seen.author("answer")))
        },
    )
}

/// A figure is wrong, and the verifier does not see it.
pub(super) fn lie(pace: Pace) -> Scene {
    let smooth =
        Vendor::new("smooth", &[Executor]).quality(0.97).then(Answer { lie: true, ..right(pace) });
    let honest = Vendor::new("honest", &[Executor]).quality(0.8).then(right(pace));
    let method = "it reads well";
    let fooled = Vendor::new("fooled", &[Verifier]).then(approves(pace.ms(THINKING_MS), method));
    Scene::question(
        "A vendor lies, and the verifier believes it",
        "The vendor smooth changes a figure: the notes say that 17 orders were returned. The \
         verifier, of another vendor, is fooled and approves. But every figure of an answer is also \
         looked up in its evidence by rule, and what stands nowhere keeps the confidence below what \
         the risk asks for.",
        vec![smooth, honest, fooled],
        |seen| {
            seen.climbed(&["swap_llm"])?;
            let found = seen.found.first().ok_or("nothing was found")?;
            let (author, sure) = (seen.author("answer"), seen.confidence("answer"));
            Ok(format!("found: {found}. {author} was asked instead; confidence {sure:.2}."))
        },
    )
}

fn join(words: impl Iterator<Item = String>) -> String {
    words.map(|word| word.trim_matches('"').to_owned()).collect::<Vec<_>>().join(", then ")
}
