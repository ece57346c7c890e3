//! The whole tool on inline tables, and its sums against naive ones.

use super::*;
use proptest::prelude::*;

const SALES: &str = "\u{feff}date,region,product,amount,note\n\
    2024-01-05,North,apple,\"1,200.50\",\"a, \"\"quoted\"\" note\"\n\
    2024-01-20,South,pear,0.1,\n\
    2024-02-01,North,pear,0.2,\"two\nlines\"\n\
    2024-02-29 10:30,south,apple,n/a,x\n\
    2024-03-01,North,apple,-3,\n";

fn query(mut args: Value, text: &str) -> Result<Value, Failure> {
    args["text"] = json!(text);
    let files = Files::new(&[], &[], None).expect("no files");
    let call = ToolCall {
        tool: "table.query".into(),
        args,
        idempotency_key: None,
        deadline: None,
        granted: vec![],
        stop: crate::Stop::default(),
    };
    TableQuery::new(files).call(&call).map(|result| result.output)
}

fn rows(args: Value, text: &str) -> Value {
    query(args, text).expect("a result")["rows"].clone()
}

#[test]
fn groups_and_adds_up() {
    let output = query(
        json!({
            "group_by": ["region"],
            "aggregate": [{"op": "count"}, {"op": "sum", "column": "amount"},
                {"op": "avg", "column": "Amount", "as": "mean"},
                {"op": "min", "column": "date"}, {"op": "distinct", "column": "product"}],
            "sort": [{"column": "count", "descending": true}],
        }),
        SALES,
    )
    .expect("a result");
    assert_eq!(
        output["columns"],
        json!(["region", "count", "sum_amount", "mean", "min_date", "distinct_product"])
    );
    assert_eq!(
        output["rows"],
        json!([
            ["North", 3, 1197.7, 399.233_333_333_333_35, "2024-01-05", 2],
            ["South", 1, 0.1, 0.1, "2024-01-20", 1],
            ["south", 1, null, null, "2024-02-29 10:30", 1],
        ])
    );
    assert_eq!((&output["matched"], &output["groups"]), (&json!(5), &json!(3)));
    assert_eq!(output["skipped"][0]["example"], json!("n/a"));
}

const VISITS: &str = "day,city,who,paid\n\
    2024-01-01,Rome,ann,10\n2024-01-03,Rome,bob,30\n2024-01-09,Oslo,ann,20\n\
    2024-04-02,Oslo,cid,20\n2024-04-02,Rome,bob,\n";

#[test]
fn medians_percentiles_ranges_and_shares() {
    let all = json!([
        {"op": "median", "column": "paid"},
        {"op": "percentile", "p": 90, "column": "paid"},
        {"op": "range", "column": "paid"},
        {"op": "share", "column": "paid", "where": [{"column": "city", "op": "eq", "value": "Rome"}],
            "as": "rome"},
        {"op": "share", "where": [{"column": "city", "op": "eq", "value": "Rome"}], "as": "rows"},
        {"op": "count", "where": [{"column": "who", "op": "eq", "value": "ann"}], "as": "anns"},
    ]);
    assert_eq!(rows(json!({"aggregate": all}), VISITS), json!([[20, 27, 20, 50, 60, 2]]));
    let share = json!({"group_by": ["city"], "aggregate": [{"op": "share"}],
        "sort": [{"column": "share"}]});
    assert_eq!(rows(share, VISITS), json!([["Oslo", 40], ["Rome", 60]]));
    let nothing = json!({"aggregate": [{"op": "share", "column": "paid"}, {"op": "median", "column": "paid"}],
        "where": [{"column": "city", "op": "eq", "value": "Bonn"}]});
    assert_eq!(rows(nothing, VISITS), json!([[null, null]]));
    for bad in [
        json!({"op": "median"}),
        json!({"op": "percentile", "column": "paid"}),
        json!({"op": "sum", "column": "paid", "p": 5}),
    ] {
        assert!(query(json!({"aggregate": [bad]}), VISITS).is_err());
    }
}

#[test]
fn one_condition_of_several_is_enough() {
    let either = json!({"where": [{"any": [{"column": "city", "op": "eq", "value": "Oslo"},
        {"column": "paid", "op": "gt", "value": 25}]}], "aggregate": [{"op": "count"}]});
    assert_eq!(rows(either, VISITS), json!([[3]]));
}

#[test]
fn so_many_rows_of_each_and_ties() {
    let best = json!({"sort": [{"column": "paid", "descending": true}],
        "per": {"by": ["city"], "rows": 1}, "ties": true, "select": ["city", "who"]});
    assert_eq!(rows(best, VISITS), json!([["Rome", "bob"], ["Oslo", "ann"], ["Oslo", "cid"]]));
    let most = json!({"group_by": ["who"], "aggregate": [{"op": "count"}],
        "sort": [{"column": "count", "descending": true}], "limit": 1, "ties": true});
    assert_eq!(rows(most, VISITS), json!([["ann", 2], ["bob", 2]]));
    let first = json!({"group_by": ["city", "who"], "aggregate": [{"op": "sum", "column": "paid"}],
        "sort": [{"column": "sum_paid", "descending": true}], "per": {"by": ["city"], "rows": 1}});
    assert_eq!(rows(first, VISITS), json!([["Rome", "bob", 30], ["Oslo", "ann", 20]]));
}

#[test]
fn another_table_stands_beside_the_rows() {
    let people = json!({"columns": ["who", "team"], "rows": [["ann", "red"], ["bob", "blue"]]});
    let on = json!({"column": "who", "key": "who"});
    let asked = json!({"join": people, "on": on, "group_by": ["team"],
        "aggregate": [{"op": "sum", "column": "paid"}], "sort": [{"column": "team"}]});
    let output = query(asked, VISITS).expect("a result");
    assert_eq!(output["rows"], json!([["blue", 30], ["red", 30], [null, 20]]));
    assert_eq!(output["without_partner"], json!(1));
    let twice = json!({"columns": ["who", "team"], "rows": [["ann", "red"], ["Ann", "blue"]]});
    let said = query(json!({"join": twice, "on": on, "group_by": ["team"]}), VISITS);
    assert!(said.expect_err("ambiguous").to_string().contains("several rows"));
    let cut = json!({"columns": ["who"], "rows": [], "truncated": true});
    assert!(query(json!({"join": cut, "on": on, "group_by": ["who"]}), VISITS).is_err());
}

#[test]
fn records_of_logs_are_rows() {
    let access = "1.2.3.4 - - [14/Apr/2025:08:02:11 +0200] \"GET /a HTTP/1.1\" 200 51 \"-\" \"x\"\n\
        1.2.3.5 - - [14/Apr/2025:09:02:11 +0200] \"GET /b HTTP/1.1\" 404 - \"-\" \"x\"\n\
        garbage\n";
    let asked = json!({"format": "log", "group_by": [{"column": "time", "unit": "hour", "as": "hour"}],
        "aggregate": [{"op": "count"}, {"op": "sum", "column": "bytes"}]});
    let output = query(asked, access).expect("a result");
    assert_eq!(output["rows"], json!([["2025-04-14 08:00", 1, 51], ["2025-04-14 09:00", 1, 0]]));
    assert_eq!(output["malformed"], json!(1));
    let service = "2025-04-14 08:15:09 ERROR [pool] none free\n  at Pool.take\n\
        2025-04-14 08:16:00 INFO [mail] sent\n";
    let asked = json!({"format": "log", "select": ["clock", "level", "source", "message"]});
    assert_eq!(
        rows(asked, service),
        json!([
            ["08:15:09", "error", "pool", "none free\n  at Pool.take"],
            ["08:16:00", "info", "mail", "sent"]
        ])
    );
}

#[test]
fn filters_and_sorts_rows() {
    let picked = rows(
        json!({
            "select": ["product", "amount"],
            "where": [{"column": "region", "op": "eq", "value": "SOUTH"},
                {"column": "date", "op": "between", "value": ["2024-01", "2024-02"]}],
        }),
        SALES,
    );
    assert_eq!(picked, json!([["pear", 0.1], ["apple", "n/a"]]));
    let sorted = rows(
        json!({"select": ["amount"], "sort": [{"column": "amount", "descending": true}], "limit": 3}),
        SALES,
    );
    assert_eq!(sorted, json!([["n/a"], [1200.5], [0.2]]));
    let note = rows(
        json!({"select": ["note"], "where": [
        {"column": "note", "op": "contains", "value": "quoted"}]}),
        SALES,
    );
    assert_eq!(note, json!([["a, \"quoted\" note"]]));
}

#[test]
fn groups_by_month_and_keeps_conditions_on_groups() {
    let months = rows(
        json!({
            "group_by": [{"column": "date", "unit": "month", "as": "month"}],
            "aggregate": [{"op": "count"}],
            "having": [{"column": "count", "op": "gt", "value": 1}],
            "sort": [{"column": "month"}],
        }),
        SALES,
    );
    assert_eq!(months, json!([["2024-01", 2], ["2024-02", 2]]));
}

#[test]
fn one_row_for_everything_even_for_nothing() {
    let none = json!([{"column": "region", "op": "eq", "value": "East"}]);
    let aggregate = json!([{"op": "count"}, {"op": "sum", "column": "amount"},
        {"op": "max", "column": "amount"}]);
    let output = query(json!({"where": none, "aggregate": aggregate}), SALES).expect("a result");
    assert_eq!(output["rows"], json!([[0, 0, null]]));
    assert_eq!((&output["matched"], &output["scanned"]), (&json!(0), &json!(5)));
}

#[test]
fn the_same_table_in_every_format() {
    let csv = "user.name,n,zip,ok\nAda,1,007,true\nBob,2.5,,false\n";
    let tsv = csv.replace(',', "\t");
    let semicolons = csv.replace(',', ";");
    let lines = "{\"user\":{\"name\":\"Ada\"},\"n\":1,\"zip\":\"007\",\"ok\":true}\n\
        {\"user\":{\"name\":\"Bob\"},\"n\":2.5,\"zip\":null,\"ok\":false}\n";
    let array = format!("[{}]", lines.trim().replace('\n', ","));
    let inside = format!("{{\"total\": 2, \"list\": [1], \"items\": {array}, \"next\": null}}");
    for text in [csv, &tsv, &semicolons, lines, &array, &inside] {
        let picked = rows(json!({"select": ["user.name", "n", "zip", "ok"], "limit": 9}), text);
        assert_eq!(picked, json!([["Ada", 1, "007", true], ["Bob", 2.5, null, false]]), "{text}");
    }
}

#[test]
fn describes_a_table() {
    let output = query(json!({}), SALES).expect("a description");
    assert_eq!(output["columns"], json!(["date", "region", "product", "amount", "note"]));
    let kinds: Vec<&str> = output["schema"]
        .as_array()
        .expect("columns")
        .iter()
        .filter_map(|c| c["type"].as_str())
        .collect();
    assert_eq!(kinds, ["date", "text", "text", "text", "text"], "4 of 5 numbers are too few");
    assert_eq!(output["schema"][1]["examples"], json!(["North", "South", "south"]));
    assert_eq!(output["schema"][0]["max"], json!("2024-03-01"));
    assert_eq!(output["scanned"], json!(5));
    let part = query(json!({"sample_rows": 2}), SALES).expect("a description");
    assert_eq!((&part["scanned"], &part["complete"]), (&json!(2), &json!(false)));
    assert_eq!(part["schema"][3]["type"], json!("number"));
}

#[test]
fn says_what_is_wrong() {
    for (args, text, said) in [
        (
            json!({"select": ["price"]}),
            "a,b\n1,2\n",
            "there is no column \"price\"; there are: a, b",
        ),
        (json!({"aggregate": [{"op": "sum"}]}), "a\n1\n", "aggregate sum: name the column"),
        (json!({"limit": 1}), "[{\"a\": 1}, {\"a\"", "this is no JSON"),
        (json!({"limit": 1, "format": "jsonl"}), "a,b\n1,2\n", "no line of this is JSON"),
        (json!({"limit": 1}), "a\0b", "NUL"),
        (json!({"select": ["a"], "group_by": ["a"]}), "a\n1\n", "select goes with plain rows"),
        (
            json!({"group_by": ["a"], "aggregate": [{"op": "count", "as": "a"}]}),
            "a\n1\n",
            "two columns",
        ),
    ] {
        let failure = query(args, text).expect_err(said).to_string();
        assert!(failure.contains(said), "{failure}");
    }
}

#[test]
fn ragged_and_broken_rows_are_counted() {
    let output = query(json!({"limit": 9}), "a,b\n1\n2,3,4\n5,6\n").expect("a result");
    assert_eq!(output["rows"], json!([[1, null], [2, 3], [5, 6]]));
    assert_eq!((&output["malformed"], &output["first_malformed_row"]), (&json!(2), &json!(1)));
    let output = query(json!({"limit": 9}), "{\"a\":1}\n{\"a\":\n{\"a\":3}\n").expect("a result");
    assert_eq!(output["rows"], json!([[1], [3]]));
    assert_eq!((&output["malformed"], &output["first_malformed_row"]), (&json!(1), &json!(2)));
}

#[test]
fn a_row_without_end_is_refused() {
    let text = format!("a,b\n1,\"{}", "x".repeat(40_000_000));
    let failure = query(json!({"limit": 1}), &text).expect_err("too long");
    assert!(failure.to_string().contains("quotation mark"), "{failure}");
}

#[test]
fn empty_tables() {
    assert_eq!(query(json!({}), "").expect("nothing")["columns"], json!([]));
    assert_eq!(query(json!({}), "a,b\n").expect("a header")["columns"], json!(["a", "b"]));
    assert_eq!(rows(json!({"limit": 5}), "[]"), json!([]));
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    /// Sums, counts, minima and maxima per group are those of a plain loop over integers of cents.
    #[test]
    fn figures_are_those_of_a_plain_loop(
        list in prop::collection::vec((0_u8..4, -1_000_000_i64..1_000_000), 1..60)
    ) {
        let mut csv = "g,v\n".to_owned();
        let mut naive = std::collections::BTreeMap::new();
        for (group, cents) in &list {
            let sign = if *cents < 0 { "-" } else { "" };
            csv.push_str(&format!("g{group},{sign}{}.{:02}\n", cents.abs() / 100, cents.abs() % 100));
            naive.entry(format!("g{group}")).or_insert_with(Vec::new).push(*cents);
        }
        let output = rows(json!({
            "group_by": ["g"],
            "aggregate": [{"op": "sum", "column": "v"}, {"op": "count", "column": "v"},
                {"op": "min", "column": "v"}, {"op": "max", "column": "v"}],
            "sort": [{"column": "g"}],
        }), &csv);
        #[allow(clippy::cast_precision_loss)]
        let value = |cents: i64| match cents % 100 {
            0 => json!(cents / 100),
            _ => json!(format!("{}", cents as f64 / 100.0).parse::<f64>().expect("a float")),
        };
        let wanted: Vec<Value> = naive.iter().map(|(group, cents)| json!([
            group,
            value(cents.iter().sum()),
            cents.len(),
            value(*cents.iter().min().expect("one")),
            value(*cents.iter().max().expect("one")),
        ])).collect();
        prop_assert_eq!(output, Value::Array(wanted));
    }

    /// What a sorted and cut result holds is the beginning of the whole sorted table.
    #[test]
    fn the_first_few_are_the_first_few(
        list in prop::collection::vec(-50_i64..50, 0..3000), limit in 1_usize..20
    ) {
        let mut csv = "v\n".to_owned();
        list.iter().for_each(|value| csv.push_str(&format!("{value}\n")));
        let output = rows(json!({"sort": [{"column": "v"}], "limit": limit}), &csv);
        let mut sorted = list;
        sorted.sort_unstable();
        let wanted: Vec<Value> = sorted.iter().take(limit).map(|value| json!([value])).collect();
        prop_assert_eq!(output, Value::Array(wanted));
    }

    /// Any text at all is either a table or a failure, never a panic.
    #[test]
    fn any_text_is_survived(text in ".{0,200}") {
        let _ = query(json!({}), &text);
        let _ = query(json!({"limit": 3}), &text);
    }
}

#[test]
fn a_place_of_the_order_is_shared_by_what_sorts_alike() {
    let table = "who,pay\nann,9\nbob,9\ncy,7\ndee,7\neve,1\nfay,\n";
    let at = |place: u64, descending: bool| {
        let sort = json!([{"column": "pay", "descending": descending}]);
        rows(json!({"select": ["who"], "sort": sort, "place": place}), table)
    };
    assert_eq!(at(1, true), json!([["ann"], ["bob"]]));
    assert_eq!(at(2, true), json!([["cy"], ["dee"]]));
    assert_eq!(at(3, true), json!([["eve"]]));
    assert_eq!(at(4, true), json!([]), "what is empty has no place");
    assert_eq!(at(2, false), json!([["cy"], ["dee"]]));
    let grouped = json!({
        "group_by": ["pay"], "aggregate": [{"op": "count"}],
        "sort": [{"column": "count", "descending": true}], "place": 2,
    });
    assert_eq!(rows(grouped, table), json!([[1, 1], [null, 1]]));
    assert!(query(json!({"place": 2}), table).is_err(), "of no order");
}

#[test]
fn rows_and_groups_are_held_against_the_average() {
    let table = "city,pay\nrome,1\nrome,2\noslo,9\nbern,\n";
    let above = |op: &str| {
        let mut args = json!({"select": ["pay"], "where": [{"column": "pay", "op": op}]});
        args["sort"] = json!([{"column": "pay"}]);
        query(args, table).expect("a result")
    };
    let output = above("above_average");
    assert_eq!((&output["rows"], &output["relative"][0]["of"]), (&json!([[9]]), &json!(4)));
    assert_eq!(above("below_average")["rows"], json!([[1], [2]]));
    // Of the rows that meet the rest.
    let both = json!({"where": [{"column": "pay", "op": "above_average"},
        {"column": "city", "op": "eq", "value": "rome"}]});
    assert_eq!(rows(both, table), json!([["rome", 2]]));
    let none = json!({"where": [{"column": "pay", "op": "above_average"},
        {"column": "city", "op": "eq", "value": "paris"}]});
    assert!(query(none, table).is_err(), "there is no average of no rows");
    let groups = json!({"group_by": ["city"], "aggregate": [{"op": "sum", "column": "pay"}],
        "having": [{"column": "sum_pay", "op": "above_average"}]});
    let output = query(groups, table).expect("a result");
    assert_eq!((&output["rows"], &output["relative"][0]["of"]), (&json!([["oslo", 9]]), &json!(4)));
    let text = json!({"where": [{"column": "city", "op": "above_average"}]});
    assert!(query(text, table).is_err(), "names have no average");
}

#[test]
fn what_is_last_is_counted_from_the_end_of_the_column() {
    let times = "at,n\n2024-05-01 10:00:00,1\n2024-05-01 11:30:00,2\n2024-05-01 12:15:30,3\n";
    let last = |n: u64, unit: &str, table: &str| {
        let value = json!({"n": n, "unit": unit});
        query(
            json!({"select": ["n"], "where": [{"column": "at", "op": "within_last", "value": value}]}),
            table,
        )
    };
    let output = last(1, "hour", times).expect("a result");
    assert_eq!(output["rows"], json!([[2], [3]]));
    assert_eq!(output["relative"][0]["from"], "2024-05-01 11:15:30");
    // The end is that of the data, whatever else is asked.
    let both = json!({"where": [{"column": "n", "op": "lt", "value": 3},
        {"column": "at", "op": "within_last", "value": {"n": 1, "unit": "hour"}}], "select": ["n"]});
    assert_eq!(rows(both, times), json!([[2]]));
    let days = "at,n\n2024-04-29,1\n2024-04-30,2\n2024-05-01,3\n";
    assert_eq!(last(2, "day", days).expect("a result")["rows"], json!([[2], [3]]));
    assert!(last(1, "hour", days).is_err(), "days have no hours");
    assert!(last(1, "month", days).is_err(), "months differ");
}

#[test]
fn a_measure_changes_from_row_to_row() {
    let table = "day,pay\n2024-01-05,10\n2024-02-01,15\n2024-03-01,0\n2024-04-01,3\n";
    let args = json!({"group_by": [{"column": "day", "unit": "month", "as": "month"}],
        "aggregate": [{"op": "sum", "column": "pay"}], "sort": [{"column": "month"}],
        "change": "sum_pay"});
    let output = query(args, table).expect("a result");
    assert_eq!(
        output["columns"],
        json!(["month", "sum_pay", "change_sum_pay", "percent_change_sum_pay"])
    );
    let expected = json!([
        ["2024-01", 10, null, null],
        ["2024-02", 15, 5, 50],
        ["2024-03", 0, -15, -100],
        ["2024-04", 3, 3, null],
    ]);
    assert_eq!(output["rows"], expected);
}

#[test]
fn a_log_has_its_pairs_and_its_machines_as_columns() {
    let logfmt = "ts=2024-05-01T10:00:00Z level=info msg=\"took it\" service=web duration_ms=12\n\
        ts=2024-05-01T10:00:01Z level=error msg=\"no luck\" service=db duration_ms=90 code=\"a b\"\n\
        ts=2024-05-01T10:00:02Z level=info msg=ok service=web duration_ms=30\n";
    let args = json!({"format": "log", "group_by": ["service"],
        "aggregate": [{"op": "avg", "column": "duration_ms"}], "sort": [{"column": "service"}]});
    assert_eq!(rows(args, logfmt), json!([["db", 90], ["web", 21]]));
    let mixed = "2024-05-01 10:00:00 INFO web: done user=ann (took=5)\n\
        2024-05-01 10:00:01 INFO web: done user=\"bob b\", took=7\n\
        2024-05-01 10:00:02 WARN web: slow a==b http://x/?q=1\n";
    let args = json!({"format": "log", "select": ["user", "took", "level"]});
    assert_eq!(
        rows(args, mixed),
        json!([["ann", 5, "info"], ["bob b", 7, "info"], [null, null, "warning"]])
    );
    let syslog = "Jun 14 15:16:01 combo sshd[1]: in\nJun 14 15:16:02 hall sshd[1]: in\n\
        Jun 14 15:16:03 combo cron[2]: ran\n";
    let args = json!({"format": "log", "group_by": ["host"], "sort": [{"column": "host"}]});
    assert_eq!(rows(args, syslog), json!([["combo", 2], ["hall", 1]]));
}
