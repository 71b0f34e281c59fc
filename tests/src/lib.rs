//! Harness, model and worlds for the tests of the whole project.
