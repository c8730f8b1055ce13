//! A model test of the hand-over between threads, with schedules chosen by shuttle: `.ci/run
//! model`.
//!
//! It uses the pipeline's real lanes, queues and workers. Time does not pass: no deadline is
//! reached and no wait times out, so only full batches, flushes and shutdowns drive the pipeline,
//! and a wait for something that never happens is a deadlock, which shuttle reports. Memory is
//! sequentially consistent: reorderings that `Relaxed` and `Release` allow are not explored.

use std::collections::BTreeSet;
use std::sync::atomic::{AtomicBool, AtomicU8, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, Weak};
use std::time::Duration;

use shuttle::scheduler::{PctScheduler, RandomScheduler, Scheduler};
use shuttle::thread::{self, JoinHandle};

use super::limits::Limits;
use super::shared::Shared;
use super::starts::{Counted, Sampled};
use super::worker;
use crate::encode::EncodedScope;
use crate::error::FlushError;
use crate::export::batch::Batch;
use crate::export::{Component, Export, Failure};
use crate::sync;

/// Schedules for each scenario with each of the two schedulers.
const SCHEDULES: usize = 1000;

/// Number of priority changes of the PCT scheduler.
const DEPTH: usize = 4;

/// A time that is never reached.
const LONG: Duration = Duration::from_secs(24 * 3600);

fn check(scenario: fn()) {
    let schedules = std::env::var("LIANLU_MODEL_SCHEDULES");
    let schedules = schedules.map_or(SCHEDULES, |number| number.parse().unwrap());
    run(RandomScheduler::new(schedules), scenario);
    run(PctScheduler::new(DEPTH, schedules), scenario);
}

fn run(scheduler: impl Scheduler + 'static, scenario: fn()) {
    shuttle::Runner::new(scheduler, shuttle::Config::default()).run(scenario);
}

/// A pipeline with two destinations, and the spans that have arrived there.
struct World {
    shared: Arc<Shared>,
    scope: Arc<EncodedScope>,
    arrived: [Arrived; 2],
    news: Arc<News>,
    workers: Vec<JoinHandle<()>>,
    started: AtomicU64,
    /// Whether new spans keep coming, and the number of the next one.
    is_busy: AtomicBool,
    next: AtomicU8,
}

/// Numbers of spans.
type Arrived = Arc<Mutex<BTreeSet<u8>>>;

/// Number of spans accepted by both destinations, and a condition variable to wait for it.
#[derive(Default)]
struct News {
    accepted: sync::Mutex<usize>,
    more: sync::Condvar,
}

struct Collector {
    arrived: Arrived,
    news: Arc<News>,
    accepts: bool,
    world: Weak<World>,
}

impl Export for Collector {
    fn export(&mut self, batch: &Batch) -> Result<(), Failure> {
        sync::step();
        if !self.accepts {
            return Err(Failure::temporary("not now"));
        }
        let runs = batch.scopes().flat_map(|scope| scope.runs());
        let numbers = runs.flat_map(|run| run.chunks(3).map(|span| span[2]));
        self.arrived.lock().unwrap().extend(numbers);
        *self.news.accepted.lock().unwrap() += batch.len();
        self.news.more.notify_all();
        if let Some(world) = self.world.upgrade() {
            world.keep_busy();
        }
        Ok(())
    }
}

fn limits(queue_size: usize, batch_size: usize) -> Limits {
    Limits {
        queue_size,
        batch_size,
        schedule_delay: LONG,
        retry_initial: LONG,
        retry_max: LONG,
        ..Limits::default()
    }
}

impl World {
    fn new(limits: Limits, accepts: bool) -> Arc<Self> {
        let names = ["a", "b"].map(|name| (name.to_owned(), Component::default()));
        let shared = Arc::new(Shared::new(limits, Arc::new(|_| {}), names));
        let arrived: [Arrived; 2] = Default::default();
        let news = Arc::<News>::default();
        let start = |(number, arrived): (usize, &Arrived), world: &Weak<Self>| {
            let shared = Arc::clone(&shared);
            let collector = Box::new(Collector {
                arrived: Arc::clone(arrived),
                news: Arc::clone(&news),
                accepts,
                // One busy collector is enough.
                world: if number == 0 {
                    world.clone()
                } else {
                    Weak::new()
                },
            });
            thread::spawn(move || worker::run(&shared, number, collector, None))
        };
        Arc::new_cyclic(|world| Self {
            workers: arrived
                .iter()
                .enumerate()
                .map(|it| start(it, world))
                .collect(),
            shared: Arc::clone(&shared),
            scope: Arc::default(),
            arrived: arrived.clone(),
            news: Arc::clone(&news),
            started: AtomicU64::new(0),
            is_busy: AtomicBool::new(false),
            next: AtomicU8::new(100),
        })
    }

    /// While busy, records the next batch before the current one is accepted.
    fn keep_busy(&self) {
        if self.is_busy.load(Ordering::Relaxed) {
            for _ in 0..2 {
                let number = self.next.fetch_add(1, Ordering::Relaxed);
                assert!(number < u8::MAX, "no other thread makes progress");
                self.record(number);
            }
            // Otherwise this thread starves the others.
            thread::yield_now();
        }
    }

    fn record(&self, number: u8) {
        self.shared
            .count(Counted::start(Sampled::RecordAndSample, None));
        self.started.fetch_add(1, Ordering::Relaxed);
        let write = |out: &mut Vec<u8>| out.extend([0x12, 1, number]);
        self.shared.record(&self.scope, None, write);
    }

    /// Waits until both destinations together have accepted this many spans.
    fn wait_for(&self, spans: usize) {
        let mut accepted = self.news.accepted.lock().unwrap();
        while *accepted < spans {
            accepted = self.news.more.wait(accepted).unwrap();
        }
    }

    /// Runs `work` on a thread that ends some time after it.
    fn spawn(self: &Arc<Self>, work: impl FnOnce(&Self) + Send + 'static) -> JoinHandle<()> {
        let world = Arc::clone(self);
        thread::spawn(move || {
            work(&world);
            drop(world);
            sync::step();
        })
    }

    fn assert_arrived(&self, numbers: impl IntoIterator<Item = u8>) {
        let numbers: Vec<u8> = numbers.into_iter().collect();
        for (name, arrived) in ["a", "b"].iter().zip(&self.arrived) {
            let arrived = arrived.lock().unwrap();
            for number in &numbers {
                assert!(
                    arrived.contains(number),
                    "{name} has {arrived:?}, no {number}"
                );
            }
        }
    }

    /// At any time, every span is in exactly one state.
    fn assert_identity(&self) {
        for destination in self.shared.destination_counts() {
            let it = destination.counts;
            let somewhere = it.open + it.waiting + it.exported + it.dropped.total();
            assert_eq!(it.started, somewhere, "{it}");
        }
    }

    /// Checks the final state. Returns the numbers of spans dropped after the shutdown, because of
    /// a full queue, and given up.
    fn end(self: Arc<Self>) -> [u64; 3] {
        let world = Arc::into_inner(self).expect("every thread is gone");
        for worker in world.workers {
            worker.join().unwrap();
        }
        let started = world.started.into_inner();
        let destinations = world.shared.destination_counts();
        let mut reasons = [0; 3];
        for (destination, arrived) in destinations.iter().zip(&world.arrived) {
            let it = &destination.counts;
            let arrived = arrived.lock().unwrap().len() as u64;
            // Duplicates would make `exported` larger than the set.
            assert_eq!((it.started, it.exported), (started, arrived), "{it}");
            assert_eq!((it.open, it.waiting), (0, 0), "{it}");
            assert_eq!(started, arrived + it.dropped.total(), "{it}");
            let dropped = it.dropped;
            reasons = [dropped.after_shutdown, dropped.queue_full, dropped.given_up];
            assert_eq!(dropped.total(), reasons.iter().sum::<u64>(), "{it}");
        }
        assert!(world.shared.budget.is_unused(), "{:?}", world.shared.budget);
        reasons
    }
}

fn join(threads: impl IntoIterator<Item = JoinHandle<()>>) {
    for thread in threads {
        thread.join().unwrap();
    }
}

/// After its flush, a thread's ended spans are at both destinations, even if other threads flush
/// concurrently.
#[test]
fn two_threads_flush() {
    check(|| {
        let world = World::new(limits(1000, 2), true);
        let threads = [0, 10].map(|first| {
            world.spawn(move |world| {
                for turn in [first..first + 3, first + 3..first + 4] {
                    turn.clone().for_each(|number| world.record(number));
                    world.shared.flush(LONG).unwrap();
                    world.assert_arrived(turn);
                }
            })
        });
        join(threads);
        world.shared.shut_down(LONG).unwrap();
        assert_eq!(world.end(), [0; 3]);
    });
}

/// Full batches are exported without a flush.
#[test]
fn full_batches_wake_the_workers() {
    check(|| {
        let world = World::new(limits(1000, 2), true);
        let threads = [0, 10].map(|first| {
            world.spawn(move |world| (first..first + 4).for_each(|number| world.record(number)))
        });
        world.wait_for(2 * 8);
        join(threads);
        world.assert_arrived((0..4).chain(10..14));
        world.shared.shut_down(LONG).unwrap();
        assert_eq!(world.end(), [0; 3]);
    });
}

/// A flush under constant load ends after the spans that ended before it were exported.
#[test]
fn a_flush_ends_under_constant_load() {
    check(|| {
        let world = World::new(limits(1000, 2), true);
        world.is_busy.store(true, Ordering::Relaxed);
        (0..3).for_each(|number| world.record(number));
        world.shared.flush(LONG).unwrap();
        world.assert_arrived(0..3);
        world.is_busy.store(false, Ordering::Relaxed);
        world.shared.shut_down(LONG).unwrap();
        let [_, queue_full, given_up] = world.end();
        assert_eq!((queue_full, given_up), (0, 0));
    });
}

/// Spans recorded before a shutdown arrive; later ones are counted, and nothing that could be sent
/// is given up.
#[test]
fn a_shutdown_races_with_recording_threads() {
    check(|| {
        let world = World::new(limits(1000, 2), true);
        world.record(100);
        let threads = [0, 10].map(|first| {
            world.spawn(move |world| (first..first + 3).for_each(|number| world.record(number)))
        });
        world.shared.shut_down(LONG).unwrap();
        world.assert_arrived([100]);
        join(threads);
        let [_, queue_full, given_up] = world.end();
        assert_eq!((queue_full, given_up), (0, 0));
    });
}

/// A flush concurrent with a shutdown ends with a correct result.
#[test]
fn a_flush_races_with_two_shutdowns() {
    check(|| {
        let world = World::new(limits(1000, 2), true);
        let flush = world.spawn(|world| {
            world.record(1);
            let _ = world.shared.flush(LONG);
        });
        let stop = world.spawn(|world| world.shared.shut_down(LONG).unwrap());
        world.record(2);
        world.shared.shut_down(LONG).unwrap();
        join([flush, stop]);
        let [_, queue_full, given_up] = world.end();
        assert_eq!((queue_full, given_up), (0, 0));
    });
}

/// A flush without spans does not complete a concurrent flush with spans.
#[test]
fn an_empty_flush_races_with_another() {
    check(|| {
        let world = World::new(limits(1000, 2), true);
        let nothing = world.spawn(|world| world.shared.flush(LONG).unwrap());
        world.record(1);
        world.shared.flush(LONG).unwrap();
        world.assert_arrived([1]);
        join([nothing]);
        world.shared.shut_down(LONG).unwrap();
        assert_eq!(world.end(), [0; 3]);
    });
}

/// A flush without spans does not skip the spans of a concurrent shutdown.
#[test]
fn an_empty_flush_races_with_a_shutdown() {
    check(|| {
        let world = World::new(limits(1000, 2), true);
        let nothing = world.spawn(|world| world.shared.flush(LONG).unwrap());
        world.record(1);
        world.shared.shut_down(LONG).unwrap();
        world.assert_arrived([1]);
        join([nothing]);
        assert_eq!(world.end(), [0; 3]);
    });
}

/// Ending threads keep their spans and counts, even while a worker visits their lanes.
#[test]
fn threads_end_while_a_worker_visits() {
    check(|| {
        let world = World::new(limits(1000, 100), true);
        let threads: Vec<_> = (0..3)
            .map(|number| world.spawn(move |world| world.record(number)))
            .collect();
        world.shared.flush(LONG).unwrap();
        join(threads);
        world.shared.flush(LONG).unwrap();
        world.assert_arrived(0..3);
        world.assert_identity();
        world.shared.shut_down(LONG).unwrap();
        assert_eq!(world.end(), [0; 3]);
    });
}

/// Concurrent readers of the counts see each span in exactly one state.
#[test]
fn counts_are_consistent_at_any_time() {
    check(|| {
        let world = World::new(limits(1000, 2), true);
        let record = world.spawn(|world| (0..4).for_each(|number| world.record(number)));
        let count = world.spawn(|world| (0..3).for_each(|_| world.assert_identity()));
        world.shared.flush(LONG).unwrap();
        world.assert_identity();
        world.shared.shut_down(LONG).unwrap();
        join([record, count]);
        let [_, queue_full, given_up] = world.end();
        assert_eq!((queue_full, given_up), (0, 0));
    });
}

/// Budget that is reserved, refused and released is complete in the end.
#[test]
fn the_budget_is_restored_after_shortage() {
    check(|| {
        let few_bytes = Limits {
            queue_bytes: 7,
            ..limits(3, 2)
        };
        let world = World::new(few_bytes, true);
        let threads = [0, 10].map(|first| {
            world.spawn(move |world| (first..first + 4).for_each(|number| world.record(number)))
        });
        let _ = world.shared.flush(LONG);
        world.assert_identity();
        join(threads);
        // Spans that threads still held may find no room when they are fetched.
        let ended = world.shared.shut_down(LONG);
        assert!(matches!(ended, Ok(()) | Err(FlushError::Lost { .. })));
        let [after_shutdown, _, given_up] = world.end();
        assert_eq!((after_shutdown, given_up), (0, 0));
    });
}

/// With a collector that accepts nothing, a shutdown without timeout ends and counts all spans.
#[test]
fn a_shutdown_ends_without_a_working_collector() {
    check(|| {
        let world = World::new(limits(4, 2), false);
        let threads = [0, 10].map(|first| {
            world.spawn(move |world| (first..first + 4).for_each(|number| world.record(number)))
        });
        let _ = world.shared.shut_down(Duration::ZERO);
        join(threads);
        world.assert_arrived([]);
        world.end();
    });
}
