//! Properties of other test suites, shown with our own calls.
