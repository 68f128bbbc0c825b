//! JSONata, beside the reference implementation on node.
//!
//! Ours is what a state pays: the values that an expression reads are copied in, the result is copied out. The
//! reference finds its values where they are.

use std::path::Path;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};
use serde::Deserialize;
use serde_json::{Value, json};
use stepwell_asl::eval::Random;
use stepwell_asl::jsonata::{Bindings, Expression, Scope};
use xtask::ui;

use crate::npm;
use crate::table::{markdown, number};

const PACKAGE: &str = "jsonata@2.2.2";

#[derive(clap::Args)]
pub(crate) struct Args {
    /// How long each expression is evaluated again and again, by each of the two
    #[arg(long, default_value_t = 1.0)]
    seconds: f64,
}

/// What is evaluated: its name, the expression, the number of items in its input.
const CASES: [(&str, &str, usize); 9] = [
    ("a field", "$states.input.items[0].name", 100),
    (
        "arithmetic and text",
        "$states.input.count * 2 & ' of ' & $uppercase($states.input.name)",
        100,
    ),
    ("a filter, 100 items", "$states.input.items[price > 50].id", 100),
    (
        "an object for each of 100 items",
        "$states.input.items.{'id': id, 'total': price * amount}",
        100,
    ),
    ("$map with a function, 1,000 numbers", "$sum($map([1..1000], function($x) { $x * 2 }))", 1),
    ("a filter, 10,000 items", "$count($states.input.items[price > 50].id)", 10_000),
    (
        "an object for each of 10,000 items",
        "$states.input.items[price > 90].{'id': id, 'price': price}",
        10_000,
    ),
    ("grouping 10,000 items", "$states.input.items{name: $sum(price)}", 10_000),
    (
        "$sort of 1,000 items",
        "$sort($states.input.items, function($a, $b) { $a.price > $b.price }).id",
        1_000,
    ),
];

/// Measures all expressions.
pub(crate) fn run(args: &Args) -> Result<()> {
    let folder =
        std::env::var_os("STEPWELL_BENCH_DIR").context("run `cargo xtask bench jsonata`")?;
    let inputs: Vec<_> = CASES.iter().map(|(_, _, items)| input(*items)).collect();
    ui::step("measuring the reference implementation");
    let reference = reference(Path::new(&folder), args.seconds, &inputs)?;
    ui::step("measuring stepwell");
    let mut rows = Vec::new();
    for (((name, source, _), input), peer) in CASES.iter().zip(&inputs).zip(&reference.cases) {
        let ours = measure(source, input, Duration::from_secs_f64(args.seconds), &peer.result)?;
        rows.push(vec![
            (*name).to_owned(),
            format!("{} us", number(ours)),
            format!("{} us", number(peer.best_us)),
            format!("{:.1} x", peer.best_us / ours),
        ]);
    }
    let columns = ["expression", "stepwell", "jsonata on node", "stepwell is faster by"];
    println!("{}\n\njsonata {} (npm).", markdown(&columns, rows), reference.version);
    Ok(())
}

fn input(items: usize) -> Value {
    let item = |n: usize| {
        let name = format!("item {}", n * 7919 % items);
        json!({"id": n, "name": name, "price": n * 31 % 100, "amount": n % 7, "tags": ["a", "b"]})
    };
    json!({"name": "stepwell", "count": items, "items": (0..items).map(item).collect::<Vec<_>>()})
}

/// What the reference did.
#[derive(Deserialize)]
struct Reference {
    version: String,
    cases: Vec<Measured>,
}

#[derive(Deserialize)]
struct Measured {
    best_us: f64,
    #[serde(default)]
    result: Value,
}

fn reference(folder: &Path, seconds: f64, inputs: &[Value]) -> Result<Reference> {
    let cases: Vec<_> = CASES
        .iter()
        .zip(inputs)
        .map(|((_, expression, _), input)| json!({"expression": expression, "input": input}))
        .collect();
    let stdin = json!({"seconds": seconds, "cases": cases}).to_string();
    npm::run(&folder.join("jsonata"), &[PACKAGE], "jsonata.mjs", [""; 0], &stdin)
}

/// The shortest time of one evaluation, in microseconds, if it gives what the reference gives.
fn measure(source: &str, input: &Value, time: Duration, expected: &Value) -> Result<f64> {
    let expression = Expression::parse(source)?;
    let states = States(json!({ "input": input }));
    let evaluate = || {
        let now = jiff::Timestamp::UNIX_EPOCH;
        let mut scope = Scope { bindings: &states, random: &mut Zeros, now };
        expression.evaluate(&mut scope).map(Option::unwrap_or_default)
    };
    let result = evaluate()?;
    ensure!(same(&result, expected), "`{source}` gives {result}, the reference {expected}");
    let end = Instant::now() + time;
    let mut best = f64::INFINITY;
    while Instant::now() < end {
        let (started, mut rounds) = (Instant::now(), 0);
        while rounds == 0 || started.elapsed() < Duration::from_millis(1) {
            std::hint::black_box(evaluate()?);
            rounds += 1;
        }
        best = best.min(started.elapsed().as_secs_f64() * 1e6 / f64::from(rounds));
    }
    Ok(best)
}

/// Whether both are the same JSON, where 1 is 1.0.
fn same(one: &Value, other: &Value) -> bool {
    match (one, other) {
        (Value::Number(one), Value::Number(other)) => one.as_f64() == other.as_f64(),
        (Value::Array(one), Value::Array(other)) => {
            one.len() == other.len() && one.iter().zip(other).all(|(one, other)| same(one, other))
        }
        (Value::Object(one), Value::Object(other)) => {
            one.len() == other.len()
                && one.iter().all(|(name, value)| other.get(name).is_some_and(|it| same(value, it)))
        }
        _ => one == other,
    }
}

/// `$states`
struct States(Value);

impl Bindings for States {
    fn get(&self, name: &str) -> Option<&Value> {
        (name == "states").then_some(&self.0)
    }
}

/// Nothing measured here draws random bits.
struct Zeros;

impl Random for Zeros {
    fn next_u64(&mut self) -> u64 {
        0
    }
}
