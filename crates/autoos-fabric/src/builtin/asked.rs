//! A question over a table while it is read: which of its words have found their place.

use super::{
    clause::Clause,
    columns::{self, Mention},
    conditions, lexicon as lex,
    question::{Group, Measure, Query},
    ranking, refs,
    sniff::{Holds, Known},
    unable::Unable,
    words::{Kind, Token},
};

/// Reads one clause as a question over one table.
pub(super) fn compile(clause: &Clause, known: &Known<'_>) -> Result<Query, Unable> {
    let mut asked = Asked::new(clause, known);
    asked.names();
    conditions::read(&mut asked)?;
    asked.groups()?;
    asked.measures()?;
    asked.order()?;
    asked.implied();
    asked.rows()?;
    asked.said_again();
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
        }
    }

    /// Whether the token at `at` is one of these words and has no place yet.
    pub(super) fn free(&self, at: usize, words: &[&str]) -> bool {
        self.tokens.get(at).is_some_and(|t| t.is(words)) && !self.used[at]
    }

    /// The free column mention that begins at `at`.
    pub(super) fn column_at(&self, at: usize) -> Option<&Mention<'a>> {
        self.mentions.iter().find(|m| m.value.is_none() && m.range.start == at && !self.used[at])
    }

    pub(super) fn take(&mut self, range: std::ops::Range<usize>) {
        self.used[range].fill(true);
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

    fn groups(&mut self) -> Result<(), Unable> {
        for at in 0..self.tokens.len() {
            let word = &self.tokens[at];
            let each = word.is(&["each", "every"]);
            let by = word.is(&["per", "by"]) || each || word.is(&["across"]);
            if !by || self.used[at] {
                continue;
            }
            let mut from = at + 1;
            while self.tokens.get(from).is_some_and(|t| {
                t.is(&["the", "each", "every", "their", "its", "column", "calendar"])
            }) {
                from += 1;
            }
            let start = from;
            loop {
                if let Some((unit, group)) = self.stretch(from) {
                    self.query.groups.push(Group { column: group, unit: Some(unit) });
                    from += 1;
                } else if let Some(mention) = self.column_at(from).cloned() {
                    // "top 3 by amount", "sorted by price": an order, not a group.
                    if self.orders_by(at, &mention) {
                        break;
                    }
                    self.query
                        .groups
                        .push(Group { column: mention.column.name.clone(), unit: None });
                    from = mention.range.end;
                } else {
                    break;
                }
                let more = self.tokens.get(from).is_some_and(|t| t.is(&["and"]) || t.text == ",");
                if more && (self.column_at(from + 1).is_some() || self.stretch(from + 1).is_some())
                {
                    from += 1;
                } else {
                    break;
                }
            }
            if from > start {
                self.take(at..from);
            }
        }
        Ok(())
    }

    /// "month", "year" … for the one column of dates.
    pub(super) fn stretch(&self, at: usize) -> Option<(&'static str, String)> {
        let token = self.tokens.get(at).filter(|_| !self.used[at])?;
        if self.column_at(at).is_some() {
            return None;
        }
        let unit = ["year", "quarter", "month", "week", "day", "hour"]
            .into_iter()
            .find(|u| token.is(&[u]))
            .or_else(|| token.is(&["daily"]).then_some("day"))
            .or_else(|| token.is(&["monthly"]).then_some("month"))?;
        Some((unit, columns::date_column(self.known)?.name.clone()))
    }

    /// Whether "by" before this column says what orders: after "top", "sorted", "ranked".
    fn orders_by(&self, at: usize, mention: &Mention<'_>) -> bool {
        let superlatives = ["top", "bottom", "largest", "biggest", "highest", "lowest", "smallest"];
        let ranked = self.tokens[..at]
            .iter()
            .any(|t| (t.is(&superlatives) || ranking::sorts(t)) && !self.is_mention(t));
        let sorted = at > 0 && ranking::sorts(&self.tokens[at - 1]);
        sorted || ranked && mention.column.holds != Holds::Words
    }

    fn is_mention(&self, token: &Token) -> bool {
        self.mentions.iter().any(|m| self.tokens[m.range.clone()].iter().any(|t| t.at == token.at))
    }

    fn measures(&mut self) -> Result<(), Unable> {
        for at in 0..self.tokens.len() {
            if self.used[at] || self.column_at(at).is_some_and(|m| m.exact) {
                continue;
            }
            let (what, upto) = match self.measure_word(at) {
                Some(found) => found,
                None => continue,
            };
            let counted = self.query.measures.iter().any(|m| m.what == "count");
            if what == "sum" && counted && at > 0 && self.tokens[at - 1].is(&["in"]) {
                // "How many … in total" counts, and adds nothing up.
                self.used[at] = true;
            } else if what == "count" {
                self.count(at, upto)?;
            } else {
                let column = self.measured(upto, what)?;
                self.take(at..upto);
                self.push(Measure { what, column: Some(column) });
            }
        }
        Ok(())
    }

    pub(super) fn push(&mut self, measure: Measure) {
        if !self.query.measures.contains(&measure) {
            self.query.measures.push(measure);
        }
    }

    /// The measure that the words at `at` ask for, and where they end.
    fn measure_word(&self, at: usize) -> Option<(&'static str, usize)> {
        let token = &self.tokens[at];
        let next = self.tokens.get(at + 1);
        let then = |words: &[&str]| next.is_some_and(|n| n.is(words));
        if token.is(&["how"]) && then(&["many"]) {
            return Some(("count", at + 2));
        }
        if token.is(&["how"]) && then(&["much"]) {
            return Some(("sum", at + 2));
        }
        if token.is(&["number", "count"]) && !then(&["above", "below", "over"]) {
            return Some(("count", if then(&["of"]) { at + 2 } else { at + 1 }));
        }
        if token.is(&["total", "sum", "overall", "combined"]) {
            if then(&["number", "count"]) {
                let of = self.tokens.get(at + 2).is_some_and(|t| t.is(&["of"]));
                return Some(("count", at + 2 + usize::from(of)));
            }
            return Some(("sum", at + 1));
        }
        let words: [(&[&str], &str); 4] = [
            (&["average", "avg", "mean"], "avg"),
            (&["median"], "median"),
            (&["maximum", "max"], "max"),
            (&["minimum", "min"], "min"),
        ];
        words.iter().find(|(w, _)| token.is(w)).map(|(_, what)| (*what, at + 1))
    }

    /// "how many orders", "number of distinct cities".
    fn count(&mut self, at: usize, mut upto: usize) -> Result<(), Unable> {
        let skip =
            ["the", "all", "of", "total", "different", "distinct", "unique", "separate", "various"];
        let mut distinct = false;
        while self.tokens.get(upto).is_some_and(|t| t.is(&skip) && !self.used[upto]) {
            distinct |=
                self.tokens[upto].is(&["different", "distinct", "unique", "separate", "various"]);
            upto += 1;
        }
        self.take(at..upto);
        let names_table = |t: &Token, known: &Known<'_>| {
            known.names().iter().any(|n| super::words::stem(n) == t.stem)
        };
        let noun = self.column_at(upto).cloned();
        let rows = self.tokens.get(upto).is_some_and(|t| names_table(t, self.known) && !distinct);
        match noun {
            Some(mention)
                if distinct
                    || !rows
                        && mention.exact
                        && mention.column.holds == Holds::Words
                        && !columns::identifies(mention.column) =>
            {
                self.take(mention.range.clone());
                self.push(Measure {
                    what: "count_distinct",
                    column: Some(mention.column.name.clone()),
                });
            }
            _ if distinct => {
                return Err(self.unclear(&format!(
                    "which column the distinct {} are",
                    self.tokens.get(upto).map_or("values", |t| t.text.as_str())
                )));
            }
            _ => {
                // The noun stands for the rows, whatever they are called; adjectives before it
                // were read as values.
                let noun = (upto..self.tokens.len()).find(|i| !self.used[*i]);
                if let Some(noun) = noun.filter(|i| {
                    self.tokens[*i].kind == Kind::Word
                        && (*i == upto || self.used[upto..*i].iter().all(|u| *u))
                }) {
                    let inexact = self
                        .column_at(noun)
                        .is_none_or(|m| !m.exact || columns::identifies(m.column) || rows);
                    if inexact && !self.tokens[noun].is(lex::STOP) {
                        self.used[noun] = true;
                    }
                }
                self.push(Measure { what: "count", column: None });
            }
        }
        Ok(())
    }

    /// The column that a measure is of: named after it, or the only one that can be measured.
    fn measured(&mut self, upto: usize, what: &str) -> Result<String, Unable> {
        let mut at = upto;
        while self.tokens.get(at).is_some_and(|t| {
            let column = self.column_at(at);
            self.used[at]
                || column.is_none_or(|m| !m.exact && columns::identifies(m.column))
                    && (t.is(&[
                        "of", "the", "value", "all", "and", "in", "a", "our", "order", "amount",
                        "number", "average", "avg", "mean", "total", "sum", "maximum", "minimum",
                        "median", "max", "min", "highest", "lowest",
                    ]) || t.text == ",")
        }) {
            at += 1;
        }
        if let Some(mention) = self
            .column_at(at)
            .cloned()
            .filter(|m| m.exact || !columns::identifies(m.column))
            .filter(|m| m.column.holds == Holds::Numbers || m.column.values.is_empty())
        {
            // Kept free when another measure word stands in between: "total and average price".
            self.take(mention.range.clone());
            return Ok(mention.column.name.clone());
        }
        let later = self.mentions.iter().find(|m| {
            m.value.is_none()
                && m.range.start >= upto
                && m.column.holds == Holds::Numbers
                && !columns::identifies(m.column)
        });
        if let Some(mention) = later.cloned() {
            self.take(mention.range.clone());
            return Ok(mention.column.name.clone());
        }
        let noun = self
            .tokens
            .get(at)
            .filter(|t| t.kind == Kind::Word && !self.used[at] && !t.is(lex::STOP))
            .cloned();
        if let Some(noun) = &noun
            && let Some(column) = columns::synonym(noun, self.known)
        {
            self.used[at] = true;
            return Ok(column.name.clone());
        }
        if let Some(noun) = noun.filter(|n| !self.names_rows(n)) {
            return Err(self.unclear(&format!("which column “{}” is", noun.text)));
        }
        if let Some(column) = columns::the_measure(self.known) {
            if self.tokens.get(at).is_some_and(|t| self.names_rows(t)) {
                self.used[at] = true;
            }
            return Ok(column.name.clone());
        }
        Err(self.unclear(&format!("which column the {} is of", in_words(what))))
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
        ]) || self.known.names().iter().any(|n| super::words::stem(n) == token.stem)
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

    fn order(&mut self) -> Result<(), Unable> {
        ranking::read(self)
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
        let left = self.tokens.iter().enumerate().find(|(at, t)| {
            !self.used[*at]
                && match &t.kind {
                    Kind::Mark => false,
                    Kind::Word => !fine.iter().any(|w| t.is(w)) && !self.names_rows(t),
                    _ => true,
                }
        });
        match left {
            None => Ok(()),
            Some((_, token)) => Err(self.unclear(&format!("what “{}” is: no column and no value seen at its beginning is called so, or it says something that no rule reads", token.text))),
        }
    }
}

fn in_words(what: &str) -> &str {
    match what {
        "sum" => "total",
        "avg" => "average",
        "min" => "minimum",
        "max" => "maximum",
        other => other,
    }
}

/// A figure of a question as a count; negative ones are none.
#[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "clamped before")]
pub(super) fn whole(n: f64) -> u64 {
    n.clamp(0.0, 1e9) as u64
}
