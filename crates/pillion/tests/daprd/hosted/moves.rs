//! The end of an app, and actors that move to another instance of it.

use super::{ask, call, each, logs, printed, until_said};
use crate::{
    common::post,
    harness::{Behind, until},
};

#[test]
fn at_the_end_every_actor_is_deactivated() {
    each("at_the_end_every_actor_is_deactivated", |plane| {
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
    });
}

/// How often an instance of the app activated an actor.
fn activations(behind: &mut Behind, id: &str) -> usize {
    printed(behind).matches(&format!("activated {id} with")).count()
}

#[test]
fn each_actor_lives_in_one_of_two_instances_and_moves_when_its_own_ends() {
    each("each_actor_lives_in_one_of_two_instances", |plane| {
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
    });
}

/// What it had in hand is not its caller's to ask again.
#[test]
fn a_turn_in_hand_ends_before_its_app_does() {
    each("a_turn_in_hand_ends_before_its_app_does", |plane| {
        let mut behind = plane.start_app("", "");
        let url = format!("http://127.0.0.1:{}/v1.0/actors/Counter/a/method/sleep", behind.ports.http);
        let sleeping = std::thread::spawn(move || post(&url, b"1500"));
        until_said(&mut behind, "activated a with");
        let (status, printed) = behind.terminate();
        let slept = sleeping.join().expect("an answer");
        assert_eq!((slept.status, slept.text().as_str()), (200, "slept"), "{printed}\n{}", behind.daprd.log());
        assert_eq!(status.code(), Some(0), "{printed}");
        assert!(printed.contains("deactivated a after 1 turns"), "{printed}");
    });
}

/// It may have lived elsewhere meanwhile, where its count went on.
#[test]
fn who_was_active_before_daprd_began_anew_begins_anew() {
    each("who_was_active_before_daprd_began_anew_begins_anew", |plane| {
        let mut behind = plane.start_app("", "");
        assert_eq!(ask(&mut behind, "a", "add", "5"), "5");
        assert_eq!(ask(&mut behind, "a", "turns", ""), "2");
        behind.stop_daprd();
        behind.start_daprd();
        assert!(until(|| call(&behind, "first", "get", "").status == 200), "{}", logs(&mut behind));
        assert_eq!(ask(&mut behind, "a", "turns", ""), "1");
        assert_eq!(ask(&mut behind, "a", "get", ""), "5");
        assert_eq!(activations(&mut behind, "a"), 2);
        assert!(!printed(&mut behind).contains("deactivated a"), "{}", printed(&mut behind));
    });
}
