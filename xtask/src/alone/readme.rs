//! The first Rust example of a README, made into a program the way rustdoc does it.

/// A code block to try.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Example {
    pub(crate) code: String,
    pub(crate) no_run: bool,
}

/// The first block marked `rust` that is meant to be compiled.
pub(crate) fn first_example(text: &str) -> Option<Example> {
    let mut lines = text.lines();
    while let Some(line) = lines.next() {
        let Some(info) = line.trim_start().strip_prefix("```") else { continue };
        let block = lines.by_ref().take_while(|line| line.trim() != "```");
        let code: String = block.map(|line| visible(line) + "\n").collect();
        let mut words = info.split([',', ' ']).map(str::trim);
        let is_rust = words.next() == Some("rust");
        let words: Vec<_> = words.collect();
        let excluded = ["ignore", "compile_fail", "should_panic"];
        if is_rust && !words.iter().any(|word| excluded.contains(word)) {
            return Some(Example { code, no_run: words.contains(&"no_run") });
        }
    }
    None
}

/// A line without the mark by which rustdoc hides it from readers.
fn visible(line: &str) -> String {
    let trimmed = line.trim_start();
    if trimmed == "#" {
        return String::new();
    }
    if let Some(hidden) = trimmed.strip_prefix("# ") {
        return hidden.to_owned();
    }
    match trimmed.strip_prefix("##") {
        Some(rest) => format!("#{rest}"),
        None => line.to_owned(),
    }
}

/// The text of `main.rs`: the example itself, or wrapped if it has no `main`.
pub(crate) fn program(code: &str) -> String {
    if code.contains("fn main(") {
        return code.to_owned();
    }
    let (attributes, body): (Vec<_>, Vec<_>) =
        code.lines().partition(|line| line.starts_with("#!["));
    let (attributes, body) = (attributes.join("\n"), body.join("\n"));
    // An example that ends in `Ok::<(), E>(())` uses `?`.
    if body.trim_end().ends_with("(())") {
        return format!(
            "{attributes}\nfn main() {{\n\
             fn example() -> Result<(), impl core::fmt::Debug> {{\n{body}\n}}\n\
             example().unwrap();\n}}\n"
        );
    }
    format!("{attributes}\nfn main() {{\n{body}\n}}\n")
}

#[cfg(test)]
mod tests {
    use super::{first_example, program};

    #[test]
    fn takes_the_first_block_that_is_rust() {
        let text = "a\n```sh\nx\n```\n```rust,ignore\ny\n```\n```rust,no_run\n# hidden();\nz();\n#\n##[a]\n```\n";
        let example = first_example(text).unwrap();
        assert_eq!(example.code, "hidden();\nz();\n\n#[a]\n");
        assert!(example.no_run);
    }

    #[test]
    fn text_alone_has_no_example() {
        assert_eq!(first_example("# Title\n\n```text\nrust\n```\n"), None);
    }

    #[test]
    fn a_main_is_left_as_it_is() {
        assert_eq!(program("fn main() {}\n"), "fn main() {}\n");
    }

    #[test]
    fn statements_are_wrapped() {
        assert_eq!(program("#![x]\nf();\n"), "#![x]\nfn main() {\nf();\n}\n");
    }

    #[test]
    fn a_question_mark_gets_a_result() {
        let text = program("f()?;\nOk::<(), std::io::Error>(())\n");
        assert!(text.contains("-> Result<(), impl core::fmt::Debug> {\nf()?;"), "{text}");
    }
}
