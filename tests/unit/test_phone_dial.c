/* Connecting to a phone: what is said of a connection that never comes up. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <netinet/in.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "proxy/phone/phone_conn.h"
#include "proxy/run/solo.h"

struct world {
    struct solo solo;
    struct phone *phone;
    int listener;
    const char *reason; /* why the connection failed */
    bool ready;
};

/* A phone of 127.0.0.1 in clear, and somebody who listens there. */
static int set_up(void **state) {
    static struct world world;
    static struct profile profile;
    static struct policy_phone policy;
    char error[128];
    memset(&world, 0, sizeof(world));
    profile = (struct profile){.login = PHONE_LOGIN_NONE, .concurrent_requests = 1};
    policy = (struct policy_phone){.id = STR("101"), .profile = &profile};
    struct sockaddr_in at = {.sin_family = AF_INET, .sin_addr = {htonl(INADDR_LOOPBACK)}};
    socklen_t len = sizeof(at);
    world.listener = socket(AF_INET, SOCK_STREAM, 0);
    assert_int_equal(bind(world.listener, (struct sockaddr *)&at, len), 0);
    assert_int_equal(listen(world.listener, 4), 0);
    assert_int_equal(getsockname(world.listener, (struct sockaddr *)&at, &len), 0);
    struct config_phone cfg = {
        .policy = &policy, .host = STR("127.0.0.1"), .port = ntohs(at.sin_port)};
    world.phone = phone_new(&cfg, 4, error, sizeof(error));
    assert_non_null(world.phone);
    assert_true(solo_open(&world.solo, NULL, error, sizeof(error)));
    *state = &world;
    return 0;
}

static int tear_down(void **state) {
    struct world *w = *state;
    solo_run(&w->solo);
    phone_release(w->phone);
    solo_close(&w->solo);
    if (w->listener >= 0) close(w->listener);
    return 0;
}

static void on_ready(void *user) {
    struct world *w = user;
    w->ready = true;
}

static void on_failed(void *user, const char *reason) {
    struct world *w = user;
    w->reason = reason;
}

static const struct phone_conn_ops ops = {.ready = on_ready, .failed = on_failed};

/* Until connect() was called: what comes of it is looked at in a later round. */
static struct phone_conn *begin(struct world *w) {
    struct phone_conn *c = phone_conn_open(&w->solo.worker, w->phone, &ops, w);
    while (c->posted) uv_run(&w->solo.worker.loop, UV_RUN_ONCE);
    return c;
}

static void stop_listening(struct world *w) {
    close(w->listener);
    w->listener = -1;
}

static void who_listens_is_reached(void **state) {
    struct world *w = *state;
    struct phone_conn *c = begin(w);
    for (int i = 0; i < 100 && !w->ready; i++) uv_run(&w->solo.worker.loop, UV_RUN_ONCE);
    assert_true(w->ready);
    assert_null(w->reason);
    phone_conn_drop(c);
}

/* What is given back to a phone that nobody asks any more would keep the program from ending. */
static void a_retired_phone_keeps_no_connection(void **state) {
    struct world *w = *state;
    struct phone_conn *c = begin(w);
    for (int i = 0; i < 100 && !w->ready; i++) uv_run(&w->solo.worker.loop, UV_RUN_ONCE);
    assert_true(w->ready);
    c->reusable = true;
    atomic_store(&w->phone->retired, true);
    phone_conn_give(c);
    assert_null(w->phone->idle);
}

static void nobody_listens(void **state) {
    struct world *w = *state;
    stop_listening(w);
    begin(w);
    solo_run(&w->solo);
    assert_string_equal(w->reason, "phone_refused");
    assert_false(w->ready);
}

/* Its kernel took the connection, and nobody ever will: a reset is there before we look. */
static void reset_before_anybody_looked(void **state) {
    struct world *w = *state;
    begin(w);
    assert_null(w->reason);
    stop_listening(w);
    solo_run(&w->solo);
    assert_string_equal(w->reason, "phone_reset");
    assert_false(w->ready);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(who_listens_is_reached, set_up, tear_down),
        cmocka_unit_test_setup_teardown(a_retired_phone_keeps_no_connection, set_up, tear_down),
        cmocka_unit_test_setup_teardown(nobody_listens, set_up, tear_down),
        cmocka_unit_test_setup_teardown(reset_before_anybody_looked, set_up, tear_down),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
