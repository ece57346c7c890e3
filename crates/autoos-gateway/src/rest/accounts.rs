//! Accounts of tenants and users.

use super::Params;
use crate::{body, call::Call, edge::Edge, fault::Fault, json};
use autoos_kernel::account::{Limit, Owner, Period};
use autoos_runtime::AccountView;
use axum::{
    Json,
    body::Body,
    extract::{Path, State},
    http::HeaderMap,
};
use serde::{Deserialize, Deserializer};
use serde_json::{Value, json};

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct LimitBody {
    /// A limit that is forgotten must not be one that is taken away.
    #[serde(default, deserialize_with = "said")]
    limit_usd: Option<Option<f64>>,
    period: Option<String>,
}

fn said<'de, D: Deserializer<'de>>(from: D) -> Result<Option<Option<f64>>, D::Error> {
    Option::deserialize(from).map(Some)
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct OfUser {
    user: Option<String>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct OfTenant {
    tenant: Option<String>,
}

pub(super) async fn set(
    State(edge): State<Edge>,
    call: Call,
    Path(tenant): Path<String>,
    Params(OfUser { user }): Params<OfUser>,
    headers: HeaderMap,
    body: Body,
) -> Result<Json<Value>, Fault> {
    let asked: LimitBody = body::json(&headers, body, edge.options.max_body_bytes).await?;
    let word = asked.period.as_deref().unwrap_or("total");
    let period: Period = word.parse().map_err(|_| {
        Fault::Invalid(format!("period is {word:.32?}, and must be total, day or month"))
    })?;
    let usd = asked.limit_usd.ok_or_else(|| {
        Fault::Invalid("limit_usd is missing: write an amount, or null for no limit".into())
    })?;
    let limit = match usd {
        Some(usd) => Some(Limit { microusd: json::microusd_of("limit_usd", usd)?, period }),
        None => None,
    };
    Ok(Json(shown(&edge.set_limit(&call, Owner { tenant, user }, limit).await?)))
}

pub(super) async fn list(
    State(edge): State<Edge>,
    call: Call,
    Params(of): Params<OfTenant>,
) -> Json<Value> {
    let all: Vec<Value> = edge.accounts(&call, of.tenant.as_deref()).iter().map(shown).collect();
    Json(json!({ "accounts": all }))
}

pub(super) async fn show(
    State(edge): State<Edge>,
    call: Call,
    Path(tenant): Path<String>,
    Params(OfUser { user }): Params<OfUser>,
) -> Result<Json<Value>, Fault> {
    Ok(Json(shown(&edge.account(&call, &Owner { tenant, user })?)))
}

fn shown(account: &AccountView) -> Value {
    let figures = &account.figures;
    json!({
        "id": account.id,
        "tenant": account.owner.tenant,
        "user": account.owner.user,
        "limit_microusd": figures.limit.map(|limit| limit.microusd),
        "period": figures.limit.map(|limit| limit.period),
        "spent_microusd": figures.spent_microusd,
        "granted_microusd": figures.granted_microusd,
        "left_microusd": figures.left_microusd,
        "ever_microusd": figures.ever_microusd,
        "workflows": figures.workflows,
        "until": figures.until.map(|at| at.to_string()),
    })
}
