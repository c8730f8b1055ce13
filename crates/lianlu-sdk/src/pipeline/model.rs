//! The hand-over between threads, under schedules that shuttle picks: `.ci/run model`.
//!
//! These are the pipeline's own lanes, queues and workers. There is no time: nothing becomes due and no wait runs out, so
//! full batches, flushes and stops are what drives them, and a wait for something that does not come is a deadlock, which
//! shuttle reports. Memory is as one core would see it: what `Relaxed` and `Release` allow is not tried here.

use std::collections::BTreeSet;
use std::sync::atomic::{AtomicBool, AtomicU8, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, Weak};
use std::time::Duration;

use shuttle::scheduler::{PctScheduler, RandomScheduler, Scheduler};
use shuttle::thread::{self, JoinHandle};

use super::limits::Limits;
use super::shared::Shared;
use super::worker;
use crate::encode::EncodedScope;
use crate::export::batch::Batch;
use crate::export::{Export, Failure};
use crate::sync;

/// Of each scenario, with each of the two schedulers.
const SCHEDULES: usize = 1000;

/// How often PCT lets a thread go on that it had put behind the others.
const DEPTH: usize = 4;

/// A time that does not come.
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

/// A pipeline of two destinations, and what arrives there.
struct World {
    shared: Arc<Shared>,
    scope: Arc<EncodedScope>,
    arrived: [Arrived; 2],
    news: Arc<News>,
    workers: Vec<JoinHandle<()>>,
    started: AtomicU64,
    /// Whether somebody never stops, and the number of the next span by them.
    is_busy: AtomicBool,
    next: AtomicU8,
}

/// Spans by their number.
type Arrived = Arc<Mutex<BTreeSet<u8>>>;

/// How many spans both destinations have taken, for who waits for that.
#[derive(Default)]
struct News {
    taken: sync::Mutex<usize>,
    more: sync::Condvar,
}

struct Collector {
    arrived: Arrived,
    news: Arc<News>,
    takes: bool,
    world: Weak<World>,
}

impl Export for Collector {
    fn export(&mut self, batch: &Batch) -> Result<(), Failure> {
        sync::step();
        if !self.takes {
            return Err(Failure::temporary("not now"));
        }
        let runs = batch.scopes().flat_map(|scope| scope.runs());
        let numbers = runs.flat_map(|run| run.chunks(3).map(|span| span[2]));
        self.arrived.lock().unwrap().extend(numbers);
        *self.news.taken.lock().unwrap() += batch.len();
        self.news.more.notify_all();
        if let Some(world) = self.world.upgrade() {
            world.go_on();
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
    fn new(limits: Limits, takes: bool) -> Arc<Self> {
        let names = ["a".to_owned(), "b".to_owned()];
        let shared = Arc::new(Shared::new(limits, Arc::new(|_| {}), &names));
        let arrived: [Arrived; 2] = Default::default();
        let news = Arc::<News>::default();
        let start = |(number, arrived): (usize, &Arrived), world: &Weak<Self>| {
            let shared = Arc::clone(&shared);
            let collector = Box::new(Collector {
                arrived: Arc::clone(arrived),
                news: Arc::clone(&news),
                takes,
                // It takes one for all to be busy.
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

    /// Before a batch is taken the next one waits, while somebody is busy.
    fn go_on(&self) {
        if self.is_busy.load(Ordering::Relaxed) {
            for _ in 0..2 {
                let number = self.next.fetch_add(1, Ordering::Relaxed);
                assert!(number < u8::MAX, "nobody ever has a turn");
                self.record(number);
            }
            // Whoever goes on for ever leaves the others behind.
            thread::yield_now();
        }
    }

    fn record(&self, number: u8) {
        self.shared.count_started();
        self.started.fetch_add(1, Ordering::Relaxed);
        let write = |out: &mut Vec<u8>| out.extend([0x12, 1, number]);
        self.shared.record(&self.scope, None, write);
    }

    /// Until both destinations together have taken so many.
    fn wait_for(&self, spans: usize) {
        let mut taken = self.news.taken.lock().unwrap();
        while *taken < spans {
            taken = self.news.more.wait(taken).unwrap();
        }
    }

    /// A thread that does this with a world, and ends some time after.
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

    /// Whenever one looks, every span is somewhere, and at one place.
    fn assert_identity(&self) {
        for destination in self.shared.destination_counts() {
            let it = destination.counts;
            let somewhere = it.open + it.waiting + it.exported + it.dropped.total();
            assert_eq!(it.started, somewhere, "{it}");
        }
    }

    /// After the end. Gives the spans that were dropped for being late, for want of room, and given up.
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
            // Each once, or there would be more than numbers.
            assert_eq!((it.started, it.exported), (started, arrived), "{it}");
            assert_eq!((it.open, it.waiting), (0, 0), "{it}");
            assert_eq!(started, arrived + it.dropped.total(), "{it}");
            let dropped = it.dropped;
            reasons = [dropped.after_shutdown, dropped.queue_full, dropped.given_up];
            assert_eq!(dropped.total(), reasons.iter().sum::<u64>(), "{it}");
        }
        assert!(world.shared.room.is_whole(), "{:?}", world.shared.room);
        reasons
    }
}

fn join(threads: impl IntoIterator<Item = JoinHandle<()>>) {
    for thread in threads {
        thread.join().unwrap();
    }
}

/// What a thread has ended is at both destinations when its flush is done, whoever else flushes.
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

/// Whatever fills a batch arrives, and nobody has to ask for it.
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

/// A flush ends though the queue is never empty, and has then seen to what it was asked for.
#[test]
fn a_flush_meets_somebody_who_never_stops() {
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

/// What was recorded before the stop arrives; what is late is counted, and nothing is given up that could be sent.
#[test]
fn a_stop_races_with_threads_that_record() {
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

/// A flush that meets a stop comes to an end, and tells the truth.
#[test]
fn a_flush_races_with_two_stops() {
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

/// A flush that finds nothing to send does not speak for one that comes while it looks.
#[test]
fn a_flush_of_nothing_races_with_another() {
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

/// Nor does it take a stop that comes then for one that it has looked for.
#[test]
fn a_flush_of_nothing_races_with_a_stop() {
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

/// Threads that end leave what they have recorded and counted, though a worker may be visiting.
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

/// Whoever looks at the counts sees each span once, wherever it is on its way.
#[test]
fn somebody_counts() {
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

/// Room that is asked for, refused and given back is all there in the end.
#[test]
fn room_is_short() {
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
        world.shared.shut_down(LONG).unwrap();
        let [after_shutdown, _, given_up] = world.end();
        assert_eq!((after_shutdown, given_up), (0, 0));
    });
}

/// With a collector that takes nothing a stop that does not wait ends, and says what became of all.
#[test]
fn a_collector_takes_nothing() {
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
