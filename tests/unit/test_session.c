/* Sessions: what a browser must ask for again, and what is never forgotten. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>

/* Behind the headers that it needs. */
#include <cmocka.h>

#include "policy/auth/session.h"

#define NOW    UINT64_C(1800000000000)
#define MINUTE UINT64_C(60000)

static const uint64_t hash_key[2] = {0x0706050403020100u, 0x0f0e0d0c0b0a0908u};
static const struct session_settings none = {0, 0};

static struct sessions *table_of(size_t capacity) {
    return sessions_new(capacity, hash_key, (struct policy_lock){0});
}

#define goes_on(s, set, user, issued, now)                                                         \
    assert_int_equal(sessions_check(s, set, user, issued, true, now), SESSION_GOES_ON)
#define is_refused(s, set, user, issued, now, why)                                                 \
    assert_int_equal(sessions_check(s, set, user, issued, true, now), SESSION_##why)

static void signing_out_refuses_what_was_issued_before(void **state) {
    (void)state;
    struct sessions *s = table_of(8);
    goes_on(s, &none, 1, NOW, NOW);
    assert_int_equal(sessions_since(s, 1), NOW);
    sessions_end(s, 1, NOW + 5);
    assert_int_equal(sessions_since(s, 1), 0);
    is_refused(s, &none, 1, NOW, NOW + 6, SIGNED_OUT);
    is_refused(s, &none, 1, NOW + 5, NOW + 6, SIGNED_OUT); /* in the same millisecond */
    assert_int_equal(sessions_check(s, &none, 1, NOW, false, NOW + 6), SESSION_SIGNED_OUT);
    goes_on(s, &none, 2, NOW, NOW + 6);
    goes_on(s, &none, 1, NOW + 6, NOW + 7);
    assert_int_equal(sessions_since(s, 1), NOW + 7);
    is_refused(s, &none, 1, NOW, NOW + 8, SIGNED_OUT);
    sessions_end(s, 3, NOW); /* somebody who never was here */
    is_refused(s, &none, 3, NOW - 1, NOW + 8, SIGNED_OUT);
    assert_int_equal(sessions_changes(s), 2);
    sessions_free(s);
    sessions_free(NULL);
}

static void a_session_ends_by_age(void **state) {
    (void)state;
    const struct session_settings set = {.max_ms = 10 * MINUTE};
    struct sessions *s = table_of(8);
    for (uint64_t t = 0; t < 10; t++) goes_on(s, &set, 1, NOW + t * MINUTE, NOW + t * MINUTE);
    uint64_t end = NOW + 10 * MINUTE;
    goes_on(s, &set, 1, NOW + 9 * MINUTE, end - 1);
    /* Not by a stale answer either, which would renew the nonce without a word. */
    assert_int_equal(sessions_check(s, &set, 1, NOW, false, end), SESSION_OVER);
    is_refused(s, &set, 1, end - 1, end, SIGNED_OUT);
    goes_on(s, &set, 1, end, end + 1); /* who was asked again */
    assert_int_equal(sessions_since(s, 1), end + 1);
    goes_on(s, &set, 1, end, end + 9 * MINUTE);
    sessions_free(s);
}

static void a_session_ends_by_idleness(void **state) {
    (void)state;
    const struct session_settings set = {.idle_ms = 2 * MINUTE};
    struct sessions *s = table_of(8);
    for (uint64_t t = 0; t < 100; t++) goes_on(s, &set, 1, NOW, NOW + t * MINUTE);
    uint64_t last = NOW + 99 * MINUTE;
    /* A stale answer is no sign of life. */
    assert_int_equal(sessions_check(s, &set, 1, NOW, false, last + MINUTE), SESSION_GOES_ON);
    is_refused(s, &set, 1, last + MINUTE, last + 2 * MINUTE, OVER);
    goes_on(s, &set, 1, last + 2 * MINUTE, last + 2 * MINUTE);
    /* Much later a program comes with a nonce that it has just been given. */
    goes_on(s, &set, 1, last + 50 * MINUTE, last + 50 * MINUTE);
    assert_int_equal(sessions_since(s, 1), last + 50 * MINUTE);
    sessions_free(s);
}

static void a_full_table_asks_too_often_and_never_too_seldom(void **state) {
    (void)state;
    struct sessions *s = table_of(4);
    sessions_end(s, 1, NOW);
    for (uint64_t user = 10; user < 20; user++) goes_on(s, &none, user, NOW + 1, NOW + 1);
    is_refused(s, &none, 1, NOW, NOW + 2, SIGNED_OUT);
    is_refused(s, &none, 2, NOW, NOW + 2, SIGNED_OUT); /* who pays for it */
    goes_on(s, &none, 1, NOW + 1, NOW + 2);
    sessions_free(s);
}

static void it_outlives_a_restart(void **state) {
    (void)state;
    struct sessions *s = table_of(8), *next = table_of(8);
    goes_on(s, &none, 1, NOW, NOW);
    sessions_end(s, 2, NOW);
    sessions_end_unknown(s, NOW - 7);
    struct session_entry entries[8];
    uint64_t floor;
    assert_int_equal(sessions_copy(s, entries, 1, &floor), 1);
    assert_int_equal(sessions_copy(s, entries, 8, &floor), 2);
    assert_int_equal(floor, NOW - 7);
    for (size_t i = 0; i < 2; i++) sessions_add(next, &entries[i]);
    sessions_end_unknown(next, floor);
    assert_int_equal(sessions_since(next, 1), NOW);
    is_refused(next, &none, 2, NOW, NOW + 1, SIGNED_OUT);
    is_refused(next, &none, 3, NOW - 8, NOW + 1, SIGNED_OUT);
    goes_on(next, &none, 3, NOW - 7, NOW + 1);
    assert_int_equal(sessions_user_key(s, STR("a")), sessions_user_key(next, STR("a")));
    sessions_free(s);
    sessions_free(next);
}

/* Whatever happens, what was issued before a sign-out is never taken again. */
static void nothing_comes_back(void **state) {
    (void)state;
    const struct session_settings set = {.max_ms = 3 * MINUTE, .idle_ms = MINUTE};
    struct sessions *s = table_of(5);
    uint64_t ended[12] = {0}, seed = 7, now = NOW;
    unsigned taken = 0, refused = 0;
    for (unsigned i = 0; i < 200000; i++) {
        seed = seed * 6364136223846793005u + 1442695040888963407u;
        uint64_t user = (seed >> 33) % 12, back = (seed >> 40) % (4 * MINUTE);
        now += (seed >> 50) % 500;
        if ((seed >> 60) == 0) {
            sessions_end(s, user, now);
            ended[user] = now;
            continue;
        }
        bool on = sessions_check(s, &set, user, now - back, true, now) == SESSION_GOES_ON;
        if (on) assert_true(now - back > ended[user]);
        taken += on;
        refused += !on;
    }
    assert_true(taken > 1000 && refused > 1000);
    sessions_free(s);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(signing_out_refuses_what_was_issued_before),
        cmocka_unit_test(a_session_ends_by_age),
        cmocka_unit_test(a_session_ends_by_idleness),
        cmocka_unit_test(a_full_table_asks_too_often_and_never_too_seldom),
        cmocka_unit_test(it_outlives_a_restart),
        cmocka_unit_test(nothing_comes_back),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
