//! Tables before anybody has decided whether they become HTML or Markdown.

/// One cell.
#[derive(Clone, Debug, Default)]
pub(crate) struct Cell {
    pub(crate) text: String,
    /// The row of the run that the figure is from.
    #[cfg_attr(
        not(any(feature = "report", test)),
        expect(dead_code, reason = "Markdown has no links to rows")
    )]
    pub(crate) row: Option<usize>,
    /// Figures stand at the right.
    pub(crate) number: bool,
}

impl Cell {
    pub(crate) fn text(text: impl Into<String>) -> Self {
        Self { text: text.into(), ..Self::default() }
    }

    /// A figure; a dash where there is none.
    pub(crate) fn number(text: Option<String>) -> Self {
        Self { text: text.unwrap_or_else(|| "-".to_owned()), row: None, number: true }
    }

    /// Says which row it is from.
    pub(crate) fn at_row(self, index: usize) -> Self {
        Self { row: Some(index), ..self }
    }
}

/// A table with what stands above it.
#[derive(Clone, Debug, Default)]
pub(crate) struct Table {
    pub(crate) title: String,
    /// What the reader must know to read it, or nothing.
    pub(crate) text: String,
    pub(crate) head: Vec<&'static str>,
    pub(crate) rows: Vec<Vec<Cell>>,
    /// On a narrow screen each row becomes a card, since its cells are sentences.
    #[cfg_attr(not(feature = "report"), expect(dead_code, reason = "Markdown has no screen"))]
    pub(crate) cards: bool,
}

/// What this project says wherever sleepers on two processors are shown.
pub(crate) const RANKS_NOTHING: &str = "Sleeping on two cores ranks nothing on virtual machines: \
     waking a halted core costs every mechanism tens of microseconds.";
