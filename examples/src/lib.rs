//! The examples are the binaries under `examples/`; this library is empty.
