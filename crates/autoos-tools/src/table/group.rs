//! Groups of rows, and what is computed of each.
//!
//! The number of groups and of distinct values is bounded, and past the bound the query fails: a
//! result with some groups missing would be a wrong one.

use super::{
    aggregate::State,
    cell::{Cell, Meaning},
    filter::{AnyOf, Filter},
    number::Number,
    query::{Aggregate, AggregateOp, Query},
    relative,
    rows::{Columns, Sink},
    select::{Conditions, Rows, at, known, order, placed, tied},
};
use crate::Failure;
use serde_json::{Value, json};
use std::{collections::HashMap, ops::ControlFlow};

/// Most groups, and most bytes of all their names together.
const GROUPS: usize = 200_000;
const NAME_BYTES: usize = 64 * 1024 * 1024;
/// Most distinct values, over all groups.
const DISTINCT: usize = 4_000_000;

/// Groups on their way into a result.
pub(crate) struct Group<'q> {
    query: &'q Query,
    conditions: Conditions<'q>,
    group_places: Vec<Option<usize>>,
    aggregate_places: Vec<Option<usize>>,
    aggregate_conditions: Vec<Conditions<'q>>,
    index: HashMap<Vec<String>, usize>,
    groups: Vec<One>,
    name_bytes: usize,
    distinct: usize,
    matched: u64,
}

struct One {
    names: Vec<Cell>,
    states: Vec<State>,
    /// What shares with conditions of their own are a share of.
    wholes: Vec<State>,
}

impl<'q> Group<'q> {
    pub(crate) fn new(query: &'q Query) -> Self {
        let mut group = Self {
            query,
            conditions: Conditions::new(&query.filters),
            group_places: vec![None; query.groups.len()],
            aggregate_places: vec![None; query.aggregates.len()],
            aggregate_conditions: query
                .aggregates
                .iter()
                .map(|one| Conditions::new(&one.filters))
                .collect(),
            index: HashMap::new(),
            groups: Vec::new(),
            name_bytes: 0,
            distinct: 0,
            matched: 0,
        };
        // Of everything together there is one group, also when it has no rows.
        if query.groups.is_empty() {
            group.add(Vec::new(), Vec::new());
        }
        group
    }

    /// The rows of the result, how many groups there are, and the cells that could not be used.
    ///
    /// # Errors
    /// A column that never came up.
    pub(crate) fn finish(self, columns: &Columns) -> Result<(Rows, u64, Vec<Value>), Failure> {
        let query = self.query;
        self.conditions.known(columns)?;
        known(columns, query.groups.iter().map(|by| by.column.as_str()))?;
        known(columns, query.aggregates.iter().filter_map(|one| one.column.as_deref()))?;
        for conditions in &self.aggregate_conditions {
            conditions.known(columns)?;
        }
        let skipped = self.skipped();
        let mut names = Columns::default();
        let group_names = query.groups.iter().map(|by| &by.name);
        for name in group_names.chain(query.aggregates.iter().map(|one| &one.name)) {
            if names.find_exactly(name) {
                return Err(Failure::Invalid(format!(
                    "two columns of the result are called {name:?}; give one another name with \
                     \"as\""
                )));
            }
            names.push(name)?;
        }
        let groups = self.groups.len() as u64;
        let totals: Vec<Number> = (0..query.aggregates.len())
            .map(|at| {
                let parts = self.groups.iter().map(|group| group.states[at].number());
                parts.fold(Number::ZERO, Number::plus)
            })
            .collect();
        let mut rows: Vec<Vec<Cell>> = self
            .groups
            .into_iter()
            .map(|one| {
                let wholes = one.wholes.into_iter().zip(&totals);
                let cells = one.states.into_iter().zip(&query.aggregates).zip(wholes);
                let cells = cells.map(|((state, asked), (own, all))| match asked.op {
                    AggregateOp::Share => {
                        let whole = if asked.filters.is_empty() { *all } else { own.number() };
                        let share = state.number().percent_of(whole);
                        share.map_or_else(Cell::default, |n| Cell::plain(n.text()))
                    }
                    _ => state.cell(),
                });
                one.names.into_iter().chain(cells).collect()
            })
            .collect();
        let (asked, relative) = against_averages(&query.having, &names, &rows);
        let mut having = Conditions::new(&asked);
        having.known(&names)?;
        rows.retain(|row| having.hold(&names, row));
        sort(query, &names, &mut rows)?;
        if let Some(of) = &query.change {
            add_change(of, &mut names, &mut rows)?;
        }
        let alike = keys_alike(query, &names);
        let truncated = cut(query, &names, &mut rows, &alike)?;
        let rows = rows
            .iter()
            .map(|row| row.iter().map(Cell::json).collect::<Vec<Value>>().into())
            .collect();
        let columns = names.names().to_vec();
        Ok((Rows { columns, rows, matched: self.matched, truncated, relative }, groups, skipped))
    }

    fn skipped(&self) -> Vec<Value> {
        let each = self.query.aggregates.iter().enumerate();
        each.filter_map(|(at, one)| {
            let states = self.groups.iter().map(|group| &group.states[at]);
            let cells: u64 = states.clone().map(State::skipped).sum();
            let example = states.clone().find_map(State::skipped_example);
            (cells > 0).then(|| {
                json!({
                    "aggregate": one.name, "column": one.column, "cells": cells, "example": example,
                })
            })
        })
        .collect()
    }

    fn add(&mut self, key: Vec<String>, names: Vec<Cell>) -> usize {
        self.name_bytes += key.iter().map(|part| 2 * part.len() + 64).sum::<usize>();
        self.index.insert(key, self.groups.len());
        let state = |one: &Aggregate| State::new(one.op, one.p, one.column.is_some());
        let states = || self.query.aggregates.iter().map(state).collect();
        self.groups.push(One { names, states: states(), wholes: states() });
        self.groups.len() - 1
    }

    fn of(&mut self, columns: &Columns, cells: &[Cell]) -> Result<usize, Failure> {
        let mut names = Vec::with_capacity(self.group_places.len());
        for (by, place) in self.query.groups.iter().zip(&mut self.group_places) {
            let cell = at(columns, cells, &by.column, place).cloned().unwrap_or_default();
            names.push(match (by.unit, cell.meaning()) {
                (Some(unit), Meaning::Date(period)) => {
                    Cell { text: period.name(unit), quoted: true }
                }
                _ => cell,
            });
        }
        let key: Vec<String> = names.iter().map(|name| name.text.trim().to_owned()).collect();
        if let Some(group) = self.index.get(&key) {
            return Ok(*group);
        }
        if self.groups.len() >= GROUPS || self.name_bytes > NAME_BYTES {
            return Err(Failure::Invalid(format!(
                "there are more groups than can be counted here ({} so far); group by something \
                 coarser, or filter first",
                self.groups.len()
            )));
        }
        Ok(self.add(key, names))
    }
}

impl Sink for Group<'_> {
    fn row(&mut self, columns: &Columns, cells: &[Cell]) -> Result<ControlFlow<()>, Failure> {
        if !self.conditions.hold(columns, cells) {
            return Ok(ControlFlow::Continue(()));
        }
        self.matched += 1;
        let group = self.of(columns, cells)?;
        let One { states, wholes, .. } = &mut self.groups[group];
        let asked = self.query.aggregates.iter().zip(&mut self.aggregate_places);
        let of = states.iter_mut().zip(wholes).zip(&mut self.aggregate_conditions);
        for ((one, place), ((state, whole), conditions)) in asked.zip(of) {
            let cell = one.column.as_ref().and_then(|name| at(columns, cells, name, place));
            if one.op == AggregateOp::Share && !one.filters.is_empty() {
                whole.add(cell, one.column.is_some());
            }
            if one.filters.is_empty() || conditions.hold(columns, cells) {
                self.distinct += state.add(cell, one.column.is_some());
            }
        }
        if self.distinct > DISTINCT {
            return Err(Failure::Invalid(format!(
                "there are more than {DISTINCT} distinct values to count; filter first"
            )));
        }
        Ok(ControlFlow::Continue(()))
    }
}

/// The conditions on groups with averages in the place of comparisons with them, and those.
fn against_averages(
    having: &[AnyOf],
    names: &Columns,
    rows: &[Vec<Cell>],
) -> (Vec<AnyOf>, Vec<Value>) {
    let mut told = Vec::new();
    let mut one = |filter: &Filter| {
        if !filter.of_average() {
            return filter.clone();
        }
        let place = names.find(&filter.column);
        let cells = rows.iter().filter_map(|row| row.get(place?)).map(|cell| cell.text.trim());
        let Some(average) = relative::average(cells) else { return filter.clone() };
        told.push(json!({"column": filter.column, "of": Cell::plain(average.text()).json(), "groups": true}));
        filter.against(average)
    };
    let all = having.iter().map(|any| AnyOf(any.0.iter().map(&mut one).collect())).collect();
    (all, told)
}

/// What a measure changed by since the row before, as a figure and in per cent of that one.
fn add_change(of: &str, names: &mut Columns, rows: &mut [Vec<Cell>]) -> Result<(), Failure> {
    let place = names.find(of).ok_or_else(|| names.unknown(of))?;
    names.push(&format!("change_{of}"))?;
    names.push(&format!("percent_change_{of}"))?;
    let figures: Vec<Option<Number>> =
        rows.iter().map(|row| Number::read(row[place].text.trim())).collect();
    for (at, row) in rows.iter_mut().enumerate() {
        let before = at.checked_sub(1).and_then(|before| figures[before]);
        let pair = before.zip(figures[at]);
        let change = pair.map(|(before, now)| now.less(before));
        // Of nothing, or of less than that, there is no per cent.
        let grown = pair.filter(|(before, _)| before.order(Number::ZERO).is_gt());
        let percent = grown.and_then(|(before, now)| now.less(before).percent_of(before));
        for number in [change, percent] {
            row.push(number.map_or_else(Cell::default, |n| Cell::plain(n.text())));
        }
    }
    Ok(())
}

/// Whether two rows sort alike.
fn keys_alike<'r>(query: &'r Query, names: &'r Columns) -> impl Fn(&[Cell], &[Cell]) -> bool + 'r {
    let places: Vec<usize> = query.sort.iter().filter_map(|by| names.find(&by.column)).collect();
    move |a, b| {
        let keys = |row: &[Cell]| -> Vec<Cell> {
            places.iter().filter_map(|place| row.get(*place).cloned()).collect()
        };
        query.ties && order(&query.sort, &keys(a), &keys(b)).is_eq()
    }
}

/// Cuts the rows down to what was asked for; whether some were cut by the limit.
fn cut(
    query: &Query,
    names: &Columns,
    rows: &mut Vec<Vec<Cell>>,
    alike: &impl Fn(&[Cell], &[Cell]) -> bool,
) -> Result<bool, Failure> {
    known(names, query.per.by.iter().map(String::as_str))?;
    let places: Vec<usize> = query.per.by.iter().filter_map(|by| names.find(by)).collect();
    let mut keyed: Vec<(Vec<String>, Vec<Cell>)> = rows
        .drain(..)
        .map(|row| {
            let key = places.iter().filter_map(|place| row.get(*place));
            (key.map(|cell| cell.text.trim().to_owned()).collect(), row)
        })
        .collect();
    query.per.keep(&mut keyed, |(key, _)| key, |(_, a), (_, b)| alike(a, b));
    rows.extend(keyed.into_iter().map(|(_, row)| row));
    if let Some(place) = query.place {
        let by: Vec<usize> = query.sort.iter().filter_map(|by| names.find(&by.column)).collect();
        let first = by.first().copied().unwrap_or_default();
        let keys = |row: &Vec<Cell>| by.iter().map(|at| row[*at].clone()).collect::<Vec<_>>();
        let same = |a: &Vec<Cell>, b: &Vec<Cell>| order(&query.sort, &keys(a), &keys(b)).is_eq();
        let found = placed(rows, place, |row| &row[first], same);
        rows.truncate(found.end);
        rows.drain(..found.start);
    }
    let limit = tied(rows, query.limit, |a, b| alike(a, b));
    let truncated = rows.len() > limit;
    rows.truncate(limit);
    Ok(truncated)
}

fn sort(query: &Query, names: &Columns, rows: &mut [Vec<Cell>]) -> Result<(), Failure> {
    known(names, query.sort.iter().map(|by| by.column.as_str()))?;
    let places: Vec<usize> = query.sort.iter().filter_map(|by| names.find(&by.column)).collect();
    let keys = |row: &Vec<Cell>| -> Vec<Cell> {
        places.iter().filter_map(|place| row.get(*place).cloned()).collect()
    };
    if !places.is_empty() {
        rows.sort_by(|a, b| order(&query.sort, &keys(a), &keys(b)));
    }
    Ok(())
}
