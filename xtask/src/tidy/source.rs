//! A Rust file, split into what the compiler reads and what people read.
//!
//! A rule about code must not stumble over a string or a comment that merely mentions it. So each
//! line exists three times: as written, as code (comments and the insides of strings are blank), and
//! as comment (everything else is blank). The columns stay where they are.

/// One Rust file.
pub(crate) struct Source {
    /// Relative to the root, with `/` between the parts.
    pub(crate) path: String,
    pub(crate) lines: Vec<String>,
    pub(crate) code: Vec<String>,
    pub(crate) comments: Vec<String>,
    /// True for the lines of a module under `#[cfg(test)]`.
    pub(crate) is_test: Vec<bool>,
}

impl Source {
    pub(crate) fn new(path: String, text: &str) -> Self {
        let (code, comments) = split(text);
        let owned = |text: &str| text.lines().map(str::to_owned).collect::<Vec<_>>();
        let code = owned(&code);
        let is_test = test_lines(&code);
        Self { path, lines: owned(text), code, comments: owned(&comments), is_test }
    }

    /// True for a file that holds nothing but tests or benches.
    pub(crate) fn is_test_file(&self) -> bool {
        let in_folder = |name: &str| self.path.split('/').any(|part| part == name);
        in_folder("tests") || in_folder("benches") || self.path.ends_with("/tests.rs")
    }

    /// Lines of code and comment outside test modules.
    pub(crate) fn length(&self) -> usize {
        self.is_test.iter().filter(|is_test| !**is_test).count()
    }

    /// Lines of code outside test modules: explaining more makes nothing longer.
    pub(crate) fn code_length(&self) -> usize {
        let code = self.code.iter().zip(&self.is_test);
        code.filter(|(line, is_test)| !**is_test && !line.trim().is_empty()).count()
    }
}

/// True if `word` stands in `line` by itself, not inside a longer name.
pub(crate) fn has_word(line: &str, word: &str) -> bool {
    let is_name = |c: char| c.is_alphanumeric() || c == '_';
    line.match_indices(word).any(|(at, _)| {
        !line[..at].ends_with(is_name) && !line[at + word.len()..].starts_with(is_name)
    })
}

/// The text as code and as comments, each with the same line breaks.
fn split(text: &str) -> (String, String) {
    let chars: Vec<char> = text.chars().collect();
    let (mut code, mut comments) = (String::new(), String::new());
    let mut at = 0;
    while at < chars.len() {
        let (end, kind) = token(&chars, at);
        for (offset, &c) in chars[at..end].iter().enumerate() {
            let blank = if c == '\n' { '\n' } else { ' ' };
            let edge = offset == 0 || at + offset + 1 == end;
            code.push(match kind {
                Kind::Code => c,
                Kind::Text if edge => c,
                Kind::Text | Kind::Comment => blank,
            });
            comments.push(if matches!(kind, Kind::Comment) { c } else { blank });
        }
        at = end;
    }
    (code, comments)
}

enum Kind {
    Code,
    Text,
    Comment,
}

/// Where the token that starts at `at` ends, and what it is.
fn token(chars: &[char], at: usize) -> (usize, Kind) {
    let rest = &chars[at..];
    if rest.starts_with(&['/', '/']) {
        let length = rest.iter().position(|c| *c == '\n').unwrap_or(rest.len());
        return (at + length, Kind::Comment);
    }
    if rest.starts_with(&['/', '*']) {
        return (at + block_comment(rest), Kind::Comment);
    }
    if rest[0] == '"' {
        return (at + quoted(rest, '"'), Kind::Text);
    }
    if rest[0] == '\'' {
        // A lifetime has no closing quote where a character would have it.
        let is_char = rest.get(1) == Some(&'\\') || rest.get(2) == Some(&'\'');
        return if is_char { (at + quoted(rest, '\''), Kind::Text) } else { (at + 1, Kind::Code) };
    }
    let starts_word = at == 0 || !is_word(chars[at - 1]);
    match raw_string(rest) {
        Some(length) if starts_word => (at + length, Kind::Text),
        _ => (at + 1, Kind::Code),
    }
}

fn is_word(c: char) -> bool {
    c.is_alphanumeric() || c == '_'
}

fn block_comment(rest: &[char]) -> usize {
    let mut depth = 0;
    let mut at = 0;
    while at < rest.len() {
        let here = &rest[at..];
        let step = if here.starts_with(&['/', '*']) {
            depth += 1;
            2
        } else if here.starts_with(&['*', '/']) {
            depth -= 1;
            2
        } else {
            1
        };
        at += step;
        if depth == 0 {
            break;
        }
    }
    at
}

fn quoted(rest: &[char], quote: char) -> usize {
    let mut at = 1;
    while at < rest.len() {
        match rest[at] {
            '\\' => at += 2,
            c if c == quote => return at + 1,
            _ => at += 1,
        }
    }
    rest.len()
}

/// The length of a raw string like `r#"..."#` that starts here.
fn raw_string(rest: &[char]) -> Option<usize> {
    let prefix = rest.iter().take_while(|c| matches!(c, 'b' | 'c' | 'r')).count();
    if prefix == 0 || prefix > 2 || rest[prefix - 1] != 'r' {
        return None;
    }
    let hashes = rest[prefix..].iter().take_while(|c| **c == '#').count();
    let open = prefix + hashes;
    if rest.get(open) != Some(&'"') {
        return None;
    }
    let is_end = |at: &usize| {
        rest[*at] == '"'
            && rest[at + 1..].len() >= hashes
            && rest[at + 1..at + 1 + hashes].iter().all(|c| *c == '#')
    };
    let end = (open + 1..rest.len()).find(is_end)?;
    Some(end + 1 + hashes)
}

/// Marks the modules under `#[cfg(test)]`, with their braces.
fn test_lines(code: &[String]) -> Vec<bool> {
    let mut marks = vec![false; code.len()];
    let mut at = 0;
    while at < code.len() {
        let starts = code[at].trim_start().starts_with("#[cfg(") && has_word(&code[at], "test");
        match starts.then(|| module_end(code, at)).flatten() {
            Some(end) => {
                marks[at..=end].fill(true);
                at = end + 1;
            }
            None => at += 1,
        }
    }
    marks
}

/// The last line of the module whose attributes start at `start`, if it is a module.
fn module_end(code: &[String], start: usize) -> Option<usize> {
    let is_attribute = |line: &&String| line.trim_start().starts_with("#[");
    let head = start + code[start..].iter().take_while(is_attribute).count();
    if !has_word(code.get(head)?, "mod") {
        return None;
    }
    let mut depth = 0_usize;
    for (offset, line) in code[head..].iter().enumerate() {
        for c in line.chars() {
            match c {
                '{' => depth += 1,
                '}' => depth = depth.saturating_sub(1),
                ';' if depth == 0 => return Some(head + offset),
                _ => {}
            }
        }
        if depth == 0 {
            return Some(head + offset);
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::{Source, has_word};

    fn source(text: &str) -> Source {
        Source::new("crates/a/src/lib.rs".to_owned(), text)
    }

    #[test]
    fn strings_and_comments_are_no_code() {
        let file = source(
            "a(\"x // y\", 'b', '\\'', \"\\\"q\"); // z /* w\nlet r = br#\"u\" v\"#; /* i /* j */ k */ end",
        );
        assert_eq!(file.code[0].trim_end(), "a(\"      \", ' ', '  ', \"   \");");
        assert!(file.comments[0].trim() == "// z /* w");
        assert!(file.code[1].contains("let r = b") && file.code[1].ends_with("end"));
        assert!(!file.code[1].contains(['u', 'v', 'i', 'k']), "{}", file.code[1]);
    }

    #[test]
    fn lifetimes_do_not_open_a_string() {
        assert_eq!(source("fn f<'a>(x: &'a str) {}").code[0], "fn f<'a>(x: &'a str) {}");
    }

    #[test]
    fn test_modules_do_not_count() {
        let file =
            source("fn a() {}\n#[cfg(test)]\nmod tests {\n    fn b() { '}' }\n}\nfn c() {}\n");
        assert_eq!(file.length(), 2);
        assert_eq!(source("#[cfg(test)]\nmod tests;\nfn c() {}\n").length(), 1);
        assert_eq!(source("#[cfg(test)]\nfn c() {}\n").length(), 2);
    }

    #[test]
    fn a_word_is_not_a_part_of_a_name() {
        assert!(has_word("unsafe { x }", "unsafe") && has_word("(unsafe)", "unsafe"));
        assert!(!has_word("deny(unsafe_code)", "unsafe") && !has_word("not_unsafe", "unsafe"));
    }
}
