//! What the ground floor promises to the crates on it.

mod bell;
mod deadline;
mod life_death;
mod life_place;
mod life_step;
mod name;
mod owner;
mod segment;
mod watch;
mod world;
