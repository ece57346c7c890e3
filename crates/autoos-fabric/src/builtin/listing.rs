//! Questions without a measure: they list rows, values or columns; or a sum is implied.

use super::{
    asked::{Asked, whole},
    columns::{self, Mention},
    decides,
    question::{Group, Key, Measure},
    ranked,
    sniff::Holds,
    unable::Unable,
    words::{Kind, Token},
};

impl<'a> Asked<'a> {
    /// "Revenue per month", "what was the revenue in May": amounts are added up where nothing
    /// else is said. Prices and ages are not: what is meant of those is not clear.
    pub(super) fn implied(&mut self) {
        if !self.query.measures.is_empty() || self.query.order.is_some() {
            return;
        }
        let grouped = !self.query.groups.is_empty();
        let conditioned = !self.query.conditions.is_empty() || !self.query.any.is_empty();
        let lists = self.lists();
        if !grouped && (lists || !self.asks_what() && !conditioned && !self.only_total()) {
            return;
        }
        let amount = |m: &&Mention<'a>| {
            m.value.is_none() && m.column.holds == Holds::Numbers && !columns::identifies(m.column)
        };
        let free: Vec<Mention<'a>> = self
            .mentions
            .iter()
            .filter(amount)
            .filter(|m| !self.used[m.range.start])
            .cloned()
            .collect();
        let one_row = self.one_row();
        if let [mention] = free.as_slice() {
            if !decides::rate_like(&mention.column.name) && !one_row {
                self.take(mention.range.clone());
                self.push(Measure::new("sum", Some(mention.column.name.clone())));
            }
            return;
        }
        let words = [
            "revenue",
            "sales",
            "turnover",
            "income",
            "earnings",
            "spend",
            "spending",
            "spent",
            "cost",
            "people",
            "inhabitants",
            "proceeds",
            "takings",
            "amount",
        ];
        let said = (0..self.tokens.len()).find(|i| {
            self.free(*i, &words)
                && self.column_at(*i).is_none()
                && self.column_of(*i).is_some_and(|c| c.holds == Holds::Numbers)
        });
        if let Some(at) = said
            && let Some(column) = self.column_of(at)
            && !decides::rate_like(&column.name)
        {
            self.used[at] = true;
            self.push(Measure::new("sum", Some(column.name.clone())));
        }
    }

    /// "just give me the total": nothing else is said.
    fn only_total(&self) -> bool {
        let content: Vec<&Token> = self
            .tokens
            .iter()
            .enumerate()
            .filter(|(at, t)| {
                !self.used[*at]
                    && t.kind == Kind::Word
                    && !t.is(super::lexicon::POLITE)
                    && !t.is(super::lexicon::FIND)
                    && !t.is(&["the", "of", "a", "our", "in"])
            })
            .map(|(_, t)| t)
            .collect();
        matches!(content.as_slice(), [one] if one.is(&["total", "sum", "revenue", "sales", "amount"]))
    }

    /// "list", "show", "which": rows are wanted, not what they add up to.
    fn lists(&self) -> bool {
        let verb = self
            .clause
            .verb()
            .is_some_and(|v| v.is(&["list", "show", "display", "print", "enumerate"]));
        let which = self.clause.verb().is_some_and(|v| v.is(&["which", "who", "when", "where"]));
        let rows = self.tokens.iter().enumerate().any(|(at, t)| {
            !self.used[at] && self.names_rows(t) && self.column_at(at).is_none() && !t.is(&["sale"])
        });
        verb || which || rows
    }

    /// A condition names one row, as by its title: its cells are wanted, not their sum.
    fn one_row(&self) -> bool {
        self.query.conditions.iter().any(|c| {
            c.op == "eq"
                && self.known.columns.iter().any(|k| {
                    k.name == c.column
                        && !k.repeats
                        && k.values.len() > 2
                        && k.holds != Holds::Dates
                })
        })
    }

    fn asks_what(&self) -> bool {
        self.tokens.windows(2).any(|w| {
            w[0].is(&["what"]) && w[1].is(&["is", "was", "were", "are"]) || w[0].is(&["what's"])
        })
    }

    /// A word for a column that the question uses already says nothing new: "hired" beside a
    /// condition on the hire date.
    pub(super) fn said_again(&mut self) {
        let known: Vec<String> = self
            .query
            .conditions
            .iter()
            .map(|c| c.column.clone())
            .chain(self.query.groups.iter().map(|g| g.column.clone()))
            .chain(self.query.measures.iter().filter_map(|m| m.column.clone()))
            .chain(self.query.order.iter().filter_map(|(key, _)| match key {
                Key::Column(column) => Some(column.clone()),
                Key::Measure(_) => None,
            }))
            .collect();
        for mention in self.mentions.clone() {
            if mention.value.is_none() && known.contains(&mention.column.name) {
                self.take(mention.range);
            }
        }
        // "how many did Ann direct", where a condition is on the director.
        for at in 0..self.tokens.len() {
            let again = self.column_of(at).is_some_and(|c| known.contains(&c.name));
            if again
                && !self.tokens[at].is(super::ranking::LARGEST)
                && !self.tokens[at].is(super::ranking::SMALLEST)
            {
                self.used[at] = true;
            }
        }
    }

    /// A question without a measure lists rows or values.
    pub(super) fn rows(&mut self) -> Result<(), Unable> {
        if !self.query.measures.is_empty() {
            return Ok(());
        }
        if !self.query.groups.is_empty() {
            self.push(Measure::new("count", None));
            return Ok(());
        }
        let distinct =
            (0..self.tokens.len()).find(|i| self.free(*i, &["distinct", "unique", "different"]));
        if self.clause.has(&["column", "field", "header", "schema"])
            && self.query.conditions.is_empty()
        {
            self.query.describes = true;
            return Ok(());
        }
        let mentioned: Vec<Mention<'a>> = self
            .mentions
            .iter()
            .filter(|m| m.value.is_none() && !self.used[m.range.start])
            .cloned()
            .collect();
        if let Some(at) = distinct {
            let Some(first) = mentioned.iter().find(|m| m.range.start > at) else {
                return Err(self.unclear("which column's values are meant"));
            };
            self.used[at] = true;
            self.take(first.range.clone());
            self.query.groups.push(Group { column: first.column.name.clone(), unit: None });
            self.push(Measure::new("count", None));
            return Ok(());
        }
        let lists = self.query.order.is_some()
            || !self.query.conditions.is_empty()
            || !self.query.any.is_empty()
            || self.clause.has(&["row", "record", "entry", "first", "column"])
            || !mentioned.is_empty();
        if !lists {
            return Err(self.unclear("what is to be counted, summed or listed"));
        }
        // "who directed it", "when was it released": words for a column that is asked for.
        let words: Vec<usize> = (0..self.tokens.len())
            .filter(|at| {
                !self.used[*at]
                    && self.column_at(*at).is_none()
                    && !self.names_rows(&self.tokens[*at])
                    && self.column_of(*at).is_some()
            })
            .collect();
        for at in words {
            let Some(column) = self.column_of(at) else { continue };
            self.used[at] = true;
            if !self.query.select.contains(&column.name) {
                self.query.select.push(column.name.clone());
            }
        }
        for mention in mentioned {
            self.take(mention.range.clone());
            if !self.query.select.contains(&mention.column.name)
                && !columns::is_noun_for_rows(&mention)
            {
                self.query.select.push(mention.column.name.clone());
            }
        }
        // "What are the regions", "which products were sold": each value once.
        if let [only] = self.query.select.as_slice()
            && self.query.order.is_none()
            && self
                .known
                .columns
                .iter()
                .any(|c| c.name == *only && c.repeats && c.holds == Holds::Words)
            && !self.query.conditions.iter().any(|c| c.column == *only)
        {
            let column = self.query.select.remove(0);
            self.query.groups.push(Group { column, unit: None });
            self.push(Measure::new("count", None));
            return Ok(());
        }
        self.columns_shown();
        for at in 0..self.tokens.len().saturating_sub(1) {
            if let (true, Kind::Number(n)) = (self.free(at, &["first"]), &self.tokens[at + 1].kind)
            {
                self.query.limit = Some(whole(*n));
                self.take(at..at + 2);
            }
        }
        Ok(())
    }

    /// A list that shows only some columns keeps what tells its rows apart and what orders them.
    fn columns_shown(&mut self) {
        let conditions: Vec<&String> = self
            .query
            .conditions
            .iter()
            .chain(self.query.any.iter().flatten())
            .map(|c| &c.column)
            .collect();
        if self.query.select.iter().all(|c| conditions.contains(&c)) {
            self.query.select.clear();
            return;
        }
        if let Some((Key::Column(column), _)) = &self.query.order
            && !self.query.select.contains(column)
        {
            self.query.select.push(column.clone());
        }
        if let Some((by, _)) = &self.query.per {
            for column in by.iter().rev() {
                if !self.query.select.contains(column) {
                    self.query.select.insert(0, column.clone());
                }
            }
        }
        if let Some(column) = ranked::identity(self)
            && !self.query.select.contains(&column.name)
        {
            self.query.select.insert(0, column.name.clone());
        }
    }
}
