//! Mapped memory: the one module of this crate that is not safe Rust.
//!
//! What is mapped is only ever seen as a slice of atomic words. Whoever writes there from two threads gets a mixture and
//! no undefined behaviour, and nothing outside of this module needs `unsafe`.
#![allow(unsafe_code)]

use std::fs::File;
use std::io;
use std::sync::atomic::{AtomicU64, Ordering};

use lianlu_wire::segment::WORD;
use memmap2::{MmapOptions, MmapRaw};

/// A page, or a part of one where pages are larger.
const PAGE: usize = 4096;

/// A file in memory, shared with the system: what was stored is in the file even if the process dies at once.
#[derive(Debug)]
pub(super) struct Map(MmapRaw);

impl Map {
    /// Maps the whole of a file, which must have its length already, with blocks on the disk behind it: where the disk
    /// is full, a store into a hole would kill the process.
    ///
    /// # Errors
    ///
    /// When the system can't map it.
    pub(super) fn new(file: &File) -> io::Result<Self> {
        let map = Self(MmapOptions::new().map_raw(file)?);
        map.touch();
        Ok(map)
    }

    /// All of it; what is left of a last word is not reached.
    #[inline]
    pub(super) fn words(&self) -> &[AtomicU64] {
        let (start, words) = (self.0.as_mut_ptr().cast::<AtomicU64>(), self.0.len() / WORD);
        // SAFETY: the mapping begins at a page, has this length, is readable and writable, and lives as long as `self`.
        // Everyone in this process reaches it through these atomics alone.
        unsafe { std::slice::from_raw_parts(start, words) }
    }

    /// Has the system put every page in place, writable, so that no request waits for that.
    pub(super) fn touch(&self) {
        for page in self.words().chunks(PAGE / WORD) {
            if let Some(word) = page.first() {
                word.fetch_or(0, Ordering::Relaxed);
            }
        }
    }
}

/// Knows the process that it was made in from a `fork` of that one, which has its memory and none of its threads.
///
/// By a page that the system wipes in the child. Where there is no such thing, every process is taken for the first.
#[derive(Debug)]
pub(crate) struct Home(Option<Map>);

impl Home {
    pub(crate) fn here() -> Self {
        Self(wiped_in_children())
    }

    /// Whether this is a child of the process that it was made in.
    #[inline]
    pub(crate) fn is_left(&self) -> bool {
        let word = self.0.as_ref().and_then(|page| page.words().first());
        word.is_some_and(|word| word.load(Ordering::Relaxed) == 0)
    }
}

#[cfg(target_os = "linux")]
fn wiped_in_children() -> Option<Map> {
    let page = MmapOptions::new().len(PAGE).map_anon().ok()?;
    let page = Map(MmapRaw::from(page));
    // SAFETY: a mapping of this length, of anonymous memory, private to this process. Nothing is in it yet.
    let advised = unsafe {
        libc::madvise(
            page.0.as_mut_ptr().cast(),
            page.0.len(),
            libc::MADV_WIPEONFORK,
        )
    };
    if advised != 0 {
        return None;
    }
    page.words().first()?.store(1, Ordering::Relaxed);
    Some(page)
}

#[cfg(not(target_os = "linux"))]
fn wiped_in_children() -> Option<Map> {
    None
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::{Read, Seek, SeekFrom, Write};

    #[test]
    #[cfg_attr(miri, ignore = "maps a file")]
    fn what_is_stored_is_in_the_file() {
        let mut file = tempfile::tempfile().unwrap();
        file.write_all(&[0; 2 * PAGE + 4]).unwrap();
        let map = Map::new(&file).unwrap();
        assert_eq!(map.words().len(), 2 * PAGE / WORD);
        map.words()[513].store(u64::from_le_bytes(*b"abcdefgh"), Ordering::Release);
        let mut bytes = Vec::new();
        file.seek(SeekFrom::Start(513 * 8)).unwrap();
        file.read_to_end(&mut bytes).unwrap();
        assert_eq!(&bytes[..9], b"abcdefgh\0");
    }

    /// Memory without a file, which Miri knows too.
    #[test]
    fn threads_meet_at_words_alone() {
        let pages = MmapOptions::new().len(2 * PAGE).map_anon().unwrap();
        let map = Map(MmapRaw::from(pages));
        map.touch();
        let words = map.words();
        let [first, second, ..] = words else {
            panic!("{} words", words.len());
        };
        std::thread::scope(|scope| {
            scope.spawn(|| {
                second.store(7, Ordering::Relaxed);
                first.store(1, Ordering::Release);
                map.touch();
            });
            scope.spawn(|| {
                map.touch();
                if first.load(Ordering::Acquire) == 1 {
                    assert_eq!(second.load(Ordering::Relaxed), 7);
                }
            });
        });
        let last = &words[2 * PAGE / WORD - 1];
        last.store(u64::MAX, Ordering::Relaxed);
        assert_eq!(
            map.words()
                .iter()
                .filter(|it| it.load(Ordering::Relaxed) > 0)
                .count(),
            3
        );
    }

    #[test]
    #[cfg_attr(miri, ignore = "advises the system")]
    fn at_home() {
        assert!(!Home::here().is_left());
    }
}
