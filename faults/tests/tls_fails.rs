//! TLS fails: the service does not trust the collector's certificate authority, or the collector does not speak TLS. Spans
//! wait, nothing is lost, requests complete, and everything arrives when TLS works. Needs the feature `tls`.
#![allow(missing_docs, clippy::unwrap_used)]

use lianlu_faults::{Child, Grpc, Http, Row, Service, requests_complete_while};

const AUTHORITY: &str = include_str!("../../crates/lianlu-sdk/tests/tls/ca.pem");
const CERTIFICATE: &str = include_str!("../../crates/lianlu-sdk/tests/tls/server.pem");
const KEY: &str = include_str!("../../crates/lianlu-sdk/tests/tls/server.key");
const SPANS: u64 = 5000;

#[test]
fn an_authority_that_is_not_trusted() {
    let mut row = Row::new("TLS: wrong authority, repaired by a restart");
    for protocol in ["grpc", "http"] {
        let dir = tempfile::tempdir().unwrap();
        let collector = Grpc::start_tls(CERTIFICATE, KEY);
        let service = |authority| {
            let service = Service::new(&collector.url()).recorder(dir.path());
            service.set("authority", authority)
        };
        // A certificate, but not the authority's.
        let mut child = service(CERTIFICATE).set("protocol", protocol).start();
        child.must(&format!("spans {SPANS}"));
        child.wait_for_health("TLS failed: ");
        let answer = child.ask("flush 500");
        assert!(answer.contains("TLS failed: "), "{protocol}: {answer}");
        let requests = requests_complete_while(&mut child, |child: &mut Child| {
            child.ask("health").contains("TLS failed: ")
        });
        row.requests(requests);
        let counts = child.counts();
        counts.assert_identity();
        assert_eq!(counts.waiting, SPANS + requests, "{protocol}: {counts:?}");
        let claims = child.kill();
        assert_eq!(collector.inbox().requests().len(), 0);

        let mut child = service(AUTHORITY).set("protocol", "grpc").start();
        child.flush();
        let counts = child.counts();
        counts.assert_identity();
        assert_eq!(counts.exported, SPANS + requests, "{protocol}: {counts:?}");
        assert_eq!(collector.inbox().duplicates(), 0);
        row.killed(&claims, collector.inbox());
    }
    row.print();
}

#[test]
fn a_collector_without_tls() {
    let mut row = Row::new("TLS: collector without, then with");
    let mut with_tls = Grpc::start_tls(CERTIFICATE, KEY);
    let mut without = Http::start();
    without.stop();
    without.address = with_tls.address;
    let service = Service::new(&with_tls.url()).set("authority", AUTHORITY);
    // Each side waits for the other to speak.
    let service = service.set("timeout-ms", 200);
    let mut child = service.set("protocol", "grpc").start();
    with_tls.stop();
    without.resume();
    child.must(&format!("spans {SPANS}"));
    child.wait_for_health("Degraded");
    let answer = child.ask("flush 500");
    assert!(answer.contains("still wait"), "{answer}");
    row.requests(requests_complete_while(&mut child, |child| {
        child.ask("health").starts_with("Degraded")
    }));
    assert_eq!(child.counts().dropped(), 0);
    assert_eq!(without.inbox().requests().len(), 0);
    without.stop();
    with_tls.resume();
    child.flush();
    child.wait_for_health("Working");
    assert_eq!(with_tls.inbox().duplicates(), 0);
    row.lost(child.claims().missing(with_tls.inbox()).len());
    row.run(&child.counts());
    row.print();
}
