//! Without options the demo prints trees and a summary, and stops by itself.

use crate::common::{demo, number_after, spans_line, stdout};

#[test]
fn three_seconds_show_every_kind_of_traffic() {
    let output = demo(&["--seconds", "3"]).output().unwrap();
    let text = stdout(&output);
    assert!(output.status.success(), "{output:?}");

    // Some traces cross all four services.
    let whole = text
        .split("\n\n")
        .filter(|tree| {
            ["shopper  ", "gateway  ", "orders  ", "catalog  "]
                .iter()
                .all(|service| tree.contains(service))
        })
        .count();
    assert!(whole >= 3, "{text}");
    for part in [
        "POST /orders",
        "GET /items/{sku}",
        "shop.v1.Orders/PlaceOrder →",
        "shop.v1.Catalog/WatchPrice",
        "SELECT items →",
        "INSERT prices →",
        "appraise",
        "✗ NOT_FOUND: the shop has no \"unicorn\"",
        "✗ FAILED_PRECONDITION",
        "✗ INTERNAL",
        "✗ 500",
    ] {
        assert!(text.contains(part), "{part} is missing in\n{text}");
    }
    // The dropped call is cancelled on both sides of both hops.
    let hung_up = text
        .split("\n\n")
        .find(|tree| tree.contains("hang up"))
        .unwrap();
    assert_eq!(hung_up.matches("cancelled").count(), 4, "{hung_up}");
    // Piped output has no colours.
    assert!(!text.contains('\u{1b}'));
}

#[test]
fn the_summary_adds_up() {
    let output = demo(&["--seconds", "3"]).output().unwrap();
    let text = stdout(&output);
    let [started, exported, dropped, waiting, open] = spans_line(&text);
    assert_eq!(started, exported + dropped + waiting + open, "{text}");
    assert_eq!((dropped, waiting, open), (0, 0, 0), "{text}");
    // Every exported span is in a tree, and every trace is complete.
    let printed = text.lines().filter(|line| line.contains('▕')).count() as u64;
    assert_eq!(printed, exported, "{text}");
    let requests = number_after(&text, "requests");
    let traces = text
        .lines()
        .filter(|line| line.starts_with("trace "))
        .count() as u64;
    assert_eq!(traces, requests, "{text}");
    assert!(requests >= 10, "{text}");
    for part in ["200 OK", "404 Not Found", "hung up", "500 Internal"] {
        assert!(text.contains(part), "{part} is missing in\n{text}");
    }
}
