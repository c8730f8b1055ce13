//! A value that is made again after a global change, and is read without a lock.

use std::sync::OnceLock;

/// One value per generation, in a chain that only grows. A generation starts when the program sets
/// a global provider, so there are few.
#[derive(Debug)]
pub(crate) struct PerGeneration<T> {
    first: OnceLock<Box<Node<T>>>,
}

#[derive(Debug)]
struct Node<T> {
    generation: u64,
    value: T,
    next: OnceLock<Box<Node<T>>>,
}

impl<T> Default for PerGeneration<T> {
    fn default() -> Self {
        Self {
            first: OnceLock::new(),
        }
    }
}

impl<T> PerGeneration<T> {
    /// Returns the value of `generation`, or of a later one if another thread has already seen
    /// that, together with its generation. Makes the value on the first call for a generation.
    #[inline]
    pub(crate) fn get(&self, generation: u64, make: impl Fn() -> T) -> (u64, &T) {
        let mut place = &self.first;
        loop {
            let node = match place.get() {
                Some(node) => node,
                None => place.get_or_init(|| {
                    Box::new(Node {
                        generation,
                        value: make(),
                        next: OnceLock::new(),
                    })
                }),
            };
            if node.generation >= generation {
                return (node.generation, &node.value);
            }
            place = &node.next;
        }
    }

    /// The value of a generation that [`get`](Self::get) has returned.
    pub(crate) fn of(&self, generation: u64) -> Option<&T> {
        let mut node = self.first.get()?;
        while node.generation != generation {
            node = node.next.get()?;
        }
        Some(&node.value)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn makes_one_value_per_generation() {
        let latest = PerGeneration::default();
        assert_eq!(latest.get(0, || "zero"), (0, &"zero"));
        assert_eq!(latest.get(0, || "again"), (0, &"zero"));
        assert_eq!(latest.get(3, || "three"), (3, &"three"));
        // A caller that read the generation before the change gets the newer value.
        assert_eq!(latest.get(2, || "two"), (3, &"three"));
        assert_eq!(latest.of(0), Some(&"zero"));
        assert_eq!(latest.of(2), None);
    }
}
