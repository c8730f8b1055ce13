//! Counts of a request's body.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use bytes::Buf;

use super::content::{Content, ContentForm, Kept};
use crate::grpc::MessageMeter;

/// What to count of a request's body.
#[derive(Debug, Clone, Copy, Default)]
// Without tonic and axum no body can be wrapped.
#[cfg_attr(not(any(feature = "tonic", feature = "axum")), allow(dead_code))]
pub(crate) struct RequestWants {
    pub(crate) messages: bool,
    pub(crate) size: bool,
    /// True if the messages are in base64.
    pub(crate) is_text: bool,
    /// How many messages become events, and whether they are sent or received.
    pub(crate) events: u32,
    pub(crate) sent: bool,
    /// How many bytes of content are kept, and in which form.
    pub(crate) content: usize,
    pub(crate) form: ContentForm,
}

impl RequestWants {
    /// True if nothing is counted.
    #[inline]
    pub(crate) fn is_nothing(self) -> bool {
        !self.messages && !self.size && self.content == 0
    }
}

/// The counts of a request's body. Another task may still be sending the body when the call ends.
#[derive(Debug)]
pub(crate) struct RequestMeter {
    pub(crate) messages: Option<MessageMeter>,
    size: AtomicU64,
    /// `None` unless content is kept.
    content: Option<Mutex<Content>>,
}

// Without tonic and axum no body can be wrapped.
#[cfg_attr(not(any(feature = "tonic", feature = "axum")), allow(dead_code))]
impl RequestMeter {
    fn new(wants: RequestWants) -> Self {
        Self {
            messages: wants.messages.then(MessageMeter::default),
            size: AtomicU64::new(0),
            content: (wants.content > 0)
                .then(|| Mutex::new(Content::new(wants.content, wants.form))),
        }
    }

    /// A meter that starts at zero, in the allocation of one that is no longer used.
    #[inline]
    pub(crate) fn reuse(spare: Option<Arc<Self>>, wants: RequestWants) -> Arc<Self> {
        let Some(mut spare) = spare else {
            return Arc::new(Self::new(wants));
        };
        match Arc::get_mut(&mut spare) {
            Some(meter) => {
                *meter = Self::new(wants);
                spare
            }
            None => Arc::new(Self::new(wants)),
        }
    }

    /// Counts bytes, and keeps the first of them if content is enabled.
    pub(crate) fn feed(&self, data: &impl Buf) {
        self.size
            .fetch_add(data.remaining() as u64, Ordering::Relaxed);
        if let Some(content) = &self.content {
            let mut content = content.lock().unwrap_or_else(PoisonError::into_inner);
            content.feed(data);
        }
    }

    /// The number of bytes so far.
    pub(crate) fn size(&self) -> u64 {
        self.size.load(Ordering::Relaxed)
    }

    /// The content that was kept.
    pub(crate) fn content(&self) -> Option<Kept> {
        let content = self.content.as_ref()?.lock();
        content.unwrap_or_else(PoisonError::into_inner).kept()
    }
}
