//! What to do about a log that is not whole.
//!
//! Three witnesses: the log itself, the event store, and the mark of what was acknowledged. A
//! damaged end that was never acknowledged is a write that a crash tore, and is cut. Anything
//! else is damage: where the store has what the log lost, the log is set aside and begun anew
//! behind the store; where it has not, the opening is refused. Nothing is skipped.

use crate::{
    Error,
    log::reader::{Damage, Walk},
};
use std::path::Path;

/// What to do before frames are replayed.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Verdict {
    /// The log is whole.
    Whole,
    /// The last segment ends with a torn frame: cut it.
    Cut(String),
    /// The log lacks frames that the store has: replay what can be read, then begin it anew.
    Renew(String),
}

/// Judges a log by what was read of it, the last frame in the store, and the mark.
pub(crate) fn judge(
    walk: &Walk,
    applied: u64,
    mark: Option<u64>,
    dir: &Path,
) -> Result<Verdict, Error> {
    let last = walk.last.map_or(0, |(seq, _)| seq);
    let known = mark.unwrap_or(0).max(applied);
    if let Some(first) = walk.first()
        && first > applied + 1
    {
        return Err(refusal(
            dir,
            &format!(
                "the event store ends with frame {applied} and the log begins with frame {first}"
            ),
        ));
    }
    if let Some(text) = torn(walk, known) {
        return Ok(Verdict::Cut(text));
    }
    for damage in &walk.damage {
        let until = damage.until.map_or_else(|| known.max(damage.from), |next| next - 1);
        if until > applied {
            return Err(refusal(
                dir,
                &format!(
                    "{}; frames {} to {until} are not in the event store either (it ends with \
                 frame {applied})",
                    damage.text, damage.from
                ),
            ));
        }
    }
    if let Some(Damage { text, .. }) = walk.damage.first() {
        return Ok(Verdict::Renew(text.clone()));
    }
    if last >= known {
        return Ok(Verdict::Whole);
    }
    let text = format!("the log ends with frame {last} and frames up to {known} were acknowledged");
    if applied < known { Err(refusal(dir, &text)) } else { Ok(Verdict::Renew(text)) }
}

/// Whether the damage is one torn frame at the end that nobody was told of.
fn torn(walk: &Walk, known: u64) -> Option<String> {
    let at = walk.torn_at?;
    let last = walk.last.map_or(0, |(seq, _)| seq);
    let segment = walk.segments.last()?;
    let text = match walk.damage.as_slice() {
        // A header that is not whole: the segment was just begun.
        [] => format!("{} was begun and not finished", segment.path.display()),
        [damage] if damage.until.is_none() && damage.from >= segment.first => damage.text.clone(),
        _ => return None,
    };
    (last >= known).then(|| {
        format!("{text}: the write was torn and never acknowledged, it was cut at byte {at}")
    })
}

fn refusal(dir: &Path, what: &str) -> Error {
    Error::Corrupt(format!(
        "{what}. The journal in {} is left as it is; restore a backup into a new directory \
         (autoos backup restore), and keep this one: what can still be read may be wanted",
        dir.display()
    ))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::log::segment::Segment;

    fn walk(first: u64, last: u64) -> Walk {
        let segment = Segment { path: "a.log".into(), first, last, bytes: 100 };
        Walk { segments: vec![segment], last: Some((last, 7)), ..Walk::default() }
    }

    fn damaged(mut walk: Walk, from: u64, until: Option<u64>) -> Walk {
        if until.is_none() {
            walk.torn_at = Some(90);
        }
        walk.damage.push(Damage { from, until, text: "a.log is damaged".into() });
        walk
    }

    fn judged(walk: &Walk, applied: u64, mark: u64) -> Result<Verdict, Error> {
        judge(walk, applied, Some(mark), Path::new("dir"))
    }

    #[test]
    fn judges_each_case() {
        assert_eq!(judged(&walk(1, 9), 5, 9).expect("whole"), Verdict::Whole);
        assert_eq!(judged(&Walk::default(), 0, 0).expect("new"), Verdict::Whole);
        let torn = damaged(walk(1, 9), 10, None);
        assert!(matches!(judged(&torn, 5, 9), Ok(Verdict::Cut(_))), "nobody was told of 10");
        assert!(judged(&torn, 5, 10).is_err(), "10 was acknowledged and is nowhere else");
        assert!(matches!(judged(&torn, 10, 10), Ok(Verdict::Renew(_))), "the store has 10");
        let middle = damaged(walk(1, 9), 4, Some(6));
        assert!(judged(&middle, 4, 9).is_err(), "5 is nowhere");
        assert!(matches!(judged(&middle, 5, 9), Ok(Verdict::Renew(_))));
        assert!(judged(&walk(7, 9), 5, 9).is_err(), "6 is nowhere");
        assert!(matches!(judged(&walk(1, 9), 12, 12), Ok(Verdict::Renew(_))), "the end is gone");
        assert!(judged(&walk(1, 9), 9, 12).is_err());
    }
}
