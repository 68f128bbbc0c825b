//! The order of work: views after those that they read, in a product and across products.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use crate::desired::{Product, View};

/// The products, those that others read first. A circle among products is no circle among views: their views wait
/// for each other when they are made.
pub(crate) fn ordered(products: &BTreeMap<String, Arc<Product>>) -> Vec<&Product> {
    let owners: BTreeMap<(&str, &str), &str> = products
        .values()
        .flat_map(|product| {
            product
                .views
                .keys()
                .map(|view| ((product.schema.as_str(), view.as_str()), product.id.as_str()))
        })
        .collect();
    let reads = |id: &str| {
        let read = products[id].views.values().flat_map(|view| &view.reads);
        read.filter_map(|(schema, view)| owners.get(&(schema.as_str(), view.as_str())).copied())
            .collect()
    };
    let ids = products.keys().map(String::as_str).collect();
    sorted(ids, reads).into_iter().map(|id| &*products[id]).collect()
}

/// The views of a product in layers: each reads only views of layers before it, as far as they are in the product.
pub(crate) fn layers<'v>(schema: &str, views: &BTreeMap<&'v str, &'v View>) -> Vec<Vec<&'v str>> {
    let mut left: BTreeSet<&str> = views.keys().copied().collect();
    let mut layers = Vec::new();
    while !left.is_empty() {
        let waits = |view: &str| {
            views[view]
                .reads
                .iter()
                .any(|(of, read)| of == schema && read != view && left.contains(read.as_str()))
        };
        let layer: Vec<&str> = left.iter().copied().filter(|view| !waits(view)).collect();
        // A circle: the server will say so.
        let layer = if layer.is_empty() { left.iter().copied().collect() } else { layer };
        left.retain(|view| !layer.contains(view));
        layers.push(
            layer
                .iter()
                .map(|view| *views.keys().find(|it| *it == view).expect("it came from there"))
                .collect(),
        );
    }
    layers
}

/// Depth first, without recursion: a chain may be as long as there are products.
fn sorted<'i>(ids: Vec<&'i str>, reads: impl Fn(&str) -> Vec<&'i str>) -> Vec<&'i str> {
    let (mut seen, mut done) = (BTreeSet::new(), Vec::new());
    let mut stack: Vec<(&str, bool)> = ids.into_iter().rev().map(|id| (id, false)).collect();
    while let Some((id, is_done)) = stack.pop() {
        if is_done {
            done.push(id);
        } else if seen.insert(id) {
            stack.push((id, true));
            stack.extend(reads(id).into_iter().rev().map(|read| (read, false)));
        }
    }
    done
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::{product, view_reading};

    #[test]
    fn what_is_read_comes_first() {
        let mut base = product("9", "base");
        base.views.insert("b".to_owned(), view_reading(&[]));
        let mut top = product("1", "top");
        top.views.insert("t".to_owned(), view_reading(&[("base", "b"), ("nowhere", "x")]));
        let products = [base, top].into_iter().map(|it| (it.id.clone(), Arc::new(it))).collect();
        let names: Vec<&str> = ordered(&products).iter().map(|it| it.name.as_str()).collect();
        assert_eq!(names, ["base", "top"]);
    }

    #[test]
    fn views_come_in_layers_and_a_circle_ends() {
        let (a, b, c) = (
            view_reading(&[("s", "b")]),
            view_reading(&[]),
            view_reading(&[("s", "a"), ("s", "b")]),
        );
        let views = [("a", &a), ("b", &b), ("c", &c)].into();
        assert_eq!(layers("s", &views), [vec!["b"], vec!["a"], vec!["c"]]);
        let (one, two) = (view_reading(&[("s", "two")]), view_reading(&[("s", "one")]));
        assert_eq!(layers("s", &[("one", &one), ("two", &two)].into()), [vec!["one", "two"]]);
    }
}
