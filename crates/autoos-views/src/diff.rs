//! How one text differs from another, line by line: the longest common subsequence, with a little
//! of what is the same around each change.

use serde::Serialize;

/// Lines of a text that are compared; of longer ones only the beginning.
const LINES_MAX: usize = 1_000;
/// Lines that are kept around a change.
const AROUND: usize = 1;

/// A line of a difference.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Line {
    /// `removed`, `added`, `same`, or `left_out` for lines that are the same and not shown.
    pub change: &'static str,
    /// The line.
    pub text: String,
}

/// How `new` differs from `old`; empty when it does not.
pub(crate) fn lines(old: &str, new: &str) -> Vec<Line> {
    if old == new {
        return Vec::new();
    }
    let split = |text: &'_ str| -> Vec<String> {
        text.lines().take(LINES_MAX).map(str::to_owned).collect()
    };
    trim(all(&split(old), &split(new)))
}

/// Every line, changed or not.
fn all(old: &[String], new: &[String]) -> Vec<Line> {
    // common[i][j]: how many lines old[i..] and new[j..] have in common, in order.
    let width = new.len() + 1;
    let mut common = vec![0u32; (old.len() + 1) * width];
    for i in (0..old.len()).rev() {
        for j in (0..new.len()).rev() {
            common[i * width + j] = if old[i] == new[j] {
                common[(i + 1) * width + j + 1] + 1
            } else {
                common[(i + 1) * width + j].max(common[i * width + j + 1])
            };
        }
    }
    let (mut i, mut j) = (0, 0);
    let mut told = Vec::new();
    let mut tell = |change, text: &String| told.push(Line { change, text: text.clone() });
    while i < old.len() || j < new.len() {
        let same = i < old.len() && j < new.len() && old[i] == new[j];
        let removes = i < old.len()
            && (j == new.len() || common[(i + 1) * width + j] >= common[i * width + j + 1]);
        if same {
            tell("same", &old[i]);
            (i, j) = (i + 1, j + 1);
        } else if removes {
            tell("removed", &old[i]);
            i += 1;
        } else {
            tell("added", &new[j]);
            j += 1;
        }
    }
    told
}

/// Without what is the same far from any change.
fn trim(all: Vec<Line>) -> Vec<Line> {
    let near = |at: usize| {
        let from = at.saturating_sub(AROUND);
        all[from..(at + AROUND + 1).min(all.len())].iter().any(|line| line.change != "same")
    };
    let kept: Vec<bool> = (0..all.len()).map(near).collect();
    let mut told = Vec::new();
    let mut left_out = 0;
    for (line, kept) in all.into_iter().zip(kept) {
        if !kept {
            left_out += 1;
            continue;
        }
        push_left_out(&mut told, &mut left_out);
        told.push(line);
    }
    push_left_out(&mut told, &mut left_out);
    told
}

fn push_left_out(told: &mut Vec<Line>, count: &mut usize) {
    if *count > 0 {
        told.push(Line { change: "left_out", text: format!("{count} lines are the same") });
        *count = 0;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn marks(old: &str, new: &str) -> String {
        let mark = |line: &Line| match line.change {
            "removed" => format!("-{}", line.text),
            "added" => format!("+{}", line.text),
            "same" => format!(" {}", line.text),
            _ => "…".to_owned(),
        };
        lines(old, new).iter().map(mark).collect::<Vec<_>>().join("\n")
    }

    #[test]
    fn a_changed_line_stands_between_its_neighbours() {
        assert_eq!(marks("a\nb\nc\nd\ne", "a\nb\nx\nd\ne"), "…\n b\n-c\n+x\n d\n…");
        assert_eq!(marks("a", "a"), "");
        assert_eq!(marks("", "a"), "+a");
        assert_eq!(marks("a\nb", ""), "-a\n-b");
    }

    #[test]
    fn what_was_removed_and_added_makes_the_one_of_the_other() {
        let mut seed = 7u64;
        let mut next = |n: u64| {
            seed = seed.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
            (seed >> 33) % n
        };
        for _ in 0..200 {
            let mut text =
                || -> Vec<String> { (0..next(12)).map(|_| next(4).to_string()).collect() };
            let (old, new) = (text(), text());
            let told = all(&old, &new);
            let without = |change| {
                let kept = told.iter().filter(|line| line.change != change);
                kept.map(|line| line.text.clone()).collect::<Vec<_>>()
            };
            assert_eq!((without("added"), without("removed")), (old, new));
        }
    }
}
