//! A real browser, for tests: how wide does a page become?

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use crate::scratch::Scratch;

/// Pixels, as the browser counts them.
#[derive(Debug)]
pub(super) struct Widths {
    pub(super) window: u32,
    pub(super) content: u32,
}

/// The browser, if there is one.
pub(super) fn find() -> Option<PathBuf> {
    let path = std::env::var_os("PATH").unwrap_or_default();
    let dirs: Vec<_> = std::env::split_paths(&path).collect();
    let names = ["chromium", "chromium-browser", "google-chrome"];
    names.iter().flat_map(|name| dirs.iter().map(move |dir| dir.join(name))).find(|p| p.is_file())
}

/// Shows the page in a frame of this width, and asks for the widths of frame and content. A wide table
/// may scroll within itself, but not one whose rows are cards.
pub(super) fn widths(chromium: &Path, page: &str, width: u32) -> Result<Widths, String> {
    let dir = Scratch::new("browser")?;
    dir.write("page.html", page)?;
    // A headless window has a least width of its own; a frame has not.
    let probe = format!(
        "<!doctype html><iframe id=f src=page.html width={width} height=800 frameborder=0></iframe>\
         <script>onload = () => {{ const d = f.contentDocument.documentElement; \
         const cards = [...d.querySelectorAll('.cards')].map(table => table.parentElement); \
         const right = part => part.getBoundingClientRect().left + part.scrollWidth; \
         const most = Math.max(d.scrollWidth, ...cards.map(right)); \
         document.title = 'WIDTHS ' + d.clientWidth + ' ' + Math.ceil(most) + ' END'; }}</script>"
    );
    dir.write("probe.html", &probe)?;
    let profile = format!("--user-data-dir={}", dir.path().join("profile").display());
    let address = format!("file://{}", dir.path().join("probe.html").display());
    let output = Command::new(chromium)
        .args(["--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run"])
        .args(["--disable-background-networking", "--disable-component-update", "--disable-sync"])
        .args(["--allow-file-access-from-files", "--dump-dom", "--virtual-time-budget=5000"])
        .args([&profile, &address])
        .stdin(Stdio::null())
        .output()
        .map_err(|e| format!("start {}: {e}", chromium.display()))?;
    let text = String::from_utf8_lossy(&output.stdout);
    let found = text.split("WIDTHS ").nth(1).and_then(|rest| rest.split(" END").next());
    let numbers: Vec<u32> =
        found.unwrap_or_default().split(' ').filter_map(|word| word.parse().ok()).collect();
    match numbers[..] {
        [window, content] => Ok(Widths { window, content }),
        _ => Err(format!("no widths in: {text}")),
    }
}
