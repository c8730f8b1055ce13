//! A service is killed, `kill -9`, at a random moment, while several threads record and the collector works, fails or is
//! down. The next life exports all spans that had ended.
//!
//! `cargo test` runs a few seeds; `.ci/run test` runs 200 (`LIANLU_FAULT_SEEDS`). `LIANLU_FAULT_SEED` sets the first.

use std::path::Path;
use std::sync::Mutex;
use std::thread::{self, sleep};
use std::time::Duration;

use lianlu_faults::{Answer, BATCH, Claims, Http, Random, Row, Service, seeds};

/// Number of runs at the same time: they mostly wait.
const AT_ONCE: usize = 3;
/// Number of deaths before the life that exports everything.
const DEATHS: i64 = 2;
const OPEN: u64 = 3;

#[test]
fn ended_spans_arrive() {
    series("crash", "kill -9 at random points", 6);
}

/// With a thread that syncs the recorder's files.
#[test]
fn ended_spans_arrive_when_files_are_synced() {
    series("power", "kill -9 at random points, power loss", 3);
}

fn series(level: &'static str, fault: &'static str, count: u64) {
    let row = Mutex::new(Row::new(fault));
    let seeds = Mutex::new(seeds(count));
    thread::scope(|scope| {
        for _ in 0..AT_ONCE {
            scope.spawn(|| {
                while let Some(seed) = next(&seeds) {
                    let _named = Named(seed);
                    run(seed, level, &row);
                }
            });
        }
    });
    row.into_inner().unwrap().print();
}

/// Prints the seed of a run that fails.
struct Named(u64);

impl Drop for Named {
    fn drop(&mut self) {
        if thread::panicking() {
            println!("seed {}", self.0);
        }
    }
}

fn next(seeds: &Mutex<impl Iterator<Item = u64>>) -> Option<u64> {
    seeds.lock().unwrap().next()
}

fn run(seed: u64, level: &str, row: &Mutex<Row>) {
    let mut random = Random::new(seed);
    let dir = tempfile::tempdir().unwrap();
    let mut collector = Http::start();
    let mut claims = Claims::default();
    let mut open = 0;
    for life in 1..=DEATHS {
        let fault = random.below(3);
        match fault {
            0 => collector.always(Answer::Accepted),
            1 => collector.stop(),
            _ => collector.script(|number| match number % 3 {
                0 => Answer::Accepted,
                1 => Answer::Reset(50),
                _ => Answer::Nothing,
            }),
        }
        let mut child = service(&collector, dir.path(), life, level).start();
        let calls = random.below(OPEN + 1);
        open += calls;
        child.must(&format!("open {calls}"));
        let threads = 1 + random.below(4);
        child.must(&format!("run {threads} {} 1000", 1 + random.below(16)));
        sleep(Duration::from_micros(random.below(150_000)));
        claims.extend(&child.kill());
        if fault == 1 {
            collector.resume();
        }
    }
    collector.always(Answer::Accepted);
    let mut child = service(&collector, dir.path(), DEATHS + 1, level).start();
    child.flush();
    let counts = child.counts();
    counts.assert_identity();
    assert_eq!(counts.waiting, 0, "seed {seed}: {counts:?}");
    child.shutdown();

    let missing = claims.missing(collector.inbox());
    assert!(
        missing.len() as u64 <= claims.unpromised,
        "seed {seed}: {} of {} spans are lost, {} were in memory: {missing:x?}",
        missing.len(),
        claims.len(),
        claims.unpromised
    );
    let duplicates = collector.inbox().duplicates();
    assert!(
        duplicates <= BATCH * DEATHS as usize,
        "seed {seed}: {duplicates} twice"
    );
    let unfinished = collector.inbox().unfinished();
    assert!(
        unfinished.len() as u64 >= open,
        "seed {seed}: {} of {open} open calls",
        unfinished.len()
    );
    for span in unfinished {
        assert_eq!(span.status.unwrap().message, "process ended");
        assert!(span.end_time_unix_nano >= span.start_time_unix_nano);
    }
    row.lock().unwrap().killed(&claims, collector.inbox());
}

fn service(collector: &Http, dir: &Path, life: i64, level: &str) -> Service {
    Service::new(&collector.url())
        .recorder(dir)
        .set("life", life)
        .set("durability", level)
}
