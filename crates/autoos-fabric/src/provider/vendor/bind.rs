//! Which schemas a vendor can bind an answer to.
//!
//! Vendors take a part of JSON Schema and refuse the rest of it with an error, so what is sent is
//! the part that all three take; the answer is held against the whole schema anyway. A schema
//! with objects of unknown fields cannot be sent at all: it would forbid what it means to allow.

use serde_json::{Map, Value};

/// Rules that narrow a value and can be left to the check afterwards.
const LEFT_OUT: &[&str] = &[
    "minimum",
    "maximum",
    "exclusiveMinimum",
    "exclusiveMaximum",
    "multipleOf",
    "minLength",
    "maxLength",
    "pattern",
    "format",
    "minItems",
    "maxItems",
    "uniqueItems",
    "minProperties",
    "maxProperties",
    "default",
    "examples",
    "$schema",
    "$id",
    "$comment",
    "title",
];
/// What is sent as it is.
const SENT: &[&str] = &["type", "required", "enum", "const", "description"];
/// A schema deeper than this is left to the check.
const DEEPEST: usize = 10;

/// The part of a schema that vendors can be bound to; none when that would change its meaning.
pub(super) fn bindable(schema: &Value) -> Option<Value> {
    let root = schema.as_object()?;
    (root.get("type")? == "object").then(|| object(root, 0)).flatten()
}

fn any(schema: &Value, depth: usize) -> Option<Value> {
    object(schema.as_object()?, depth)
}

fn object(schema: &Map<String, Value>, depth: usize) -> Option<Value> {
    if depth > DEEPEST {
        return None;
    }
    let mut sent = Map::new();
    for (rule, value) in schema {
        let value = match rule.as_str() {
            rule if SENT.contains(&rule) => value.clone(),
            rule if LEFT_OUT.contains(&rule) => continue,
            "properties" => {
                let fields = value.as_object()?.iter();
                let fields: Option<Map<_, _>> = fields
                    .map(|(name, field)| Some((name.clone(), any(field, depth + 1)?)))
                    .collect();
                Value::Object(fields?)
            }
            "items" => any(value, depth + 1)?,
            "anyOf" => {
                let either: Option<Vec<_>> =
                    value.as_array()?.iter().map(|part| any(part, depth + 1)).collect();
                Value::Array(either?)
            }
            "additionalProperties" if *value == Value::Bool(false) => value.clone(),
            _ => return None,
        };
        sent.insert(rule.clone(), value);
    }
    let is_object = sent.get("type").is_some_and(|kind| kind == "object");
    let has_fields =
        sent.get("properties").and_then(Value::as_object).is_some_and(|fields| !fields.is_empty());
    // Without a type nothing is said, and without fields nothing could be answered.
    let says = ["type", "anyOf", "enum", "const"].iter().any(|rule| sent.contains_key(*rule));
    (says && (!is_object || has_fields)).then_some(Value::Object(sent))
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn closed_schemas_are_sent_without_what_vendors_refuse() {
        let schema = json!({
            "type": "object",
            "properties": {
                "n": {"type": "number", "minimum": 0, "maximum": 1, "description": "how sure"},
                "l": {"type": "array", "maxItems": 3, "items": {"enum": ["a", "b"]}},
            },
            "required": ["n"],
        });
        let sent = json!({
            "type": "object",
            "properties": {
                "n": {"type": "number", "description": "how sure"},
                "l": {"type": "array", "items": {"enum": ["a", "b"]}},
            },
            "required": ["n"],
        });
        assert_eq!(bindable(&schema), Some(sent));
    }

    #[test]
    fn open_and_exotic_schemas_are_not_sent() {
        for schema in [
            json!({"type": "array", "items": {"type": "string"}}),
            json!({"type": "object"}),
            json!({"type": "object", "properties": {"x": {"type": "object"}}}),
            json!({"type": "object", "properties": {"x": {}}}),
            json!({"type": "object", "properties": {"x": {"type": "string"}},
                   "additionalProperties": {"type": "string"}}),
            json!({"type": "object", "properties": {"x": {"$ref": "#/$defs/y"}}}),
            json!({"type": "object", "properties": {"x": {"type": "string"}}, "not": {}}),
            json!(true),
        ] {
            assert_eq!(bindable(&schema), None, "{schema}");
        }
    }
}
