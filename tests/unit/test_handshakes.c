/* The line in which TLS handshakes wait for their turn. */
#include "proxy/run/handshakes.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

/* Behind the four headers that it needs. */
#include <cmocka.h>

struct setting {
    uv_loop_t loop;
    struct handshakes h;
    struct handshake members[8];
};

static struct handshakes *all; /* ops have no other way to them */
static struct handshake *order[16];
static size_t gone, late_count;
static uint64_t work_ns;

static void go(struct handshake *handshake) {
    size_t len;
    char *held = handshakes_begin(all, handshake, 1000, &len);
    assert_int_equal(len, 3);
    assert_memory_equal(held, "abc", 3);
    free(held);
    order[gone++] = handshake;
    uint64_t end = uv_hrtime() + work_ns;
    while (uv_hrtime() < end) {
    }
}

static void late(struct handshake *handshake) {
    late_count++;
    handshakes_leave(all, handshake);
}

static const struct handshake_ops ops = {.go = go, .late = late};

static int set_up(void **state) {
    struct setting *s = calloc(1, sizeof(*s));
    assert_non_null(s);
    assert_int_equal(uv_loop_init(&s->loop), 0);
    handshakes_init(&s->h, &s->loop);
    s->h.ops = &ops;
    s->h.slice_ns = 60 * UINT64_C(1000000000);
    all = &s->h;
    gone = late_count = 0;
    work_ns = 0;
    *state = s;
    return 0;
}

static int tear_down(void **state) {
    struct setting *s = *state;
    for (size_t i = 0; i < ARRAY_LEN(s->members); i++) handshakes_leave(&s->h, &s->members[i]);
    assert_int_equal(s->h.held, 0);
    assert_int_equal(s->h.line, 0);
    assert_int_equal(s->h.count + s->h.known_count, 0);
    handshakes_close(&s->h);
    uv_run(&s->loop, UV_RUN_DEFAULT);
    assert_int_equal(uv_loop_close(&s->loop), 0);
    free(s);
    return 0;
}

static void line_up(struct setting *s, size_t index) {
    assert_true(handshakes_hold(&s->h, &s->members[index], STR("a")));
    assert_true(handshakes_hold(&s->h, &s->members[index], STR("bc")));
    assert_true(handshakes_line_up(&s->h, &s->members[index]));
}

static void known_people_go_first(void **state) {
    struct setting *s = *state;
    s->members[2].known = true;
    for (size_t i = 0; i < 3; i++) line_up(s, i);
    assert_int_equal(s->h.line, 3);
    handshakes_turn(&s->h, 1000);
    assert_int_equal(gone, 3);
    assert_ptr_equal(order[0], &s->members[2]);
    assert_ptr_equal(order[1], &s->members[0]);
    assert_ptr_equal(order[2], &s->members[1]);
}

static void a_turn_has_its_slice(void **state) {
    struct setting *s = *state;
    for (size_t i = 0; i < 4; i++) line_up(s, i);
    s->h.slice_ns = HANDSHAKES_SLICE_NS;
    work_ns = HANDSHAKES_SLICE_NS * 2 / 3;
    handshakes_turn(&s->h, 1000);
    assert_in_range(gone, 1, 2);
    assert_true(uv_is_active((uv_handle_t *)&s->h.idle) != 0); /* the loop does not sleep */
    for (int i = 0; i < 4; i++) handshakes_turn(&s->h, 1000);
    assert_int_equal(gone, 4);
    assert_false(uv_is_active((uv_handle_t *)&s->h.idle) != 0);
}

static void while_people_are_at_work_a_turn_begins_one_and_more_for_many_requests(void **state) {
    struct setting *s = *state;
    for (size_t i = 0; i < 8; i++) line_up(s, i);
    handshakes_note_request(&s->h, true, 5000);
    handshakes_turn(&s->h, 5000);
    assert_int_equal(gone, 1);
    assert_true(uv_is_active((uv_handle_t *)&s->h.idle) != 0);
    for (int i = 0; i < HANDSHAKES_REQUESTS - 1; i++) handshakes_note_request(&s->h, false, 5000);
    handshakes_turn(&s->h, 5000 + HANDSHAKES_PEOPLE_MS - 1);
    assert_int_equal(gone, 2);
    for (int i = 0; i < 2 * HANDSHAKES_REQUESTS; i++) handshakes_note_request(&s->h, false, 5000);
    handshakes_turn(&s->h, 5000);
    assert_int_equal(gone, 5);
    handshakes_turn(&s->h, 5000); /* what a turn has served counts once */
    assert_int_equal(gone, 6);
    handshakes_turn(&s->h, 5000 + HANDSHAKES_PEOPLE_MS);
    assert_int_equal(gone, 8);
}

static void so_many_are_under_way(void **state) {
    struct setting *s = *state;
    s->h.max = 2;
    for (size_t i = 0; i < 4; i++) line_up(s, i);
    handshakes_turn(&s->h, 1000);
    assert_int_equal(gone, 2);
    assert_false(uv_is_active((uv_handle_t *)&s->h.idle) != 0); /* nothing to do but to wait */
    s->members[4].known = true;                                 /* finds a place all the same */
    line_up(s, 4);
    handshakes_turn(&s->h, 1000);
    assert_int_equal(gone, 3);
    handshakes_leave(&s->h, &s->members[0]);
    handshakes_turn(&s->h, 1000);
    assert_int_equal(gone, 4);
    assert_ptr_equal(order[3], &s->members[2]);
    assert_int_equal(late_count, 0);
}

static void the_slowest_makes_place(void **state) {
    struct setting *s = *state;
    s->h.max = 1;
    line_up(s, 0);
    handshakes_turn(&s->h, 1000);
    handshakes_turn(&s->h, 1000 + 10 * HANDSHAKES_AGE_MS);
    assert_int_equal(late_count, 0); /* nobody waits for its place */
    line_up(s, 1);
    handshakes_turn(&s->h, 1000 + HANDSHAKES_AGE_MS - 1);
    assert_int_equal(late_count, 0);
    handshakes_turn(&s->h, 1000 + HANDSHAKES_AGE_MS);
    assert_int_equal(late_count, 1);
    assert_ptr_equal(order[1], &s->members[1]);
}

static void nobody_known_goes_for_a_stranger(void **state) {
    struct setting *s = *state;
    s->h.max = 1;
    s->members[0].known = s->members[3].known = s->members[4].known = true;
    line_up(s, 0);
    handshakes_turn(&s->h, 1000);
    line_up(s, 1);
    handshakes_turn(&s->h, 1000);
    line_up(s, 2);
    assert_int_equal(gone, 2); /* one each, and both have had their time */
    s->members[1].begun_ms = 1500;
    handshakes_turn(&s->h, 1000 + HANDSHAKES_AGE_MS);
    assert_int_equal(late_count, 0);
    handshakes_turn(&s->h, 1500 + HANDSHAKES_AGE_MS);
    assert_int_equal(late_count, 1);
    assert_int_equal(s->members[0].state, HANDSHAKE_UNDER_WAY);
    assert_ptr_equal(order[2], &s->members[2]);
    /* Where somebody known waits, strangers go first, then whoever is the oldest. */
    s->members[2].begun_ms = 3000;
    line_up(s, 3);
    handshakes_turn(&s->h, 3000);
    assert_int_equal(late_count, 2);
    assert_int_equal(s->members[0].state, HANDSHAKE_NONE);
    assert_ptr_equal(order[3], &s->members[3]);
    s->members[3].begun_ms = 3000;
    line_up(s, 4);
    handshakes_turn(&s->h, 3000 + HANDSHAKES_AGE_MS);
    assert_int_equal(late_count, 3);
    assert_int_equal(s->members[2].state, HANDSHAKE_NONE);
    assert_int_equal(s->members[3].state, HANDSHAKE_UNDER_WAY);
}

static void what_is_held_is_bounded(void **state) {
    struct setting *s = *state;
    static char octets[HANDSHAKE_HELD_MAX];
    struct str most = {octets, sizeof(octets)};
    assert_true(handshakes_hold(&s->h, &s->members[0], most));
    assert_false(handshakes_hold(&s->h, &s->members[0], STR("x")));
    /* Half of it is for people who are known. */
    s->h.held += HANDSHAKES_HELD / 2 - sizeof(octets);
    assert_false(handshakes_hold(&s->h, &s->members[2], STR("x")));
    s->members[1].known = s->members[3].known = true;
    s->h.held += HANDSHAKES_HELD / 2 - sizeof(octets);
    assert_true(handshakes_hold(&s->h, &s->members[1], most));
    assert_false(handshakes_hold(&s->h, &s->members[3], STR("x")));
    s->h.held -= HANDSHAKES_HELD - 2 * sizeof(octets);
    /* Half of the line, too. */
    s->h.line += HANDSHAKES_LINE / 2;
    assert_false(handshakes_line_up(&s->h, &s->members[0]));
    assert_true(handshakes_line_up(&s->h, &s->members[1]));
    s->h.line -= HANDSHAKES_LINE / 2;
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(known_people_go_first, set_up, tear_down),
        cmocka_unit_test_setup_teardown(a_turn_has_its_slice, set_up, tear_down),
        cmocka_unit_test_setup_teardown(
            while_people_are_at_work_a_turn_begins_one_and_more_for_many_requests, set_up,
            tear_down),
        cmocka_unit_test_setup_teardown(so_many_are_under_way, set_up, tear_down),
        cmocka_unit_test_setup_teardown(the_slowest_makes_place, set_up, tear_down),
        cmocka_unit_test_setup_teardown(nobody_known_goes_for_a_stranger, set_up, tear_down),
        cmocka_unit_test_setup_teardown(what_is_held_is_bounded, set_up, tear_down),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
