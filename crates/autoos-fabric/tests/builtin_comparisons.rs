//! Comparisons as people say them: "older than 40", "no delay", "on weekends", amounts with decimal
//! commas. Which condition becomes of each, without running the plans.

use autoos_fabric::{ContextInfo, Task, builtin::Builtin};
use autoos_kernel::{
    tool::ToolSpec,
    words::{EffectClass, RiskLevel, TrustLevel},
};
use serde_json::{Value, json};

const PUPILS: &str = "pupil_name,class,age,height_cm,late_minutes,enrolled_on\n\
    Ada Marsh,3b,9,131.5,0,2024-08-01\nBen Otero,3b,10,140,12,2023-08-01\n\
    Cleo Marsh,4a,11,139.2,5,2022-09-15\n";
const BILLS: &str = "Bill No;Bill Date;Customer;Net Amount;Paid\n\
    B-1;03.01.2024;Brandt;1.204,50 €;yes\nB-2;17.02.2024;Zander;80,00 €;no\n\
    B-3;09.03.2024;Brandt;7.310,10 €;yes\n";
const HOUSES: &str = "address,year_built,price_eur,state\n\
    Oak Street 1,1957,210000,in_sale\nMill Street 2,1999,340000,sold\n\
    Mill Street 3,2015,150000,in_sale\n";
const PLANS: &str = "Account,Plan,Monthly Fee,Start Date\n\
    A1,Basic,20,2024-01-05\nA2,Team,90,2024-02-05\nA3,Team,80,2024-02-09\n";
const OFFICES: &str = "office_id,city\nO1,Lyon\nO2,Nice\n";
const STAFF: &str = "emp_no,full_name,office_id\n1,Ann Ek,O1\n2,Bo Maes,O1\n3,Cy Rossi,O2\n";

fn context(name: &str, head: &str) -> ContextInfo {
    ContextInfo {
        name: name.into(),
        file: true,
        label: format!("{name}.csv"),
        bytes: head.len() as u64,
        head: head.into(),
    }
}

/// The arguments of the query that is planned, or what the planner said instead.
fn query(intent: &str, contexts: &[ContextInfo]) -> Value {
    let tool = ToolSpec {
        name: "table.query".into(),
        description: String::new(),
        arguments: json!({"type": "object"}),
        trust: TrustLevel::Vetted,
        effect: EffectClass::Pure,
        reads: true,
        timeout_ms: 60_000,
    };
    let task = Task::Plan {
        intent: intent.into(),
        contexts: contexts.to_vec(),
        risk: RiskLevel::Medium,
        tools: vec![tool].into(),
        refused: None,
        lessons: Vec::new(),
    };
    let plan = Builtin::answer(&task).expect("planning always answers").1.expect("a value");
    let steps = plan["steps"].as_array().cloned().unwrap_or_default();
    // A second table is read before the query.
    let args: Vec<Value> = steps.iter().filter_map(|s| find(s, "args")).collect();
    args.iter().find(|a| a.get("on").is_some()).or(args.first()).cloned().unwrap_or(plan)
}

fn find(value: &Value, key: &str) -> Option<Value> {
    match value {
        Value::Object(map) => {
            map.get(key).cloned().or_else(|| map.values().find_map(|v| find(v, key)))
        }
        Value::Array(all) => all.iter().find_map(|v| find(v, key)),
        _ => None,
    }
}

#[test]
fn each_comparison_is_of_the_column_that_it_speaks_of() {
    let weekend = json!(["Saturday", "Sunday"]);
    let asked = [
        (PUPILS, "who is older than 9?", "age", "gt", json!(9)),
        (PUPILS, "how many pupils are younger than 10", "age", "lt", json!(10)),
        (PUPILS, "pupils at least 10 years old", "age", "gte", json!(10)),
        (PUPILS, "pupils with no late minutes", "late_minutes", "lte", json!(0)),
        (PUPILS, "pupils named Marsh", "pupil_name", "contains", json!("Marsh")),
        (PUPILS, "pupils whose name starts with A", "pupil_name", "starts_with", json!("A")),
        (PUPILS, "who enrolled earlier than 2023-01-01?", "enrolled_on", "lt", json!("2023-01-01")),
        (PUPILS, "how many pupils enrolled on weekends?", "enrolled_on", "on_weekday", weekend),
        (BILLS, "Which bills are above 7000 euros?", "Net Amount", "gt", json!(7000)),
        (BILLS, "how many bills in march 2024", "Bill Date", "eq", json!("2024-03")),
        (BILLS, "how many bills since 01.02.2024?", "Bill Date", "gte", json!("01.02.2024")),
        (HOUSES, "houses older than 1960", "year_built", "lt", json!(1960)),
        (HOUSES, "which houses are newer than 2000?", "year_built", "gt", json!(2000)),
        (HOUSES, "cheapest house in sale", "state", "eq", json!("in_sale")),
    ];
    for (head, intent, column, op, value) in asked {
        let name = if head == PUPILS {
            "pupils"
        } else if head == BILLS {
            "bills"
        } else {
            "houses"
        };
        let args = query(intent, &[context(name, head)]);
        let wanted = json!([{"column": column, "op": op, "value": value}]);
        assert_eq!(args["where"], wanted, "{intent}: {args}");
    }
}

#[test]
fn the_name_of_a_column_is_no_stretch_of_time() {
    let args = query("total monthly fee of the Team plan", &[context("accounts", PLANS)]);
    assert!(args.get("group_by").is_none(), "{args}");
    assert_eq!(args["aggregate"], json!([{"op": "sum", "column": "Monthly Fee"}]));
    let args = query("what % of accounts are Team?", &[context("accounts", PLANS)]);
    assert_eq!(args["aggregate"][0]["op"], "share", "{args}");
}

#[test]
fn people_are_not_counted_by_rows_of_places() {
    let both = [context("employees", STAFF), context("offices", OFFICES)];
    let args = query("how many people work in Lyon?", &both);
    assert_eq!(args["on"], json!({"column": "office_id", "key": "office_id"}), "{args}");
}
