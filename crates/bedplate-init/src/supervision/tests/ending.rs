//! Requests, and the way down.

use super::*;

#[test]
fn stop_start_and_restart_on_request() {
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
        4 restart a
          terminate a
        5 tick
        10004 tick
          kill a
        10005 exited a 137
          delete a
        10006 deleted a
          a is Waiting
          a is Starting
          create a
        10007 created a 11
          launch a
        10008 launched a
          a is Ready
        10009 stop a
          terminate a
        10010 exited a 143
          delete a
        10011 deleted a
          a is Stopped
        20000 tick
        20001 start a
          a is Waiting
          a is Starting
          create a
        ",
    );
}

#[test]
fn the_way_down_is_the_way_up_backwards() {
    let mut shutdown = unit("bye");
    shutdown.bundle = "/containers/onshutdown/000-bye".into();
    let host = Host {
        version: 1,
        services: vec![service("db", &[]), service("web", &["db"])],
        onshutdown: vec![shutdown],
        ..Host::default()
    };
    check(
        &host,
        "
        1 begin
          db is Starting
          create db
        2 created db 10
          launch db
        3 launched db
          db is Ready
          web is Starting
          create web
        4 created web 11
          launch web
        5 down
        6 launched web
          web is Ready
          terminate web
        7 exited web 143
          delete web
        8 deleted web
          web is Stopped
          terminate db
        9 exited db 143
          delete db
        10 deleted db
          db is Stopped
          bye is Starting
          create bye
        11 created bye 12
          launch bye
        12 launched bye
          bye is Ready
        13 exited bye 1
          delete bye
        14 deleted bye
          say: onshutdown container `bye` failed with status 1
          bye is Failed
          end
        ",
    );
}

#[test]
fn what_waits_for_a_failed_service_does_not_hold_up_the_host() {
    let mut host = Host {
        version: 1,
        services: vec![service("db", &[]), service("web", &["db"])],
        ..Host::default()
    };
    host.services[0].restart = Restart::No;
    check(
        &host,
        "
        1 begin
          db is Starting
          create db
        2 not-created db
          say: cannot start `db`: no room
          delete db
        3 deleted db
          db is Failed
          up
        4 start db
          db is Waiting
          db is Starting
          create db
        5 created db 10
          launch db
        6 launched db
          db is Ready
          web is Starting
          create web
        ",
    );
}

#[test]
fn a_runtime_that_hangs_does_not_hold_up_the_way_down() {
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
        5 down
        10004 tick
        10005 tick
          abandon a
        10006 not-created a
          say: cannot start `a`: no room
          delete a
        10007 deleted a
          a is Stopped
          end
        ",
    );
}

#[test]
fn asked_again_the_way_down_waits_for_no_onshutdown_container() {
    let host = Host {
        version: 1,
        onshutdown: vec![unit("bye"), unit("more")],
        ..Host::default()
    };
    check(
        &host,
        "
        1 begin
          up
        2 down
          bye is Starting
          create bye
        3 created bye 10
          launch bye
        4 launched bye
          bye is Ready
        5 down
          terminate bye
          more is Stopped
        6 exited bye 143
          delete bye
        7 deleted bye
          say: onshutdown container `bye` was ended by signal 15
          bye is Failed
          end
        ",
    );
}
