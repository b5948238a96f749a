//! The promises of ipc-mq, one file each.

mod shared;
