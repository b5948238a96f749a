//! One thread at a time.

use super::Outlet;

#[test]
fn only_one_is_inside() {
    let outlet = Outlet::new();
    let inside = outlet.enter().expect("nobody is");
    for _ in 0..3 {
        assert!(outlet.enter().is_none(), "who is refused opens no door");
    }
    drop(inside);
    assert!(outlet.enter().is_some());
}
