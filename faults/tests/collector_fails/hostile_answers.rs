//! Answers that no collector gives: nonsense, without an end, far too large, or to a question that nobody asked. The
//! pipeline reads so much and no more, loses what it has to, counts it, and goes on.

use lianlu_faults::{Answer, Http, Row, Service, undisturbed_by};

/// What the answers may cost, in KiB: 4 MiB of each are read.
const MOST_GROWN: u64 = 24 * 1024;

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
            .set("timeout-ms", 2000)
            .set("delay-ms", 10_000)
            .start();
        let before = child.rss();
        child.must("spans 100");
        // Whatever becomes of this one.
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

#[test]
fn requests_go_on() {
    let mut row = Row::new("malformed, endless and huge answers, requests");
    let collector = Http::start();
    let mut child = Service::new(&collector.url()).set("delay-ms", 5).start();
    row.ratio(undisturbed_by(
        &mut child,
        |child| {
            collector.always(Answer::Accepted);
            child.try_flush();
        },
        |child| {
            child.try_flush();
            let answers = answers();
            collector.script(move |number| answers[number % answers.len()].clone());
        },
        |_| collector.inbox().count(),
    ));
    collector.always(Answer::Accepted);
    child.try_flush();
    row.run(&child.counts());
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
