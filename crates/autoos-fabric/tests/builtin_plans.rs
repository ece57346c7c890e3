//! What the built-in planner makes of intents, without running the plans.

use autoos_fabric::{ContextInfo, Task, builtin::Builtin};
use autoos_kernel::{
    plan::{Plan, Source, Work},
    tool::ToolSpec,
    words::{EffectClass, RiskLevel, TrustLevel},
};
use serde_json::{Value, json};

const LOG: &str =
    "2024-05-01 10:00:00 INFO web: started\n2024-05-01 10:00:05 ERROR web: timeout after 30 s\n";
const SALES: &str = "order_id,date,region,product,status,quantity,amount\n\
    1,2024-01-05,North,apple,paid,3,120.50\n2,2024-02-11,South,pear,failed,1,80\n\
    3,2024-02-15,North,pear,paid,7,310\n4,2024-03-01,West,apple,open,2,99.99\n";

fn context(name: &str, label: &str, head: &str) -> ContextInfo {
    let file = label.contains('.');
    ContextInfo {
        name: name.into(),
        file,
        label: label.into(),
        bytes: head.len() as u64,
        head: head.into(),
    }
}

fn tools() -> Vec<ToolSpec> {
    let names = [
        ("logs.analyze", true),
        ("table.query", true),
        ("text.summarize", true),
        ("fs.search", true),
        ("fs.read", true),
        ("fs.list", false),
        ("http.get", false),
        ("fs.write", false),
    ];
    let spec = |(name, reads): (&str, bool)| ToolSpec {
        name: name.into(),
        description: String::new(),
        arguments: json!({"type": "object"}),
        trust: TrustLevel::Vetted,
        effect: if name == "fs.write" { EffectClass::Effectful } else { EffectClass::Pure },
        reads,
        timeout_ms: 60_000,
    };
    names.into_iter().map(spec).collect()
}

fn ask(intent: &str, contexts: &[ContextInfo]) -> Value {
    let task = Task::Plan {
        intent: intent.into(),
        contexts: contexts.to_vec(),
        risk: RiskLevel::Medium,
        tools: tools().into(),
        refused: None,
        lessons: Vec::new(),
    };
    Builtin::answer(&task).expect("planning always answers").1.expect("a value")
}

/// The tool steps of a plan as `tool @context arguments`.
fn steps(intent: &str, contexts: &[ContextInfo]) -> Vec<String> {
    let value = ask(intent, contexts);
    let plan: Plan =
        serde_json::from_value(value.clone()).unwrap_or_else(|e| panic!("{intent}: {e}: {value}"));
    plan.steps
        .iter()
        .filter_map(|s| match &s.work {
            Work::Tool { name, args, reads } => {
                let what = match reads {
                    Some(Source::Context(name)) => format!(" @{name}"),
                    _ => String::new(),
                };
                let args = if args.is_empty() {
                    String::new()
                } else {
                    format!(" {}", Value::Object(args.clone()))
                };
                Some(format!("{name}{what}{args}"))
            }
            _ => None,
        })
        .collect()
}

#[test]
fn the_ways_to_ask_for_a_log() {
    let one = [context("log", "app.log", LOG)];
    let mut wrong = Vec::new();
    for intent in [
        "Analyze the system logs and identify errors",
        "Analyze system logs and identify errors",
        "analyse the log",
        "Find all errors in the log file",
        "What went wrong?",
        "show me the failures in app.log",
        "Please check the logs for problems.",
        "Could you look through the log and tell me which errors occurred most often?",
        "list distinct errors with counts, first and last time, and an example line each",
        "anlyze the sytem logs and idenitfy erorrs",
        "Are there any exceptions in the log?",
        "summarize the log",
        "how many errors are there in the log?",
        "Read the log, find the errors and report them grouped by severity",
        "Scan app.log for critical issues",
        "review the server log and highlight anomalies",
        "diagnose what went wrong in the logs",
        "I need a report of the errors in the log, please",
        "Give me an overview of the log's errors",
        "detect crashes",
        "when did the first error occur in the log?",
        "What are the most common error messages in the log?",
        "Inspect the attached log. Report the result.",
        "Identify the errors",
        "What errors happened?",
    ] {
        let got = ask(intent, &one);
        if got.get("unable").is_some() || steps(intent, &one) != ["logs.analyze @log"] {
            wrong.push(format!("{intent}: {got}"));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    // A setting beside it changes nothing.
    let beside = [context("priority", "priority", "high"), context("log", "app.log", LOG)];
    assert_eq!(steps("Analyze system logs and identify errors", &beside), ["logs.analyze @log"]);
}

#[test]
fn several_logs_are_steps_side_by_side() {
    let two = [context("web", "web.log", LOG), context("db", "db.log", LOG)];
    for intent in [
        "find the errors in both logs and say which service had more",
        "Compare the errors in web and db",
        "Analyze the logs and identify errors. Which one has more?",
        "which of the two logs has more errors?",
    ] {
        assert_eq!(steps(intent, &two), ["logs.analyze @web", "logs.analyze @db"], "{intent}");
    }
    assert_eq!(steps("find the errors in the db log", &two), ["logs.analyze @db"]);
    let value = ask("find the errors in both logs and say which service had more", &two);
    let plan: Plan = serde_json::from_value(value).expect("a plan");
    assert_eq!(plan.goals.0.len(), 2);
    let tool = |w: &Work| matches!(w, Work::Tool { .. });
    assert!(
        plan.steps
            .iter()
            .filter(|s| tool(&s.work))
            .all(|s| s.inputs.is_empty() && s.after.is_empty())
    );
    assert_eq!(plan.result, "answer");
}

#[test]
fn questions_over_a_table() {
    let one = [context("sales", "sales.csv", SALES)];
    let mut wrong = Vec::new();
    for (intent, wanted) in [
        ("How many orders are there?", r#""aggregate":[{"op":"count"}]"#),
        (
            "count the orders above 100 in sales.csv",
            r#""where":[{"column":"amount","op":"gt","value":100}],"aggregate":[{"op":"count"}]"#,
        ),
        (
            "What is the total amount per region?",
            r#""group_by":["region"],"aggregate":[{"op":"sum","column":"amount"}],"sort":[{"column":"sum_amount","descending":true}]"#,
        ),
        (
            "average quantity by product",
            r#""group_by":["product"],"aggregate":[{"op":"avg","column":"quantity"}],"sort":[{"column":"avg_quantity","descending":true}]"#,
        ),
        (
            "how many failed orders are in sales.csv",
            r#""where":[{"column":"status","op":"eq","value":"failed"}],"aggregate":[{"op":"count"}]"#,
        ),
        (
            "Which region had the highest revenue?",
            r#""group_by":["region"],"aggregate":[{"op":"sum","column":"amount"}],"sort":[{"column":"sum_amount","descending":true}],"limit":1,"ties":true"#,
        ),
        ("What is the highest amount?", r#""aggregate":[{"op":"max","column":"amount"}]"#),
        (
            "top 3 orders by amount",
            r#""sort":[{"column":"amount","descending":true}],"limit":3,"ties":true"#,
        ),
        (
            "how many orders were placed in February 2024?",
            r#""where":[{"column":"date","op":"eq","value":"2024-02"}],"aggregate":[{"op":"count"}]"#,
        ),
        (
            "total amount of paid orders from North since 2024-02-01",
            r#""where":[{"column":"date","op":"gte","value":"2024-02-01"},{"column":"status","op":"eq","value":"paid"},{"column":"region","op":"eq","value":"North"}],"aggregate":[{"op":"sum","column":"amount"}]"#,
        ),
        (
            "how many distinct products are there?",
            r#""aggregate":[{"op":"distinct","column":"product"}]"#,
        ),
        (
            "number of orders per month",
            r#""group_by":[{"column":"date","unit":"month","as":"month"}],"aggregate":[{"op":"count"}],"sort":[{"column":"month","descending":false}]"#,
        ),
        (
            "list the orders with amount between 90 and 130",
            r#""where":[{"column":"amount","op":"between","value":[90,130]}],"limit":50"#,
        ),
        (
            "which product has the most orders?",
            r#""group_by":["product"],"aggregate":[{"op":"count"}],"sort":[{"column":"count","descending":true}],"limit":1,"ties":true"#,
        ),
        (
            "what is the total and average amount",
            r#""aggregate":[{"op":"sum","column":"amount"},{"op":"avg","column":"amount"}]"#,
        ),
        (
            "sum of quantity where status is not paid",
            r#""where":[{"column":"status","op":"ne","value":"paid"}],"aggregate":[{"op":"sum","column":"quantity"}]"#,
        ),
        (
            "Which region has the highest average amount?",
            r#""group_by":["region"],"aggregate":[{"op":"avg","column":"amount"}],"sort":[{"column":"avg_amount","descending":true}],"limit":1,"ties":true"#,
        ),
        (
            "show the distinct regions",
            r#""group_by":["region"],"aggregate":[{"op":"count"}],"sort":[{"column":"count","descending":true}]"#,
        ),
        (
            "how many orders are from North or South?",
            r#""where":[{"column":"region","op":"in","value":["North","South"]}],"aggregate":[{"op":"count"}]"#,
        ),
        (
            "How much did we sell in total in March 2024?",
            r#""where":[{"column":"date","op":"eq","value":"2024-03"}],"aggregate":[{"op":"sum","column":"amount"}]"#,
        ),
        (
            "which order has the largest quantity?",
            r#""sort":[{"column":"quantity","descending":true}],"limit":1,"ties":true"#,
        ),
        (
            "how many orders where quantity is at least 3 and status is paid",
            r#""where":[{"column":"quantity","op":"gte","value":3},{"column":"status","op":"eq","value":"paid"}],"aggregate":[{"op":"count"}]"#,
        ),
        (
            "what is the average amount of orders with quantity > 1?",
            r#""where":[{"column":"quantity","op":"gt","value":1}],"aggregate":[{"op":"avg","column":"amount"}]"#,
        ),
        (
            "show me the most recent order",
            r#""sort":[{"column":"date","descending":true}],"limit":1,"ties":true"#,
        ),
        (
            "how many orders where status is cancelled",
            r#""where":[{"column":"status","op":"eq","value":"cancelled"}],"aggregate":[{"op":"count"}]"#,
        ),
        (
            "What percentage of orders failed?",
            r#""aggregate":[{"op":"share","where":[{"column":"status","op":"eq","value":"failed"}]}]"#,
        ),
        (
            "median amount per region",
            r#""group_by":["region"],"aggregate":[{"op":"median","column":"amount"}],"sort":[{"column":"median_amount","descending":true}]"#,
        ),
        (
            "count orders by status",
            r#""group_by":["status"],"aggregate":[{"op":"count"}],"sort":[{"column":"count","descending":true}]"#,
        ),
    ] {
        let got = ask(intent, &one);
        let wanted = format!(r#"table.query @sales {{"format":"csv",{wanted}}}"#);
        if got.get("unable").is_some() {
            wrong.push(format!("{intent}: {got}"));
        } else if steps(intent, &one) != [wanted.clone()] {
            wrong.push(format!("{intent}:\n  {wanted}\n  {}", steps(intent, &one).join("\n  ")));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn compound_intents_have_several_goals() {
    let notes = "We met on Monday. Ann will write the plan.\nBob was ill.\n";
    let all = [
        context("notes", "notes.txt", notes),
        context("sales", "sales.csv", SALES),
        context("app", "app.log", LOG),
    ];
    let count = r#"table.query @sales {"format":"csv","where":[{"column":"amount","op":"gt","value":100}],"aggregate":[{"op":"count"}]}"#;
    assert_eq!(
        steps("summarise the notes and count the orders above 100 in sales.csv", &all),
        ["text.summarize @notes", count]
    );
    let intent = "Find the errors in the log, summarize notes.txt in 2 sentences and tell me the total amount in sales.csv; save it to out/report.md";
    let four = steps(intent, &all);
    assert_eq!(four.len(), 4, "{four:?}");
    assert!(four[3].starts_with("fs.write") && four[3].contains("out/report.md"), "{four:?}");
    assert_eq!(
        steps("search for Ann in the notes", &all),
        [r#"fs.search @notes {"pattern":"Ann"}"#]
    );
    assert_eq!(
        steps("check http://localhost:1234/health and https://example.com", &[]),
        [
            r#"http.get {"url":"http://localhost:1234/health"}"#,
            r#"http.get {"url":"https://example.com"}"#
        ]
    );
}

/// Why it declines, and what it asks for.
fn needs(intent: &str, contexts: &[ContextInfo]) -> String {
    let value = ask(intent, contexts);
    let Some(unable) = value.get("unable") else { return format!("planned: {value}") };
    format!("{} | {}", unable["reason"], unable["needs"])
}

#[test]
fn declines_and_says_what_it_would_need() {
    let sales = [context("sales", "sales.csv", SALES)];
    let log = [context("log", "app.log", LOG)];
    let priority = [context("priority", "priority", "high")];
    let model = "a language model: set";
    let mut wrong = Vec::new();
    for (intent, contexts, need) in [
        ("Analyze system logs and identify errors", &priority[..], "--context log=@"),
        ("Analyze the system logs and identify errors", &[], "--context log=@"),
        ("Write a poem about autumn", &[], model),
        ("Translate the notes into German", &log, model),
        ("What do you think about our sales?", &sales, model),
        ("Why did the server fail?", &log, model),
        ("Suggest how to fix the errors", &log, model),
        ("Analyze the log and suggest fixes", &log, model),
        ("Predict next month's sales", &sales, model),
        ("Delete the old log files", &log, "deletes"),
        ("Send the report to bob@example.com", &sales, "sends messages"),
        ("send the weekly sales report", &sales, "sends messages"),
        ("Restart the web server", &[], "runs programs"),
        ("Buy milk", &[], "payments"),
        ("What is the capital of France?", &[], model),
        ("What is the total refund per region?", &sales, "column's own name"),
        ("how many orders are from Atlantis", &sales, "Atlantis"),
        ("summarize the notes", &[], "--context notes=@"),
        ("count the rows", &[], "--context table=@"),
        ("find the errors in both logs", &log, "each log as a context"),
        ("Finde bitte alle Fehler und zähle sie", &log, "English"),
        ("", &[], "a sentence"),
        ("   \n", &[], "a sentence"),
        ("check the endpoint", &[], "the address"),
        ("Find the errors in the log and email them to ops", &log, "sends messages"),
    ] {
        let said = needs(intent, contexts);
        if !said.contains(need) {
            wrong.push(format!("{intent}: {said}"));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}
