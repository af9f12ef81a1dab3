//! The way up: order, readiness, restarts.

use super::*;

#[test]
fn onboot_runs_in_order_and_services_follow() {
    let host = Host {
        version: 1,
        onboot: vec![unit("one"), unit("two")],
        services: vec![service("web", &[])],
        ..Host::default()
    };
    check(
        &host,
        "
        1 begin
          one is Starting
          create one
        2 created one 10
          launch one
        3 launched one
          one is Ready
        4 exited one 0
          delete one
        5 deleted one
          one is Stopped
          two is Starting
          create two
        6 created two 11
          launch two
        7 exited two 0
        8 launched two
          delete two
        9 deleted two
          two is Stopped
          web is Starting
          create web
        10 created web 12
          launch web
        11 launched web
          web is Ready
          up
        ",
    );
}

#[test]
fn a_failed_onboot_container_stops_the_boot_unless_it_may_fail() {
    let mut host = Host {
        version: 1,
        onboot: vec![unit("one")],
        services: vec![service("web", &[])],
        ..Host::default()
    };
    let script = "
        1 begin
          one is Starting
          create one
        2 created one 10
          launch one
        3 launched one
          one is Ready
        4 exited one 3
          delete one
        5 deleted one
          say: onboot container `one` failed with status 3
          one is Failed\n";
    let stopped =
        "          stop the boot: onboot container `one` failed with status 3\n        6 tick\n";
    check(&host, &format!("{script}{stopped}"));
    host.onboot[0].on_failure = OnFailure::Continue;
    check(
        &host,
        &format!("{script}          web is Starting\n          create web\n"),
    );
}

#[test]
fn a_service_waits_until_what_it_comes_after_is_ready() {
    let mut host = Host {
        version: 1,
        services: vec![service("web", &["db"]), service("db", &[])],
        ..Host::default()
    };
    host.services[1].ready = probed();
    check(
        &host,
        "
        1 begin
          db is Starting
          create db
        2 created db 10
          launch db
        3 launched db
          db is Starting
          probe db
        10 not-passed db
        100 tick
        210 tick
          probe db
        220 passed db
          db is Ready
          web is Starting
          create web
        230 created web 11
          launch web
        240 launched web
          web is Ready
          up
        ",
    );
}

#[test]
fn a_service_that_is_not_ready_in_time_is_started_again() {
    let mut host = Host {
        version: 1,
        services: vec![service("db", &[])],
        ..Host::default()
    };
    host.services[0].ready = probed();
    check(
        &host,
        "
        1 begin
          db is Starting
          create db
        2 created db 10
          launch db
        3 launched db
          db is Starting
          probe db
        1003 tick
          say: `db` did not become ready within 1000 ms
          terminate db
        1010 exited db 0
          delete db
        1020 deleted db
          db is Restarting
        1119 tick
        1120 tick
          db is Starting
          create db
        ",
    );
}

#[test]
fn a_crashing_service_backs_off_and_one_that_ends_well_stays_down() {
    let host = Host {
        version: 1,
        services: vec![service("a", &[])],
        ..Host::default()
    };
    check(
        &host,
        "
        1 begin
          a is Starting
          create a
        2 created a 10
          launch a
        3 launched a
          a is Ready
          up
        1503 exited a 139
          say: `a` was ended by signal 11 after 1.5 s
          delete a
        1504 deleted a
          a is Restarting
        1604 tick
          a is Starting
          create a
        1605 not-created a
          say: cannot start `a`: no room
          delete a
        1606 deleted a
          a is Restarting
        1806 tick
          a is Starting
          create a
        1807 created a 11
          launch a
        1808 launched a
          a is Ready
        1809 exited a 0
          say: `a` ended after 0.0 s
          delete a
        1810 deleted a
          a is Stopped
        ",
    );
}
