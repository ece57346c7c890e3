//! Rows as they are: filtered, sorted, the first few of them.
//!
//! Sorted rows are kept up to twice the limit and then cut, so that the size of the table does not
//! matter.

use super::{
    cell::{Cell, sorted},
    filter::AnyOf,
    query::{Query, SortBy},
    rows::{Columns, Sink},
};
use crate::Failure;
use serde_json::Value;
use std::{cmp::Ordering, ops::ControlFlow};

/// Most bytes of text in a result; the limit of rows is lowered to it where rows are long.
const BYTES: usize = 4 * 1024 * 1024;

/// Rows on their way into a result.
pub(crate) struct Select<'q> {
    query: &'q Query,
    conditions: Conditions<'q>,
    kept: Vec<Kept>,
    kept_bytes: usize,
    pub(crate) matched: u64,
    pub(crate) dropped: bool,
}

struct Kept {
    keys: Vec<Cell>,
    group: Vec<String>,
    row: u64,
    cells: Vec<Cell>,
}

/// Conditions and the places of their columns, once those came up.
pub(crate) struct Conditions<'q> {
    all: &'q [AnyOf],
    places: Vec<Vec<Option<usize>>>,
}

impl<'q> Conditions<'q> {
    pub(crate) fn new(all: &'q [AnyOf]) -> Self {
        Self { all, places: all.iter().map(|any| vec![None; any.0.len()]).collect() }
    }

    /// Whether a row meets them all; a column that has not come up is empty.
    pub(crate) fn hold(&mut self, columns: &Columns, cells: &[Cell]) -> bool {
        let empty = Cell::default();
        self.all.iter().zip(&mut self.places).all(|(any, places)| {
            any.0.iter().zip(places).any(|(filter, place)| {
                filter.test(at(columns, cells, &filter.column, place).unwrap_or(&empty))
            })
        })
    }

    /// # Errors
    /// A column that never came up.
    pub(crate) fn known(&self, columns: &Columns) -> Result<(), Failure> {
        known(columns, self.all.iter().flat_map(|any| &any.0).map(|filter| filter.column.as_str()))
    }
}

/// The cell of the column `name`, whose place is looked up once.
pub(crate) fn at<'c>(
    columns: &Columns,
    cells: &'c [Cell],
    name: &str,
    place: &mut Option<usize>,
) -> Option<&'c Cell> {
    if place.is_none() {
        *place = columns.find(name);
    }
    place.and_then(|place| cells.get(place))
}

/// # Errors
/// The first name that is no column.
pub(crate) fn known<'n>(
    columns: &Columns,
    mut names: impl Iterator<Item = &'n str>,
) -> Result<(), Failure> {
    names
        .find(|name| columns.find(name).is_none())
        .map_or(Ok(()), |name| Err(columns.unknown(name)))
}

impl<'q> Select<'q> {
    pub(crate) fn new(query: &'q Query) -> Self {
        Self {
            query,
            conditions: Conditions::new(&query.filters),
            kept: Vec::new(),
            kept_bytes: 0,
            matched: 0,
            dropped: false,
        }
    }

    /// The columns and rows of the result.
    ///
    /// # Errors
    /// A column that never came up.
    pub(crate) fn finish(mut self, columns: &Columns) -> Result<Rows, Failure> {
        self.conditions.known(columns)?;
        known(columns, self.query.sort.iter().map(|by| by.column.as_str()))?;
        known(columns, self.query.select.iter().map(String::as_str))?;
        known(columns, self.query.per.by.iter().map(String::as_str))?;
        self.cut(self.query.limit);
        if let Some(place) = self.query.place {
            let sort = &self.query.sort;
            let found = placed(
                &self.kept,
                place,
                |kept| &kept.keys[0],
                |a, b| order(sort, &a.keys, &b.keys).is_eq(),
            );
            self.kept.drain(..found.start);
            self.dropped = self.kept.len() > self.query.limit;
            self.kept.truncate(self.query.limit);
        }
        let names: Vec<String> = match self.query.select.is_empty() {
            true => columns.names().to_vec(),
            false => self.query.select.clone(),
        };
        let places: Vec<Option<usize>> = names.iter().map(|name| columns.find(name)).collect();
        let rows = self.kept.iter().map(|kept| {
            let cell = |place: &Option<usize>| place.and_then(|place| kept.cells.get(place));
            places.iter().map(|place| cell(place).map_or(Value::Null, Cell::json)).collect()
        });
        let rows = rows.collect();
        Ok(Rows {
            columns: names,
            rows,
            matched: self.matched,
            truncated: self.dropped,
            relative: Vec::new(),
        })
    }

    fn cut(&mut self, limit: usize) {
        if !self.query.sort.is_empty() {
            let sort = &self.query.sort;
            self.kept.sort_by(|a, b| order(sort, &a.keys, &b.keys).then(a.row.cmp(&b.row)));
        }
        let before = self.kept.len();
        let sort = &self.query.sort;
        self.query.per.keep(
            &mut self.kept,
            |kept| &kept.group,
            |a, b| self.query.ties && order(sort, &a.keys, &b.keys).is_eq(),
        );
        self.dropped |= self.kept.len() < before && self.query.per.rows.is_none();
        if let Some(place) = self.query.place {
            let found = placed(
                &self.kept,
                place,
                |kept| &kept.keys[0],
                |a, b| order(sort, &a.keys, &b.keys).is_eq(),
            );
            // Those before it hold their places until all rows were seen.
            self.kept.truncate(found.end);
            self.kept_bytes = self.kept.iter().map(Kept::bytes).sum();
            return;
        }
        let limit = tied(&self.kept, limit, |a, b| {
            self.query.ties && order(sort, &a.keys, &b.keys).is_eq()
        });
        let mut bytes = 0;
        let fits = self.kept.iter().take(limit).take_while(|kept| {
            bytes += kept.bytes();
            bytes <= BYTES
        });
        let fits = fits.count();
        self.dropped |= fits < self.kept.len();
        self.kept.truncate(fits);
        self.kept_bytes = self.kept.iter().map(Kept::bytes).sum();
    }
}

impl Kept {
    fn bytes(&self) -> usize {
        self.cells.iter().chain(&self.keys).map(|cell| cell.text.len() + 32).sum()
    }
}

impl Sink for Select<'_> {
    fn row(&mut self, columns: &Columns, cells: &[Cell]) -> Result<ControlFlow<()>, Failure> {
        if !self.conditions.hold(columns, cells) {
            return Ok(ControlFlow::Continue(()));
        }
        self.matched += 1;
        let sort = &self.query.sort;
        if sort.is_empty()
            && self.query.per.rows.is_none()
            && (self.kept.len() >= self.query.limit || self.kept_bytes > BYTES)
        {
            self.dropped = true;
            return Ok(ControlFlow::Continue(()));
        }
        let keys = sort.iter().map(|by| {
            let place = columns.find(&by.column);
            place.and_then(|place| cells.get(place)).cloned().unwrap_or_default()
        });
        let keys = keys.collect();
        let cell = |name: &String| columns.find(name).and_then(|place| cells.get(place));
        let group = self
            .query
            .per
            .by
            .iter()
            .map(|by| cell(by).map_or_else(String::new, |cell| cell.text.trim().to_owned()));
        let kept = Kept { keys, group: group.collect(), row: self.matched, cells: cells.to_vec() };
        self.kept_bytes += kept.bytes();
        self.kept.push(kept);
        if self.kept.len() >= 2 * self.query.limit + 1000 || self.kept_bytes > 4 * BYTES {
            self.cut(self.query.limit);
        }
        Ok(ControlFlow::Continue(()))
    }
}

/// How many rows to keep so that none is cut off from one that sorts alike.
pub(crate) fn tied<T>(rows: &[T], limit: usize, alike: impl Fn(&T, &T) -> bool) -> usize {
    let Some(last) = limit.checked_sub(1).and_then(|at| rows.get(at)) else { return limit };
    limit + rows[limit..].iter().take_while(|row| alike(last, row)).count()
}

/// Where the rows at a place of the order stand, from 1; rows that sort alike share one, and empty
/// ones have none. Behind all rows when there are fewer places.
pub(crate) fn placed<T>(
    rows: &[T],
    place: usize,
    key: impl Fn(&T) -> &Cell,
    alike: impl Fn(&T, &T) -> bool,
) -> std::ops::Range<usize> {
    let full = rows.iter().take_while(|row| !key(row).is_empty()).count();
    let mut start = 0;
    for _ in 1..place {
        let Some(first) = rows[..full].get(start) else { break };
        start += rows[start..full].iter().take_while(|row| alike(first, row)).count();
    }
    let end = match rows[..full].get(start) {
        Some(first) => start + rows[start..full].iter().take_while(|row| alike(first, row)).count(),
        None => full,
    };
    start..end
}

/// Rows of a result.
pub(crate) struct Rows {
    pub(crate) columns: Vec<String>,
    pub(crate) rows: Vec<Value>,
    /// Rows of the table that met the conditions.
    pub(crate) matched: u64,
    pub(crate) truncated: bool,
    /// What conditions on averages of groups came to.
    pub(crate) relative: Vec<Value>,
}

/// The order of two rows by their keys.
pub(crate) fn order(sort: &[SortBy], a: &[Cell], b: &[Cell]) -> Ordering {
    sort.iter()
        .zip(a.iter().zip(b))
        .map(|(by, (a, b))| sorted(a, b, by.descending))
        .find(|order| order.is_ne())
        .unwrap_or(Ordering::Equal)
}
