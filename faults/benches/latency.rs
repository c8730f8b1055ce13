//! How much slower requests are during a fault: a table of the 99th percentile of their times without and with each fault.
//! A measurement without a verdict: it needs an idle machine. `cargo bench -p lianlu-faults`; arguments choose faults by a
//! part of their name.
#![allow(missing_docs, clippy::print_stdout, clippy::unwrap_used)]

use lianlu_faults::{Answer, Child, Disk, Grpc, Http, Service, grpc, record_file};
use tonic::{Code, Status};

/// Series without and with the fault, in turns. The table has the first quartiles of their 99th percentiles, as the machine
/// does other work during some of them.
const ROUNDS: usize = 25;
/// Requests of one series.
const REQUESTS: usize = 500;

fn main() {
    // Cargo passes `--bench`.
    let names: Vec<_> = std::env::args()
        .skip(1)
        .filter(|name| !name.starts_with('-'))
        .collect();
    println!("| fault | p99 without, µs | p99 with, µs | ratio |\n|---|--:|--:|--:|");
    for (name, measure) in FAULTS {
        if names.is_empty() || names.iter().any(|part| name.contains(part)) {
            measure(name);
        }
    }
}

type Fault = (&'static str, fn(&str));

const FAULTS: &[Fault] = &[
    ("none", none),
    ("collector down", collector_down),
    ("collector down, recorder", collector_down_recorder),
    ("collector hangs", collector_hangs),
    ("collector resets", |name| http(name, Answer::Reset(50))),
    ("collector answers 400", |name| {
        http(name, Answer::Status("400 No", Vec::new(), Vec::new()));
    }),
    ("endless answers", |name| http(name, Answer::Endless)),
    ("RESOURCE_EXHAUSTED", resource_exhausted),
    ("UNAVAILABLE with RetryInfo", unavailable),
    ("queue full, collector hangs", queue_full),
    ("recorder full, drop newest", |name| {
        recorder_full(name, "newest")
    }),
    ("recorder full, drop oldest", |name| {
        recorder_full(name, "oldest")
    }),
    ("disk hangs", |name| disk(name, "write=hold sync=hold")),
    ("disk fails with EIO", |name| {
        disk(name, "write=eio sync=eio")
    }),
    ("exporter panics", exporter_panics),
    ("second destination down", second_destination_down),
    ("leftovers are exported", leftovers),
    ("beside flushes", |name| beside(name, "flush")),
    ("beside forks", |name| beside(name, "fork")),
    ("beside spans of 10 MB", |name| {
        beside(name, "long 10000000")
    }),
    ("beside spans of 10,000 attributes", |name| {
        beside(name, "wide 10000")
    }),
    ("beside calls that break off", |name| {
        beside(name, "break-off")
    }),
    ("beside runtimes that are made and dropped", |name| {
        beside(name, "spans-in 10 one-worker");
    }),
];

/// Measures in turns without and with the fault, and prints the row.
fn compare(
    name: &str,
    child: &mut Child,
    mut without: impl FnMut(&mut Child),
    mut with: impl FnMut(&mut Child),
) {
    p99(child);
    let (mut usual, mut faulty) = (Vec::new(), Vec::new());
    for _ in 0..ROUNDS {
        without(child);
        usual.push(p99(child));
        with(child);
        faulty.push(p99(child));
    }
    let [usual, faulty] = [usual, faulty].map(|mut times: Vec<f64>| {
        times.sort_by(f64::total_cmp);
        times.get(ROUNDS / 4).copied().unwrap_or_default() / 1000.0
    });
    let ratio = faulty / usual;
    println!("| {name} | {usual:.1} | {faulty:.1} | {ratio:.2} |");
}

/// In nanoseconds.
fn p99(child: &mut Child) -> f64 {
    let answer = child.ask(&format!("calls-timed {REQUESTS}"));
    let (_median, p99) = answer.split_once(' ').unwrap();
    p99.parse().unwrap()
}

fn flush(child: &mut Child) {
    child.try_flush();
}

fn none(name: &str) {
    let collector = Http::start();
    let mut child = Service::new(&collector.url()).start();
    compare(name, &mut child, flush, flush);
}

fn collector_down(name: &str) {
    let collector = Http::start();
    let child = Service::new(&collector.url()).start();
    stop_and_resume(name, collector, child);
}

fn collector_down_recorder(name: &str) {
    let dir = tempfile::tempdir().unwrap();
    let collector = Http::start();
    let child = Service::new(&collector.url()).recorder(dir.path()).start();
    stop_and_resume(name, collector, child);
}

fn second_destination_down(name: &str) {
    let (good, bad) = (Http::start(), Http::start());
    let service = Service::new(&good.url()).set("second-endpoint", bad.url());
    stop_and_resume(name, bad, service.start());
}

fn stop_and_resume(name: &str, collector: Http, mut child: Child) {
    let collector = std::cell::RefCell::new(collector);
    compare(
        name,
        &mut child,
        |child| {
            let mut collector = collector.borrow_mut();
            collector.stop();
            collector.resume();
            flush(child);
        },
        |_| collector.borrow_mut().stop(),
    );
}

fn collector_hangs(name: &str) {
    let collector = Http::start();
    let mut child = Service::new(&collector.url()).start();
    hold(name, &collector, &mut child, |_| {});
}

fn queue_full(name: &str) {
    let collector = Http::start();
    let service = Service::new(&collector.url()).set("queue-size", 2048);
    let mut child = service.start();
    hold(name, &collector, &mut child, |child| {
        child.must("spans 8192");
    });
}

fn recorder_full(name: &str, when_full: &str) {
    let dir = tempfile::tempdir().unwrap();
    let collector = Http::start();
    let service = Service::new(&collector.url()).recorder(dir.path());
    let service = service.set("max-bytes", 256 << 10).set("queue-size", 1000);
    let mut child = service.set("when-full", when_full).start();
    hold(name, &collector, &mut child, |child| {
        child.must("spans 5000");
    });
}

fn hold(name: &str, collector: &Http, child: &mut Child, fill: impl Fn(&mut Child)) {
    compare(
        name,
        child,
        |child| {
            collector.gate().open();
            flush(child);
        },
        |child| {
            collector.gate().close();
            fill(child);
        },
    );
}

fn http(name: &str, answer: Answer) {
    let collector = Http::start();
    let mut child = Service::new(&collector.url()).set("delay-ms", 5).start();
    compare(
        name,
        &mut child,
        |child| {
            collector.always(Answer::Accepted);
            flush(child);
        },
        |_| collector.always(answer.clone()),
    );
}

fn resource_exhausted(name: &str) {
    grpc_status(name, &Status::resource_exhausted("quota"));
}

fn unavailable(name: &str) {
    grpc_status(name, &grpc::retry_after(Code::Unavailable, 30));
}

fn grpc_status(name: &str, status: &Status) {
    let collector = Grpc::start();
    let service = Service::new(&collector.url()).set("protocol", "grpc");
    let mut child = service.set("delay-ms", 5).start();
    compare(
        name,
        &mut child,
        |child| {
            collector.script(|_| grpc::accepted());
            flush(child);
        },
        |_| {
            let status = status.clone();
            collector.script(move |_| Err(status.clone()));
        },
    );
}

fn disk(name: &str, faults: &str) {
    let Some(disk) = Disk::new() else { return };
    let collector = Http::start();
    let service = disk.service(&collector.url()).set("durability", "power");
    let mut child = service.start();
    compare(
        name,
        &mut child,
        |child| {
            disk.repair();
            flush(child);
        },
        |child| {
            disk.set(faults);
            // More than the prepared files have room for.
            child.must("spans 20000");
        },
    );
}

fn exporter_panics(name: &str) {
    let collector = Http::start();
    let service = Service::new(&collector.url()).set("exporter", "panics");
    let mut child = service.set("delay-ms", 5).start();
    compare(
        name,
        &mut child,
        |child| {
            child.must("good");
            flush(child);
        },
        |child| child.must("bad"),
    );
}

/// Each round is another service, without or with the files of one that was killed.
fn leftovers(name: &str) {
    let dir = tempfile::tempdir().unwrap();
    let collector = Http::start();
    let mut folders = (0..).map(|number: u32| dir.path().join(number.to_string()));
    let mut next = |spans: usize| {
        let folder = folders.next().unwrap();
        if spans > 0 {
            drop(record_file(&folder, spans));
        }
        let mut child = Service::new(&collector.url()).recorder(&folder).start();
        child.must("calls 200");
        child
    };
    let mut child = next(0);
    let next = std::cell::RefCell::new(&mut next);
    compare(
        name,
        &mut child,
        |child| *child = next.borrow_mut()(0),
        |child| *child = next.borrow_mut()(200),
    );
}

fn beside(name: &str, work: &str) {
    let collector = Http::start();
    let mut child = Service::new(&collector.url()).start();
    compare(
        name,
        &mut child,
        |child| {
            child.must("beside");
            flush(child);
        },
        |child| child.must(&format!("beside {work}")),
    );
}
