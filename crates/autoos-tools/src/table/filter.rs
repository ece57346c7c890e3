//! Conditions on cells.

use super::{
    cell::{Cell, Meaning},
    date::{Period, Unit},
    number::Number,
};
use crate::Failure;
use serde::Deserialize;
use serde_json::Value;
use std::cmp::Ordering;

/// How a cell is compared.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Op {
    Eq,
    Ne,
    Lt,
    Lte,
    Gt,
    Gte,
    Between,
    In,
    NotIn,
    Contains,
    NotContains,
    StartsWith,
    EndsWith,
    OnWeekday,
    Empty,
    NotEmpty,
    /// Of groups; of rows `relative` has turned it into a plain one.
    AboveAverage,
    BelowAverage,
    WithinLast,
}

/// A condition as it is asked for.
#[derive(Debug, Clone, Deserialize)]
pub(crate) struct Asked {
    pub(crate) column: String,
    op: Op,
    #[serde(default)]
    value: Value,
    #[serde(default)]
    case_sensitive: bool,
}

/// One condition, or several of which one is enough.
#[derive(Debug, Clone, Deserialize)]
#[serde(untagged)]
pub(crate) enum AskedAny {
    Any { any: Vec<Asked> },
    One(Asked),
}

/// Conditions of which one is enough.
#[derive(Debug)]
pub(crate) struct AnyOf(pub(crate) Vec<Filter>);

impl AnyOf {
    /// # Errors
    /// A value that does not go with its operator.
    pub(crate) fn new(asked: AskedAny) -> Result<Self, Failure> {
        let all = match asked {
            AskedAny::One(one) => vec![one],
            AskedAny::Any { any } => any,
        };
        all.into_iter().map(Filter::new).collect::<Result<_, _>>().map(Self)
    }
}

/// A condition on the cells of one column.
#[derive(Debug, Clone)]
pub(crate) struct Filter {
    pub(crate) column: String,
    op: Op,
    operands: Vec<Operand>,
    case_sensitive: bool,
}

/// A value to compare with, in all that it may mean.
#[derive(Debug, Clone)]
struct Operand {
    text: String,
    number: Option<Number>,
    period: Option<Period>,
}

impl Filter {
    /// # Errors
    /// A value that does not go with its operator.
    pub(crate) fn new(asked: Asked) -> Result<Self, Failure> {
        let Asked { column, op, value, case_sensitive } = asked;
        let wrong = |wanted: &str| {
            Failure::Invalid(format!("the condition on {column:?} needs {wanted} as its value"))
        };
        let values = match (op, value) {
            (Op::Empty | Op::NotEmpty | Op::AboveAverage | Op::BelowAverage, _) => Vec::new(),
            (Op::WithinLast, _) => {
                return Err(Failure::Invalid(
                    "within_last stands in the query's own where, by itself".to_owned(),
                ));
            }
            (Op::In | Op::NotIn | Op::OnWeekday, Value::Array(values)) if !values.is_empty() => {
                values
            }
            (Op::Between, Value::Array(values)) if values.len() == 2 => values,
            (Op::In | Op::NotIn | Op::OnWeekday, _) => return Err(wrong("a list")),
            (Op::Between, _) => return Err(wrong("a list of two")),
            (_, value) => vec![value],
        };
        let mut operands = Vec::new();
        for value in values {
            let operand = Operand::new(&value, case_sensitive);
            operands.push(operand.ok_or_else(|| wrong("text, a number or a truth value"))?);
        }
        let ordered = matches!(op, Op::Lt | Op::Lte | Op::Gt | Op::Gte | Op::Between);
        if ordered && operands.iter().any(|operand| operand.text.is_empty()) {
            return Err(wrong("a number, a date or text to compare with"));
        }
        Ok(Self { column, op, operands, case_sensitive })
    }

    /// Whether a cell meets it. An empty cell is neither smaller nor larger than anything.
    pub(crate) fn test(&self, cell: &Cell) -> bool {
        match self.op {
            Op::Empty => return cell.is_empty(),
            Op::NotEmpty => return !cell.is_empty(),
            _ => {}
        }
        let folded = match self.case_sensitive {
            true => cell.text.trim().to_owned(),
            false => cell.text.trim().to_lowercase(),
        };
        let meaning = cell.meaning();
        let equal = |operand: &Operand| operand.equals(&meaning, &folded);
        let order = |operand: &Operand| operand.order(&meaning, &folded);
        let first = |test: &dyn Fn(&Operand) -> bool| self.operands.first().is_some_and(test);
        match self.op {
            Op::Eq => first(&equal),
            Op::Ne => !first(&equal),
            Op::In => self.operands.iter().any(equal),
            Op::NotIn => !self.operands.iter().any(equal),
            Op::Lt => first(&|operand| order(operand) == Some(Ordering::Less)),
            Op::Gt => first(&|operand| order(operand) == Some(Ordering::Greater)),
            Op::Lte => first(&|operand| order(operand).is_some_and(Ordering::is_le)),
            Op::Gte => first(&|operand| order(operand).is_some_and(Ordering::is_ge)),
            Op::Between => {
                first(&|operand| order(operand).is_some_and(Ordering::is_ge))
                    && self.operands.get(1).and_then(order).is_some_and(Ordering::is_le)
            }
            Op::Contains => first(&|operand| folded.contains(&operand.text)),
            Op::NotContains => !first(&|operand| folded.contains(&operand.text)),
            Op::StartsWith => first(&|operand| folded.starts_with(&operand.text)),
            Op::EndsWith => first(&|operand| folded.ends_with(&operand.text)),
            Op::OnWeekday => match meaning {
                Meaning::Date(day) => {
                    let name = day.name(Unit::Weekday).to_lowercase();
                    self.operands.iter().any(|operand| operand.text.to_lowercase() == name)
                }
                _ => false,
            },
            Op::AboveAverage => first(&|operand| order(operand) == Some(Ordering::Greater)),
            Op::BelowAverage => first(&|operand| order(operand) == Some(Ordering::Less)),
            Op::Empty | Op::NotEmpty | Op::WithinLast => false,
        }
    }

    /// Whether it compares with the average of its column.
    pub(crate) fn of_average(&self) -> bool {
        matches!(self.op, Op::AboveAverage | Op::BelowAverage)
    }

    /// The same against this average.
    pub(crate) fn against(&self, average: Number) -> Self {
        let text = average.text();
        let operand = Operand { number: Some(average), period: None, text };
        Self {
            column: self.column.clone(),
            op: self.op,
            operands: vec![operand],
            case_sensitive: false,
        }
    }
}

impl Operand {
    fn new(value: &Value, case_sensitive: bool) -> Option<Self> {
        let text = match value {
            Value::String(text) => text.trim().to_owned(),
            Value::Number(number) => number.to_string(),
            Value::Bool(value) => value.to_string(),
            Value::Null => String::new(),
            Value::Array(_) | Value::Object(_) => return None,
        };
        let number = Number::read(&text);
        let year = text.parse().ok().filter(|_| text.len() == 4).and_then(Period::year);
        let period = Period::read(&text).or(year);
        let text = if case_sensitive { text } else { text.to_lowercase() };
        Some(Self { text, number, period })
    }

    fn equals(&self, meaning: &Meaning<'_>, folded: &str) -> bool {
        match (meaning, self.number, self.period) {
            (Meaning::Number(cell), Some(number), _) => cell.order(number) == Ordering::Equal,
            (Meaning::Date(cell), _, Some(period)) => {
                (period.start..period.end).contains(&cell.start)
            }
            _ => folded == self.text,
        }
    }

    /// Where the cell stands as seen from this value; none where the two cannot be compared.
    fn order(&self, meaning: &Meaning<'_>, folded: &str) -> Option<Ordering> {
        match (meaning, self.number, self.period) {
            (Meaning::Empty, ..) => None,
            (Meaning::Number(cell), Some(number), _) => Some(cell.order(number)),
            (Meaning::Date(cell), _, Some(period)) => Some(match cell.start {
                start if start < period.start => Ordering::Less,
                start if start >= period.end => Ordering::Greater,
                _ => Ordering::Equal,
            }),
            (Meaning::Text(_), None, None) => Some(folded.cmp(&self.text)),
            _ => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn test(op: &str, value: Value, cell: &str) -> bool {
        let asked = serde_json::from_value(json!({"column": "c", "op": op, "value": value}));
        Filter::new(asked.expect("a condition")).expect("a filter").test(&Cell::plain(cell))
    }

    #[test]
    fn numbers_compare_as_numbers() {
        assert!(test("gt", json!(9), "10") && test("eq", json!("10.0"), "10"));
        assert!(!test("lt", json!(5), "") && !test("lt", json!(5), "n/a"));
        assert!(test("between", json!([1, 10]), "10") && !test("between", json!([1, 10]), "10.1"));
        assert!(test("in", json!([404, 500]), "500") && test("not_in", json!([404]), "500"));
    }

    #[test]
    fn dates_compare_as_stretches() {
        assert!(test("lte", json!("2024-01-31"), "2024-01-31 18:00"));
        assert!(!test("gt", json!("2024-01-31"), "2024-01-31 18:00"));
        assert!(
            test("gt", json!("2024-01"), "2024-02-01") && test("eq", json!(2024), "2024-05-06")
        );
        assert!(test("between", json!(["2024-01-01", "2024-01"]), "2024-01-31T23:59:59Z"));
    }

    #[test]
    fn days_of_the_week_are_told_from_dates() {
        let weekend = json!(["Saturday", "sunday"]);
        assert!(
            test("on_weekday", weekend.clone(), "2025-01-04")
                && test("on_weekday", weekend.clone(), "05.01.2025 10:00")
        );
        assert!(
            !test("on_weekday", weekend.clone(), "2025-01-06")
                && !test("on_weekday", weekend, "Saturday")
        );
    }

    #[test]
    fn text_compares_without_case_unless_asked() {
        assert!(test("eq", json!("ERROR"), "error") && test("contains", json!("OUT"), "time out"));
        let asked = json!({"column": "c", "op": "eq", "value": "ERROR", "case_sensitive": true});
        let filter = Filter::new(serde_json::from_value(asked).expect("asked")).expect("a filter");
        assert!(!filter.test(&Cell::plain("error")) && filter.test(&Cell::plain("ERROR")));
        assert!(test("ne", json!("a"), "") && test("empty", json!(null), " "));
        assert!(test("eq", json!(true), "true") && test("eq", json!("007"), "007"));
        assert!(!test("eq", json!(7), "007"), "a name with zeros is no number");
    }

    #[test]
    fn refuses_values_that_do_not_fit() {
        for (op, value) in [("between", json!(1)), ("in", json!("a")), ("eq", json!({"a": 1}))] {
            let asked = serde_json::from_value(json!({"column": "c", "op": op, "value": value}));
            assert!(Filter::new(asked.expect("asked")).is_err(), "{op}");
        }
    }
}
