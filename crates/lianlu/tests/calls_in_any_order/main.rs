//! Calls of all sorts, in any order, through several layers on one thread. They leave the same spans and metrics, send the
//! same headers and show the service the same, whether lianlu's provider describes them from templates or each anew, and
//! over the provider of `opentelemetry_sdk`.
//!
//! Sequences are made from seeds. `LIANLU_TEST_SEEDS=from..to` runs others than the default; CI runs more. Of a sequence
//! that fails, the shortest one that still fails is printed.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::print_stderr,
    missing_docs,
    unreachable_pub
)]

#[path = "../common/mod.rs"]
mod common;

mod call;
mod dice;
mod found;
mod handler;
mod layers;
mod reply;
mod run;
mod sequence;

use std::ops::Range;
use std::sync::{Mutex, PoisonError};

use sequence::Sequence;

/// How many sequences each run has.
const SEEDS: Range<u64> = 0..150;

fn seeds() -> Range<u64> {
    let Ok(told) = std::env::var("LIANLU_TEST_SEEDS") else {
        return SEEDS;
    };
    let (from, to) = told.split_once("..").unwrap();
    from.parse().unwrap()..to.parse().unwrap()
}

/// Runs without printing panics. The hook is the process's, so one at a time.
fn quietly<T>(run: impl FnOnce() -> T) -> T {
    static ONE: Mutex<()> = Mutex::new(());
    let _one = ONE.lock().unwrap_or_else(PoisonError::into_inner);
    std::panic::set_hook(Box::new(|_| ()));
    let result = run();
    let _ = std::panic::take_hook();
    result
}

/// Prints the reason itself, because the hook may be another test's.
fn fail(why: &str) -> ! {
    eprintln!("{why}");
    panic!("the ways differ");
}

/// Writes a line for each seed with the hashes of what was seen over each provider, so that two versions of the code can
/// be compared: `LIANLU_TEST_RECORD=FILE LIANLU_TEST_SEEDS=0..10000`. Ids and times are masked. Does nothing without the
/// variable.
#[test]
fn are_recorded() {
    use std::io::Write;

    let Ok(path) = std::env::var("LIANLU_TEST_RECORD") else {
        return;
    };
    let mut file = std::io::BufWriter::new(std::fs::File::create(path).unwrap());
    quietly(|| {
        for seed in seeds() {
            let sequence = Sequence::of(seed);
            writeln!(file, "{seed} {}", sequence.recorded()).unwrap();
        }
    });
}

#[test]
fn templates_and_providers_make_no_difference() {
    let differ = quietly(|| {
        seeds().find_map(|seed| {
            let sequence = Sequence::of(seed);
            (!sequence.is_same()).then(|| (seed, sequence.shortest()))
        })
    });
    if let Some((seed, shortest)) = differ {
        fail(&format!("seed {seed}: {shortest}"));
    }
}
