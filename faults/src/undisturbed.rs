//! Whether requests go on as if nothing were wrong.

use crate::Child;

/// Rounds at the least, and at the most.
const FEW: usize = 2;
const MANY: usize = 6;
const CALLS: usize = 2000;
/// The 99th percentile may be so much higher.
const MOST: f64 = 2.0;

/// Times requests without and with a fault, in turns, and gives how much slower they are with it. The machine has other
/// things to do, so the best round of each counts.
///
/// # Panics
///
/// When it is more than twice.
#[track_caller]
pub fn undisturbed(
    child: &mut Child,
    mut without: impl FnMut(&mut Child),
    mut with: impl FnMut(&mut Child),
) -> f64 {
    // The first ones are slower than any fault makes them.
    p99(child);
    let (mut usual, mut faulty) = (f64::MAX, f64::MAX);
    for round in 1..=MANY {
        without(child);
        usual = p99(child).min(usual);
        with(child);
        faulty = p99(child).min(faulty);
        if round >= FEW && faulty / usual <= MOST {
            return faulty / usual;
        }
    }
    panic!("p99 is {usual} ns without the fault and {faulty} ns with it");
}

/// In nanoseconds.
fn p99(child: &mut Child) -> f64 {
    let answer = child.ask(&format!("calls {CALLS}"));
    let (_, p99) = answer.split_once(' ').expect(&answer);
    p99.parse().expect(&answer)
}
