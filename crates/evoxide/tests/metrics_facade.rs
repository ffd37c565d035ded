//! What reaches the recorder of the facade `metrics`.
#![cfg(feature = "metrics")]

use evoxide::{Config, EventLoop};
use metrics::{Counter, Gauge, Histogram, Key, KeyName, Metadata, Recorder, SharedString, Unit};
use std::collections::BTreeMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

/// Keeps every value by its name and labels.
#[derive(Default)]
struct Kept(Mutex<BTreeMap<String, Arc<AtomicU64>>>);

impl Kept {
    fn cell(&self, key: &Key) -> Arc<AtomicU64> {
        let labels: Vec<String> = key.labels().map(|label| format!("{}={}", label.key(), label.value())).collect();
        let name = format!("{} {}", key.name(), labels.join(" "));
        Arc::clone(self.0.lock().unwrap().entry(name).or_default())
    }
}

impl Recorder for Kept {
    fn describe_counter(&self, _: KeyName, _: Option<Unit>, _: SharedString) {}
    fn describe_gauge(&self, _: KeyName, _: Option<Unit>, _: SharedString) {}
    fn describe_histogram(&self, _: KeyName, _: Option<Unit>, _: SharedString) {}

    fn register_counter(&self, key: &Key, _: &Metadata<'_>) -> Counter {
        Counter::from_arc(self.cell(key))
    }

    fn register_gauge(&self, key: &Key, _: &Metadata<'_>) -> Gauge {
        Gauge::from_arc(self.cell(key))
    }

    fn register_histogram(&self, _: &Key, _: &Metadata<'_>) -> Histogram {
        Histogram::noop()
    }
}

#[test]
fn values_reach_the_recorder_by_themselves() {
    let kept = Kept::default();
    metrics::with_local_recorder(&kept, || {
        let config = Config::new().clock(evoxide::Clock::Virtual).metrics(true);
        let mut ev = EventLoop::with_config(config, ()).unwrap();
        ev.publish_metrics("main", Duration::from_secs(10));
        ev.exit_after(Duration::from_secs(25));
        ev.run().unwrap();
    });
    let kept = kept.0.into_inner().unwrap();
    let value = |name: &str| kept[name].load(Ordering::Relaxed);
    // The second time, at 20 s: in the second turn, after one call.
    assert_eq!(value("evoxide_turns_total loop=main"), 2);
    assert_eq!(value("evoxide_calls_total loop=main"), 1);
    assert_eq!(f64::from_bits(value("evoxide_events loop=main")), 2.0);
    assert_eq!(value("evoxide_batch_bucket loop=main le=1"), 1);
}
