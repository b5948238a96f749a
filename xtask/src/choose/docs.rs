//! docs/choosing.md and its picture: made of the rules, so that page and command never disagree.

use std::fs;
use std::path::Path;

use super::picture;
use super::rules::{Effect, LADDER, RULES, SIMPLE};
use crate::mechanism::{ALL, by_key};

/// The page, and what of it is generated.
pub(crate) const PAGE: &str = "docs/choosing.md";
const PICTURE: &str = "docs/choosing.svg";
const START: &str = "<!-- generated: choose -->";
const END: &str = "<!-- end -->";

/// Which of the two files differ from the rules.
pub(crate) fn stale(root: &Path) -> Vec<&'static str> {
    let read = |path: &str| fs::read_to_string(root.join(path)).unwrap_or_default();
    let page = read(PAGE);
    let mut stale = Vec::new();
    if replaced(&page).is_none_or(|new| new != page) {
        stale.push(PAGE);
    }
    if read(PICTURE) != picture::svg() {
        stale.push(PICTURE);
    }
    stale
}

/// Rewrites both.
pub(crate) fn fix(root: &Path) -> Result<(), String> {
    let path = root.join(PAGE);
    let page = fs::read_to_string(&path).map_err(|e| format!("read {}: {e}", path.display()))?;
    let advice = || format!("{PAGE}: put the lines `{START}` and `{END}` where the rules go");
    let page = replaced(&page).ok_or_else(advice)?;
    for (path, text) in [(PAGE, page), (PICTURE, picture::svg())] {
        let path = root.join(path);
        fs::write(&path, text).map_err(|e| format!("write {}: {e}", path.display()))?;
    }
    Ok(())
}

/// The page with its generated part made anew, if it has the marks.
fn replaced(page: &str) -> Option<String> {
    let (before, rest) = page.split_once(START)?;
    let (_, after) = rest.split_once(END)?;
    Some(format!("{before}{START}\n\n{}\n{END}{after}", generated()))
}

fn generated() -> String {
    let name = |key: &'static str| by_key(key).map_or(key, |mechanism| mechanism.name);
    let mut text = String::from("## The short way\n\nThe first yes decides.\n\n");
    text += "| question | take | crate |\n|---|---|---|\n";
    for step in &LADDER {
        let krate = step.mechanism().map_or("", |mechanism| mechanism.krate);
        text += &format!("| {} | {} | `{krate}` |\n", step.question, name(step.key));
    }
    text += "\n## The mechanisms\n\n\
             | mechanism | how much data | between whom | who synchronises | when the other side dies |\n\
             |---|---|---|---|---|\n";
    for mechanism in &ALL {
        text += &format!(
            "| {} | {} | {} | {} | {} |\n",
            mechanism.name, mechanism.amount, mechanism.between, mechanism.sync, mechanism.death
        );
    }
    text += "\n## The rules\n\nEach mechanism begins with points for how simple it is to use:\n\n";
    let points: Vec<_> =
        SIMPLE.iter().map(|(key, points)| format!("{} {points}", name(key))).collect();
    text += &format!("{}.\n\n", points.join(", "));
    text += "Every rule that applies adds points, or rules out.\n\n\
             | if | then | points | because it |\n|---|---|---:|---|\n";
    for rule in &RULES {
        for (keys, effect, why) in rule.effects {
            let names: Vec<_> = keys.iter().map(|key| name(key)).collect();
            let effect = match effect {
                Effect::Out => "out".to_owned(),
                Effect::Points(points) => format!("{points:+}"),
            };
            text += &format!("| {} | {} | {effect} | {why} |\n", rule.when, names.join(", "));
        }
    }
    text
}

#[cfg(test)]
mod tests {
    use super::{PAGE, fix, stale};
    use crate::scratch::Scratch;
    use std::path::Path;

    #[test]
    fn the_page_and_the_picture_agree_with_the_rules() {
        let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("..");
        assert_eq!(stale(&root), [""; 0], "run `cargo xtask tidy --fix`");
    }

    #[test]
    fn a_page_is_made_anew_between_its_marks_only() {
        let dir = Scratch::new("docs").unwrap();
        dir.write(PAGE, "before\n<!-- generated: choose -->\nGONE\n<!-- end -->\nafter\n").unwrap();
        assert_eq!(stale(dir.path()).len(), 2);
        fix(dir.path()).unwrap();
        assert!(stale(dir.path()).is_empty());
        let page = std::fs::read_to_string(dir.path().join(PAGE)).unwrap();
        assert!(page.starts_with("before\n") && page.ends_with("\nafter\n"), "{page}");
        assert!(!page.contains("GONE") && page.contains("| None of these |"), "{page}");
        dir.write(PAGE, "no marks").unwrap();
        assert!(fix(dir.path()).unwrap_err().contains("generated: choose"));
        assert_eq!(stale(dir.path()), [PAGE]);
    }
}
