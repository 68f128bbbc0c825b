//! Static pages: HTML that is escaped by construction, tables, and plots as inline SVG.
//!
//! One file per page and nothing beside it: no script, no image, no font, no network. Left to others: what a page
//! says, and where it is written.

mod html;
mod page;
mod plot;
mod table;

pub use html::{Element, Html, element};
pub use page::Page;
pub use plot::{Axis, Layer, Plot, Tone};
pub use table::{Cell, Table};
