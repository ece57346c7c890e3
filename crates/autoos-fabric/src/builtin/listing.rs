//! Questions without a measure: they list rows, values or columns; or a sum is implied.

use super::{
    asked::{Asked, whole},
    columns::{self, Mention},
    question::{Group, Key, Measure},
    ranking,
    sniff::Holds,
    unable::Unable,
    words::Kind,
};

impl<'a> Asked<'a> {
    /// "Revenue per month", "what was the revenue in May": amounts are added up where nothing
    /// else is said. Prices and ages are not: what is meant of those is not clear.
    pub(super) fn implied(&mut self) {
        let asks = !self.query.groups.is_empty() || self.asks_what();
        if !asks || !self.query.measures.is_empty() || self.query.order.is_some() {
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
        if let [mention] = free.as_slice() {
            if !ranking::rate_like(&mention.column.name) {
                self.take(mention.range.clone());
                self.push(Measure { what: "sum", column: Some(mention.column.name.clone()) });
            }
            return;
        }
        let words = ["revenue", "sales", "turnover", "income", "earnings", "spend", "spending"];
        let said =
            (0..self.tokens.len()).find(|i| self.free(*i, &words) && self.column_at(*i).is_none());
        if let Some(at) = said
            && let Some(column) =
                columns::synonym(&self.tokens[at], self.known).filter(|c| c.holds == Holds::Numbers)
        {
            self.used[at] = true;
            self.push(Measure { what: "sum", column: Some(column.name.clone()) });
        }
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
    }

    /// A question without a measure lists rows or values.
    pub(super) fn rows(&mut self) -> Result<(), Unable> {
        if !self.query.measures.is_empty() {
            return Ok(());
        }
        if !self.query.groups.is_empty() {
            self.push(Measure { what: "count", column: None });
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
            self.push(Measure { what: "count", column: None });
            return Ok(());
        }
        let lists = self.query.order.is_some()
            || !self.query.conditions.is_empty()
            || self.clause.has(&["row", "record", "entry", "first", "column"])
            || !mentioned.is_empty();
        if !lists {
            return Err(self.unclear("what is to be counted, summed or listed"));
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
            self.push(Measure { what: "count", column: None });
            return Ok(());
        }
        let conditions: Vec<String> =
            self.query.conditions.iter().map(|c| c.column.clone()).collect();
        if self.query.select.iter().all(|c| conditions.contains(c)) {
            self.query.select.clear();
        } else if let Some((Key::Column(column), _)) = &self.query.order
            && !self.query.select.contains(column)
        {
            self.query.select.push(column.clone());
        }
        for at in 0..self.tokens.len().saturating_sub(1) {
            if let (true, Kind::Number(n)) = (self.free(at, &["first"]), &self.tokens[at + 1].kind)
            {
                self.query.limit = Some(whole(*n));
                self.take(at..at + 2);
            }
        }
        Ok(())
    }
}
