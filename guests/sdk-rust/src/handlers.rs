//! A module for each handler: its trait, its types, and the macro that exports an implementation.

macro_rules! handler {
    ($(#[$doc:meta])* $name:ident, $generated:ident, $export:ident, { $($types:tt)* }) => {
        $(#[$doc])*
        pub mod $name {
            pub use crate::bindings::$generated::$export as export;
            pub use crate::bindings::$generated::exports::pillion::dapr::$generated::{Guest as Handler, $($types)*};
        }
    };
}

handler!(
    /// Messages of topics, one at a time.
    topic, topic_handler, export_topic_handler, { TopicEvent, TopicStatus }
);
handler!(
    /// Messages of topics, several at a time.
    bulk_topic, bulk_topic_handler, export_bulk_topic_handler, { Entry, EntryStatus, TopicEvent, TopicStatus }
);
handler!(
    /// Events of input bindings.
    binding, binding_handler, export_binding_handler, { BindingEvent, Reply }
);
handler!(
    /// Jobs that are due.
    job, job_handler, export_job_handler, { JobEvent }
);
handler!(
    /// Changes of configuration.
    configuration_update, configuration_handler, export_configuration_handler, { ConfigurationItem, Update }
);
