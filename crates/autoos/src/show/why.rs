//! Why a workflow came out as it did: in short what was out of the ordinary, at length everything.

use super::{dollars, duration, line, number, rows, tame, text, wrap::labelled};
use serde_json::Value;

/// Claims that are shown in short.
const CLAIMS_SHORT: usize = 5;
/// Lines of the result that are shown in short.
const RESULT_SHORT: usize = 6;
const LABEL: usize = 10;

/// The account.
pub(crate) fn why(why: &Value, long: bool) {
    let id = text(why, "workflow");
    line(&format!("workflow  {id} is {}", text(why, "state")));
    if why["erased"] == Value::Bool(true) {
        line("          its texts were erased; what was decided and what it cost is still told");
    }
    asked(why);
    plans(why, long);
    line("\nsteps");
    for found in rows(why, "steps") {
        step(found, long);
    }
    questions(why);
    lessons(why);
    outcome(why, long);
    let all = rows(why, "claims");
    let shown = if long { all.len() } else { short(all).min(all.len()) };
    if !all.is_empty() {
        line("\nclaims    what the result says, and what that rests on");
    }
    for found in in_order(all).into_iter().take(shown) {
        claim(found, long);
    }
    if all.len() > shown {
        line(&format!("  … {} more: autoos why {id} --long", all.len() - shown));
    }
    costs(why);
    if long {
        line("\ntime line");
        for moment in rows(why, "timeline") {
            let what = tame(&text(moment, "what"));
            labelled(&format!("  {}  ", text(moment, "at")), &what);
        }
    } else if !all.is_empty() {
        line(&format!("\nmore      autoos why {id} --long, or one claim: autoos why {id} TEXT"));
    }
}

/// Claims alone, each with the whole way back.
pub(crate) fn claims(why: &Value) {
    for found in rows(why, "claims") {
        claim(found, true);
    }
}

fn label(name: &str) -> String {
    format!("{name:<LABEL$}")
}

fn asked(why: &Value) {
    let asked = &why["asked"];
    let intent = asked["intent"].as_str().unwrap_or("(erased)");
    labelled(&label("asked"), &tame(intent));
    let contexts: Vec<String> =
        rows(asked, "contexts").iter().map(|context| text(context, "name")).collect();
    let with = match asked.get("contexts").and_then(Value::as_array) {
        Some(list) if !list.is_empty() => format!(", with {}", contexts.join(", ")),
        _ => String::new(),
    };
    let said = format!(
        "by {} of {} at {}, {} risk, up to {}{with}",
        text(asked, "user"),
        text(asked, "tenant"),
        text(asked, "at"),
        text(asked, "risk"),
        dollars(number(asked, "budget_microusd")),
    );
    labelled(&label(""), &tame(&said));
    if let Some(fork) = why.get("forked").filter(|fork| !fork.is_null()) {
        let model = match text(fork, "model") {
            model if model.is_empty() => String::new(),
            model => format!(", asking {model} wherever it may be asked"),
        };
        labelled(
            &label("forked"),
            &format!(
                "from the first {} events of {} by {}{model}",
                number(fork, "events"),
                text(fork, "parent"),
                text(fork, "by")
            ),
        );
    }
    let Some(reading) = why.get("reading").filter(|reading| !reading.is_null()) else { return };
    let said = [text(reading, "summary"), text(reading, "task_kind")];
    let said: Vec<String> = said.into_iter().filter(|said| !said.is_empty()).collect();
    if !said.is_empty() {
        labelled(&label("read as"), &tame(&said.join(", ")));
    }
    for goal in rows(reading, "goals") {
        let goal: Vec<&str> = rows(goal, "").iter().filter_map(Value::as_str).collect();
        labelled(&label(""), &tame(&format!("goal {}", goal.join(": "))));
    }
    if text(reading, "risk") != text(asked, "risk") {
        labelled(&label(""), &format!("the plan counts it as {} risk", text(reading, "risk")));
    }
}

fn plans(why: &Value, long: bool) {
    for plan in rows(why, "plans") {
        let because = match text(plan, "because") {
            because if because.is_empty() => String::new(),
            because => format!(", because {because}"),
        };
        let by = text(plan, "by");
        let problems = names(plan, "problems");
        if plan["revision"].is_null() {
            let why = problems.join("; ");
            labelled(&label("plan"), &tame(&format!("by {by} was refused{because}: {why}")));
            continue;
        }
        let steps: Vec<&Value> = rows(plan, "steps").iter().collect();
        labelled(
            &label("plan"),
            &format!(
                "revision {} by {by}{because}: {} steps, at most {}",
                number(plan, "revision"),
                steps.len(),
                dollars(number(plan, "worst_case_microusd"))
            ),
        );
        if let Some(changes) = plan.get("changes").filter(|changes| !changes.is_null()) {
            for (name, mark) in
                [("kept", "="), ("again", "↻"), ("changed", "~"), ("dropped", "-"), ("new", "+")]
            {
                let steps = names(changes, name);
                if !steps.is_empty() {
                    line(&format!("            {mark} {name:<8} {}", steps.join(", ")));
                }
            }
        }
        if long {
            for step in &steps {
                let parts: Vec<&str> = rows(step, "").iter().filter_map(Value::as_str).collect();
                labelled("            · ", &tame(&parts.join(": ")));
            }
        }
    }
}

/// The words of a list of words.
fn names(value: &Value, field: &str) -> Vec<String> {
    let list = value.get(field).and_then(Value::as_array).into_iter().flatten();
    list.filter_map(|word| word.as_str().map(str::to_owned)).collect()
}

fn step(step: &Value, long: bool) {
    let attempts = step["attempts"].as_array().map_or(&[][..], Vec::as_slice);
    let sure = match step["confidence"].as_f64() {
        Some(sure) => format!(", confidence {sure:.2}"),
        None => String::new(),
    };
    line(&format!(
        "  {:<16} {:<15} {}{sure}",
        text(step, "id"),
        text(step, "state"),
        text(step, "work"),
    ));
    if let Some(review) = step.get("review").filter(|review| !review.is_null()) {
        self::review(review);
    }
    let plain = attempts.len() == 1 && list(step, "climbs").is_empty();
    for attempt in attempts {
        if !plain || long || attempt["choice"].is_object() {
            self::attempt(attempt, long);
        }
        for climb in list(step, "climbs") {
            let after = climb["at"].as_str() >= attempt["started"].as_str();
            let next = attempts.iter().find(|a| number(a, "attempt") > number(attempt, "attempt"));
            let before = next.is_none_or(|next| climb["at"].as_str() <= next["started"].as_str());
            let mine = match climb["attempt"].as_u64() {
                Some(led_to) => Some(led_to) == next.map(|next| number(next, "attempt")),
                None => after && before && next.is_none(),
            };
            if mine {
                self::climb(climb);
            }
        }
    }
    if attempts.is_empty() {
        list(step, "climbs").iter().for_each(self::climb);
    }
    let waits = list(step, "waits");
    if let Some(last) = waits.last() {
        let times =
            if waits.len() == 1 { "once".to_owned() } else { format!("{} times", waits.len()) };
        let said = format!("no model could be asked, {times}, last at {}: ", text(last, "at"));
        labelled("    waited    ", &tame(&(said + &text(last, "reason"))));
    }
    for (name, says) in [("taken", "counts"), ("given_up", "gave up"), ("evaluated", "looked at")] {
        let said = text(step, name);
        if !said.is_empty() && (long || name != "evaluated") {
            labelled(&format!("    {says:<10}"), &tame(&said));
        }
    }
}

fn list<'a>(value: &'a Value, field: &str) -> &'a [Value] {
    value.get(field).and_then(Value::as_array).map_or(&[], Vec::as_slice)
}

fn review(review: &Value) {
    let reviewers = names(review, "reviewers");
    let by = match reviewers.is_empty() {
        true => String::new(),
        false => format!(" by one of {}", reviewers.join(", ")),
    };
    let lesson = match review["lesson"].as_u64() {
        Some(number) => format!("; lesson {number} asks for it"),
        None => String::new(),
    };
    let ceiling = match review["ceiling"].as_f64() {
        Some(most) => format!("; at most {most:.2}: {}", text(review, "ceiling_reason")),
        None => String::new(),
    };
    let asked = text(review, "assurance");
    labelled("    made sure ", &format!("{asked}{by}{ceiling}{lesson}"));
}

fn attempt(attempt: &Value, long: bool) {
    let who = match text(attempt, "model") {
        model if model.is_empty() => "the tool".to_owned(),
        model => model,
    };
    let (purpose, outcome) = (text(attempt, "purpose"), text(attempt, "outcome"));
    let did = match (purpose.as_str(), outcome.as_str()) {
        ("review", "completed") => "judged the answer and found nothing against it".to_owned(),
        ("review", "failed") => "judged the answer".to_owned(),
        ("second", "failed") => "was to answer independently".to_owned(),
        ("second", _) => "answered independently".to_owned(),
        (_, "failed") => String::new(),
        (_, "answered") => "answered; others look at it first".to_owned(),
        (_, outcome) => outcome.replace('_', " "),
    };
    let exit = match (text(attempt, "exit"), text(attempt, "detail")) {
        (exit, _) if exit.is_empty() => String::new(),
        (exit, detail) if detail.is_empty() => format!(" {exit}"),
        (exit, detail) => format!(" {exit}: {detail}"),
    };
    let sure = match attempt["confidence"].as_f64() {
        Some(sure) => format!(", confidence {sure:.2}"),
        None => String::new(),
    };
    let money = match number(attempt, "cost_microusd") {
        0 => String::new(),
        cost => format!(", {}", dollars(cost)),
    };
    let took = match attempt["took_ms"].as_u64() {
        Some(ms) => format!(", {}", duration(ms)),
        None => String::new(),
    };
    let said = format!("{who} {did}{exit}{sure}{took}{money}").replace("  ", " ");
    labelled(&format!("    {:>2}  ", number(attempt, "attempt")), &tame(&said));
    if let Some(choice) = attempt.get("choice").filter(|choice| choice.is_object()) {
        let explored =
            if choice["explored"] == Value::Bool(true) { " (to learn about it)" } else { "" };
        labelled("        chosen: ", &tame(&format!("{}{explored}", text(choice, "reason"))));
        for score in list(choice, "scores").iter().filter(|_| long) {
            let note = text(score, "note");
            let value = score["score"].as_f64().unwrap_or(0.0);
            labelled("          ", &tame(&format!("{value:.2}  {}  {note}", text(score, "model"))));
        }
    }
    let verified = attempt.get("verification").filter(|v| v.is_object());
    if let Some(verified) = verified.filter(|_| long || purpose == "review" || outcome == "failed")
    {
        recipe(verified, "        ", long);
    }
}

fn climb(climb: &Value) {
    let what = match text(climb, "rung").as_str() {
        "retry" => "1 the same agent tries again".to_owned(),
        "replace_agent" => "2 a fresh agent takes over".to_owned(),
        "swap_llm" => match text(climb, "without") {
            model if model.is_empty() => "3 another model is asked".to_owned(),
            model => format!("3 another model is asked instead of {model}"),
        },
        "mutate_strategy" => "4 another plan is made around it".to_owned(),
        "escalate" => "5 a human is asked".to_owned(),
        other => other.to_owned(),
    };
    let tried = match text(climb, "tried") {
        tried if tried.is_empty() => String::new(),
        tried => format!(" after {tried}"),
    };
    let wait = match number(climb, "wait_ms") {
        0 => String::new(),
        ms => format!(" in {}", duration(ms)),
    };
    let came = match text(climb, "came_of_it") {
        came if came.is_empty() => String::new(),
        came => format!("; {came}"),
    };
    let said = format!("rung {what}{wait}, because of {}{tried}{came}", text(climb, "exit"));
    labelled("      ↻ ", &tame(&said));
}

fn questions(why: &Value) {
    let all = list(why, "questions");
    if !all.is_empty() {
        line("\nasked of a human");
    }
    for question in all {
        let answered = match text(question, "answer") {
            answer if answer.is_empty() => format!("open until {}", text(question, "due")),
            answer => format!("{} answered {answer}", text(question, "by")),
        };
        let said = format!(
            "step {} ({}): {}: {answered}",
            text(question, "step"),
            text(question, "exit"),
            text(question, "detail")
        );
        labelled(&format!("  {:>2}  ", number(question, "number")), &tame(&said));
    }
}

fn lessons(why: &Value) {
    let all = list(why, "lessons");
    if !all.is_empty() {
        line("\nlessons");
    }
    for lesson in all {
        let of = match text(lesson, "step") {
            step if step.is_empty() => String::new(),
            step => format!("for step {step}: "),
        };
        let sentence = match text(lesson, "sentence") {
            sentence if sentence.is_empty() => "the book has it no longer".to_owned(),
            sentence => sentence,
        };
        let said = format!("{of}{} ({sentence})", text(lesson, "does"));
        labelled(&format!("  {:>2}  ", number(lesson, "number")), &tame(&said));
    }
}

fn outcome(why: &Value, long: bool) {
    let outcome = &why["outcome"];
    line("");
    if let Some(failure) = outcome["failure"].as_str() {
        return labelled(&label("failed"), &tame(failure));
    }
    let value = match &outcome["value"] {
        Value::Null if why["state"] != "completed" => return line("result    none yet"),
        Value::Null => "(erased)".to_owned(),
        Value::String(text) => text.clone(),
        other => format!("{other:#}"),
    };
    let lines = value.lines().count();
    let shown = if long { lines } else { RESULT_SHORT };
    let value: Vec<&str> = value.lines().take(shown).collect();
    labelled(&label("result"), &tame(&value.join("\n")));
    if lines > shown {
        line(&format!("          … {} more lines", lines - shown));
    }
    match outcome["confidence"].as_f64() {
        Some(sure) => line(&format!("          confidence {sure:.2}")),
        None => line("          confidence not measured: it is a tool's own output"),
    }
    if outcome["verification"].is_object() {
        recipe(&outcome["verification"], "          ", long);
    }
}

/// How a confidence came about.
fn recipe(verified: &Value, indent: &str, long: bool) {
    let summary = text(verified, "summary");
    if !summary.is_empty() {
        labelled(indent, &tame(&summary));
    }
    for claim in names(verified, "unsupported") {
        labelled(&format!("{indent}✗ "), &tame(&claim));
    }
    for problem in names(verified, "problems") {
        labelled(&format!("{indent}! "), &tame(&problem));
    }
    for part in list(verified, "recipe").iter().filter(|_| long) {
        let number = |name: &str| part[name].as_f64().unwrap_or(0.0);
        let (value, weight) = (number("value"), number("weight"));
        line(&format!("{indent}{:<24} {value:.2} × {weight:.2}", tame(&text(part, "name"))));
    }
}

/// How many claims are worth showing in short: what is not supported, and a few more.
fn short(all: &[Value]) -> usize {
    let against = all.iter().filter(|claim| claim["status"] == "unsupported").count();
    against.max(CLAIMS_SHORT)
}

/// Claims with what is unsupported first.
fn in_order(all: &[Value]) -> Vec<&Value> {
    let mut claims: Vec<&Value> = all.iter().collect();
    claims.sort_by_key(|claim| claim["status"] != "unsupported");
    claims
}

fn claim(claim: &Value, long: bool) {
    let mark = match text(claim, "status").as_str() {
        "supported" => '✓',
        "unsupported" => '✗',
        _ => '?',
    };
    let said = format!(
        "{} ({}) {}: {}",
        text(claim, "text"),
        text(claim, "kind"),
        text(claim, "status"),
        text(claim, "how")
    );
    labelled(&format!("  {mark} {:>2}  ", number(claim, "number")), &tame(&said));
    if long {
        labelled("         in  ", &tame(&text(claim, "within")));
    }
    let nearest = text(claim, "nearest");
    if mark == '✗' && !nearest.is_empty() {
        labelled("         nearest  ", &tame(&nearest));
    }
    let chain = list(claim, "rests_on");
    let from = if long { 0 } else { chain.len().saturating_sub(1) };
    for ground in &chain[from..] {
        let who = match (text(ground, "step"), text(ground, "tool"), text(ground, "model")) {
            (step, tool, _) if !tool.is_empty() => {
                format!("step {step}, {tool} (attempt {})", number(ground, "attempt"))
            }
            (step, _, model) if !step.is_empty() => format!("step {step}, {model}"),
            _ => format!("context {}", text(ground, "context")),
        };
        let path = match text(ground, "path") {
            path if path.is_empty() => String::new(),
            path => format!(" at {path}"),
        };
        let there = match &ground["record"] {
            Value::Null => text(ground, "excerpt"),
            Value::String(text) => text.clone(),
            record => record.to_string(),
        };
        labelled("         ← ", &tame(&format!("{who}{path}: {there}")));
    }
}

fn costs(why: &Value) {
    let costs = &why["costs"];
    line(&format!(
        "\ncost      {} of {}, of it {} on attempts that failed and {} on second answers and verdicts",
        dollars(number(costs, "spent_microusd")),
        dollars(number(costs, "granted_microusd")),
        dollars(number(costs, "failed_microusd")),
        dollars(number(costs, "review_microusd")),
    ));
    for (of, name) in [("step", "by_step"), ("model", "by_model")] {
        for part in list(costs, name).iter().filter(|part| number(part, "cost_microusd") > 0) {
            line(&format!(
                "          {of} {:<26} {:>11}  {} attempts, {} failed, {} tokens in, {} out",
                text(part, "key"),
                dollars(number(part, "cost_microusd")),
                number(part, "attempts"),
                number(part, "failed"),
                number(&part["tokens"], "input"),
                number(&part["tokens"], "output"),
            ));
        }
    }
}
