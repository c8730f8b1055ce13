//! The attributes of a direction's messages and bytes.

use lianlu_sdk::direct::Ending;
use lianlu_wire::otlp::{AttributeOf, put_int};

use crate::conventions::description::put_count;
use crate::conventions::table::Row;

/// Both attributes, as they are written where neither number takes more than a byte.
#[derive(Debug)]
pub(super) struct Counts {
    rows: [&'static Row; 2],
    bytes: Vec<u8>,
    /// Where the first number is. The other is at the end.
    at: usize,
}

/// Larger numbers take more than a byte.
const SHORT: u64 = 0x80;

impl Counts {
    pub(super) fn of(rows: [&'static Row; 2]) -> Self {
        let mut bytes = Vec::new();
        let [at, _] = rows.map(|row| {
            put_int(&mut bytes, AttributeOf::Span, row.key, 0);
            bytes.len() - 1
        });
        Self { rows, bytes, at }
    }

    /// Adds them to what is said at a call's end.
    #[inline]
    pub(super) fn put(&self, (messages, bytes): (u64, u64), ending: &mut Ending) {
        let is_short = messages < SHORT && bytes < SHORT;
        if is_short && !ending.has_users {
            let start = ending.attributes.len();
            ending.attributes.extend_from_slice(&self.bytes);
            let written = ending.attributes.get_mut(start..);
            if let Some([head @ .., last]) = written
                && let Some(first) = head.get_mut(self.at)
            {
                // Less than a byte holds.
                (*first, *last) = (messages as u8, bytes as u8);
                ending.count += 2;
                return;
            }
        }
        self.put_each(messages, bytes, ending);
    }

    fn put_each(&self, messages: u64, bytes: u64, ending: &mut Ending) {
        for (row, number) in self.rows.into_iter().zip([messages, bytes]) {
            put_count(ending, row.key, number);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::conventions::grpc_spans::COUNTS;

    #[test]
    fn as_if_each_were_written_alone() {
        for rows in COUNTS {
            let counts = Counts::of(rows);
            for totals in [
                (0, 0),
                (1, 12),
                (127, 127),
                (127, 128),
                (128, 127),
                (1, 1 << 40),
            ] {
                let [mut both, mut each] = [Ending::default(), Ending::default()];
                counts.put(totals, &mut both);
                counts.put_each(totals.0, totals.1, &mut each);
                assert_eq!(both.attributes, each.attributes);
                assert_eq!((both.count, each.count), (2, 2));
            }
        }
    }
}
