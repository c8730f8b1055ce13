//! A service is killed several times while it reads or exports what an earlier life has left: all of it arrives, and each
//! death exports at most one batch twice.
//!
//! `cargo test` runs two seeds; `.ci/run test` runs 20.

use std::thread::sleep;
use std::time::Duration;

use lianlu_faults::{Answer, BATCH, Http, Random, Row, Service, seeds};

const SPANS: u64 = 6000;
const DEATHS: usize = 6;

#[test]
fn leftovers_arrive() {
    let mut row = Row::new("kill -9 while leftovers are delivered");
    for seed in seeds(2).take(20) {
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
            // While it reads them, or while it exports them.
            let (child, most) = match random.below(2) {
                0 => (service.spawn(), 30),
                _ => (service.start(), 100),
            };
            sleep(Duration::from_millis(random.below(most)));
            drop(child.kill());
        }
        collector.always(Answer::Accepted);
        let mut child = Service::new(&collector.url()).recorder(dir.path()).start();
        child.flush();
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
