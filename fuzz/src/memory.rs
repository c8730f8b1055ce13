//! Limits on the memory of a parser.

/// Runs `read`, which may allocate at most `most` bytes at any time.
///
/// Run oracles outside of it.
#[track_caller]
pub(crate) fn within<T>(most: usize, read: impl FnOnce() -> T) -> T {
    let mut answer = None;
    let taken = allocation_counter::measure(|| answer = Some(read()));
    assert!(
        taken.bytes_max <= most as u64,
        "{} bytes of memory at once, at most {most} expected",
        taken.bytes_max
    );
    answer.expect("`measure` runs what it is given")
}

/// Runs `read`, which must not allocate.
#[track_caller]
pub(crate) fn none<T>(read: impl FnOnce() -> T) -> T {
    within(0, read)
}
