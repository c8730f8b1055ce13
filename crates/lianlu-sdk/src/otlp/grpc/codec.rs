//! A codec for requests that are encoded already.

use std::sync::Arc;

use bytes::{Buf, BufMut};
use tonic::Status;
use tonic::codec::{Codec, DecodeBuf, Decoder, EncodeBuf, Encoder};

use super::super::answer::Taken;

/// Sends bytes as the message that they are, and reads an `ExportTraceServiceResponse`.
#[derive(Debug, Default)]
pub(super) struct AsItIs;

impl Codec for AsItIs {
    type Encode = Arc<Vec<u8>>;
    type Decode = Taken;
    type Encoder = Self;
    type Decoder = Self;

    fn encoder(&mut self) -> Self {
        Self
    }

    fn decoder(&mut self) -> Self {
        Self
    }
}

impl Encoder for AsItIs {
    type Item = Arc<Vec<u8>>;
    type Error = Status;

    fn encode(&mut self, request: Self::Item, out: &mut EncodeBuf<'_>) -> Result<(), Status> {
        out.reserve(request.len());
        out.put_slice(&request);
        Ok(())
    }
}

impl Decoder for AsItIs {
    type Item = Taken;
    type Error = Status;

    fn decode(&mut self, answer: &mut DecodeBuf<'_>) -> Result<Option<Taken>, Status> {
        let answer = answer.copy_to_bytes(answer.remaining());
        Ok(Some(Taken::from_protobuf(&answer)))
    }
}
