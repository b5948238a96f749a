//! What the feature `log` tells: reclaims, deaths and fallbacks, at level warn. Without it, nothing.

#[cfg(feature = "log")]
pub(crate) fn warn(text: std::fmt::Arguments<'_>) {
    log::warn!("{text}");
}

#[cfg(not(feature = "log"))]
pub(crate) fn warn(_text: std::fmt::Arguments<'_>) {}
