//! The JSON Schema of the language, made from the table of keys.

use serde_json::{Map as Object, Value, json};

use crate::language::{HOST, Key, Kind, Map, Since};

/// The JSON Schema (2020-12) of the language. It says what single keys may hold; the rules between keys are
/// the parser's alone.
pub fn schema() -> Value {
    let mut definitions = Object::new();
    definitions.insert(
        "variable".to_owned(),
        json!({
            "description": "A value that holds `${NAME}` or `${NAME:-default}`.",
            "type": "string",
            "pattern": "\\$\\{[A-Za-z_]",
        }),
    );
    let Value::Object(mut host) = map(&HOST, &mut definitions) else {
        unreachable!("a map's schema is an object")
    };
    let mut schema = Object::new();
    schema.insert(
        "$schema".to_owned(),
        json!("https://json-schema.org/draft/2020-12/schema"),
    );
    schema.insert("title".to_owned(), json!("Bedplate host"));
    schema.append(&mut host);
    schema.insert("$defs".to_owned(), Value::Object(definitions));
    Value::Object(schema)
}

/// The name of a map's definition.
fn definition(map: &Map) -> String {
    map.name.replace(' ', "-")
}

fn reference(to: &'static Map, definitions: &mut Object<String, Value>) -> Value {
    let name = definition(to);
    if !definitions.contains_key(&name) {
        // Held first, so that a map that holds itself would end.
        definitions.insert(name.clone(), Value::Null);
        let made = map(to, definitions);
        definitions.insert(name.clone(), made);
    }
    json!({"$ref": format!("#/$defs/{name}")})
}

fn map(table: &'static Map, definitions: &mut Object<String, Value>) -> Value {
    let mut properties = Object::new();
    for key in table.all_keys() {
        for name in [key.name].iter().chain(key.aliases) {
            properties.insert((*name).to_owned(), property(key, definitions));
        }
    }
    let required: Vec<&str> = table
        .all_keys()
        .filter(|key| key.required)
        .map(|key| key.name)
        .collect();
    let mut schema = json!({
        "description": table.doc,
        "type": "object",
        "properties": properties,
        "additionalProperties": false,
    });
    if table.extensible {
        schema["patternProperties"] = json!({"^x-": {}});
    }
    if !required.is_empty() {
        schema["required"] = json!(required);
    }
    schema
}

fn property(key: &'static Key, definitions: &mut Object<String, Value>) -> Value {
    let mut schema = kind(&key.kind, definitions);
    let default = if key.default.is_empty() {
        String::new()
    } else {
        format!(" Default: {}.", key.default)
    };
    let since = match key.since {
        Since::LinuxKit => "",
        Since::Bedplate => " (Not in LinuxKit.)",
    };
    schema["description"] = json!(format!("{}{default}{since}", key.doc));
    schema
}

/// A scalar that is no text may also be a variable.
fn or_variable(schema: Value) -> Value {
    json!({"anyOf": [schema, {"$ref": "#/$defs/variable"}]})
}

fn kind(of: &'static Kind, definitions: &mut Object<String, Value>) -> Value {
    match of {
        Kind::Text => json!({"type": ["string", "number", "boolean"]}),
        Kind::Flag => or_variable(json!({"enum": [true, false, "yes", "no", "on", "off"]})),
        Kind::Integer(low, high) => {
            let mut schema = json!({"type": "integer"});
            for (name, bound) in [("minimum", low), ("maximum", high)] {
                // Bounds of 64 bits are left out: not every validator can compare with them.
                if let Some(bound) = i64::try_from(*bound)
                    .ok()
                    .filter(|bound| bound.unsigned_abs() < 1 << 53)
                {
                    schema[name] = json!(bound);
                }
            }
            or_variable(schema)
        }
        Kind::Mode => or_variable(json!({"anyOf": [
            {"type": "string", "pattern": "^(0o)?[0-7]{1,5}$"},
            {"type": "integer", "minimum": 0},
        ]})),
        Kind::Id => {
            json!({"anyOf": [{"type": "integer", "minimum": 0, "maximum": u32::MAX}, {"type": "string"}]})
        }
        Kind::Duration => or_variable(json!({"anyOf": [
            {"type": "string", "pattern": "^[0-9]+(ms|s|m|min|h)?$"},
            {"type": "integer", "minimum": 1},
        ]})),
        Kind::Choice(words) => {
            let mut values: Vec<Value> = words.iter().map(|word| json!(word)).collect();
            if words.contains(&"no") {
                values.push(json!(false)); // What YAML 1.1 reads a plain `no` as.
            }
            or_variable(json!({"enum": values}))
        }
        Kind::TextMap => {
            json!({"type": "object", "additionalProperties": {"type": ["string", "number", "boolean"]}})
        }
        Kind::List(item) => json!({"type": "array", "items": kind(item, definitions)}),
        Kind::Map(table) => reference(table, definitions),
        Kind::Maps(table) => json!({"type": "array", "items": reference(table, definitions)}),
        Kind::Any(kinds) => {
            let kinds: Vec<Value> = kinds.iter().map(|of| kind(of, definitions)).collect();
            json!({"anyOf": kinds})
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Every `$ref` leads to a definition, and every key of the table is described.
    #[test]
    fn the_schema_is_whole() {
        fn walk(value: &Value, root: &Value) {
            match value {
                Value::Object(map) => {
                    if let Some(Value::String(to)) = map.get("$ref") {
                        assert!(root.pointer(&to[1..]).is_some_and(Value::is_object), "{to}");
                    }
                    map.values().for_each(|inner| walk(inner, root));
                }
                Value::Array(items) => items.iter().for_each(|inner| walk(inner, root)),
                _ => {}
            }
        }
        let schema = schema();
        walk(&schema, &schema);
        let command = schema
            .pointer("/$defs/container/properties/capabilities.add/type")
            .unwrap();
        assert_eq!(command, "array");
        assert_eq!(
            schema.pointer("/$defs/container/required").unwrap(),
            &json!(["name"])
        );
    }
}
