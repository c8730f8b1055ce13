//! Adds fields to a serialized JSON object.

use std::fmt::{self, Write};

/// Writes the JSON object in `line` with `fields` appended. Keys that the object already has are
/// skipped, so that no key occurs twice. A line that is not an object is written unchanged. Keys
/// and values must not need escaping.
pub(super) fn extend(line: &str, fields: [(&str, &str); 3], out: &mut impl Write) -> fmt::Result {
    let object = line.trim_end();
    let Some(open) = object
        .strip_suffix('}')
        .filter(|open| open.trim_start().starts_with('{'))
    else {
        return out.write_str(line);
    };
    out.write_str(open)?;
    let mut is_first = open.trim() == "{";
    for (key, value) in fields {
        if has_key(object, key) {
            continue;
        }
        let comma = if is_first { "" } else { "," };
        is_first = false;
        write!(out, "{comma}\"{key}\":\"{value}\"")?;
    }
    out.write_char('}')?;
    out.write_str(line.get(object.len()..).unwrap_or_default())
}

/// Returns true if the object has this key at its top level.
fn has_key(object: &str, key: &str) -> bool {
    if !object.contains(key) {
        return false;
    }
    let mut depth = 0;
    let mut rest = object;
    while let Some(at) = rest.find(['"', '{', '[', '}', ']']) {
        let (_, found) = rest.split_at(at);
        let mut chars = found.chars();
        let symbol = chars.next();
        rest = chars.as_str();
        match symbol {
            Some('{' | '[') => depth += 1,
            Some('"') => {
                let Some(end) = end_of_string(rest) else {
                    return false;
                };
                let (text, after) = rest.split_at(end);
                rest = after.strip_prefix('"').unwrap_or(after);
                if depth == 1 && text == key && rest.trim_start().starts_with(':') {
                    return true;
                }
            }
            _ => depth -= 1,
        }
    }
    false
}

/// The position of the closing quote; `text` starts inside the string.
fn end_of_string(text: &str) -> Option<usize> {
    let mut escaped = false;
    text.find(|c| {
        let ends = c == '"' && !escaped;
        escaped = c == '\\' && !escaped;
        ends
    })
}

#[cfg(test)]
mod tests {
    use super::extend;

    const FIELDS: [(&str, &str); 3] = [("trace_id", "a"), ("span_id", "b"), ("trace_flags", "01")];

    fn extended(line: &str) -> String {
        let mut out = String::new();
        extend(line, FIELDS, &mut out).unwrap();
        out
    }

    #[test]
    fn appends_fields_to_an_object() {
        let ids = r#""trace_id":"a","span_id":"b","trace_flags":"01"}"#;
        for (line, start, end) in [
            ("{}", "{", ""),
            ("{ }\n", "{ ", "\n"),
            ("{\"a\":1}\n", "{\"a\":1,", "\n"),
            (r#"{"a":"}"}"#, r#"{"a":"}","#, ""),
            // The name occurs below the top level, as a value, or as part of a key.
            (r#"{"a":{"trace_id":1}}"#, r#"{"a":{"trace_id":1},"#, ""),
            (r#"{"a":[{"span_id":1}]}"#, r#"{"a":[{"span_id":1}],"#, ""),
            (r#"{"a":"trace_id"}"#, r#"{"a":"trace_id","#, ""),
            (r#"{"a":"\"trace_id\":"}"#, r#"{"a":"\"trace_id\":","#, ""),
            (r#"{"a":"{","b":"\\"}"#, r#"{"a":"{","b":"\\","#, ""),
            (r#"{"my_trace_id":1}"#, r#"{"my_trace_id":1,"#, ""),
            (r#"{"链":"trace_id链"}"#, r#"{"链":"trace_id链","#, ""),
        ] {
            assert_eq!(extended(line), format!("{start}{ids}{end}"), "{line}");
            let value: serde_json::Value = serde_json::from_str(&extended(line)).unwrap();
            assert_eq!(value["trace_id"], "a");
        }
    }

    #[test]
    fn keeps_existing_keys() {
        assert_eq!(
            extended(r#"{"x":{"y":"}"},"trace_id" :"mine"}"#),
            r#"{"x":{"y":"}"},"trace_id" :"mine","span_id":"b","trace_flags":"01"}"#
        );
        assert_eq!(
            extended(r#"{"trace_id":1,"span_id":2,"trace_flags":3}"#),
            r#"{"trace_id":1,"span_id":2,"trace_flags":3}"#
        );
    }

    #[test]
    fn passes_other_lines_unchanged() {
        for line in ["", "\n", "text\n", "[{}]", "}", "text {}", "{ text"] {
            assert_eq!(extended(line), line);
        }
    }
}
