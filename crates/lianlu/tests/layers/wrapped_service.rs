//! The wrapped service can be reached, as tower's users expect.

use tower::Layer;

#[test]
fn a_wrapped_service_can_be_reached_and_taken_back() {
    let mut traced = lianlu::server().layer("service".to_owned());
    assert_eq!(traced.get_ref(), "service");
    traced.get_mut().push('!');
    assert_eq!(traced.into_inner(), "service!");
}
