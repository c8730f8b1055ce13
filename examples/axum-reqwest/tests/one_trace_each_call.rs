//! The example prints a tree for each of its two calls, and ends.

use std::process::Command;

#[test]
fn two_calls_are_two_trees_of_two_spans() {
    let output = Command::new(env!("CARGO_BIN_EXE_axum-reqwest"))
        .env_remove("OTEL_TRACES_SAMPLER")
        .output()
        .unwrap();
    assert!(output.status.success(), "{output:?}");
    let text = String::from_utf8(output.stdout).unwrap();
    assert_eq!(text.matches("2 spans").count(), 2, "{text}");
    assert!(text.contains("└─ hello  GET /hello/{name}"), "{text}");
    assert!(text.contains("✗ 404"), "{text}");
}
