//! Power loss before every operation of a run.

use super::*;

/// The power fails before every operation of a run, with all, none or some of the unsynced pages
/// written. Durable spans are recovered.
#[test]
#[cfg_attr(miri, ignore = "writes some thousand files")]
fn durable_spans_survive_power_loss() {
    let mut bench = Bench::new(Durability::PowerLoss);
    bench.disk.keep_states();
    // Number of durable or acknowledged spans after each number of operations.
    let mut said = Vec::new();
    for round in 0..12_usize {
        for _ in 0..13 {
            bench.append();
        }
        bench.hand_over();
        bench.recorder.maintain(&never());
        let durable = bench.recorder.durable(bench.next);
        said.push((bench.disk.states(), durable, bench.acked.clone()));
        if round % 3 == 2 {
            // In another order than they were written.
            bench.ack(1);
            bench.ack(0);
        }
    }
    assert_eq!(bench.kept_in_memory, 0);
    assert_eq!(said.last().unwrap().1, bench.next);
    let mut random = 1_u64;
    for state in 0..=bench.disk.states() {
        let before = said
            .iter()
            .rev()
            .find(|(operations, ..)| *operations <= state);
        let (durable, ..) =
            before.map_or((0, &bench.acked), |(_, durable, acked)| (*durable, acked));
        for luck in 0..4 {
            let found = bench.recovered(state, || match luck {
                0 => false,
                1 => true,
                _ => {
                    random = random
                        .wrapping_mul(6_364_136_223_846_793_005)
                        .wrapping_add(1);
                    random >> 63 == 0
                }
            });
            for number in 0..durable {
                // It may have been acknowledged since.
                assert!(
                    found.contains(&number) || bench.acked.contains(&number),
                    "{number} of {durable} is lost before operation {state}, luck {luck}"
                );
            }
        }
    }
}
