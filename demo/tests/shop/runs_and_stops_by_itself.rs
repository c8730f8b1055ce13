//! The demo as a person starts it: trees of all services, a summary that adds up, and the end.

mod common;

use common::{demo, spans_line, stdout};

#[test]
fn every_kind_of_traffic_is_there_in_three_seconds() {
    let output = demo(&["--seconds", "3"]).output().unwrap();
    let text = stdout(&output);
    assert!(output.status.success(), "{output:?}");

    // One trace goes through all four services and the database.
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
    // The client that hangs up is seen on both sides of both hops.
    let hung_up = text
        .split("\n\n")
        .find(|tree| tree.contains("walk off"))
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
    // Every span that was exported is in one of the trees, and every trace is whole.
    let printed = text.lines().filter(|line| line.contains('▕')).count() as u64;
    assert_eq!(printed, exported, "{text}");
    let requests = common::number_after(&text, "requests");
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
