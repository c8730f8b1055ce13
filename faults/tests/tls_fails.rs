//! TLS that can't be had: the service does not trust the collector's authority, or the collector speaks no TLS. Spans wait,
//! nothing is lost, requests go on, and when it is mended everything arrives. Runs with the feature `tls`.
#![cfg(feature = "tls")]

use std::cell::RefCell;

use lianlu_faults::{Grpc, Http, Row, Service, undisturbed};

const AUTHORITY: &str = include_str!("../../crates/lianlu-sdk/tests/tls/ca.pem");
const CERTIFICATE: &str = include_str!("../../crates/lianlu-sdk/tests/tls/server.pem");
const KEY: &str = include_str!("../../crates/lianlu-sdk/tests/tls/server.key");
const SPANS: u64 = 5000;

#[test]
fn an_authority_that_is_not_trusted() {
    let mut row = Row::new("TLS: wrong authority, mended by a restart");
    for protocol in ["grpc", "http"] {
        let dir = tempfile::tempdir().unwrap();
        let collector = Grpc::start_tls(CERTIFICATE, KEY);
        let service = |authority| {
            let service = Service::new(&collector.url()).recorder(dir.path());
            service.set("authority", authority)
        };
        // A certificate, and not the authority's.
        let mut child = service(CERTIFICATE).set("protocol", protocol).start();
        child.must(&format!("spans {SPANS}"));
        let said = child.ask("flush 500");
        assert!(said.contains("TLS failed: "), "{protocol}: {said}");
        child.must("calls 100");
        let counts = child.counts();
        counts.assert_identity();
        assert_eq!(counts.waiting, SPANS + 100, "{protocol}: {counts:?}");
        child.wait_for_health("TLS failed: ");
        let claims = child.kill();
        assert_eq!(collector.inbox().requests().len(), 0);

        let mut child = service(AUTHORITY).set("protocol", "grpc").start();
        child.flush();
        let counts = child.counts();
        counts.assert_identity();
        assert_eq!(counts.exported, SPANS + 100, "{protocol}: {counts:?}");
        assert_eq!(collector.inbox().duplicates(), 0);
        row.killed(&claims, collector.inbox());
    }
    row.print();
}

#[test]
fn a_collector_without_tls() {
    let mut row = Row::new("TLS: collector without, then with");
    let with_tls = Grpc::start_tls(CERTIFICATE, KEY);
    let mut without = Http::start();
    without.stop();
    without.address = with_tls.address;
    let service = Service::new(&with_tls.url()).set("authority", AUTHORITY);
    let mut child = service.set("protocol", "grpc").start();
    let (with_tls, without) = (RefCell::new(with_tls), RefCell::new(without));
    let mend = || {
        without.borrow_mut().stop();
        let mut with_tls = with_tls.borrow_mut();
        with_tls.stop();
        with_tls.resume();
    };
    let fail = || {
        with_tls.borrow_mut().stop();
        without.borrow_mut().resume();
    };
    row.ratio(undisturbed(
        &mut child,
        |child| {
            mend();
            child.flush();
        },
        |_| fail(),
    ));
    child.must(&format!("spans {SPANS}"));
    let said = child.ask("flush 500");
    assert!(said.contains("still wait"), "{said}");
    assert_eq!(child.counts().dropped(), 0);
    assert_eq!(without.borrow().inbox().requests().len(), 0);
    mend();
    child.flush();
    child.wait_for_health("Working");
    let with_tls = with_tls.borrow();
    assert_eq!(with_tls.inbox().duplicates(), 0);
    row.lost(child.claims().missing(with_tls.inbox()).len());
    row.run(&child.counts());
    row.print();
}
