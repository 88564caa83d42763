/* A turn of a worker's loop: handshakes wait for requests and answers, which wait for one at most.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

#include "proxy/net/stream.h"
#include "proxy/run/solo.h"

enum { STRANGERS = 12 };

struct world {
    struct solo solo;
    struct stream person;
    int peer; /* the person's end of the socket */
    struct handshake strangers[STRANGERS];
    size_t come;             /* strangers, with the next request */
    size_t requests, served; /* what a request counts for; requests answered */
    size_t begun;            /* handshakes */
    size_t served_before[STRANGERS], unsent_before[STRANGERS]; /* when each of them began */
    bool is_person;                                            /* has signed in before */
    bool asks_again; /* ... and sends another request while a handshake goes on */
};

static struct world world; /* handshake_ops have no other way to it */

static void ask(void) {
    assert_int_equal(send(world.peer, "?", 1, 0), 1);
}

static void go(struct handshake *handshake) {
    size_t len;
    free(handshakes_begin(&world.solo.worker.handshakes, handshake, 0, &len));
    world.served_before[world.begun] = world.served;
    world.unsent_before[world.begun] = stream_unsent(&world.person);
    world.begun++;
    handshakes_leave(&world.solo.worker.handshakes, handshake);
    if (world.asks_again) ask();
    if (world.begun == STRANGERS) stream_close(&world.person);
}

static void never_late(struct handshake *handshake) {
    (void)handshake;
    fail();
}

static const struct handshake_ops handshake_ops = {.go = go, .late = never_late};

/* A request; strangers' ClientHellos have come with it. */
static void on_data(struct stream *s, struct str data) {
    (void)data;
    struct worker *w = &world.solo.worker;
    stream_write(s, STR("answer"));
    stream_flush_soon(s);
    for (size_t i = 0; i < world.requests; i++)
        handshakes_note_request(&w->handshakes, world.is_person, worker_now(w));
    world.served++;
    for (size_t i = 0; i < world.come; i++) {
        assert_true(handshakes_hold(&w->handshakes, &world.strangers[i], STR("hello")));
        assert_true(handshakes_line_up(&w->handshakes, &world.strangers[i]));
    }
    world.come = 0;
}

static void on_nothing(struct stream *s) {
    (void)s;
}

static void on_end(struct stream *s, enum stream_end why) {
    (void)why;
    stream_close(s);
}

static void on_closed(struct stream *s) {
    (void)s;
    world.solo.worker.live--;
}

static const struct stream_ops stream_ops = {
    .on_open = on_nothing,
    .on_data = on_data,
    .on_batch = on_nothing,
    .on_writable = on_nothing,
    .on_end = on_end,
    .on_closed = on_closed,
};

static int set_up(void **state) {
    (void)state;
    world = (struct world){.come = STRANGERS, .requests = 1};
    char error[200];
    assert_true(solo_open(&world.solo, NULL, error, sizeof(error)));
    struct worker *w = &world.solo.worker;
    w->handshakes.ops = &handshake_ops;
    w->handshakes.slice_ns = 60 * UINT64_C(1000000000);
    int pair[2];
    assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM, 0, pair), 0);
    world.peer = pair[1];
    assert_int_equal(stream_init(&world.person, &w->io, &stream_ops), 0);
    assert_int_equal(uv_tcp_open(&world.person.tcp, pair[0]), 0);
    w->live++;
    stream_read(&world.person);
    return 0;
}

static int tear_down(void **state) {
    (void)state;
    close(world.peer);
    solo_close(&world.solo);
    return 0;
}

static void answers_leave_before_a_handshake_begins(void **state) {
    (void)state;
    ask();
    solo_run(&world.solo);
    assert_int_equal(world.begun, STRANGERS);
    for (size_t i = 0; i < STRANGERS; i++) {
        assert_true(world.served_before[i] > 0);
        assert_int_equal(world.unsent_before[i], 0);
    }
}

static void a_request_waits_for_one_handshake_at_most(void **state) {
    (void)state;
    world.is_person = world.asks_again = true;
    ask();
    solo_run(&world.solo);
    assert_int_equal(world.begun, STRANGERS);
    for (size_t i = 0; i < STRANGERS; i++) {
        assert_int_equal(world.served_before[i], i + 1);
        assert_int_equal(world.unsent_before[i], 0);
    }
}

/* Three of them in each turn. */
static void many_requests_do_not_keep_others_out(void **state) {
    (void)state;
    world.is_person = world.asks_again = true;
    world.requests = 2 * HANDSHAKES_REQUESTS;
    ask();
    solo_run(&world.solo);
    assert_int_equal(world.begun, STRANGERS);
    for (size_t i = 0; i < STRANGERS; i++) assert_int_equal(world.served_before[i], i / 3 + 1);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(answers_leave_before_a_handshake_begins, set_up, tear_down),
        cmocka_unit_test_setup_teardown(a_request_waits_for_one_handshake_at_most, set_up,
                                        tear_down),
        cmocka_unit_test_setup_teardown(many_requests_do_not_keep_others_out, set_up, tear_down),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
