//! A question over a table while it is read: which of its words have found their place.

use super::{
    clause::Clause,
    columns::{self, Mention},
    conditions, dates, flags, lexicon as lex, measures, orders,
    question::{Condition, Group, Query},
    ranking, refs, relative, requests,
    sniff::{Column, Holds, Known},
    unable::Unable,
    values,
    words::{Kind, Token},
};
use serde_json::Value;
use std::ops::Range;

/// Reads one clause as a question over one table.
pub(super) fn compile(clause: &Clause, known: &Known<'_>) -> Result<Query, Unable> {
    compile_beside(clause, known, None)
}

/// The same, where rows stand beside those of another table: the name of what joins them says
/// nothing more.
pub(super) fn compile_beside(
    clause: &Clause,
    known: &Known<'_>,
    key: Option<&str>,
) -> Result<Query, Unable> {
    let mut asked = Asked::new(clause, known);
    asked.names();
    requests::read(&mut asked)?;
    orders::read(&mut asked);
    flags::read(&mut asked);
    relative::read(&mut asked)?;
    conditions::read(&mut asked)?;
    dates::read(&mut asked)?;
    conditions::empties(&mut asked);
    values::read(&mut asked)?;
    values::either(&mut asked)?;
    values::side_by_side(&mut asked);
    asked.groups();
    measures::read(&mut asked)?;
    ranking::read(&mut asked)?;
    orders::place(&mut asked)?;
    asked.implied();
    relative::settle(&mut asked)?;
    asked.rows()?;
    asked.said_again();
    asked.said_of(key);
    asked.nothing_left()?;
    Ok(asked.query)
}

/// A question while it is read: its tokens, and which of them have found their place.
pub(super) struct Asked<'a> {
    pub(super) clause: &'a Clause,
    pub(super) tokens: &'a [Token],
    pub(super) known: &'a Known<'a>,
    pub(super) mentions: Vec<Mention<'a>>,
    pub(super) used: Vec<bool>,
    pub(super) query: Query,
    /// Where each condition stands.
    pub(super) places: Vec<Range<usize>>,
    /// An order that was asked for before its key is known: whether the largest comes first, and
    /// the column, when it was named.
    pub(super) wanted: Option<(bool, Option<String>)>,
}

impl<'a> Asked<'a> {
    fn new(clause: &'a Clause, known: &'a Known<'a>) -> Self {
        let tokens = &clause.tokens;
        let mentions = columns::mentions(tokens, known);
        Self {
            clause,
            tokens,
            known,
            mentions,
            used: vec![false; tokens.len()],
            query: Query::default(),
            places: Vec::new(),
            wanted: None,
        }
    }

    /// Whether the token at `at` is one of these words and has no place yet.
    pub(super) fn free(&self, at: usize, words: &[&str]) -> bool {
        self.tokens.get(at).is_some_and(|t| t.is(words)) && !self.used[at]
    }

    /// Whether the token at `at` is one of these words.
    pub(super) fn is(&self, at: usize, words: &[&str]) -> bool {
        self.tokens.get(at).is_some_and(|t| t.is(words))
    }

    /// The free column mention that begins at `at`.
    pub(super) fn column_at(&self, at: usize) -> Option<&Mention<'a>> {
        self.mentions.iter().find(|m| m.value.is_none() && m.range.start == at && !self.used[at])
    }

    pub(super) fn take(&mut self, range: Range<usize>) {
        self.used[range].fill(true);
    }

    pub(super) fn condition(&mut self, condition: Condition, place: Range<usize>) {
        self.query.conditions.push(condition);
        self.places.push(place);
    }

    /// The column of a word: by its name, by another word for it, or by the beginning they share.
    pub(super) fn column_of(&self, at: usize) -> Option<&'a Column> {
        let token = self.tokens.get(at)?;
        if self.used[at] {
            return None;
        }
        if let Some(mention) = self.column_at(at) {
            return Some(mention.column);
        }
        if token.kind != Kind::Word || token.is(lex::STOP) {
            return None;
        }
        columns::synonym(token, self.known).or_else(|| columns::alike(token, self.known))
    }

    /// The column of dates: the one that is spoken of, or the only one.
    pub(super) fn dates(&self) -> Option<&'a Column> {
        let mut said: Vec<&'a Column> = Vec::new();
        for mention in &self.mentions {
            let dates = mention.value.is_none() && mention.column.holds == Holds::Dates;
            if dates && !said.iter().any(|c| c.name == mention.column.name) {
                said.push(mention.column);
            }
        }
        match said.as_slice() {
            [one] => Some(*one),
            [] => columns::date_column(self.known),
            _ => None,
        }
    }

    /// The names of the table itself are no columns and no values.
    fn names(&mut self) {
        let names = self.known.names();
        for at in 0..self.tokens.len() {
            let token = &self.tokens[at];
            let path = token.kind == Kind::Path
                && refs::by_path(std::slice::from_ref(self.known), &token.text).is_some();
            let before = at > 0
                && self.tokens[at - 1].is(&[
                    "in", "of", "from", "the", "at", "to", "using", "within", "across", "over",
                ]);
            let after_name = self.tokens.get(at + 1).is_some_and(|t| {
                t.is(&["file", "csv", "table", "data", "dataset", "spreadsheet", "json", "sheet"])
            });
            let name = token.kind == Kind::Word
                && names.iter().any(|n| *n == token.low || super::words::stem(n) == token.stem)
                && (before || after_name)
                && self.column_at(at).is_none();
            if path || name {
                self.used[at] = true;
            }
        }
    }

    /// "per month", "by city and product", "in each region", "monthly".
    fn groups(&mut self) {
        for at in 0..self.tokens.len() {
            if self.used[at] {
                continue;
            }
            let adjective = [
                ("hourly", "hour"),
                ("daily", "day"),
                ("weekly", "week"),
                ("monthly", "month"),
                ("quarterly", "quarter"),
                ("yearly", "year"),
                ("annual", "year"),
                ("annually", "year"),
            ];
            // "Monthly Fee" is a column's name and says nothing of months.
            let inside = self.mentions.iter().any(|m| {
                m.value.is_none() && m.exact && m.range.len() > 1 && m.range.contains(&at)
            });
            let unit = adjective.iter().find(|(word, _)| self.tokens[at].low == *word && !inside);
            if let (Some((_, unit)), Some(column)) = (unit, self.dates()) {
                let column = column.name.clone();
                self.group(Group { column, unit: Some(unit) });
                self.used[at] = true;
                continue;
            }
            let by = ["per", "by", "each", "every", "across", "for"];
            if !self.free(at, &by) {
                continue;
            }
            let each = ["each", "every", "different", "individual"];
            if self.is(at, &["for"]) && !self.is(at + 1, &each) {
                continue;
            }
            let mut from = at + 1;
            while self
                .is(from, &["the", "each", "every", "their", "its", "column", "calendar", "of"])
            {
                from += 1;
            }
            let start = from;
            while let Some((group, end)) = self.group_at(from, at) {
                self.group(group);
                from = end;
                let more =
                    self.is(from, &["and"]) || self.tokens.get(from).is_some_and(|t| t.text == ",");
                if more && self.group_at(from + 1, at).is_some() {
                    from += 1;
                } else {
                    break;
                }
            }
            if from > start {
                self.take(at..from);
            }
        }
    }

    pub(super) fn group(&mut self, group: Group) {
        if !self.query.groups.contains(&group) {
            self.query.groups.push(group);
        }
    }

    /// The group that the words at `at` name after `by`, and where they end.
    fn group_at(&self, at: usize, by: usize) -> Option<(Group, usize)> {
        if let Some((unit, column)) = self.stretch(at) {
            return Some((Group { column, unit: Some(unit) }, at + 1));
        }
        if let Some(mention) = self.column_at(at) {
            // "top 3 by amount": what orders is no group.
            let counts = mention.column.repeats
                && mention.column.values.len() <= 20
                && mention
                    .column
                    .values
                    .iter()
                    .all(|v| v.len() <= 4 && v.bytes().all(|b| b.is_ascii_digit()))
                && self.wanted.is_none()
                && !self.tokens.iter().any(|t| t.is(ranking::LARGEST) || t.is(ranking::SMALLEST));
            let orders = self.is(by, &["by"])
                && !counts
                && mention.column.holds == Holds::Numbers
                && !columns::identifies(mention.column);
            // "closed by kim": a name, not a group.
            return (!orders).then(|| {
                (Group { column: mention.column.name.clone(), unit: None }, mention.range.end)
            });
        }
        let column = self
            .column_of(at)
            .filter(|c| c.holds == Holds::Words && (c.repeats || columns::identifies(c)))?;
        Some((Group { column: column.name.clone(), unit: None }, at + 1))
    }

    /// "month", "year" … for the one column of dates.
    pub(super) fn stretch(&self, at: usize) -> Option<(&'static str, String)> {
        let token = self.tokens.get(at).filter(|_| !self.used[at])?;
        let own = self.column_at(at).is_some_and(|m| m.exact && m.column.holds != Holds::Dates);
        if own {
            return None;
        }
        let unit = ["year", "quarter", "month", "weekday", "week", "day", "hour", "minute"]
            .into_iter()
            .find(|u| token.is(&[u]))?;
        Some((unit, self.dates()?.name.clone()))
    }

    pub(super) fn names_rows(&self, token: &Token) -> bool {
        token.is(&[
            "row",
            "record",
            "entry",
            "entries",
            "item",
            "line",
            "transaction",
            "order",
            "sale",
            "data",
            "value",
            "result",
            "thing",
            "case",
            "one",
            "event",
            "reading",
            "measurement",
            "observation",
            "request",
            "hit",
            "call",
        ]) || self.known.names().iter().any(|n| super::words::stem(n) == token.stem)
            || columns::rows_are_people(self.known)
                && token.is(&[
                    "person",
                    "people",
                    "employee",
                    "staff",
                    "colleague",
                    "worker",
                    "member",
                    "everyone",
                    "everybody",
                    "headcount",
                    "hire",
                    "folk",
                    "guy",
                ])
            || self.known.names().iter().any(|n| same_thing(n, token))
            || columns::told_apart(token, self.known)
    }

    fn said_of(&mut self, key: Option<&str>) {
        for mention in self.mentions.clone() {
            if mention.value.is_none() && Some(mention.column.name.as_str()) == key {
                self.take(mention.range);
            }
        }
    }

    pub(super) fn unclear(&self, what: &str) -> Unable {
        let columns: Vec<String> =
            self.known.columns.iter().map(|c| format!("`{}`", c.name)).collect();
        Unable::new(
            format!(
                "“{}” leaves open {what}; `{}` has the columns {}",
                super::unable::gist(&self.clause.text),
                self.known.info.name,
                columns.join(", ")
            ),
            ["the question with the column's own name", super::unable::MODEL],
        )
    }

    /// Every word that means something has found its place.
    fn nothing_left(&self) -> Result<(), Unable> {
        let fine: [&[&str]; 10] = [
            lex::STOP,
            lex::FIND,
            lex::POLITE,
            lex::QUESTION,
            lex::READ,
            lex::COUNT,
            lex::ANALYZE,
            lex::RESULT,
            lex::FOLDER,
            lex::ROWS,
        ];
        let turns = [
            "not",
            "no",
            "or",
            "than",
            "when",
            "only",
            "between",
            "over",
            "up",
            "first",
            "two",
            "three",
            "one",
            "other",
            "yesterday",
            "today",
            "if",
        ];
        let harmless = |at: usize| match self.tokens[at].low.as_str() {
            // What turns a meaning must have been understood; beside a used word it was.
            "not" | "or" | "between" | "over" | "other" | "yesterday" | "today" | "last"
            | "second" | "next" | "previous" | "past" => false,
            "no" | "than" | "if" | "first" | "two" | "three" => false,
            _ => true,
        };
        let left = self.tokens.iter().enumerate().find(|(at, t)| {
            !self.used[*at]
                && match &t.kind {
                    Kind::Mark => false,
                    Kind::Word if turns.contains(&t.low.as_str()) => !harmless(*at),
                    Kind::Word if self.known.form == super::sniff::Form::Log && t.is(lex::LOG) => {
                        false
                    }
                    // Nobody is counted by rows of things.
                    Kind::Word
                        if t.is(&["people", "person", "folk"])
                            && columns::people(self.known).is_none()
                            && !self.names_rows(t) =>
                    {
                        true
                    }
                    Kind::Word => !fine.iter().any(|w| t.is(w)) && !self.names_rows(t),
                    Kind::Sign => t.text != "=",
                    _ => true,
                }
        });
        match left {
            None => Ok(()),
            Some((_, token)) => Err(self.unclear(&format!("what “{}” is: no column and no value seen at its beginning is called so, or it says something that no rule reads", token.text))),
        }
    }
}

/// "movies" for `films.json`: other words for what a table is of.
fn same_thing(name: &str, token: &Token) -> bool {
    let stem = super::words::stem(name);
    THINGS
        .iter()
        .any(|group| group.iter().any(|w| super::words::stem(w) == stem) && token.is(group))
}

/// Words for the same things.
pub(super) const THINGS: [&[&str]; 9] = [
    &["film", "movie", "picture"],
    &["ticket", "issue", "bug", "task"],
    &["order", "sale", "purchase", "transaction"],
    &["customer", "client", "buyer", "account"],
    &["staff", "employee", "people", "person", "worker", "team", "personnel", "user", "folk"],
    &["country", "nation", "state"],
    &["expense", "cost", "spending", "payment"],
    &["trip", "ride", "journey"],
    &["reading", "measurement", "sensor", "sample"],
];

/// A figure of a question as a count; negative ones are none.
#[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "clamped before")]
pub(super) fn whole(n: f64) -> u64 {
    n.clamp(0.0, 1e9) as u64
}

/// A whole figure as an integer, so that it reads as it was said.
#[expect(clippy::cast_possible_truncation, reason = "only whole figures below 2^53 are cast")]
pub(super) fn figure(n: f64) -> Value {
    if n.fract() == 0.0 && n.abs() < 9e15 {
        serde_json::json!(n as i64)
    } else {
        serde_json::json!(n)
    }
}
