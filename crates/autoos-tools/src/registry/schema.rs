//! Arguments against their schema, and what is said when they do not fit.

use jsonschema::{ValidationError, Validator, error::ValidationErrorKind};
use serde_json::Value;

/// As many complaints as one error names.
const COMPLAINTS: usize = 5;

/// A schema, compiled.
#[derive(Debug)]
pub(super) struct Schema {
    validator: Validator,
    /// The names of the arguments, where the schema allows no others.
    closed: Option<Vec<String>>,
}

impl Schema {
    /// # Errors
    /// Says what is wrong with the schema itself.
    pub(super) fn compile(schema: &Value) -> Result<Self, String> {
        if !schema.is_object() {
            return Err("the schema of the arguments is not an object".to_owned());
        }
        let validator = jsonschema::validator_for(schema).map_err(|error| error.to_string())?;
        let properties = schema.get("properties").and_then(Value::as_object);
        let closed = match (schema.get("additionalProperties"), properties) {
            (Some(Value::Bool(false)), Some(known)) => Some(known.keys().cloned().collect()),
            _ => None,
        };
        Ok(Self { validator, closed })
    }

    /// # Errors
    /// Where the arguments do not fit, and what is expected there.
    pub(super) fn check(&self, args: &Value, later: &[&str]) -> Result<(), String> {
        let mut complaints: Vec<String> = Vec::new();
        if let Some(known) = &self.closed {
            for name in later.iter().filter(|name| !known.iter().any(|known| known == *name)) {
                complaints
                    .push(format!("{name}: no such argument; there are {}", known.join(", ")));
            }
        }
        for error in self.validator.iter_errors(args) {
            if !comes_later(&error, later) {
                complaints.push(complaint(&error));
            }
        }
        if complaints.is_empty() {
            return Ok(());
        }
        let more = complaints.len().saturating_sub(COMPLAINTS);
        complaints.truncate(COMPLAINTS);
        let mut said = complaints.join("; ");
        if more > 0 {
            said.push_str(&format!("; and {more} more"));
        }
        Err(said)
    }
}

/// Whether nothing is wrong but that an argument has not arrived yet.
fn comes_later(error: &ValidationError<'_>, later: &[&str]) -> bool {
    if !error.instance_path().as_str().is_empty() {
        return false;
    }
    match error.kind() {
        ValidationErrorKind::Required { property } => {
            property.as_str().is_some_and(|name| later.contains(&name))
        }
        ValidationErrorKind::AnyOf { context } | ValidationErrorKind::OneOfNotValid { context } => {
            context.iter().any(|branch| branch.iter().all(|error| comes_later(error, later)))
        }
        _ => false,
    }
}

fn complaint(error: &ValidationError<'_>) -> String {
    let place = match error.instance_path().as_str() {
        "" => "arguments".to_owned(),
        pointer => pointer.trim_start_matches('/').replace('/', "."),
    };
    format!("{place}: {}", expectation(error))
}

/// What is expected. Values are never repeated: they may be megabytes, or secret.
fn expectation(error: &ValidationError<'_>) -> String {
    match error.kind() {
        ValidationErrorKind::Required { property } => format!("{property} is missing"),
        ValidationErrorKind::AdditionalProperties { unexpected } => {
            format!("no such argument: {}", unexpected.join(", "))
        }
        ValidationErrorKind::Enum { options } => format!("expected one of {options}"),
        ValidationErrorKind::AnyOf { context } | ValidationErrorKind::OneOfNotValid { context } => {
            let ways: Vec<String> = context
                .iter()
                .map(|branch| branch.iter().map(complaint).collect::<Vec<_>>().join(" and "))
                .collect();
            format!("fits none of the allowed forms ({})", ways.join(" | "))
        }
        _ => error.masked().to_string(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn schema() -> Schema {
        Schema::compile(&json!({
            "type": "object",
            "properties": {
                "path": {"type": "string"},
                "text": {"type": "string"},
                "limit": {"type": "integer", "minimum": 1},
                "where": {"type": "array", "items": {"type": "object", "properties": {
                    "op": {"enum": ["eq", "ne"]}}}},
            },
            "anyOf": [{"required": ["path"]}, {"required": ["text"]}],
            "additionalProperties": false,
        }))
        .expect("a schema")
    }

    #[test]
    fn says_where_and_what() {
        let said = schema().check(&json!({"path": "a", "limit": 0}), &[]).unwrap_err();
        assert!(said.starts_with("limit: ") && said.contains('1'), "{said}");
        let said = schema().check(&json!({"path": "a", "where": [{"op": "is"}]}), &[]).unwrap_err();
        assert_eq!(said, r#"where.0.op: expected one of ["eq","ne"]"#);
        let said = schema().check(&json!({"path": "a", "file": 1}), &[]).unwrap_err();
        assert_eq!(said, "arguments: no such argument: file");
    }

    #[test]
    fn does_not_miss_what_comes_later() {
        assert!(schema().check(&json!({}), &[]).is_err());
        schema().check(&json!({}), &["text"]).expect("text comes later");
        schema().check(&json!({"limit": 3}), &["path"]).expect("path comes later");
        assert!(schema().check(&json!({"limit": "3"}), &["path"]).is_err());
        let said = schema().check(&json!({"path": "a"}), &["file"]).unwrap_err();
        assert!(said.contains("file: no such argument"), "{said}");
    }

    #[test]
    fn never_repeats_a_value() {
        let said = schema().check(&json!({"path": ["secret"]}), &[]).unwrap_err();
        assert!(!said.contains("secret"), "{said}");
    }
}
