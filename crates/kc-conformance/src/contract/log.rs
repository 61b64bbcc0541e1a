//! What is logged while something runs.

use std::fmt::{self, Write as _};
use std::future::Future;
use std::sync::{Arc, Mutex, PoisonError};

use tracing::field::{Field, Visit};
use tracing::instrument::WithSubscriber as _;
use tracing::span;
use tracing::{Event, Metadata, Subscriber};

/// What the future gave, and everything that it told `tracing`; not what tasks of their own told.
pub(super) async fn heard<T>(future: impl Future<Output = T>) -> (T, String) {
    let text = Arc::<Mutex<String>>::default();
    let given = future.with_subscriber(Listener { text: Arc::clone(&text) }).await;
    let text = text.lock().unwrap_or_else(PoisonError::into_inner).clone();
    (given, text)
}

struct Listener {
    text: Arc<Mutex<String>>,
}

impl Listener {
    fn note(&self, record: impl FnOnce(&mut Text<'_>)) {
        record(&mut Text(&mut self.text.lock().unwrap_or_else(PoisonError::into_inner)));
    }
}

impl Subscriber for Listener {
    fn enabled(&self, _: &Metadata<'_>) -> bool {
        true
    }

    fn new_span(&self, attributes: &span::Attributes<'_>) -> span::Id {
        self.note(|text| attributes.record(text));
        span::Id::from_u64(1)
    }

    fn record(&self, _: &span::Id, values: &span::Record<'_>) {
        self.note(|text| values.record(text));
    }

    fn record_follows_from(&self, _: &span::Id, _: &span::Id) {}

    fn event(&self, event: &Event<'_>) {
        self.note(|text| event.record(text));
    }

    fn enter(&self, _: &span::Id) {}

    fn exit(&self, _: &span::Id) {}
}

struct Text<'a>(&'a mut String);

impl Visit for Text<'_> {
    fn record_str(&mut self, _: &Field, value: &str) {
        self.0.push_str(value);
        self.0.push('\n');
    }

    fn record_debug(&mut self, _: &Field, value: &dyn fmt::Debug) {
        // Writing into a string does not fail.
        let _ = writeln!(self.0, "{value:?}");
    }
}
