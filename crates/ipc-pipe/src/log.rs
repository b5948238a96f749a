//! What the feature `log` tells: fallbacks and cut messages, at level warn. Without it, nothing.

/// Tells once a process which fallbacks are active.
#[inline]
pub(crate) fn fallbacks() {
    #[cfg(feature = "log")]
    {
        static ONCE: std::sync::Once = std::sync::Once::new();
        ONCE.call_once(|| {
            let features = crate::features();
            if !features.no_signal {
                log::warn!("no RWF_NOSIGNAL (Linux 6.18): SIGPIPE is blocked around every write");
            }
            if !features.no_wait {
                log::warn!("no RWF_NOWAIT on pipes: they are opened a second time to wait");
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
