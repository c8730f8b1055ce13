//! Environment variables in a configuration file: `${NAME}`, `${env:NAME}` and `${NAME:-default}`.
//!
//! Follows <https://opentelemetry.io/docs/specs/otel/configuration/data-model/#environment-variable-substitution>.

/// Puts variables into a scalar. `$$` is a `$`. The result is not searched again.
///
/// Errors have no text of the scalar, which may be a secret with a `${` in it.
pub(super) fn substitute(
    text: &str,
    variable: &dyn Fn(&str) -> Option<String>,
) -> Result<String, &'static str> {
    let mut out = String::new();
    let mut rest = text;
    while let Some((before, after)) = rest.split_once('$') {
        out.push_str(before);
        if let Some(after) = after.strip_prefix('$') {
            out.push('$');
            rest = after;
            continue;
        }
        let Some(body) = after.strip_prefix('{') else {
            out.push('$');
            rest = after;
            continue;
        };
        let (reference, after) = match end_of_reference(body) {
            Some(found) => found,
            None => return Err("a reference to a variable has no end: \"}\" is missing"),
        };
        out.push_str(&value_of(reference, variable)?);
        rest = after;
    }
    out.push_str(rest);
    Ok(out)
}

/// The text up to the brace that closes the reference, and what follows it. A default may have
/// references of its own.
fn end_of_reference(body: &str) -> Option<(&str, &str)> {
    let mut open = 1;
    let mut before = ' ';
    for (at, letter) in body.char_indices() {
        match letter {
            '{' if before == '$' => open += 1,
            '}' => open -= 1,
            _ => {}
        }
        if open == 0 {
            return Some((body.get(..at)?, body.get(at + 1..)?));
        }
        before = letter;
    }
    None
}

fn value_of(
    reference: &str,
    variable: &dyn Fn(&str) -> Option<String>,
) -> Result<String, &'static str> {
    let (name, default) = match reference.split_once(":-") {
        Some((name, default)) => (name, default),
        None => (reference, ""),
    };
    let name = name.strip_prefix("env:").unwrap_or(name);
    let is_start = |it: char| it.is_ascii_alphabetic() || it == '_';
    let is_valid =
        name.starts_with(is_start) && name.chars().all(|it| is_start(it) || it.is_ascii_digit());
    if !is_valid {
        return Err("not a reference to a variable: needs ${NAME} or ${NAME:-default}");
    }
    match variable(name).filter(|value| !value.is_empty()) {
        Some(value) => Ok(value),
        None => substitute(default, variable),
    }
}

#[cfg(test)]
mod tests {
    use super::substitute;

    /// The cases of the specification and of `go.opentelemetry.io/contrib/otelconf`.
    #[test]
    fn variables_are_put_in() {
        let variable = |name: &str| match name {
            "STRING_VALUE" => Some("value".to_owned()),
            "FLOAT_VALUE" => Some("1.1".to_owned()),
            "VALUE_WITH_ESCAPE" => Some("value$$".to_owned()),
            "REPLACE_ME" => Some("${DO_NOT_REPLACE_ME}".to_owned()),
            "EMPTY" => Some(String::new()),
            _ => None,
        };
        for (text, expected) in [
            ("${STRING_VALUE}", "value"),
            ("${env:STRING_VALUE}", "value"),
            ("foo ${STRING_VALUE} ${FLOAT_VALUE}", "foo value 1.1"),
            ("${UNDEFINED_KEY}", ""),
            ("${UNDEFINED_KEY:-fallback}", "fallback"),
            ("${EMPTY:-fallback}", "fallback"),
            ("${UNDEFINED_KEY:-${STRING_VALUE}}", "value"),
            ("${REPLACE_ME}", "${DO_NOT_REPLACE_ME}"),
            ("$${STRING_VALUE}", "${STRING_VALUE}"),
            ("$${STRING_VALUE:-fallback}", "${STRING_VALUE:-fallback}"),
            (
                "$${STRING_VALUE:-${STRING_VALUE}}",
                "${STRING_VALUE:-value}",
            ),
            ("$$${STRING_VALUE}", "$value"),
            ("$$$${STRING_VALUE}", "$${STRING_VALUE}"),
            ("${UNDEFINED_KEY:-$${UNDEFINED_KEY}}", "${UNDEFINED_KEY}"),
            ("${VALUE_WITH_ESCAPE}", "value$$"),
            ("a $$ b", "a $ b"),
            ("a $ b", "a $ b"),
            ("链$", "链$"),
        ] {
            assert_eq!(
                substitute(text, &variable).as_deref(),
                Ok(expected),
                "{text}"
            );
        }
        for bad in [
            "${STRING_VALUE:?error}",
            "${1}",
            "${}",
            "${A",
            "${A B}",
            "${A:-${B}",
        ] {
            assert!(substitute(bad, &variable).is_err(), "{bad}");
        }
    }
}
