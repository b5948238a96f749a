//! The page is whole, harmless and fits a phone.

use super::{render, rich};
use crate::bench::saved::Run;
use crate::bench::saved::tests::{ratio, row, run};
use crate::report::escape;

const CASE: &str = "pipe round-trip 64 B busy";

fn measured() -> Run {
    let mut lines = vec![ratio(CASE, 2.0, 0.1, 0.05)];
    for (size, name) in [(64, "64 B"), (4096, "4 KiB"), (1 << 20, "1 MiB")] {
        let case = |mechanism: &str| format!("{mechanism} round-trip {name} busy");
        let time = 900.0 + size as f64;
        lines.push(row("ipc-pipe", &case("pipe"), "ipc-pipe", "ours", size, time));
        lines.push(row("ipc-pipe", &case("pipe"), "raw pipe", "raw", size, time / 2.0));
        lines.push(row("ipc-sock", &case("stream"), "ipc-sock", "ours", size, time * 1.5));
        lines.push(row("ipc-devkit", &case("floor"), "cache line", "floor", size, time / 9.0));
    }
    run(&lines)
}

#[test]
fn text_cannot_become_markup() {
    assert_eq!(escape("<a b=\"c\" d='e'> & f"), "&lt;a b=&quot;c&quot; d=&#39;e&#39;&gt; &amp; f");
    assert_eq!(rich("`a<b` and c"), "<code>a&lt;b</code> and c");
    assert_eq!(rich("it`s"), "it`s");
    let mut run = measured();
    run.notes.push("<script>alert(1)</script>".to_owned());
    run.failures.push("<img>".to_owned());
    let page = render(&run, None).unwrap();
    assert!(!page.contains("<script") && !page.contains("<img"));
}

#[test]
fn the_page_needs_nothing_from_elsewhere() {
    let page = render(&measured(), None).unwrap();
    for word in ["<script", "<link", "src=", "url(", "@import"] {
        assert!(!page.contains(word), "{word}");
    }
    let outside = page.match_indices("http").map(|(at, _)| &page[at..at + 26]);
    for address in outside {
        assert_eq!(address, "http://www.w3.org/2000/svg", "only the name of SVG itself");
    }
}

#[test]
fn every_figure_leads_to_its_row() {
    let page = render(&measured(), Some(&measured())).unwrap();
    let links: Vec<_> =
        page.split("href=\"#r").skip(1).filter_map(|s| s.split('"').next()).collect();
    let links: Vec<_> = links.into_iter().filter(|id| id.parse::<usize>().is_ok()).collect();
    assert!(links.len() > 10, "{links:?}");
    for id in links {
        assert!(page.contains(&format!("<tr id=\"r{id}\">")), "{id}");
    }
    assert!(page.contains("What changed"));
    assert_eq!(page.matches("<figure>").count(), page.matches("role=\"img\"").count());
    assert!(page.matches("<figure>").count() >= 3);
}

/// The page is shown by a browser, which is asked how wide it became. Without one there is no answer.
#[test]
fn neither_phone_nor_desk_need_scroll_sideways() {
    let Some(chromium) = super::super::browser::find() else {
        eprintln!("skipped: no chromium here to show the page");
        return;
    };
    let page = render(&measured(), None).unwrap();
    for width in [390, 1440] {
        let widths = super::super::browser::widths(&chromium, &page, width).unwrap();
        assert!(widths.content <= widths.window && widths.window > 300, "{width}: {widths:?}");
    }
}
