//! The tests of the whole project, in one program.
mod corpus;
mod fuzz;
mod house;
