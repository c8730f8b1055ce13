//! The collector resets connections in the middle of a request, closes them without an answer, and comes and goes: every
//! span arrives, and what was taken is not sent again.

use std::cell::RefCell;
use std::sync::{Arc, Mutex};
use std::thread::sleep;
use std::time::Duration;

use lianlu_faults::{Answer, Http, Meanwhile, Random, Row, Service, undisturbed, undisturbed_by};

#[test]
fn resets_in_the_middle() {
    let mut row = Row::new("collector resets mid-body");
    let collector = Http::start();
    let mut child = Service::new(&collector.url()).start();
    let mut random = Random::new(14);
    row.ratio(undisturbed(
        &mut child,
        |child| {
            collector.always(Answer::Accepted);
            child.flush();
        },
        |_| collector.always(Answer::Reset(50)),
    ));
    collector.script(move |_| match random.below(4) {
        0 => Answer::Accepted,
        1 => Answer::Nothing,
        _ => Answer::Reset(random.below(100) as usize),
    });
    for _ in 0..10 {
        child.must("spans 500");
    }
    child.flush();
    let counts = child.counts();
    assert_eq!(counts.dropped(), 0, "{counts:?}");
    // What came with a connection that was closed without an answer was not taken, as far as anyone knows.
    assert_eq!(collector.inbox().duplicates(), 0);
    row.lost(child.claims().missing(collector.inbox()).len());
    row.run(&counts);
    row.print();
}

#[test]
fn comes_and_goes() {
    let mut row = Row::new("collector comes and goes");
    let mut collector = Http::start();
    let mut child = Service::new(&collector.url()).start();
    child.must("run 2 8 2000");
    for _ in 0..10 {
        collector.stop();
        sleep(Duration::from_millis(50));
        collector.resume();
        sleep(Duration::from_millis(50));
    }
    child.must("stop");
    child.flush();
    let counts = child.counts();
    assert_eq!((counts.dropped(), counts.waiting), (0, 0), "{counts:?}");
    row.lost(child.claims().missing(collector.inbox()).len());
    row.run(&counts);
    row.print();
}

#[test]
fn requests_go_on_while_it_comes_and_goes() {
    let mut row = Row::new("collector comes and goes, requests");
    let collector = Arc::new(Mutex::new(Http::start()));
    let service = Service::new(&collector.lock().unwrap().url());
    let service = service.set("retry-ms", 1);
    let mut child = service.set("retry-max-ms", 2).start();
    let flaps = RefCell::new(None);
    row.ratio(undisturbed_by(
        &mut child,
        |child| {
            flaps.take();
            child.flush();
        },
        |_| {
            let collector = Arc::clone(&collector);
            flaps.replace(Some(Meanwhile::new(move || {
                let mut collector = collector.lock().unwrap();
                collector.stop();
                sleep(Duration::from_millis(3));
                collector.resume();
                sleep(Duration::from_millis(3));
            })));
        },
        |child| child.stderr().matches("spans wait").count() as u64,
    ));
    flaps.take();
    child.flush();
    let counts = child.counts();
    assert_eq!((counts.dropped(), counts.waiting), (0, 0), "{counts:?}");
    row.run(&counts);
    row.print();
}
