//! Mapped memory, and hardware checksums of the bytes copied there: the only module of this crate
//! with `unsafe` code.
//!
//! Mapped memory is only accessible as a slice of atomic words. Concurrent writers mix their data
//! but cause no undefined behaviour, and no other module needs `unsafe`.
#![allow(unsafe_code)]

use std::fs::File;
use std::io;
use std::sync::atomic::{AtomicU64, Ordering};

#[cfg(any(target_arch = "x86_64", target_arch = "aarch64"))]
use lianlu_wire::segment::copy_by;
use lianlu_wire::segment::{Head, WORD};
use memmap2::{MmapOptions, MmapRaw};

/// A page, or a part of one where pages are larger.
const PAGE: usize = 4096;

/// A file mapped into memory: stored bytes are in the file even if the process dies immediately.
#[derive(Debug)]
pub(super) struct Map(MmapRaw);

impl Map {
    /// Maps a whole file. The file must have its final length, with all blocks allocated: on a full
    /// disk, a store to a hole would kill the process.
    ///
    /// # Errors
    ///
    /// When the system cannot map it.
    pub(super) fn new(file: &File) -> io::Result<Self> {
        let map = Self(MmapOptions::new().map_raw(file)?);
        map.touch();
        Ok(map)
    }

    /// All complete words; an incomplete last word is not accessible.
    #[inline]
    pub(super) fn words(&self) -> &[AtomicU64] {
        let (start, words) = (self.0.as_mut_ptr().cast::<AtomicU64>(), self.0.len() / WORD);
        // SAFETY: the mapping begins at a page, has this length, is readable and writable, and
        // lives as long as `self`. All accesses of this process are through these atomics.
        unsafe { std::slice::from_raw_parts(start, words) }
    }

    /// Faults in every page for writing, so that no request waits for it.
    pub(super) fn touch(&self) {
        for page in self.words().chunks(PAGE / WORD) {
            if let Some(word) = page.first() {
                word.fetch_or(0, Ordering::Relaxed);
            }
        }
    }
}

/// Copies bytes to words and computes their checksum like [`lianlu_wire::segment::copy`], with CPU
/// instructions if available: one per eight bytes, which costs almost nothing in addition to the
/// copy.
#[inline]
#[must_use]
pub(super) fn copy(words: &[AtomicU64], head: Head, bytes: &[u8]) -> u32 {
    // The standard library caches the detection.
    #[cfg(target_arch = "x86_64")]
    if std::arch::is_x86_feature_detected!("sse4.2") {
        // SAFETY: the CPU supports the feature.
        return unsafe { copy_sse42(words, head, bytes) };
    }
    #[cfg(target_arch = "aarch64")]
    if std::arch::is_aarch64_feature_detected!("crc") {
        // SAFETY: the CPU supports the feature.
        return unsafe { copy_crc(words, head, bytes) };
    }
    lianlu_wire::segment::copy(words, head, bytes)
}

#[cfg(target_arch = "x86_64")]
#[target_feature(enable = "sse4.2")]
fn copy_sse42(words: &[AtomicU64], head: Head, bytes: &[u8]) -> u32 {
    use std::arch::x86_64::{_mm_crc32_u8, _mm_crc32_u32, _mm_crc32_u64};
    let by_8 = |crc, value| _mm_crc32_u64(crc, value);
    let by_4 = |crc, value| _mm_crc32_u32(crc as u32, value).into();
    let by_1 = |crc, value| _mm_crc32_u8(crc as u32, value).into();
    copy_by(words, head, bytes, (by_8, by_4, by_1))
}

#[cfg(target_arch = "aarch64")]
#[target_feature(enable = "crc")]
fn copy_crc(words: &[AtomicU64], head: Head, bytes: &[u8]) -> u32 {
    use std::arch::aarch64::{__crc32cb, __crc32cd, __crc32cw};
    let by_8 = |crc, value| __crc32cd(crc as u32, value).into();
    let by_4 = |crc, value| __crc32cw(crc as u32, value).into();
    let by_1 = |crc, value| __crc32cb(crc as u32, value).into();
    copy_by(words, head, bytes, (by_8, by_4, by_1))
}

/// Detects a forked child process, which has a copy of the memory but none of the threads.
///
/// Uses a page that the kernel zeroes in the child. On other systems, forks are not detected.
#[derive(Debug)]
pub(crate) struct ForkGuard(Option<Map>);

impl ForkGuard {
    pub(crate) fn new() -> Self {
        Self(wiped_in_children())
    }

    /// Whether this process is a forked child of the one that made the guard.
    #[inline]
    pub(crate) fn is_forked_child(&self) -> bool {
        let word = self.0.as_ref().and_then(|page| page.words().first());
        word.is_some_and(|word| word.load(Ordering::Relaxed) == 0)
    }
}

#[cfg(target_os = "linux")]
fn wiped_in_children() -> Option<Map> {
    let page = MmapOptions::new().len(PAGE).map_anon().ok()?;
    let page = Map(MmapRaw::from(page));
    // SAFETY: a mapping of this length, of anonymous memory, private to this process. Nothing is in
    // it yet.
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
    fn stores_are_in_the_file() {
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

    /// Anonymous memory, which Miri supports.
    #[test]
    fn threads_share_words() {
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
    fn hardware_checksums_agree_with_the_portable_ones() {
        let bytes: Vec<u8> = (0..200_u8).map(|at| at.wrapping_mul(37)).collect();
        let words = || (0..26).map(|_| AtomicU64::new(7)).collect::<Vec<_>>();
        let copied = |words: &[AtomicU64]| -> Vec<u64> {
            words.iter().map(|it| it.load(Ordering::Relaxed)).collect()
        };
        for length in (0..bytes.len()).step_by(if cfg!(miri) { 13 } else { 1 }) {
            for head in [(0, None), (u64::MAX - 3, Some(0x0102_0304))] {
                let (actual, expected) = (words(), words());
                let bytes = &bytes[..length];
                let crc = copy(&actual, head, bytes);
                assert_eq!(crc, lianlu_wire::segment::copy(&expected, head, bytes));
                assert_eq!(copied(&actual), copied(&expected), "{length} bytes");
            }
        }
        // The standard check value of CRC-32C.
        let head = u64::from_le_bytes(*b"12345678");
        assert_eq!(copy(&words(), (head, None), b"9"), 0xe306_9283);
    }

    #[test]
    #[cfg_attr(miri, ignore = "advises the system")]
    fn the_process_itself_is_not_a_child() {
        assert!(!ForkGuard::new().is_forked_child());
    }
}
