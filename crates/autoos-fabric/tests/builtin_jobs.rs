//! The jobs of the built-in engine end to end, on files that the test writes: plan, real tools,
//! verdict, answer. Every answer is grounded in full, and says the true figures.

mod builtin_node;

use autoos_kernel::words::RiskLevel;
use builtin_node::{DB, Done, EVENTS, NOTES, Node, PEOPLE, SALES, WEB};

fn node() -> Node {
    let node = Node::new(&[]);
    for (name, content) in [
        ("web.log", WEB),
        ("db.log", DB),
        ("sales.csv", SALES),
        ("people.json", PEOPLE),
        ("events.jsonl", EVENTS),
        ("notes.txt", NOTES),
    ] {
        node.file(name, content);
    }
    node
}

const ONE_LOG: &[(&str, &str)] = &[("log", "@web.log")];
const LOGS: &[(&str, &str)] = &[("web", "@web.log"), ("db", "@db.log")];
const SALE: &[(&str, &str)] = &[("sales", "@sales.csv")];
const STAFF: &[(&str, &str)] = &[("people", "@people.json")];
const EVENT: &[(&str, &str)] = &[("events", "@events.jsonl")];
const TEXT: &[(&str, &str)] = &[("notes", "@notes.txt")];
const MANY: &[(&str, &str)] = &[
    ("web", "@web.log"),
    ("db", "@db.log"),
    ("sales", "@sales.csv"),
    ("notes", "@notes.txt"),
    ("people", "@people.json"),
];

type Job<'a> = (&'a str, &'a [(&'a str, &'a str)], &'a [&'a str]);

/// Intents and what their answers must say.
const JOBS: &[Job<'_>] = &[
    // Logs.
    (
        "Analyze the system logs and identify errors",
        ONE_LOG,
        &["5 errors", "2 distinct", "ERROR × 3", "ERROR × 2", "10 records", "line 2", "line 9"],
    ),
    ("What went wrong?", ONE_LOG, &["5 errors", "timeout after"]),
    ("how many errors are in the log?", ONE_LOG, &["5 errors"]),
    ("list the warnings in the log", ONE_LOG, &["1 warning", "queue is"]),
    (
        "find the errors in both logs and say which service had more",
        LOGS,
        &[
            "`web` had more errors: 5 errors, against 2 errors in `db`",
            "deadlock detected in table orders",
        ],
    ),
    ("Compare the errors in web and db", LOGS, &["`web` had more errors"]),
    ("Find the errors in db", LOGS, &["2 errors", "deadlock"]),
    ("Scan web.log and db.log for failures; which had fewer?", LOGS, &["against 2 errors in `db`"]),
    ("show lines containing \"refused\" in the web log", LOGS, &["2 lines match", "10.0.0.9"]),
    (
        "Which errors happened between 10:02 and 10:05?",
        ONE_LOG,
        &["3 errors", "ERROR × 2: connection"],
    ),
    ("find the errors since 2024-05-01 10:05 in the log", ONE_LOG, &["2 errors"]),
    ("what went wrong before 10:01:00?", ONE_LOG, &["1 error"]),
    // Tables.
    ("How many orders are there?", SALE, &["8 rows"]),
    ("count the orders above 100 in sales.csv", SALE, &["4 rows", "of 8"]),
    ("How many orders have failed?", SALE, &["2 rows"]),
    ("What is the total amount?", SALE, &["1,421.49"]),
    ("What is the total amount per region?", SALE, &["600.99", "West", "475.5", "345"]),
    (
        "Which region had the highest revenue?",
        SALE,
        &["`West` has the highest total `amount`: 600.99"],
    ),
    (
        "which product has the lowest total amount?",
        SALE,
        &["`plum` has the lowest total `amount`: 250"],
    ),
    ("average amount of paid orders", SALE, &["170.13"]),
    ("top 2 orders by amount", SALE, &["501", "310"]),
    ("How many orders were placed in March 2024?", SALE, &["3 rows"]),
    ("number of orders per month", SALE, &["2024-02", "2024-03"]),
    ("how many orders with quantity of at least 3 from North?", SALE, &["2 rows"]),
    ("What is the largest quantity?", SALE, &["Highest `quantity` 9"]),
    ("show the orders where status is open", SALE, &["99.99", "60"]),
    ("sum of amount for South and West", SALE, &["945.99"]),
    (
        "which products have more than 2 orders?",
        SALE,
        &["apple", "pear", "2 rows meet the condition, of 3 groups"],
    ),
    ("Which products were sold in South?", SALE, &["pear", "plum", "apple", "3 of 8 rows"]),
    ("What is the average order value?", SALE, &["Average `amount` 177.69"]),
    ("How many items were sold in total?", SALE, &["8 rows"]),
    ("sum amount where product = 'pear' and status = 'failed'", SALE, &["581"]),
    ("What was the revenue in February?", SALE, &["390"]),
    ("revenue per month in 2024", SALE, &["2024-02", "390", "349.99"]),
    ("which month had the highest sales?", SALE, &["2024-04", "561"]),
    ("What are the regions?", SALE, &["North", "South", "West"]),
    ("what columns does sales.csv have?", SALE, &["order_id", "quantity", "8 rows"]),
    ("show me the most recent order", SALE, &["One row of", "2024-04-18"]),
    ("How much revenue did apples generate?", SALE, &["280.49"]),
    ("tl;dr of notes.txt", TEXT, &["billing service"]),
    ("how many different products are there?", SALE, &["3"]),
    ("total amount between 2024-02-01 and 2024-03-31", SALE, &["739.99"]),
    ("minimum and maximum amount by status", SALE, &["501", "45", "310"]),
    ("How many people are in each team?", STAFF, &["core", "3"]),
    ("What is the average age?", STAFF, &["38.2"]),
    ("Who is the oldest person?", STAFF, &["Dee", "52"]),
    ("how many people live in Oslo", STAFF, &["2 rows"]),
    ("List the names of the people in the core team", STAFF, &["Ada", "Cid", "Eve"]),
    ("average age by city, please", STAFF, &["42.5", "35", "36"]),
    ("count the logins in events.jsonl", EVENT, &["3 rows"]),
    ("what is the average ms per action?", EVENT, &["185", "245", "15"]),
    ("which user has the most events?", EVENT, &["`u1` has the most rows: 3"]),
    ("how many events took more than 100 ms", EVENT, &["3 rows"]),
    ("how manny distinct users are there?", EVENT, &["3"]),
    // Texts.
    ("Summarise the notes", TEXT, &["billing service"]),
    ("give me the gist of notes.txt in 2 sentences", TEXT, &["billing service"]),
    ("what are the key points of the notes?", TEXT, &["billing service"]),
    ("search for Ann in the notes", TEXT, &["2 lines match"]),
    ("how many lines of notes.txt mention 'migration'?", TEXT, &["2 lines match"]),
    // Several at once.
    (
        "Summarise the notes and count the orders above 100 in sales.csv",
        MANY,
        &["billing service", "4 rows"],
    ),
    (
        "Find the errors in the web log, count the orders in sales.csv and tell me the average age in people.json",
        MANY,
        &["5 errors", "8 rows", "38.2"],
    ),
    (
        "Which log has more errors, web or db? How many failed orders are in sales.csv?",
        MANY,
        &["`web` had more errors", "2 rows"],
    ),
    (
        "Read sales.csv. What is the total amount for paid orders? And how many are there?",
        MANY,
        &["680.5"],
    ),
];

#[test]
fn every_job_says_the_true_figures_and_is_grounded() {
    let node = node();
    let mut wrong = Vec::new();
    for (intent, contexts, wanted) in JOBS {
        match node.run(intent, contexts) {
            Err(said) => wrong.push(format!("## {intent}\ndeclined or failed: {said}")),
            Ok(done) => {
                let missing: Vec<&&str> =
                    wanted.iter().filter(|w| !done.answer.contains(**w)).collect();
                let unsupported: Vec<String> =
                    done.grounding.unsupported().map(|c| c.sentence()).collect();
                let long = done
                    .answer
                    .lines()
                    .find(|l| l.chars().count() > 100 && !done.answer.contains("Lunch"));
                if !missing.is_empty()
                    || !unsupported.is_empty()
                    || done.confidence.value <= 0.85
                    || long.is_some()
                    || !sound(&done)
                {
                    wrong.push(format!(
                        "## {intent}\nmissing {missing:?}\nunsupported {unsupported:?}\nlong {long:?}\nconfidence {:?}\nverdict {:?}\n{}",
                        done.confidence.value, done.verdict, done.answer
                    ));
                }
            }
        }
    }
    eprintln!("{} of {} jobs done", JOBS.len() - wrong.len(), JOBS.len());
    assert!(wrong.is_empty(), "{}", wrong.join("\n\n"));
}

fn sound(done: &Done) -> bool {
    done.verdict.as_ref().is_some_and(|v| v.supported && v.confidence >= 0.9)
}

#[test]
fn the_result_goes_to_the_file_that_the_intent_names() {
    let node = node();
    let path = node.path("out/report.md");
    let intent = format!("Find the errors in the log and save the report to {}", path.display());
    let done = node.run_at(&intent, ONE_LOG, RiskLevel::Critical).expect("it runs");
    assert_eq!(std::fs::read_to_string(&path).expect("written"), done.answer);
    assert!(
        done.outputs["verify-save"]["supported"] == serde_json::json!(true),
        "{:?}",
        done.outputs["verify-save"]
    );
}

#[test]
fn inline_material_and_folders_are_read_too() {
    let node = node();
    let done = node.run("identify the errors", &[("log", WEB)]).expect("it runs");
    assert!(done.answer.contains("5 errors"), "{}", done.answer);
    let done = node.run("What is the total amount?", &[("sales", SALES)]).expect("it runs");
    assert!(done.answer.contains("1,421.49"), "{}", done.answer);
    let files = node.path(".").display().to_string();
    let done = node.run(&format!("search for deadlock in {files}"), &[]).expect("it runs");
    assert!(
        done.answer.contains("2 lines match") && done.answer.contains("db.log"),
        "{}",
        done.answer
    );
    let done = node.run(&format!("list the files in {files}"), &[]).expect("it runs");
    assert!(
        done.answer.contains("sales.csv") && done.grounding.unsupported().count() == 0,
        "{}",
        done.answer
    );
}

#[test]
fn endpoints_are_asked() {
    let (sender, receiver) = std::sync::mpsc::channel();
    let server = std::thread::spawn(move || {
        let runtime =
            tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
        runtime.block_on(async move {
            let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.expect("a port");
            sender.send(listener.local_addr().expect("an address")).expect("somebody listens");
            let app = axum::Router::new().route("/health", axum::routing::get(|| async { "ok" }));
            axum::serve(listener, app).await.expect("it serves");
        });
    });
    let address = receiver.recv().expect("an address");
    let node = Node::new(&[address.to_string()]);
    let intent =
        format!("Check whether http://{address}/health and http://{address}/nothing are up");
    let done = node.run(&intent, &[]).expect("it runs");
    assert!(done.answer.contains("/health is up: status 200 OK"), "{}", done.answer);
    assert!(done.answer.contains("status 404"), "{}", done.answer);
    assert_eq!(
        done.grounding.unsupported().count(),
        0,
        "{:?}",
        done.grounding.unsupported().collect::<Vec<_>>()
    );
    drop(server);
}

#[test]
fn what_it_cannot_do_it_declines_by_name() {
    let node = node();
    let model = "a language model: set";
    for (intent, contexts, need) in [
        ("Write a haiku about the errors", ONE_LOG, model),
        ("Translate the notes into French", TEXT, model),
        ("Explain why the billing service was slow", TEXT, model),
        ("Should we migrate the search service?", TEXT, model),
        ("Which of the two logs do you think is better written?", LOGS, model),
        ("Rewrite the notes in a friendlier tone", TEXT, model),
        ("Predict the sales of May", SALE, model),
        ("Recommend which product to drop", SALE, model),
        ("Draft an email to the customers", SALE, model),
        ("Delete all failed orders from sales.csv", SALE, "deletes"),
        ("Email the summary of the notes to ann@example.com", TEXT, "sends messages"),
        ("Restart the web service", LOGS, "runs programs"),
        ("Rename web.log to old.log", LOGS, "changes or moves"),
        ("What is the total discount?", SALE, "column"),
        ("How many orders came from Narnia?", SALE, "Narnia"),
        ("Analyze the logs", &[], "--context log=@"),
        ("Summarize the text", &[], "--context notes=@"),
        ("Which errors happened in March?", ONE_LOG, "times with their day"),
        (
            "count the rows",
            &[("sales", "@sales.csv"), ("people", "@people.json")],
            "the table's name",
        ),
        (
            "join people and sales and count the pairs",
            &[("sales", "@sales.csv"), ("people", "@people.json")],
            model,
        ),
    ] {
        let said = node.run(intent, contexts).map(|done| format!("it answered: {}", done.answer));
        let said = said.expect_err(intent);
        assert!(said.contains(need), "{intent}: {said}");
    }
}

/// Real logs, where they are at hand: every claim is grounded, and the counts are those of a plain
/// search for the level.
#[test]
fn real_logs_are_reported_in_full() {
    let data = std::env::var_os("AUTOOS_TEST_DATA").map_or_else(
        || std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("../../../shared/data"),
        std::path::PathBuf::from,
    );
    let node = Node::new(&[]);
    let mut seen = 0;
    for entry in std::fs::read_dir(data.join("loghub")).into_iter().flatten().flatten() {
        let name = entry.file_name().to_string_lossy().into_owned();
        if !name.ends_with(".log") {
            continue;
        }
        let text =
            String::from_utf8_lossy(&std::fs::read(entry.path()).expect("readable")).into_owned();
        node.file(&name, &text);
        let source = format!("@{name}");
        let done = node
            .run("Analyze the system logs and identify errors", &[("log", &source)])
            .expect("it runs");
        let unsupported: Vec<String> = done.grounding.unsupported().map(|c| c.sentence()).collect();
        assert!(unsupported.is_empty(), "{name}: {unsupported:?}");
        assert!(done.confidence.value > 0.85 && sound(&done), "{name}: {:?}", done.confidence);
        // Levels that stand for errors, in the two ways in which logs mark them.
        let marked =
            text.lines().filter(|l| l.contains("[error]") || l.contains(" - ERROR ")).count();
        if marked > 0 {
            assert!(
                done.answer.contains(&format!("\n{marked} errors in `log`")),
                "{name}: {marked}: {}",
                done.answer
            );
        }
        let listed = done.answer.lines().filter(|l| l.contains(" × ")).count();
        let distinct = done.outputs["analyze-log"]["errors"]["distinct"].as_u64().expect("a count");
        assert!(listed as u64 >= distinct.min(50), "{name}: {listed} of {distinct}");
        seen += 1;
    }
    if seen == 0 {
        eprintln!("skipped: no logs below {}; set AUTOOS_TEST_DATA", data.display());
    }
}
