//! A service dies while it reads or delivers what an earlier life has left, several times: all of it arrives, and of each death no
//! more than a batch twice.
#![allow(missing_docs, clippy::unwrap_used)]

use std::thread::sleep;
use std::time::Duration;

use lianlu_faults::{Answer, BATCH, Http, Random, Row, Service, seeds};

const SPANS: u64 = 6000;
const DEATHS: usize = 6;

#[test]
fn several_times() {
    let mut row = Row::new("kill -9 while leftovers are delivered");
    for seed in seeds(5).take(20) {
        let mut random = Random::new(seed);
        let dir = tempfile::tempdir().unwrap();
        let collector = Http::start();
        collector.always(Answer::Nothing);
        let mut child = Service::new(&collector.url()).recorder(dir.path()).start();
        child.must(&format!("spans {SPANS}"));
        child.must("open 3");
        let claims = child.kill();
        for _ in 0..DEATHS {
            let pause = Duration::from_millis(random.below(10));
            collector.script(move |number| match number % 4 {
                0 => Answer::Nothing,
                _ => Answer::Slow(pause),
            });
            let service = Service::new(&collector.url()).recorder(dir.path());
            // While it reads them, and while it sends them.
            let (child, most) = match random.below(2) {
                0 => (service.spawn(), 30),
                _ => (service.start(), 100),
            };
            sleep(Duration::from_millis(random.below(most)));
            drop(child.kill());
        }
        collector.always(Answer::Taken);
        let mut child = Service::new(&collector.url()).recorder(dir.path()).start();
        child.must("flush 10000");
        assert_eq!(child.counts().waiting, 0);
        let duplicates = collector.inbox().duplicates();
        assert!(
            duplicates <= DEATHS * BATCH,
            "seed {seed}: {duplicates} twice"
        );
        let missing = claims.missing(collector.inbox());
        assert!(
            missing.len() as u64 <= claims.unpromised,
            "seed {seed}: {missing:x?}"
        );
        let mut unfinished: Vec<_> = collector.inbox().unfinished();
        unfinished.sort_by(|a, b| a.span_id.cmp(&b.span_id));
        unfinished.dedup_by(|a, b| a.span_id == b.span_id);
        assert_eq!(unfinished.len(), 3, "seed {seed}");
        row.killed(&claims, collector.inbox());
    }
    row.print();
}
