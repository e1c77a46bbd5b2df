//! What an operator sees, as it is seen.

mod admin;
mod logs;
mod spans;
