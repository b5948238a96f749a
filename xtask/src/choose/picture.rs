//! The decision as a picture, docs/choosing.svg: a ladder of questions, each with its answer beside it.

use super::rules::LADDER;
use crate::report::escape;

const WIDTH: usize = 680;
const STEP: usize = 66;

/// The style, for light and dark. Arrows and words tell the same without colours.
const STYLE: &str = "\
text { font: 15px system-ui, sans-serif; fill: #1f2933 } .crate { font-size: 13px; fill: #55606c }
.ask { fill: #f3f5f8; stroke: #55606c } .take { fill: #e3f0fb; stroke: #005a9e }
path { fill: none; stroke: #55606c; stroke-width: 1.5 } .word { font-size: 13px }
@media (prefers-color-scheme: dark) { text { fill: #e4e8ec } .crate { fill: #a3adb8 }
  .ask { fill: #1d232a; stroke: #8b96a2 } .take { fill: #10324d; stroke: #7cc0ff }
  path { stroke: #a3adb8 } }";

/// The picture as SVG.
pub(super) fn svg() -> String {
    let height = STEP * LADDER.len() + 12;
    let mut text = format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {WIDTH} {height}\" \
         width=\"{WIDTH}\" height=\"{height}\" role=\"img\" aria-labelledby=\"title\">\n\
         <title id=\"title\">Which mechanism? The first yes decides.</title>\n\
         <style>\n{STYLE}\n</style>\n"
    );
    for (index, step) in LADDER.iter().enumerate() {
        let top = 8 + index * STEP;
        let middle = top + 22;
        let question = escape(step.question);
        let (name, krate) = step.mechanism().map_or(("", ""), |m| (m.name, m.krate));
        let is_last = index + 1 == LADDER.len();
        text += &format!(
            "<rect class=\"ask\" x=\"8\" y=\"{top}\" width=\"370\" height=\"44\" rx=\"8\"/>\n\
             <text x=\"24\" y=\"{}\">{question}</text>\n\
             <path d=\"M378 {middle}H454m-7 -5l7 5l-7 5\"/>\n\
             <rect class=\"take\" x=\"456\" y=\"{top}\" width=\"216\" height=\"44\" rx=\"8\"/>\n\
             <text x=\"470\" y=\"{}\">{name}</text>\n\
             <text class=\"crate\" x=\"470\" y=\"{}\">{krate}</text>\n",
            middle + 5,
            top + 19,
            top + 36,
        );
        if !is_last {
            text += &format!(
                "<text class=\"word\" x=\"402\" y=\"{}\">yes</text>\n\
                 <path d=\"M40 {}v20m-5 -7l5 7l5 -7\"/>\n\
                 <text class=\"word\" x=\"52\" y=\"{}\">no</text>\n",
                middle - 6,
                top + 45,
                top + 60,
            );
        }
    }
    text + "</svg>\n"
}

#[cfg(test)]
mod tests {
    use super::super::rules::LADDER;
    use super::svg;

    #[test]
    fn each_step_is_a_box_with_words_that_fit() {
        let picture = svg();
        assert_eq!(picture.matches("class=\"ask\"").count(), LADDER.len());
        for step in &LADDER {
            // A letter of 15 px is 8 wide on average.
            assert!(step.question.len() * 8 <= 354, "{}", step.question);
            assert!(step.mechanism().unwrap().name.len() * 8 <= 200, "{}", step.key);
        }
    }
}
