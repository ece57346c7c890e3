use super::*;
use std::collections::BTreeSet;

/// The routes as the router's source has them: axum does not list them.
fn routed() -> BTreeSet<(String, String)> {
    let mut found = BTreeSet::new();
    for line in include_str!("mod.rs").split(".route(\"").skip(1) {
        let (path, rest) = line.split_once('"').expect("a path");
        let handlers = rest.split(".route").next().unwrap_or_default();
        for method in ["get", "post", "put", "delete"] {
            let called = [format!(", {method}("), format!(".{method}("), format!(" {method}(")];
            if called.iter().any(|call| handlers.contains(call.as_str())) {
                found.insert((method.to_owned(), path.to_owned()));
            }
        }
    }
    found
}

#[test]
fn every_route_is_described_and_nothing_else() {
    let described: BTreeSet<_> =
        ROUTES.iter().map(|(method, path, ..)| (method.to_string(), path.to_string())).collect();
    let mut routed = routed();
    assert!(routed.len() > 20, "the source was read: {routed:?}");
    // Pages for people are no part of the API.
    routed.remove(&("get".into(), "/".into()));
    routed.remove(&("get".into(), "/docs".into()));
    assert_eq!(described, routed);
}

#[test]
fn every_reference_leads_somewhere_and_every_shape_is_used() {
    fn walk(value: &Value, found: &mut BTreeSet<String>) {
        match value {
            Value::Object(object) => {
                if let Some(Value::String(to)) = object.get("$ref") {
                    found.insert(to.trim_start_matches("#/components/schemas/").to_owned());
                }
                object.values().for_each(|value| walk(value, found));
            }
            Value::Array(values) => values.iter().for_each(|value| walk(value, found)),
            _ => {}
        }
    }
    let document = document();
    let mut used = BTreeSet::from(["Change".to_owned(), "Entry".to_owned()]);
    walk(&document, &mut used);
    let shapes = document["components"]["schemas"].as_object().expect("shapes");
    assert_eq!(used, shapes.keys().cloned().collect());
}

#[test]
fn operations_have_ids_of_their_own_and_parameters_for_their_paths() {
    let document = document();
    let mut ids = BTreeSet::new();
    for (path, methods) in document["paths"].as_object().expect("paths") {
        for operation in methods.as_object().expect("methods").values() {
            let id = operation["operationId"].as_str().expect("an id");
            assert!(ids.insert(id.to_owned()), "{id} is there twice");
            let parameters = operation["parameters"].as_array().cloned().unwrap_or_default();
            let names: Vec<_> = parameters.iter().filter_map(|p| p["name"].as_str()).collect();
            for part in path.split('/').filter_map(|part| part.strip_prefix('{')) {
                assert!(names.contains(&part.trim_end_matches('}')), "{id} lacks {part}");
            }
        }
    }
}
