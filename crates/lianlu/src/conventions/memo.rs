//! Parts of descriptions that come up again and again, as bytes.
//!
//! Calls of one method, from one peer, to one host say the same of it each time. A thread remembers what it wrote the
//! last times, and copies it.

use std::cell::RefCell;

use lianlu_sdk::direct::Ending;

use super::names::hash;
use super::sink::Style;
use crate::hash::MIX;

/// What a part is about.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Part {
    /// A gRPC method, by its name.
    Method,
    /// A server, by its authority.
    Server,
    /// The socket's other end, by address and port.
    Peer,
}

/// How many parts a thread remembers. A new one takes the place of another.
const PLACES: usize = 64;

/// Longer texts are no names that come again.
const LONGEST: usize = 128;

struct Entry {
    part: Part,
    style: Style,
    number: u64,
    text: String,
    bytes: Vec<u8>,
    count: u32,
}

thread_local! {
    static MEMO: RefCell<[Option<Entry>; PLACES]> = const { RefCell::new([const { None }; PLACES]) };
}

#[inline]
fn place(part: Part, text: &str, number: u64) -> usize {
    let hash = hash(text) ^ number.wrapping_mul(MIX) ^ part as u64;
    usize::try_from((hash ^ hash >> 29) % PLACES as u64).unwrap_or_default()
}

/// Appends what was written for this before. `false` if nothing is remembered of it.
#[inline]
pub(super) fn recall(
    (part, text, number): (Part, &str, u64),
    style: Style,
    ending: &mut Ending,
) -> bool {
    let recalled = MEMO.try_with(|memo| {
        let memo = memo.try_borrow().ok()?;
        let entry = memo.get(place(part, text, number))?.as_ref()?;
        let is_it = entry.number == number
            && entry.part == part
            && entry.style == style
            && entry.text == text;
        is_it.then(|| {
            ending.attributes.extend_from_slice(&entry.bytes);
            ending.count += entry.count;
        })
    });
    recalled.ok().flatten().is_some()
}

/// Keeps what was written: the bytes and attributes from these on.
#[cold]
pub(super) fn remember(
    (part, text, number): (Part, &str, u64),
    style: Style,
    ending: &Ending,
    (bytes, count): (usize, u32),
) {
    let written = ending.attributes.get(bytes..).unwrap_or_default();
    if text.len() > LONGEST || written.len() > 4 * LONGEST {
        return;
    }
    let entry = Entry {
        part,
        style,
        number,
        text: text.to_owned(),
        bytes: written.to_vec(),
        count: ending.count - count,
    };
    let _ = MEMO.try_with(|memo| {
        if let Ok(mut memo) = memo.try_borrow_mut()
            && let Some(place) = memo.get_mut(place(part, text, number))
        {
            *place = Some(entry);
        }
    });
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::conventions::opt_in::OptIns;
    use crate::conventions::stability::Conventions;
    use crate::conventions::table::Surface;

    fn style(surface: Surface) -> Style {
        Style {
            surface,
            conventions: Conventions::Current,
            opt_ins: OptIns::default(),
            metrics: false,
            active: false,
        }
    }

    #[test]
    fn only_the_same_is_recalled() {
        let key = (Part::Server, "shop.example:80", 0);
        let server = style(Surface::GrpcServer);
        let mut ending = Ending::default();
        assert!(!recall(key, server, &mut ending));
        ending.attributes.extend_from_slice(b"before|bytes");
        ending.count = 3;
        remember(key, server, &ending, (7, 1));
        let mut ending = Ending::default();
        assert!(recall(key, server, &mut ending));
        assert_eq!(
            (ending.attributes.as_slice(), ending.count),
            (&b"bytes"[..], 2)
        );
        for (part, text, number) in [
            (Part::Method, key.1, 0),
            (key.0, "shop.example:81", 0),
            (key.0, key.1, 1),
        ] {
            assert!(!recall((part, text, number), server, &mut ending));
        }
        assert!(!recall(key, style(Surface::HttpServer), &mut ending));
    }

    #[test]
    fn no_text_of_a_stranger_takes_much() {
        let long = "x".repeat(LONGEST + 1);
        let key = (Part::Server, long.as_str(), 0);
        let server = style(Surface::GrpcServer);
        remember(key, server, &Ending::default(), (0, 0));
        assert!(!recall(key, server, &mut Ending::default()));
    }
}
