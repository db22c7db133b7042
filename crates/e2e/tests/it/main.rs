//! The one binary of tests over real connections. A module per area, as in `api`.

mod start;
mod surface;
