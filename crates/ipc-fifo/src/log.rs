//! What the feature `log` tells: reclaims, fallbacks and cut messages, at level warn. Without it,
//! nothing.

/// Tells once a process which fallback of writing is active.
pub(crate) fn fallbacks() {
    #[cfg(feature = "log")]
    {
        static ONCE: std::sync::Once = std::sync::Once::new();
        ONCE.call_once(|| {
            if !ipc_core::pipe_end::has_nosignal() {
                log::warn!("no RWF_NOSIGNAL (Linux 6.18): SIGPIPE is blocked around every write");
            }
        });
    }
}

#[cfg(feature = "log")]
pub(crate) fn warn(text: std::fmt::Arguments<'_>) {
    log::warn!("{text}");
}

#[cfg(not(feature = "log"))]
pub(crate) fn warn(_text: std::fmt::Arguments<'_>) {}
