//! The registry: one copy of each model, bounds, and contexts that keep callers apart.

#![allow(clippy::unwrap_used, reason = "a test ends where its premise fails")]

use pillion_nn::{Digest, Error, Progress, Registry, RegistryLimits, RegistryStats};
use std::path::PathBuf;
use std::sync::{Arc, Barrier};

fn fixture(name: &str) -> Vec<u8> {
    std::fs::read(PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures").join(name)).unwrap()
}

fn registry() -> Registry {
    Registry::new(RegistryLimits::default())
}

/// A registry with room for `models` of the size of this one.
fn room_for(models: usize, name: &str) -> Registry {
    let whole = registry();
    let _model = whole.load(&fixture(name)).unwrap();
    let total_bytes = whole.stats().bytes * models + 100;
    Registry::new(RegistryLimits { total_bytes, ..RegistryLimits::default() })
}

/// Models of the same operator, and so of about the same size.
const SIBLINGS: [&str; 3] = ["add_f32.tflite", "mul_f32.tflite", "average_pool_f32.tflite"];

#[test]
fn the_same_bytes_are_packed_once() {
    let registry = registry();
    let bytes = fixture("digits_u8.tflite");
    let (first, second) = (registry.load(&bytes).unwrap(), registry.load(&bytes).unwrap());
    assert!(Arc::ptr_eq(&first, &second));
    assert_eq!(first.digest(), Digest::of(&bytes));
    let stats = registry.stats();
    assert_eq!((stats.loads, stats.hits, stats.models), (1, 1, 1));
    assert!(Arc::ptr_eq(&first, &registry.get(first.digest()).unwrap()));
}

#[test]
fn those_who_come_at_once_share_one_packing() {
    let (registry, bytes, gate) = (registry(), fixture("digits_u8.tflite"), Barrier::new(8));
    std::thread::scope(|scope| {
        for _ in 0..8 {
            scope.spawn(|| {
                gate.wait();
                registry.load(&bytes).unwrap();
            });
        }
    });
    let stats = registry.stats();
    assert_eq!((stats.loads, stats.hits, stats.models), (1, 7, 1));
}

#[test]
fn a_failure_is_not_remembered() {
    let registry = registry();
    let mut bytes = fixture("digits_u8.tflite");
    bytes.truncate(1000);
    for loads in 1..=2 {
        assert!(registry.load(&bytes).is_err());
        assert_eq!(registry.stats(), RegistryStats { loads, ..RegistryStats::default() });
    }
    assert_eq!(registry.load(b"GIF89a, not a model").unwrap_err(), Error::NotAModel);
}

#[test]
fn the_least_recently_used_model_that_nobody_holds_makes_room() {
    let registry = room_for(2, SIBLINGS[0]);
    let [a, b, c] = SIBLINGS.map(fixture);
    let digests = [&a, &b].map(|bytes| registry.load(bytes).unwrap().digest());
    registry.load(&a).unwrap();
    registry.load(&c).unwrap();
    assert_eq!(registry.stats().evictions, 1);
    assert!(registry.get(digests[0]).is_some());
    assert!(registry.get(digests[1]).is_none());
}

#[test]
fn models_in_use_stay_and_a_newcomer_is_refused() {
    let registry = room_for(1, SIBLINGS[0]);
    let held = registry.load(&fixture(SIBLINGS[0])).unwrap();
    let error = registry.load(&fixture("digits_u8.tflite")).unwrap_err();
    assert!(matches!(error, Error::TooLarge { limit: "total_bytes", .. }), "{error}");
    assert!(registry.get(held.digest()).is_some());
    drop(held);
}

#[test]
fn each_limit_is_named_when_it_is_hit() {
    let bytes = fixture("conv_f32.tflite");
    let limits = RegistryLimits::default();
    for (name, limits) in [
        ("model_bytes", RegistryLimits { model_bytes: 100, ..limits }),
        ("arena_bytes", RegistryLimits { arena_bytes: 100, ..limits }),
        ("total_bytes", RegistryLimits { total_bytes: 100, ..limits }),
    ] {
        match Registry::new(limits).load(&bytes) {
            Err(Error::TooLarge { limit, maximum: 100, .. }) => assert_eq!(limit, name),
            other => panic!("{name}: {other:?}"),
        }
    }
}

#[test]
fn inputs_and_outputs_are_found_by_name() {
    let model = registry().load(&fixture("add_f32.tflite")).unwrap();
    let names: Vec<&str> = model.inputs().iter().map(|input| &input.name[..]).collect();
    assert_eq!(names.len(), 2);
    for (index, name) in names.into_iter().enumerate() {
        assert_eq!(model.input_index(name), Some(index));
    }
    assert_eq!(model.output_index(&model.outputs()[0].name), Some(0));
    assert_eq!(model.input_index("no such input"), None);
}

#[test]
fn a_context_refuses_what_is_missing_or_of_a_wrong_size() {
    let model = registry().load(&fixture("add_f32.tflite")).unwrap();
    let mut context = model.context();
    let input = vec![0; model.inputs()[0].bytes];
    assert_eq!(context.output(0).unwrap_err(), Error::NotRun);
    assert!(matches!(context.set_input(0, &input[1..]), Err(Error::InputSize { .. })));
    assert_eq!(context.set_input(2, &input), Err(Error::NoSuchInput { index: 2, count: 2 }));
    context.set_input(0, &input).unwrap();
    assert!(matches!(context.run(&|| false), Err(Error::InputUnset { .. })));
    context.set_input(1, &input).unwrap();
    context.run(&|| false).unwrap();
    assert_eq!(context.output(1).unwrap_err(), Error::NoSuchOutput { index: 1, count: 1 });
    assert!(context.output(0).is_ok());
    context.set_input(0, &input).unwrap();
    assert_eq!(context.output(0).unwrap_err(), Error::NotRun);
}

#[test]
fn a_context_from_the_pool_shows_nothing_of_the_last_caller() {
    let model = registry().load(&fixture("digits_u8.tflite")).unwrap();
    let run = |input: &[u8]| {
        let mut context = model.context();
        assert_eq!(context.output(0).unwrap_err(), Error::NotRun);
        assert!(matches!(context.run(&|| false), Err(Error::InputUnset { .. })));
        context.set_input(0, input).unwrap();
        context.run(&|| false).unwrap();
        context.output(0).unwrap().to_vec()
    };
    let (dark, bright) = (vec![0; model.inputs()[0].bytes], vec![200; model.inputs()[0].bytes]);
    let first = run(&dark);
    run(&bright);
    assert_eq!(run(&dark), first);
}

#[test]
fn an_input_stays_set_from_run_to_run() {
    let model = registry().load(&fixture("conv_i8.tflite")).unwrap();
    let mut context = model.context();
    context.set_input(0, &vec![3; model.inputs()[0].bytes]).unwrap();
    context.run(&|| false).unwrap();
    let first = context.output(0).unwrap().to_vec();
    context.run(&|| false).unwrap();
    assert_eq!(context.output(0).unwrap(), first);
}

#[test]
fn a_run_stops_when_it_is_told_to() {
    let model = registry().load(&fixture("digits_u8.tflite")).unwrap();
    let mut context = model.context();
    context.set_input(0, &vec![0; model.inputs()[0].bytes]).unwrap();
    assert_eq!(context.run(&|| true), Err(Error::Stopped));
    assert_eq!(context.output(0).unwrap_err(), Error::NotRun);
    assert_eq!(context.run(&|| false), Ok(()));
}

#[test]
fn a_run_in_pieces_is_the_run_at_once() {
    let model = registry().load(&fixture("digits_u8.tflite")).unwrap();
    let input: Vec<u8> = (0..model.inputs()[0].bytes).map(|index| (index * 7) as u8).collect();
    assert_eq!(model.longest_step(), None);
    let mut whole = model.context();
    whole.set_input(0, &input).unwrap();
    whole.run(&|| false).unwrap();
    assert!(model.longest_step().is_some());

    let mut pieces = model.context();
    pieces.set_input(0, &input).unwrap();
    let mut pauses = 0;
    while pieces.advance(&|| false, &|| true).unwrap() == Progress::More {
        assert_eq!(pieces.output(0).unwrap_err(), Error::NotRun);
        pauses += 1;
    }
    assert!(pauses > 1, "{pauses}");
    assert_eq!(pieces.output(0).unwrap(), whole.output(0).unwrap());
}

#[test]
fn a_run_that_was_stopped_in_the_middle_begins_anew() {
    let model = registry().load(&fixture("digits_u8.tflite")).unwrap();
    let mut context = model.context();
    let count = model.inputs()[0].bytes;
    context.set_input(0, &vec![3; count]).unwrap();
    assert_eq!(context.advance(&|| false, &|| true), Ok(Progress::More));
    assert_eq!(context.advance(&|| true, &|| true), Err(Error::Stopped));
    context.run(&|| false).unwrap();
    let after = context.output(0).unwrap().to_vec();
    // Another input in the middle of a run is another run.
    context.set_input(0, &vec![9; count]).unwrap();
    assert_eq!(context.advance(&|| false, &|| true), Ok(Progress::More));
    context.set_input(0, &vec![3; count]).unwrap();
    context.run(&|| false).unwrap();
    assert_eq!(context.output(0).unwrap(), after);
}
