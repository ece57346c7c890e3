//! What is computed of the cells of a group, one cell at a time.

use super::{
    cell::{Cell, Meaning},
    number::Number,
    query::AggregateOp,
};
use std::{
    cmp::Ordering,
    collections::HashSet,
    hash::{BuildHasher, BuildHasherDefault, DefaultHasher},
};

/// A computation under way.
#[derive(Debug)]
pub(super) enum State {
    Count(u64),
    Sum {
        op: AggregateOp,
        sum: Number,
        used: u64,
        skipped: Skipped,
    },
    Extreme(Box<Extreme>),
    Distinct(HashSet<u64>),
    /// All of them, for what only their order tells.
    Values {
        op: AggregateOp,
        p: f64,
        values: Vec<Number>,
        skipped: Skipped,
    },
}

/// Cells that were not empty and could not be used.
#[derive(Debug, Default)]
pub(super) struct Skipped {
    cells: u64,
    example: Option<String>,
}

/// The smallest or largest of each kind; the kind that most cells were of counts.
#[derive(Debug)]
pub(super) struct Extreme {
    wanted: Ordering,
    best: [Option<Cell>; 3],
    seen: [u64; 3],
}

impl State {
    pub(super) fn new(op: AggregateOp, p: f64, of_column: bool) -> Self {
        let extreme = |wanted| {
            Self::Extreme(Box::new(Extreme { wanted, best: [None, None, None], seen: [0; 3] }))
        };
        match op {
            AggregateOp::Count => Self::Count(0),
            AggregateOp::Sum | AggregateOp::Avg => {
                Self::Sum { op, sum: Number::ZERO, used: 0, skipped: Skipped::default() }
            }
            AggregateOp::Min => extreme(Ordering::Less),
            AggregateOp::Max => extreme(Ordering::Greater),
            AggregateOp::Distinct => Self::Distinct(HashSet::new()),
            AggregateOp::Median | AggregateOp::Percentile | AggregateOp::Range => {
                Self::Values { op, p, values: Vec::new(), skipped: Skipped::default() }
            }
            // What it is a share of decides what it becomes, once all is counted.
            AggregateOp::Share if of_column => Self::new(AggregateOp::Sum, p, true),
            AggregateOp::Share => Self::Count(0),
        }
    }

    /// Takes a cell in, and says how many values more it remembers. A count of a column passes
    /// over empty cells; one of rows does not.
    pub(super) fn add(&mut self, cell: Option<&Cell>, of_column: bool) -> usize {
        let cell = cell.filter(|cell| !cell.is_empty());
        let Some(cell) = cell else {
            if let (Self::Count(count), false) = (self, of_column) {
                *count += 1;
            }
            return 0;
        };
        match self {
            Self::Count(count) => *count += 1,
            Self::Sum { sum, used, skipped, .. } => match cell.meaning() {
                Meaning::Number(number) => {
                    *sum = sum.plus(number);
                    *used += 1;
                }
                _ => skipped.add(cell),
            },
            Self::Extreme(extreme) => extreme.add(cell),
            Self::Distinct(values) => return usize::from(values.insert(hash(cell))),
            Self::Values { values, skipped, .. } => match cell.meaning() {
                Meaning::Number(number) => {
                    values.push(number);
                    return 1;
                }
                _ => skipped.add(cell),
            },
        }
        0
    }

    /// Its value; empty where no cell could be used.
    pub(super) fn cell(self) -> Cell {
        match self {
            Self::Count(count) => Cell::plain(count.to_string()),
            Self::Distinct(values) => Cell::plain(values.len().to_string()),
            Self::Sum { used: 0, op: AggregateOp::Avg, .. } => Cell::default(),
            Self::Sum { sum, used, op: AggregateOp::Avg, .. } => Cell::plain(sum.over(used).text()),
            Self::Sum { used: 0, skipped: Skipped { cells: 1.., .. }, .. } => Cell::default(),
            Self::Sum { sum, .. } => Cell::plain(sum.text()),
            Self::Values { op, p, values, .. } => {
                ranked(op, p, values).map_or_else(Cell::default, |n| Cell::plain(n.text()))
            }
            Self::Extreme(extreme) => {
                let (place, _) = extreme.main();
                let [number, date, text] = extreme.best;
                [number, date, text].into_iter().nth(place).flatten().unwrap_or_default()
            }
        }
    }

    /// A count or a sum so far.
    pub(super) fn number(&self) -> Number {
        match self {
            Self::Count(count) => Number::read(&count.to_string()).unwrap_or(Number::ZERO),
            Self::Sum { sum, .. } => *sum,
            Self::Extreme(_) | Self::Distinct(_) | Self::Values { .. } => Number::ZERO,
        }
    }

    pub(super) fn skipped(&self) -> u64 {
        match self {
            Self::Sum { skipped, .. } | Self::Values { skipped, .. } => skipped.cells,
            Self::Extreme(extreme) => {
                let (_, most) = extreme.main();
                extreme.seen.iter().sum::<u64>() - most
            }
            Self::Count(_) | Self::Distinct(_) => 0,
        }
    }

    pub(super) fn skipped_example(&self) -> Option<String> {
        match self {
            Self::Sum { skipped, .. } | Self::Values { skipped, .. } => skipped.example.clone(),
            Self::Extreme(extreme) => {
                let (main, _) = extreme.main();
                let others = extreme.best.iter().enumerate().filter(|(place, _)| *place != main);
                others.filter_map(|(_, cell)| cell.as_ref()).map(|cell| cell.text.clone()).next()
            }
            Self::Count(_) | Self::Distinct(_) => None,
        }
    }
}

/// A percentile lies between the two values beside it, in proportion, as spreadsheets have it.
#[allow(clippy::cast_precision_loss)] // No group has 2^53 values.
#[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss)] // The place is inside the list.
fn ranked(op: AggregateOp, p: f64, mut values: Vec<Number>) -> Option<Number> {
    values.sort_by(|a, b| a.order(*b));
    let (first, last) = (*values.first()?, *values.last()?);
    if op == AggregateOp::Range {
        return Some(last.less(first));
    }
    let place = (values.len() - 1) as f64 * (p / 100.0).clamp(0.0, 1.0);
    let below = place.floor() as usize;
    let low = *values.get(below)?;
    Some(values.get(below + 1).map_or(low, |high| low.towards(*high, place.fract())))
}

impl Skipped {
    fn add(&mut self, cell: &Cell) {
        self.cells += 1;
        self.example.get_or_insert_with(|| cell.text.chars().take(80).collect());
    }
}

impl Extreme {
    fn add(&mut self, cell: &Cell) {
        let meaning = cell.meaning();
        let place = match meaning {
            Meaning::Number(_) => 0,
            Meaning::Date(_) => 1,
            Meaning::Text(_) => 2,
            Meaning::Empty => return,
        };
        self.seen[place] += 1;
        let better = match &self.best[place] {
            Some(best) => meaning.order(&best.meaning()) == self.wanted,
            None => true,
        };
        if better {
            self.best[place] = Some(cell.clone());
        }
    }

    /// The place of the kind that most cells were of, and how many those were.
    fn main(&self) -> (usize, u64) {
        let mut main = (0, self.seen[0]);
        for place in 1..3 {
            if self.seen[place] > main.1 {
                main = (place, self.seen[place]);
            }
        }
        main
    }
}

/// A fixed hash, so that a count is the same in every run: with 4 million values two of them fall
/// together with a probability of one in two million.
fn hash(cell: &Cell) -> u64 {
    BuildHasherDefault::<DefaultHasher>::default().hash_one(cell.text.trim())
}
