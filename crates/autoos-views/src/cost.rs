//! Spending by who and what. A sum is kept for each tenant, user, model and day that came
//! together, so that a bill can be split by any of them, and one tenant's shows nothing of
//! another's.

use crate::{
    index::{NameId, Names},
    view::Tokens,
};
use autoos_kernel::time::Timestamp;
use serde::{Deserialize, Serialize};
use std::collections::{BTreeMap, HashMap};
use strum::{Display, EnumString, IntoStaticStr};

const DAY_MS: u64 = 86_400_000;

/// What spending is summed by.
#[derive(
    Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Display, EnumString, IntoStaticStr,
)]
#[strum(serialize_all = "snake_case")]
pub enum Dimension {
    /// By whose key it came with.
    Tenant,
    /// By whom it was for.
    User,
    /// By the model that was asked; tools cost nothing and are left out.
    Model,
    /// By the day in UTC, `2026-01-31`.
    Day,
}

/// One line of a bill.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct CostLine {
    /// The tenant, user, model or day.
    pub key: String,
    /// Calls to models that have ended.
    pub calls: u64,
    /// What they cost.
    pub cost_microusd: u64,
    /// Their tokens.
    pub tokens: Tokens,
}

/// One line of a bill that is split by several dimensions.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct BillLine {
    /// One key for each dimension, in the order that was asked for.
    pub keys: Vec<String>,
    /// Calls to models that have ended.
    pub calls: u64,
    /// What they cost.
    pub cost_microusd: u64,
    /// Their tokens.
    pub tokens: Tokens,
}

/// What some calls cost.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Sum {
    calls: u64,
    microusd: u64,
    tokens: Tokens,
}

impl Sum {
    fn add(&mut self, other: Self) {
        self.calls += other.calls;
        self.microusd = self.microusd.saturating_add(other.microusd);
        self.tokens.add((other.tokens.input, other.tokens.output));
    }
}

/// Who and what a sum is of, by the numbers of the names.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
struct Cell {
    tenant: NameId,
    user: NameId,
    model: NameId,
    /// Days since the epoch.
    day: u64,
}

/// The sums of one shard.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
#[serde(from = "Vec<(Cell, Sum)>", into = "Vec<(Cell, Sum)>")]
pub(crate) struct Costs {
    sums: HashMap<Cell, Sum>,
}

impl From<Vec<(Cell, Sum)>> for Costs {
    fn from(sums: Vec<(Cell, Sum)>) -> Self {
        Self { sums: sums.into_iter().collect() }
    }
}

impl From<Costs> for Vec<(Cell, Sum)> {
    fn from(costs: Costs) -> Self {
        costs.sums.into_iter().collect()
    }
}

/// Sums by the names that a bill is split by, in their order.
pub(crate) type Bill = BTreeMap<Vec<String>, Sum>;

impl Costs {
    /// Adds a call to a model that has ended: of which tenant, user and model, when, what it cost
    /// in micro-dollars, and its tokens.
    pub(crate) fn charge(
        &mut self,
        [tenant, user, model]: [NameId; 3],
        at: Timestamp,
        microusd: u64,
        tokens: (u64, u64),
    ) {
        let cell = Cell { tenant, user, model, day: at.0 / DAY_MS };
        let tokens = Tokens { input: tokens.0, output: tokens.1 };
        self.sums.entry(cell).or_default().add(Sum { calls: 1, microusd, tokens });
    }

    /// Adds the sums of one tenant, or of all, to a bill that is split by `dimensions`.
    pub(crate) fn bill(
        &self,
        dimensions: &[Dimension],
        tenant: Option<&str>,
        names: &Names,
        bill: &mut Bill,
    ) {
        let tenant = match tenant.map(|tenant| names.find(tenant)) {
            // This shard has nothing of that tenant.
            Some(None) => return,
            Some(known) => known,
            None => None,
        };
        // By numbers first: names and days are written out once for each line.
        let mut lines: HashMap<Vec<u64>, Sum> = HashMap::new();
        for (cell, sum) in &self.sums {
            if tenant.is_none_or(|tenant| tenant == cell.tenant) {
                let key = dimensions.iter().map(|dimension| cell.number(*dimension)).collect();
                lines.entry(key).or_default().add(*sum);
            }
        }
        for (numbers, sum) in lines {
            let key = dimensions.iter().zip(numbers).map(|(d, number)| text(*d, number, names));
            bill.entry(key.collect()).or_default().add(sum);
        }
    }
}

impl Cell {
    fn number(&self, dimension: Dimension) -> u64 {
        match dimension {
            Dimension::Tenant => self.tenant.into(),
            Dimension::User => self.user.into(),
            Dimension::Model => self.model.into(),
            Dimension::Day => self.day,
        }
    }
}

fn text(dimension: Dimension, number: u64, names: &Names) -> String {
    if dimension != Dimension::Day {
        return names.get(number as NameId).to_owned();
    }
    let time = Timestamp(number.saturating_mul(DAY_MS)).to_string();
    time.split('T').next().unwrap_or_default().to_owned()
}

impl BillLine {
    fn of((keys, sum): (Vec<String>, Sum)) -> Self {
        let Sum { calls, microusd, tokens } = sum;
        Self { keys, calls, cost_microusd: microusd, tokens }
    }
}

/// The lines of a bill, in the order of their keys.
pub(crate) fn lines(bill: Bill) -> Vec<BillLine> {
    bill.into_iter().map(BillLine::of).collect()
}

impl From<BillLine> for CostLine {
    fn from(line: BillLine) -> Self {
        let BillLine { keys, calls, cost_microusd, tokens } = line;
        Self { key: keys.join(" "), calls, cost_microusd, tokens }
    }
}
