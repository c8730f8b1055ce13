//! Invalid, endless and huge answers. The pipeline reads a limited part of them, counts the spans that it loses, and goes on.

use lianlu_faults::{Answer, BATCH, Http, Row, Service, requests_complete_while};

/// Allowed growth of memory by one answer, in KiB: 4 MiB of it are read.
const MOST_GROWN: u64 = 24 * 1024;

/// Requests complete while each of them has been received half.
#[test]
fn memory_stays_flat_and_the_next_batch_arrives() {
    let mut row = Row::new("malformed, endless and huge answers");
    for answer in answers() {
        let collector = Http::start();
        let shown = format!("{answer:?}").chars().take(100).collect::<String>();
        collector.script(move |number| match number {
            0 => answer.clone(),
            _ => Answer::Accepted,
        });
        let mut child = Service::new(&collector.url())
            .set("delay-ms", 3_600_000)
            .start();
        let before = child.rss();
        collector.gate().close();
        child.must(&format!("spans {BATCH}"));
        collector.gate().wait_until_held();
        // The child may have given up a request whose answer begins with nonsense; then the next one is held.
        row.requests(requests_complete_while(&mut child, |child| {
            collector.gate().held() > 0 && child.counts().exported == 0
        }));
        collector.gate().open();
        // The spans of this answer may be lost.
        child.try_flush();
        child.must("spans 100");
        child.flush();
        let grown = child.rss().saturating_sub(before);
        assert!(grown < MOST_GROWN, "{grown} KiB more after {shown}");
        let counts = child.counts();
        assert!(counts.exported >= 100, "{shown}: {counts:?}");
        assert_eq!(counts.waiting, 0, "{shown}: {counts:?}");
        let missing = child.claims().missing(collector.inbox()).len() as u64;
        assert!(
            missing <= counts.dropped(),
            "{shown}: {counts:?}, {missing} missing"
        );
        assert!(
            collector.sent() < 64 << 20,
            "{} bytes were read",
            collector.sent()
        );
        row.run(&counts);
    }
    row.print();
}

fn answers() -> Vec<Answer> {
    vec![
        raw(b"HTTP/1.1 200 OK\r\ncontent-type: application/x-protobuf\r\ncontent-length: 9\r\n\r\n\x0a\xff\xff\xff\xff\xff\xff\xff\x01"),
        raw(b"HTTP/1.1 200 OK\r\ncontent-length: 99999999999999\r\n\r\n"),
        raw(b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\nfffffffffffffffffff\r\n"),
        raw(b"HTTP/1.1 200 OK\r\ncontent-encoding: gzip\r\ncontent-length: 3\r\n\r\nabc"),
        raw(b"HTTP/1.1 500 No\r\ncontent-length: 3\r\n\r\n\xff\x00\x1b"),
        raw(b"\x00\x01\x02\x03\r\n\r\n"),
        raw(b"HTTP/1.1 999999999 What\r\n\r\n"),
        raw(&[b"HTTP/1.1 200 OK\r\nx: ".as_slice(), &[b'x'; 1 << 20]].concat()),
        raw(b""),
        Answer::Endless,
    ]
}

fn raw(bytes: &[u8]) -> Answer {
    Answer::Raw(bytes.to_vec())
}
