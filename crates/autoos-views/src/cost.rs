//! Spending by who and what. Sums are kept per tenant, so that one tenant's bill shows nothing
//! of another's.

use crate::{index::Seen, view::Tokens};
use autoos_kernel::{time::Timestamp, workflow::Event};
use serde::Serialize;
use std::{
    collections::{BTreeMap, HashMap},
    sync::Arc,
};
use strum::{Display, EnumString, IntoStaticStr};

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

/// The sums: of each tenant, by each dimension but the tenant itself.
#[derive(Debug, Clone, Default)]
pub(crate) struct Costs {
    tenants: HashMap<Arc<str>, BTreeMap<Dimension, BTreeMap<String, CostLine>>>,
}

impl Costs {
    /// Folds the end of a call to a model; everything else costs nothing.
    pub(crate) fn fold(
        &mut self,
        event: &Event,
        seen: &Seen,
        tenant: &Arc<str>,
        user: &str,
        at: Timestamp,
    ) {
        let (Event::AttemptCompleted { cost, tokens, .. }
        | Event::AttemptFailed { cost, tokens, .. }) = event
        else {
            return;
        };
        let Some(model) = seen.attempt.as_ref().and_then(|a| a.model.as_deref()) else { return };
        let day = at.to_string();
        let day = day.split('T').next().unwrap_or_default();
        let sums = self.tenants.entry(tenant.clone()).or_default();
        for (dimension, key) in
            [(Dimension::User, user), (Dimension::Model, model), (Dimension::Day, day)]
        {
            let lines = sums.entry(dimension).or_default();
            if !lines.contains_key(key) {
                let line = CostLine { key: key.to_owned(), ..CostLine::default() };
                lines.insert(key.to_owned(), line);
            }
            if let Some(line) = lines.get_mut(key) {
                line.calls += 1;
                line.cost_microusd = line.cost_microusd.saturating_add(*cost);
                line.tokens.add(*tokens);
            }
        }
    }

    /// The lines of one tenant, or of all, in the order of their keys.
    pub(crate) fn by(&self, dimension: Dimension, tenant: Option<&str>) -> Vec<CostLine> {
        let mut lines: BTreeMap<String, CostLine> = BTreeMap::new();
        for (name, sums) in &self.tenants {
            if tenant.is_some_and(|t| t != &**name) {
                continue;
            }
            // Each call has one day, so a tenant is the sum of its days.
            let of = if dimension == Dimension::Tenant { Dimension::Day } else { dimension };
            for line in sums.get(&of).into_iter().flat_map(BTreeMap::values) {
                let key = if dimension == Dimension::Tenant { &**name } else { &line.key };
                let sum = lines
                    .entry(key.to_owned())
                    .or_insert_with(|| CostLine { key: key.to_owned(), ..CostLine::default() });
                sum.calls += line.calls;
                sum.cost_microusd = sum.cost_microusd.saturating_add(line.cost_microusd);
                sum.tokens.add((line.tokens.input, line.tokens.output));
            }
        }
        lines.into_values().collect()
    }
}
