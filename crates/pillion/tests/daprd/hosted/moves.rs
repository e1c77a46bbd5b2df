//! The end of an app, and actors that move to another instance of it.

use super::{Plane, ask, call, logs, printed};
use crate::harness::{Behind, tools, until};

#[test]
fn at_the_end_every_actor_is_deactivated() {
    let Some(tools) = tools("at_the_end_every_actor_is_deactivated") else { return };
    let plane = Plane::start(tools);
    let mut behind = plane.start_app("", "");
    for id in ["a", "b", "c"] {
        ask(&mut behind, id, "add", "1");
    }
    let (status, printed) = behind.terminate();
    assert_eq!(status.code(), Some(0), "{printed}");
    for id in ["a", "b", "c"] {
        assert!(printed.contains(&format!("deactivated {id} after 1 turns")), "{printed}");
    }
    behind.restart();
    assert!(until(|| call(&behind, "a", "get", "").text() == "1"), "{}", logs(&mut behind));
}

/// How often an instance of the app activated an actor.
fn activations(behind: &mut Behind, id: &str) -> usize {
    printed(behind).matches(&format!("activated {id} with")).count()
}

#[test]
fn each_actor_lives_in_one_of_two_instances_and_moves_when_its_own_ends() {
    let Some(tools) = tools("each_actor_lives_in_one_of_two_instances") else { return };
    let plane = Plane::start(tools);
    let mut first = plane.start_app("", "");
    let mut second = plane.start_app("", "");
    // Until both have got an actor by the other's daprd, not everybody knows the new table.
    let mut probe = 0;
    let spread = until(|| {
        probe += 1;
        let (left, right) = (format!("left{probe}."), format!("right{probe}."));
        call(&first, &left, "get", "");
        call(&second, &right, "get", "");
        printed(&mut second).contains("activated left") && printed(&mut first).contains("activated right")
    });
    assert!(spread, "{}\n{}", logs(&mut first), logs(&mut second));
    let ids: Vec<String> = (0..20).map(|id| format!("id{id}.")).collect();
    for id in &ids {
        // Whichever daprd is asked, it is the same actor.
        assert_eq!(ask(&mut first, id, "add", "1"), "1");
        assert_eq!(ask(&mut second, id, "add", "1"), "2");
    }
    let mut of_first = 0;
    for id in &ids {
        let both = [activations(&mut first, id), activations(&mut second, id)];
        assert_eq!(both.iter().sum::<usize>(), 1, "{id}: {both:?}\n{}", logs(&mut first));
        of_first += both[0];
    }
    assert!((1..20).contains(&of_first), "{of_first} of 20 in the first");
    let (status, printed) = first.terminate();
    assert_eq!(status.code(), Some(0), "{printed}");
    first.stop_daprd();
    for id in &ids {
        let there = until(|| call(&second, id, "get", "").text() == "2");
        assert!(there, "{id}\n{}", logs(&mut second));
    }
}
