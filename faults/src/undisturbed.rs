//! Whether requests go on as if nothing were wrong.

use crate::Child;

const TRIES: usize = 5;
const CALLS: usize = 2000;
/// The 99th percentile may be so much higher.
const MOST: f64 = 2.0;

/// Times requests without and with a fault, in turns, and gives how much slower they are with it. The machine has other
/// things to do, so the best of several tries counts.
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
    let mut ratios = Vec::new();
    // The first ones are slower than any fault makes them.
    p99(child);
    for _ in 0..TRIES {
        without(child);
        let usual = p99(child);
        with(child);
        let ratio = p99(child) / usual;
        ratios.push(ratio);
        if ratio <= MOST {
            return ratio;
        }
    }
    panic!("p99 with the fault by that without: {ratios:.2?}");
}

/// In nanoseconds.
fn p99(child: &mut Child) -> f64 {
    let answer = child.ask(&format!("calls {CALLS}"));
    let (_, p99) = answer.split_once(' ').expect(&answer);
    p99.parse().expect(&answer)
}
