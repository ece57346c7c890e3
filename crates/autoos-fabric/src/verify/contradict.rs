//! Where a sentence says the contrary of a passage that speaks of the same: what is denied on one
//! side only, an opposite word, two things the wrong way round; [`super::slots`] adds another name
//! or figure in the place of one.
//!
//! A passage may hold several clauses, so a word is compared where the words around it are most
//! alike. What the rules cannot see (irony, two steps of reasoning, what a pronoun means) they
//! leave alone.

use super::{
    lexicon::{known, opposites},
    passages::Passages,
    slots::slots,
    tokens::{Kind, Token},
};
use std::{ops::Range, sync::LazyLock};

/// What is said against a sentence.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Contrary {
    pub(super) why: Why,
    /// The token of the sentence that is wrong.
    pub(super) token: usize,
    /// Its bytes in the answer, where it is a figure or a name.
    pub(super) bytes: Option<Range<usize>>,
    /// Where the evidence says otherwise: the passage, and the token of all passages.
    pub(super) passage: u32,
    pub(super) instead: Option<usize>,
}

/// The kind of contradiction.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Why {
    Figure,
    Name,
    Negation,
    Swapped,
    Relation,
}

/// A passage of more tokens is no sentence to compare with.
const LONGEST: usize = 300;

/// Why, the token of the sentence, and that of the passage.
pub(super) type Found = Option<(Why, usize, Option<usize>)>;

/// What one of these passages says against a sentence. They are equally near to it, so one that
/// has the same word and says nothing against it clears it.
pub(super) fn contrary(passages: &Passages, own: &[Token], near: &[u32]) -> Option<Contrary> {
    let found = near.iter().find_map(|passage| against(passages, own, *passage))?;
    let wrong = own[found.token].id;
    let says = |passage: &u32| passages.tokens_of(*passage).iter().any(|t| t.id == wrong);
    let cleared = near.iter().any(|p| says(p) && against(passages, own, *p).is_none());
    (!cleared).then_some(found)
}

fn against(passages: &Passages, own: &[Token], passage: u32) -> Option<Contrary> {
    let other = passages.tokens_of(passage);
    if other.len() > LONGEST {
        return None;
    }
    let (why, token, instead) = negation(own, other)
        .or_else(|| relation(own, other))
        .or_else(|| slots(passages, own, other))?;
    let from = passages.all[passage as usize].from as usize;
    let wrong = &own[token];
    let bytes =
        matches!(why, Why::Figure | Why::Name).then_some(wrong.start as usize..wrong.end as usize);
    let instead = instead.map(|at| at + from);
    Some(Contrary { why, token, bytes, passage, instead })
}

/// One side denies what the other says.
fn negation(own: &[Token], other: &[Token]) -> Found {
    let (mine, theirs) = (denied(own), denied(other));
    for (at, token) in own.iter().enumerate().filter(|(_, t)| t.kind == Kind::Content) {
        let denied_here = mine.contains(&at);
        // Where the passage has the word among the words that are most alike.
        let Some((place, alike)) = most_alike(own, at, other, token.id) else { continue };
        let denied_there = theirs.contains(&place);
        let few = neighbours(own, at).len().min(neighbours(other, place).len());
        if denied_here == denied_there || alike < few.clamp(1, 2) {
            continue;
        }
        let (open, place_open) = if denied_here { (other, place) } else { (own, at) };
        if denied_near(open, place_open) || has_opposite(own, other) {
            continue;
        }
        return Some((Why::Negation, at, Some(place)));
    }
    None
}

/// Whether one side has the opposite of a word of the other: two reversals make none.
fn has_opposite(own: &[Token], other: &[Token]) -> bool {
    own.iter().any(|t| {
        !other.iter().any(|o| o.id == t.id)
            && opposites(t.id).iter().any(|id| other.iter().any(|o| o.id == *id))
    })
}

/// A word and its opposite about the same, or an order the other way round.
fn relation(own: &[Token], other: &[Token]) -> Found {
    for (at, token) in own.iter().enumerate() {
        let order = ORDER.contains(&token.id);
        // `After the storm, they left`: what stands before what is turned round.
        let fronted = |tokens: &[Token], at: usize| !tokens[..at].iter().any(|t| t.kind.tells());
        let turns = TIMES.contains(&token.id);
        if turns && fronted(own, at) {
            continue;
        }
        for opposite in opposites(token.id) {
            let Some((place, alike)) = most_alike(own, at, other, *opposite) else { continue };
            if turns && fronted(other, place) {
                continue;
            }
            let same = most_alike(own, at, other, token.id).map_or(0, |(_, alike)| alike);
            let answered = own.iter().any(|t| t.id == *opposite);
            if alike <= same || alike < 2 && !beside_same(own, at, other, place) {
                continue;
            }
            if answered || negated(own, at) != negated(other, place) {
                continue;
            }
            let (straight, crossed) = sides(own, at, other, place);
            if !(order && crossed > straight) {
                return Some((Why::Relation, at, Some(place)));
            }
        }
        if order && let Some((place, _)) = most_alike(own, at, other, token.id) {
            let (straight, crossed) = sides(own, at, other, place);
            if crossed > straight && crossed > 1 && straight < 2 {
                return Some((Why::Swapped, at, Some(place)));
            }
        }
    }
    turned(own, other)
}

/// `from 3 to 5` against `from 5 to 3`, `to Oslo than to Rome` against `to Rome than to Oslo`.
fn turned(own: &[Token], other: &[Token]) -> Found {
    let mine = joined(own);
    let theirs = joined(other);
    for (a, b) in &mine {
        let reversed =
            |(x, y): &&(usize, usize)| other[*x].id == own[*b].id && other[*y].id == own[*a].id;
        if let Some((x, _)) = theirs.iter().find(reversed)
            && own[*a].id != own[*b].id
            && !has_opposite(own, other)
        {
            return Some((Why::Swapped, *a, Some(*x)));
        }
    }
    None
}

/// Names or figures with only `to` or `than` (and other small words or units) between them.
fn joined(tokens: &[Token]) -> Vec<(usize, usize)> {
    let mut out = Vec::new();
    for (at, token) in tokens.iter().enumerate() {
        if !token.kind.named() && !token.kind.counted() {
            continue;
        }
        let rest = tokens[at + 1..].iter().take(5);
        let Some(next) = rest.clone().position(|t| t.kind.named() || t.kind.counted()) else {
            continue;
        };
        let between = &tokens[at + 1..at + 1 + next];
        let words = between.iter().filter(|t| t.kind == Kind::Content).count();
        if words <= 1 && between.iter().any(|t| JOINING.contains(&t.id)) {
            out.push((at, at + 1 + next));
        }
    }
    out
}

/// Whether the next telling word at one side is the same.
fn beside_same(own: &[Token], at: usize, other: &[Token], place: usize) -> bool {
    [true, false].iter().any(|left| {
        let next = side(own, at, *left, 1);
        !next.is_empty() && next == side(other, place, *left, 1)
    })
}

/// The place of an id in `other` whose surroundings are most like those of `at`, and how alike.
fn most_alike(own: &[Token], at: usize, other: &[Token], id: u64) -> Option<(usize, usize)> {
    let places = other.iter().enumerate().filter(|(_, t)| t.id == id);
    let near = neighbours(own, at);
    places
        .map(|(place, _)| {
            let there = neighbours(other, place);
            (place, near.iter().filter(|n| there.contains(n)).count())
        })
        .max_by_key(|(_, alike)| *alike)
}

/// The telling ids around a token.
fn neighbours(tokens: &[Token], at: usize) -> Vec<u64> {
    let mut out = side(tokens, at, true, 4);
    out.extend(side(tokens, at, false, 4));
    out
}

/// The telling ids at one side of a token, the nearest first.
fn side(tokens: &[Token], at: usize, left: bool, most: usize) -> Vec<u64> {
    let tells = |t: &&Token| t.kind.tells();
    if left {
        tokens[..at].iter().rev().filter(tells).take(most).map(|t| t.id).collect()
    } else {
        tokens[at + 1..].iter().filter(tells).take(most).map(|t| t.id).collect()
    }
}

/// How many words stand at the same side of two places, and how many at the other side. What
/// stands at both sides of one tells nothing.
fn sides(own: &[Token], at: usize, other: &[Token], place: usize) -> (usize, usize) {
    let apart = |tokens: &[Token], at: usize| {
        let (left, right) = (side(tokens, at, true, 4), side(tokens, at, false, 4));
        let only = |a: &[u64], b: &[u64]| -> Vec<u64> {
            a.iter().filter(|id| !b.contains(id)).copied().collect()
        };
        (only(&left, &right), only(&right, &left))
    };
    let ((left, right), (before, after)) = (apart(own, at), apart(other, place));
    let meet = |a: &[u64], b: &[u64]| a.iter().filter(|id| b.contains(id)).count();
    let (one, two) = (meet(&left, &after), meet(&right, &before));
    // Crossed is only what is so at both sides.
    let crossed = if one > 0 && two > 0 { one + two } else { 0 };
    (meet(&left, &before) + meet(&right, &after), crossed)
}

/// The first telling word behind each `not`.
fn denied(tokens: &[Token]) -> Vec<usize> {
    let nots = tokens.iter().enumerate().filter(|(_, t)| t.kind == Kind::Not);
    nots.filter_map(|(at, _)| {
        let next = tokens[at + 1..].iter().take(5).position(|t| t.kind == Kind::Content)?;
        Some(at + 1 + next)
    })
    .collect()
}

fn negated(tokens: &[Token], at: usize) -> bool {
    denied(tokens).contains(&at)
}

/// Whether anything is denied close to a place: it may be this.
fn denied_near(tokens: &[Token], at: usize) -> bool {
    let around = at.saturating_sub(6)..tokens.len().min(at + 7);
    let id = tokens[at].id;
    tokens[around].iter().any(|t| t.kind == Kind::Not || t.id != id && DENYING.contains(&t.id))
}

fn ids(words: &[&str]) -> Vec<u64> {
    words.iter().map(|w| known(w).id).collect()
}

/// Words that put two things in an order.
#[rustfmt::skip] // A list of words reads better as a block.
static ORDER: LazyLock<Vec<u64>> = LazyLock::new(|| ids(&[
    "before", "after", "more", "less", "above", "below", "older", "younger", "longer", "shorter",
    "faster", "slower", "stronger", "weaker", "exceed", "surpass", "outnumber", "ahead",
]));

/// Those of them that may open a sentence.
static TIMES: LazyLock<Vec<u64>> = LazyLock::new(|| ids(&["before", "after"]));

/// Words between two things of which the order matters.
static JOINING: LazyLock<Vec<u64>> = LazyLock::new(|| ids(&["to", "than"]));

/// Words that deny without a `not`.
static DENYING: LazyLock<Vec<u64>> = LazyLock::new(|| {
    ids(&["fail", "refuse", "deny", "lack", "miss", "prevent", "avoid", "absent", "reject"])
});
