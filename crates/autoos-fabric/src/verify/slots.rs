//! Another name or figure in the place of one: `Ann hired Bob` against `Carl hired Bob` and
//! `Bob hired Ann`, `40 beds` against `36 beds`.
//!
//! A place is known by the word beside it. The same word in the passage must have another name or
//! figure beside it, and nowhere in the evidence may the own one stand near that word.

use super::{
    contradict::{Found, Why},
    lexicon::known,
    passages::Passages,
    tokens::{Kind, Token},
};
use std::sync::LazyLock;

/// A name of several words, or any other token that tells something.
struct Item {
    /// First and last token.
    from: usize,
    last: usize,
    kind: Kind,
    /// The ids of these two.
    ids: [u64; 2],
    /// How the first begins.
    head: u32,
}

impl Item {
    /// Whether they share a word: `Ann Lee` and `Lee` are the same. `Ukraine's` and `Ukrainian`
    /// are so as well.
    fn same(&self, other: &Self) -> bool {
        let kin = self.kind.named() && other.kind.named() && self.head == other.head;
        kin || self.ids.iter().any(|id| other.ids.contains(id))
    }
}

fn items(tokens: &[Token]) -> Vec<Item> {
    let mut out: Vec<Item> = Vec::with_capacity(tokens.len());
    for (at, token) in tokens.iter().enumerate().filter(|(_, t)| t.kind.tells()) {
        match out.last_mut() {
            Some(last)
                if last.last + 1 == at
                    && last.kind.named()
                    && token.kind == Kind::Name
                    && tokens[last.last].end + 1 == token.start =>
            {
                last.last = at;
                last.kind = Kind::Name;
                last.ids[1] = token.id;
            }
            _ => {
                let ids = [token.id, token.id];
                out.push(Item { from: at, last: at, kind: token.kind, ids, head: token.head });
            }
        }
    }
    out
}

/// One sentence beside one passage.
struct Slots<'a> {
    passages: &'a Passages,
    own: &'a [Token],
    own_items: Vec<Item>,
    other: &'a [Token],
    other_items: Vec<Item>,
}

/// The first name or figure of `own` in whose place `other` has another.
pub(super) fn slots(passages: &Passages, own: &[Token], other: &[Token]) -> Found {
    let slots = Slots { passages, own, own_items: items(own), other, other_items: items(other) };
    let claims = slots.own_items.iter().enumerate();
    let found = claims
        .filter(|(_, i)| i.kind.named() || i.kind.counted())
        .find_map(|(at, item)| slots.slot(at, item, false).or_else(|| slots.slot(at, item, true)));
    found.or_else(|| slots.roles())
}

impl Slots<'_> {
    /// The word at one side of an item, and what stands at that side of it in the passage.
    fn slot(&self, at: usize, item: &Item, left: bool) -> Found {
        let anchor_at = anchor(&self.own_items, at, left)?;
        let anchor = &self.own_items[anchor_at];
        for (place, other) in self.other_items.iter().enumerate() {
            if other.kind != Kind::Content || other.ids[0] != anchor.ids[0] {
                continue;
            }
            // Where one of the two is in the passive, who does it stands at the other side.
            let (mine, theirs) = (passive(self.own, anchor.from), passive(self.other, other.from));
            let surely = item.kind.named() && mine.is_some() && theirs.is_some();
            let look_left = left == (mine.unwrap_or(false) != theirs.unwrap_or(false));
            let there = counterpart(&self.other_items, place, look_left, item.kind, 2)
                .or_else(|| counterpart(&self.other_items, place, !look_left, item.kind, 1));
            let Some(instead) = there.map(|at| &self.other_items[at]) else { continue };
            if item.same(instead) || !self.comparable(item, instead) {
                continue;
            }
            if self.own_items.iter().any(|i| i.same(instead)) {
                let crossed = surely
                    && !SYMMETRIC.contains(&anchor.ids[0])
                    && stands_beside(&self.other_items, place, look_left, instead)
                    && (stands_beside(&self.other_items, place, !look_left, item)
                        && stands_beside(&self.own_items, anchor_at, left, instead)
                        || self.changed_places(item, instead, anchor));
                if crossed {
                    return Some((Why::Swapped, item.from, Some(instead.from)));
                }
                continue;
            }
            if self.known_near(at, item) {
                return None;
            }
            let why = if item.kind.counted() { Why::Figure } else { Why::Name };
            return Some((why, item.from, Some(instead.from)));
        }
        None
    }

    /// Whether the passage has `item` beside the word that has `instead` beside it here.
    fn changed_places(&self, item: &Item, instead: &Item, anchor: &Item) -> bool {
        let Some(at) = self.own_items.iter().position(|i| i.same(instead)) else { return false };
        [true, false].iter().filter_map(|left| self::anchor(&self.own_items, at, *left)).any(
            |word| {
                let word = &self.own_items[word];
                word.ids != anchor.ids
                    && self.other_items.iter().enumerate().any(|(place, other)| {
                        let beside = |who: &Item| {
                            let near =
                                place.saturating_sub(1)..self.other_items.len().min(place + 2);
                            self.other_items[near].iter().any(|i| i.same(who))
                        };
                        other.ids[0] == word.ids[0] && beside(item) && !beside(instead)
                    })
            },
        )
    }

    /// `by Ann for Bob` against `by Bob for Ann`.
    fn roles(&self) -> Found {
        let mine = roles(self.own, &self.own_items);
        let theirs = roles(self.other, &self.other_items);
        let role_there = |item: &Item| {
            theirs.iter().find(|(_, at)| self.other_items[*at].same(item)).map(|(role, _)| *role)
        };
        for (at, (role, a)) in mine.iter().enumerate() {
            for (other_role, b) in &mine[at + 1..] {
                let (a, b) = (&self.own_items[*a], &self.own_items[*b]);
                if role != other_role
                    && !a.same(b)
                    && role_there(a) == Some(*other_role)
                    && role_there(b) == Some(*role)
                {
                    return Some((Why::Swapped, a.from, None));
                }
            }
        }
        None
    }

    /// Whether one may stand where the other does.
    fn comparable(&self, own: &Item, other: &Item) -> bool {
        if own.kind.named() {
            let written = |id: u64| {
                let name = |t: &Token| t.kind == Kind::Name && t.id == id;
                self.passages.names.contains(&id) || self.own.iter().any(name)
            };
            let sure = |i: &Item| i.kind == Kind::Name || written(i.ids[0]);
            return other.kind.named() && sure(own) && sure(other);
        }
        own.kind == other.kind
    }

    /// Whether the evidence has this item near a word that stands beside it here.
    fn known_near(&self, at: usize, item: &Item) -> bool {
        let around = at.saturating_sub(2)..self.own_items.len().min(at + 3);
        let telling = &self.passages.telling;
        self.own_items[around].iter().filter(|i| !i.kind.counted() && !i.same(item)).any(|word| {
            self.passages.places(word.ids[0]).iter().any(|place| {
                let place = *place as usize;
                let near = place.saturating_sub(4)..telling.len().min(place + 5);
                telling[near]
                    .iter()
                    .any(|(id, passage)| item.ids.contains(id) && *passage == telling[place].1)
            })
        })
    }
}

/// The word that an item leans on at one side: the next that is neither name nor figure.
fn anchor(items: &[Item], at: usize, left: bool) -> Option<usize> {
    let step = |i: usize| if left { i.checked_sub(1) } else { Some(i + 1) };
    let mut place = step(at)?;
    for _ in 0..2 {
        let found = items.get(place)?;
        if found.kind == Kind::Content {
            return Some(place);
        }
        if found.kind == items[at].kind {
            return None;
        }
        place = step(place)?;
    }
    None
}

/// Names and figures with the small word that says what part they have: `by`, `for`, `from`.
fn roles(tokens: &[Token], items: &[Item]) -> Vec<(u64, usize)> {
    let mut out = Vec::new();
    for (n, item) in items.iter().enumerate() {
        if !item.kind.named() && !item.kind.counted() {
            continue;
        }
        // `for the pianist Ann`: at most one word between them.
        let after = match n.checked_sub(1).map(|b| &items[b]) {
            Some(before) if before.kind != Kind::Content => before.last + 1,
            _ => 0,
        };
        let before = &tokens[after.max(item.from.saturating_sub(3))..item.from];
        if let Some(role) = before.iter().rev().find(|t| ROLES.contains(&t.id)) {
            out.push((role.id, n));
        }
    }
    out
}

/// What of this kind stands at one side of a place, with no other word between them.
fn counterpart(items: &[Item], place: usize, left: bool, kind: Kind, most: usize) -> Option<usize> {
    let fits = |k: Kind| if kind.named() { k.named() } else { k == kind };
    for by in 1..=most {
        let at = if left { place.checked_sub(by)? } else { place + by };
        let found = items.get(at)?.kind;
        if fits(found) {
            return Some(at);
        }
        if found == Kind::Content {
            return None;
        }
    }
    None
}

/// Whether an item stands at one side of a place.
fn stands_beside(items: &[Item], place: usize, left: bool, item: &Item) -> bool {
    let range =
        if left { place.saturating_sub(6)..place } else { place + 1..items.len().min(place + 7) };
    items[range].iter().any(|i| i.same(item))
}

/// Whether a verb is in the passive: surely, surely not, or unknown.
fn passive(tokens: &[Token], at: usize) -> Option<bool> {
    let be = tokens[at.saturating_sub(2)..at].iter().any(|t| BE.contains(&t.id));
    let within = if be { 5 } else { 1 };
    let by = tokens[at + 1..].iter().take(within).any(|t| t.id == *BY);
    match (be, by) {
        (_, true) => Some(true),
        (true, false) => None,
        (false, false) => Some(false),
    }
}

/// What two do to each other.
#[rustfmt::skip] // A list of words reads better as a block.
static SYMMETRIC: LazyLock<Vec<u64>> = LazyLock::new(|| {
    let words = [
        "meet", "marry", "fight", "play", "agree", "talk", "join", "share", "collaborate", "work",
        "discuss", "argue", "partner", "merge", "tie", "draw", "compete", "split", "divorce",
    ];
    words.iter().map(|w| known(w).id).collect()
});

static BE: LazyLock<Vec<u64>> = LazyLock::new(|| {
    ["is", "are", "was", "were", "been", "being", "be"].iter().map(|w| known(w).id).collect()
});

/// Small words that say what part somebody has.
static ROLES: LazyLock<Vec<u64>> = LazyLock::new(|| {
    ["by", "for", "from", "to", "against", "with"].iter().map(|w| known(w).id).collect()
});

static BY: LazyLock<u64> = LazyLock::new(|| known("by").id);
