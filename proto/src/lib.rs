//! The gRPC services that the demo, the examples and the tests speak, generated from `proto/`.
//!
//! The generated code is checked in, so that a plain build needs no `protoc`; CI writes it anew and
//! compares.
#![allow(missing_docs, unreachable_pub, clippy::all)]

/// `helloworld.Greeter`, the greeter of every gRPC implementation's first example.
pub mod helloworld {
    include!("generated/helloworld.rs");

    /// The encoded `FileDescriptorSet`, for server reflection.
    pub const FILE_DESCRIPTOR_SET: &[u8] = include_bytes!("generated/helloworld.bin");
}

/// `shop.v1`, the demo's catalog and orders.
pub mod shop {
    include!("generated/shop.v1.rs");
}

/// `lianlu.testing.Echo`: one method for each kind of gRPC call.
pub mod testing {
    include!("generated/lianlu.testing.rs");
}
