//! The gateway as its users have it: the built program, real apps in front of it and real clients.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::disallowed_methods,
    clippy::print_stderr,
    clippy::too_many_lines,
    reason = "a test may fail loudly, and waits by the real clock"
)]

mod access;
mod acme;
mod acme_deploy;
mod acme_nodes;
mod admin;
mod answers;
mod app_health;
mod app_host;
mod app_patience;
mod app_restart;
mod app_tls;
mod audit;
mod audit_sites;
mod browser;
mod challenge;
mod client;
mod completions;
mod cookies;
mod cors;
mod csp;
mod csp_names;
mod demo;
mod descriptors;
mod early;
mod faults;
mod faults_disk;
mod faults_killed;
mod guides;
mod h2c;
mod headers;
mod hosts;
mod http2;
mod instances;
mod interim;
mod left_apps;
mod limits;
mod limits_path;
mod log;
mod log_access;
mod logins;
mod maintenance;
mod malformed;
mod names;
mod nodes;
mod odd_apps;
mod packaging;
mod pages;
mod privilege;
mod process;
mod proxy_protocol;
mod reports;
mod restored;
mod routes;
mod secrets;
mod semantics;
mod service;
mod siege;
mod siege_http2;
mod siege_sizes;
mod smuggling;
mod state;
mod streams;
#[path = "../support/mod.rs"]
mod support;
mod tls;
mod tls_clients;
mod trailers;
mod unaware;
mod unix_socket;
mod upgrade;
mod upgrade_down;
mod upgrade_far;
mod upgrade_heir;
mod upgrade_killed;
mod upgrade_stopped;
