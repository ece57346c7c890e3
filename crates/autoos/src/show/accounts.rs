//! Accounts: what may be spent, what was, and what is left.

use super::{dollars, line, number, rows, tame, text};
use serde_json::Value;

pub(crate) fn accounts(all: &Value) {
    let all = rows(all, "accounts");
    for row in all {
        line(&format!(
            "{:<32} {:>14}  spent {:>11}  granted {:>9}  left {}",
            whose(row),
            limit(row),
            dollars(number(row, "spent_microusd")),
            dollars(number(row, "granted_microusd")),
            left(row),
        ));
    }
    if all.is_empty() {
        line("no limits are set: autoos account set --limit USD sets one");
    }
}

pub(crate) fn account(account: &Value) {
    line(&format!("account   {}", whose(account)));
    line(&format!("id        {}", text(account, "id")));
    let until = text(account, "until");
    let until = if until.is_empty() { until } else { format!(", anew at {until}") };
    line(&format!("limit     {}{until}", limit(account)));
    line(&format!("spent     {}", dollars(number(account, "spent_microusd"))));
    let workflows = number(account, "workflows");
    let granted = dollars(number(account, "granted_microusd"));
    line(&format!("granted   {granted} to {workflows} workflows that have not ended"));
    line(&format!("left      {}", left(account)));
    line(&format!("ever      {}", dollars(number(account, "ever_microusd"))));
}

fn whose(account: &Value) -> String {
    let (tenant, user) = (text(account, "tenant"), text(account, "user"));
    tame(&if user.is_empty() { tenant } else { format!("{tenant} / {user}") })
}

fn limit(account: &Value) -> String {
    match account["limit_microusd"].as_u64() {
        Some(microusd) => format!("{} {}", dollars(microusd), text(account, "period")),
        None => "no limit".to_owned(),
    }
}

fn left(account: &Value) -> String {
    account["left_microusd"].as_u64().map_or("unlimited".to_owned(), dollars)
}
