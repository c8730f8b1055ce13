//! What users give a span while it runs.

use std::borrow::Cow;
use std::cell::RefCell;
use std::collections::HashSet;

use opentelemetry::trace::{Event, Link, Status};
use opentelemetry::{Key, KeyValue};
use opentelemetry_sdk::trace::SpanLimits;

/// Attributes, events, links, a status and a name. Most spans of lianlu's layers have none of them.
#[derive(Debug, Default)]
pub(super) struct Data {
    pub(super) name: Option<Cow<'static, str>>,
    pub(super) attributes: Vec<KeyValue>,
    pub(super) dropped_attributes: u32,
    /// How many attributes there were when each key was last known to be there once.
    unique: usize,
    pub(super) events: Vec<Event>,
    pub(super) dropped_events: u32,
    pub(super) links: Vec<Link>,
    pub(super) dropped_links: u32,
    pub(super) status: Status,
}

/// More keys than this are told apart by a hash.
const FEW: usize = 32;

impl Data {
    /// Adds an attribute, unless there are too many of them.
    pub(super) fn push(&mut self, attribute: KeyValue, limits: &SpanLimits) {
        if count(self.attributes.len()) < limits.max_attributes_per_span {
            self.attributes.push(attribute);
        } else {
            self.push_beyond(attribute, limits);
        }
    }

    /// A key that is there takes no room. What is there twice goes first, once for each time that the list is full.
    #[cold]
    fn push_beyond(&mut self, attribute: KeyValue, limits: &SpanLimits) {
        if self.unique != self.attributes.len() {
            self.set_once();
        }
        let same = |known: &&mut KeyValue| known.key == attribute.key;
        if let Some(known) = self.attributes.iter_mut().find(same) {
            *known = attribute;
        } else if count(self.attributes.len()) < limits.max_attributes_per_span {
            self.attributes.push(attribute);
        } else {
            self.dropped_attributes = self.dropped_attributes.saturating_add(1);
        }
        self.unique = self.attributes.len();
    }

    /// Takes over a list, within the limits, in front of all others.
    pub(super) fn begin_with(&mut self, mut attributes: Vec<KeyValue>, limits: &SpanLimits) {
        if count(attributes.len()) > limits.max_attributes_per_span {
            for attribute in attributes {
                self.push(attribute, limits);
            }
        } else if self.attributes.capacity() > attributes.len() {
            // The one that is here has room for more, which the other would have to be moved for.
            self.attributes.append(&mut attributes);
        } else {
            self.attributes = attributes;
        }
    }

    /// Leaves the last value of each key.
    pub(super) fn set_once(&mut self) {
        set_once(&mut self.attributes);
    }

    pub(super) fn add_event(&mut self, mut event: Event, limits: &SpanLimits) {
        if count(self.events.len()) >= limits.max_events_per_span {
            self.dropped_events = self.dropped_events.saturating_add(1);
            return;
        }
        set_once(&mut event.attributes);
        let cut = cut(&mut event.attributes, limits.max_attributes_per_event);
        event.dropped_attributes_count = event.dropped_attributes_count.saturating_add(cut);
        self.events.push(event);
    }

    pub(super) fn add_link(&mut self, mut link: Link, limits: &SpanLimits) {
        if count(self.links.len()) >= limits.max_links_per_span {
            self.dropped_links = self.dropped_links.saturating_add(1);
            return;
        }
        set_once(&mut link.attributes);
        let cut = cut(&mut link.attributes, limits.max_attributes_per_link);
        link.dropped_attributes_count = link.dropped_attributes_count.saturating_add(cut);
        self.links.push(link);
    }

    /// `Ok` is final; of errors the last one that says something stands, and nothing takes one back.
    pub(super) fn set_status(&mut self, status: Status) {
        match (&self.status, &status) {
            (Status::Ok, _) | (_, Status::Unset) => {}
            // A layer that knows of an answer of 500 alone does not silence a user who knows why.
            (Status::Error { .. }, Status::Error { description }) if description.is_empty() => {}
            _ => self.status = status,
        }
    }

    fn clear(&mut self) {
        self.name = None;
        self.attributes.clear();
        self.dropped_attributes = 0;
        self.unique = 0;
        self.events.clear();
        self.dropped_events = 0;
        self.links.clear();
        self.dropped_links = 0;
        self.status = Status::Unset;
    }
}

/// Leaves the last value of each key.
#[inline]
fn set_once(attributes: &mut Vec<KeyValue>) {
    if attributes.len() > FEW || !is_each_once(attributes) {
        leave_last(attributes);
    }
}

#[inline(never)]
fn leave_last(attributes: &mut Vec<KeyValue>) {
    if attributes.len() > FEW {
        let mut seen: HashSet<&Key> = HashSet::with_capacity(attributes.len());
        let backwards = attributes.iter().rev();
        let mut is_last: Vec<_> = backwards.map(|it| seen.insert(&it.key)).collect();
        attributes.retain(|_| is_last.pop() == Some(true));
        return;
    }
    let mut at = 0;
    while let Some(attribute) = attributes.get(at) {
        let rest = attributes.get(at + 1..).unwrap_or_default();
        if rest.iter().any(|later| later.key == attribute.key) {
            attributes.remove(at);
        } else {
            at += 1;
        }
    }
}

/// Whether each of a few keys is there once. Most are told apart by a mark, without a look at the others.
fn is_each_once(attributes: &[KeyValue]) -> bool {
    let mut marks = 0_u128;
    attributes.iter().enumerate().all(|(at, attribute)| {
        let mark = 1 << place(attribute.key.as_str());
        let is_new = marks & mark == 0;
        marks |= mark;
        let mut earlier = attributes.iter().take(at);
        is_new || earlier.all(|earlier| earlier.key != attribute.key)
    })
}

/// One of 128 places for a key, by its end and its length: many begin alike.
#[inline]
fn place(key: &str) -> u32 {
    /// The golden ratio, of 64 bits.
    const MIX: u64 = 0x9e37_79b9_7f4a_7c15;
    let bytes = key.as_bytes();
    let end = match bytes.last_chunk() {
        Some(end) => u64::from_le_bytes(*end),
        None => bytes
            .iter()
            .fold(0, |end, byte| end << 8 | u64::from(*byte)),
    };
    let mixed = (end ^ bytes.len() as u64).wrapping_mul(MIX);
    (mixed >> (u64::BITS - 7)) as u32
}

pub(super) fn count(length: usize) -> u32 {
    u32::try_from(length).unwrap_or(u32::MAX)
}

/// Cuts a list, and gives how many it has lost.
fn cut(attributes: &mut Vec<KeyValue>, most: u32) -> u32 {
    let dropped = count(attributes.len()).saturating_sub(most);
    attributes.truncate(usize::try_from(most).unwrap_or(usize::MAX));
    dropped
}

thread_local! {
    // Boxes, because spans hold them as such.
    #[allow(clippy::vec_box)]
    /// Boxes of spans that have ended, with the room that their lists had.
    static POOL: RefCell<Vec<Box<Data>>> = const { RefCell::new(Vec::new()) };
}

const POOLED: usize = 32;

/// Longer lists are not kept for the next span.
const LONG: usize = 64;

/// A box with nothing in it.
pub(super) fn fresh() -> Box<Data> {
    let pooled = POOL.try_with(|pool| pool.try_borrow_mut().ok()?.pop());
    pooled.ok().flatten().unwrap_or_default()
}

/// Takes a box back.
pub(super) fn recycle(mut data: Box<Data>) {
    // Outside of the borrow: values that are dropped may be anybody's.
    data.clear();
    if data.attributes.capacity() > LONG
        || data.events.capacity() > LONG
        || data.links.capacity() > LONG
    {
        return;
    }
    let _ = POOL.try_with(|pool| {
        if let Ok(mut pool) = pool.try_borrow_mut()
            && pool.len() < POOLED
        {
            pool.push(data);
        }
    });
}

#[cfg(test)]
mod tests {
    use super::*;

    fn limits(most: u32) -> SpanLimits {
        SpanLimits {
            max_attributes_per_span: most,
            ..SpanLimits::default()
        }
    }

    fn keys(data: &Data) -> Vec<(&str, String)> {
        let pair = |it: &'_ KeyValue| it.value.as_str().into_owned();
        data.attributes
            .iter()
            .map(|it| (it.key.as_str(), pair(it)))
            .collect()
    }

    #[test]
    fn the_last_value_stands_and_the_order_stays() {
        for many in [0, 100] {
            let mut data = Data::default();
            for (key, value) in [("a", 1), ("b", 2), ("a", 3), ("c", 4), ("a", 5)] {
                data.push(KeyValue::new(key, value), &limits(1000));
            }
            for at in 0..many {
                data.push(KeyValue::new(format!("k{at}"), 0), &limits(1000));
            }
            data.set_once();
            let first: Vec<_> = keys(&data).into_iter().take(3).collect();
            assert_eq!(
                first,
                [("b", "2".into()), ("c", "4".into()), ("a", "5".into())]
            );
            assert_eq!(data.attributes.len(), 3 + many);
        }
    }

    #[test]
    fn keys_of_one_place_are_told_apart() {
        let names: Vec<_> = (0..400).map(|at| format!("key.{at}")).collect();
        let alike = |a: &&String| names.iter().any(|b| b > *a && place(a) == place(b));
        let first = names.iter().find(alike).unwrap();
        let second = names.iter().rfind(|it| place(it) == place(first)).unwrap();
        assert_ne!(first, second);
        let set = |list: &[&String]| {
            let mut data = Data::default();
            for (at, &key) in list.iter().enumerate() {
                data.push(KeyValue::new(key.clone(), at as i64), &limits(1000));
            }
            data.set_once();
            let owned = |(key, value): (&str, String)| (key.to_owned(), value);
            keys(&data).into_iter().map(owned).collect::<Vec<_>>()
        };
        let [a, b] = [first, second].map(String::clone);
        assert_eq!(
            set(&[first, second]),
            [(a.clone(), "0".into()), (b.clone(), "1".into())]
        );
        assert_eq!(
            set(&[first, second, first]),
            [(b, "1".into()), (a, "2".into())]
        );
    }

    #[test]
    fn a_list_that_is_taken_over_is_within_the_limits_and_in_front() {
        for room in [0, 8] {
            for most in [2, 3, 100] {
                let mut data = Data::default();
                data.attributes.reserve(room);
                let list = ["a", "b", "c"].map(|key| KeyValue::new(key, 0)).to_vec();
                data.begin_with(list, &limits(most));
                data.push(KeyValue::new("d", 0), &limits(most));
                let most = most as usize;
                let expected = ["a", "b", "c", "d"];
                let found: Vec<_> = keys(&data).into_iter().map(|it| it.0).collect();
                assert_eq!(found, expected[..most.min(4)]);
                assert_eq!(data.dropped_attributes as usize, 4 - most.min(4));
            }
        }
    }

    #[test]
    fn beyond_the_limit_known_keys_change_and_others_are_counted() {
        let mut data = Data::default();
        for (key, value) in [("a", 1), ("b", 2), ("c", 3), ("a", 4)] {
            data.push(KeyValue::new(key, value), &limits(2));
        }
        assert_eq!(keys(&data), [("a", "4".into()), ("b", "2".into())]);
        assert_eq!(data.dropped_attributes, 1);
    }

    #[test]
    fn repeats_take_no_room() {
        let mut data = Data::default();
        for (key, value) in [("a", 1), ("b", 1), ("a", 2), ("a", 3)] {
            data.push(KeyValue::new(key, value), &limits(3));
        }
        data.set_once();
        assert_eq!(keys(&data), [("b", "1".into()), ("a", "3".into())]);
        // Once more, and as often as there is room again.
        for (key, value) in [("b", 2), ("a", 4), ("c", 1), ("b", 3), ("d", 1), ("c", 2)] {
            data.push(KeyValue::new(key, value), &limits(3));
        }
        data.set_once();
        assert_eq!(
            keys(&data),
            [("a", "4".into()), ("b", "3".into()), ("c", "2".into())]
        );
        assert_eq!(data.dropped_attributes, 1);
    }

    /// Whatever is set, it is as in a map that takes new keys while it has room.
    #[test]
    fn at_the_limit_it_is_a_map() {
        use std::collections::BTreeMap;

        for most in [0, 1, 2, 5, 40] {
            for distinct in [1, 2, 6, 50] {
                let (mut data, mut map, mut dropped) = (Data::default(), BTreeMap::new(), 0);
                let mut random = 1_u64;
                for at in 0..500_i64 {
                    random = random.wrapping_mul(6_364_136_223_846_793_005) | 1;
                    let key = format!("key {}", (random >> 33) % distinct);
                    data.push(KeyValue::new(key.clone(), at), &limits(most));
                    if map.contains_key(&key) || map.len() < most as usize {
                        map.insert(key, at.to_string());
                    } else {
                        dropped += 1;
                    }
                }
                data.set_once();
                let found: BTreeMap<_, _> = keys(&data).into_iter().collect();
                assert_eq!(found.len(), data.attributes.len());
                let expected: BTreeMap<_, _> =
                    map.iter().map(|(k, v)| (k.as_str(), v.clone())).collect();
                assert_eq!(found, expected, "{most} {distinct}");
                assert_eq!(data.dropped_attributes, dropped, "{most} {distinct}");
            }
        }
    }

    #[test]
    fn the_order_of_statuses() {
        let mut data = Data::default();
        data.set_status(Status::error("a"));
        data.set_status(Status::Unset);
        assert_eq!(data.status, Status::error("a"));
        data.set_status(Status::error("b"));
        assert_eq!(data.status, Status::error("b"));
        data.set_status(Status::error(""));
        assert_eq!(data.status, Status::error("b"));
        data.set_status(Status::Ok);
        data.set_status(Status::error("c"));
        assert_eq!(data.status, Status::Ok);
    }

    #[test]
    fn nothing_is_left_in_a_box_for_the_next_span() {
        let mut data = fresh();
        data.push(KeyValue::new("a", 1), &SpanLimits::default());
        data.name = Some("name".into());
        data.set_status(Status::Ok);
        data.dropped_events = 1;
        recycle(data);
        let data = fresh();
        assert!(data.attributes.is_empty() && data.name.is_none());
        assert_eq!(
            (data.status.clone(), data.dropped_events),
            (Status::Unset, 0)
        );
    }
}
