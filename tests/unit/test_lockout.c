/* The lockout: against a model that keeps everything, and what each rule says by itself. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>

/* Behind the headers that it needs. */
#include <cmocka.h>

#include "policy/auth/lockout.h"

#define NOW    UINT64_C(1800000000000)
#define MINUTE UINT64_C(60000)
#define HOUR   (60 * MINUTE)

static const uint64_t hash_key[2] = {0x0706050403020100u, 0x0f0e0d0c0b0a0908u};
static const struct lockout_settings standard = {.failures = 5,
                                                 .failures_per_user = 100,
                                                 .failures_per_address = 100,
                                                 .window_ms = MINUTE,
                                                 .block_ms = 5 * MINUTE};

static struct lockout *table_of(size_t capacity) {
    return lockout_new(capacity, 64, hash_key, (struct policy_lock){0});
}

static struct lockout_who who(uint64_t user, uint8_t address) {
    return (struct lockout_who){user, {{[10] = 0xff, [11] = 0xff, [12] = 192, [15] = address}}};
}

static void fail_times(struct lockout *l, const struct lockout_settings *s, struct lockout_who w,
                       unsigned times, uint64_t now) {
    for (unsigned i = 0; i < times; i++) lockout_failed(l, s, &w, STR("bob"), true, now);
}

static uint64_t left(struct lockout *l, const struct lockout_settings *s, struct lockout_who w,
                     uint64_t now) {
    return lockout_left_ms(l, s, &w, now);
}

static void V25_blocked_to_the_millisecond(void **state) {
    (void)state;
    struct lockout *l = table_of(64);
    fail_times(l, &standard, who(1, 1), 4, NOW);
    assert_int_equal(left(l, &standard, who(1, 1), NOW), 0);
    fail_times(l, &standard, who(1, 1), 1, NOW + MINUTE - 1);
    assert_int_equal(left(l, &standard, who(1, 1), NOW + MINUTE - 1), 5 * MINUTE);
    assert_int_equal(left(l, &standard, who(1, 1), NOW + 6 * MINUTE - 2), 1);
    assert_int_equal(left(l, &standard, who(1, 1), NOW + 6 * MINUTE - 1), 0);
    assert_int_equal(left(l, &standard, who(2, 1), NOW + MINUTE), 0);
    assert_int_equal(left(l, &standard, who(1, 2), NOW + MINUTE), 0);
    lockout_free(l);
    lockout_free(NULL);
}

static void V25_a_window_that_ends_forgets(void **state) {
    (void)state;
    struct lockout *l = table_of(64);
    fail_times(l, &standard, who(1, 1), 4, NOW);
    fail_times(l, &standard, who(1, 1), 4, NOW + MINUTE);
    assert_int_equal(left(l, &standard, who(1, 1), NOW + MINUTE), 0);
    lockout_free(l);
}

static void V25_each_block_is_twice_as_long(void **state) {
    (void)state;
    struct lockout *l = table_of(64);
    uint64_t now = NOW, expected = standard.block_ms;
    for (int i = 0; i < 12; i++) {
        fail_times(l, &standard, who(1, 1), 5, now);
        assert_int_equal(left(l, &standard, who(1, 1), now), expected);
        now += expected;
        assert_int_equal(left(l, &standard, who(1, 1), now), 0);
        expected = expected * 2 < LOCKOUT_BLOCK_MAX_MS ? expected * 2 : LOCKOUT_BLOCK_MAX_MS;
    }
    /* Quiet for as long as the last one was: forgiven. */
    now += LOCKOUT_BLOCK_MAX_MS;
    fail_times(l, &standard, who(1, 1), 5, now);
    assert_int_equal(left(l, &standard, who(1, 1), now), standard.block_ms);
    lockout_free(l);
}

static void V25_zero_is_off(void **state) {
    (void)state;
    struct lockout_settings off = standard;
    struct lockout *l = table_of(64);
    fail_times(l, &standard, who(1, 1), 5, NOW);
    off.failures = 0;
    assert_int_equal(left(l, &off, who(1, 1), NOW), 0);
    fail_times(l, &off, who(2, 1), 500, NOW);
    assert_int_equal(left(l, &standard, who(2, 1), NOW), 0);
    off = standard;
    off.failures_per_user = off.failures_per_address = 0;
    for (uint8_t i = 0; i < 200; i++) fail_times(l, &off, who(3, i), 1, NOW);
    assert_int_equal(left(l, &off, who(3, 201), NOW), 0);
    lockout_free(l);
}

static void R26_where_a_person_was_seen_nobody_locks_them_out(void **state) {
    (void)state;
    struct lockout_settings s = standard;
    struct lockout *l = table_of(256);
    s.failures_per_user = s.failures_per_address = 10;
    const struct lockout_who home = who(1, 1), colleague = who(2, 1);
    lockout_proved(l, &home, NOW);
    for (uint8_t i = 100; i < 110; i++) fail_times(l, &s, who(1, i), 1, NOW); /* the user */
    assert_int_equal(left(l, &s, home, NOW), 0);
    assert_int_equal(left(l, &s, who(1, 50), NOW), s.block_ms);
    assert_int_equal(left(l, &s, who(2, 50), NOW), 0);
    for (uint64_t i = 100; i < 110; i++) fail_times(l, &s, who(i, 1), 1, NOW); /* the address */
    assert_int_equal(left(l, &s, home, NOW), 0);
    assert_int_equal(left(l, &s, colleague, NOW), s.block_ms);
    /* Five wrong ones of the person's own count all the same. */
    fail_times(l, &s, home, 5, NOW);
    assert_int_equal(left(l, &s, home, NOW), s.block_ms);
    lockout_free(l);
}

static void R26_a_place_is_forgotten_after_30_days(void **state) {
    (void)state;
    struct lockout_settings s = standard;
    struct lockout *l = table_of(256);
    s.failures_per_user = 10;
    const struct lockout_who home = who(1, 1);
    lockout_proved(l, &home, NOW);
    lockout_proved(l, &home, NOW + LOCKOUT_KNOWN_STEP_MS - 1); /* not noted: too soon */
    uint64_t later = NOW + LOCKOUT_KNOWN_MS;
    for (uint8_t i = 100; i < 110; i++) fail_times(l, &s, who(1, i), 1, later - 1);
    assert_int_equal(left(l, &s, home, later - 1), 0);
    assert_true(left(l, &s, home, later) > 0);
    lockout_proved(l, &home, later);
    assert_int_equal(left(l, &s, home, later), 0);
    lockout_free(l);
}

static void places_are_bounded_and_outlive_a_restart(void **state) {
    (void)state;
    struct lockout *l = lockout_new(8, 4, hash_key, (struct policy_lock){0});
    for (uint8_t i = 0; i < 6; i++) {
        const struct lockout_who w = who(i, 1);
        lockout_proved(l, &w, NOW + i * HOUR);
    }
    const struct lockout_who again = who(2, 1);
    lockout_proved(l, &again, NOW + 7 * HOUR);
    assert_int_equal(lockout_known_changes(l), 7);
    struct lockout_known known[8];
    assert_int_equal(lockout_known_copy(l, known, 8), 4);
    static const uint64_t order[] = {3, 4, 5, 2};
    for (size_t i = 0; i < 4; i++) assert_int_equal(known[i].who.user, order[i]);
    assert_int_equal(lockout_known_copy(l, known, 1), 1);
    assert_int_equal(lockout_known_copy(l, known, 8), 4);
    struct lockout *next = lockout_new(8, 4, hash_key, (struct policy_lock){0});
    for (size_t i = 0; i < 4; i++) lockout_known_add(next, &known[i]);
    struct lockout_known copy[8];
    assert_int_equal(lockout_known_copy(next, copy, 8), 4);
    assert_memory_equal(known, copy, 4 * sizeof(known[0]));
    assert_int_equal(lockout_user_key(l, STR("a")), lockout_user_key(next, STR("a")));
    lockout_free(l);
    lockout_free(next);
}

static void the_fewest_failures_leave_first(void **state) {
    (void)state;
    struct lockout_settings s = standard;
    s.failures_per_user = s.failures_per_address = 0;
    struct lockout *l = table_of(4);
    fail_times(l, &s, who(1, 1), 4, NOW);
    fail_times(l, &s, who(2, 1), 3, NOW);
    fail_times(l, &s, who(3, 1), 5, NOW);
    for (uint64_t i = 100; i < 200; i++) fail_times(l, &s, who(i, 1), 1, NOW); /* a flood */
    assert_int_equal(left(l, &s, who(3, 1), NOW), s.block_ms);
    fail_times(l, &s, who(1, 1), 1, NOW);
    assert_int_equal(left(l, &s, who(1, 1), NOW), s.block_ms);
    fail_times(l, &s, who(2, 1), 2, NOW);
    assert_int_equal(left(l, &s, who(2, 1), NOW), s.block_ms);
    lockout_free(l);
}

static void news_of_blocks(void **state) {
    (void)state;
    struct lockout *l = table_of(8);
    struct lockout_event e;
    assert_false(lockout_next_event(l, NOW, &e));
    fail_times(l, &standard, who(1, 9), 5, NOW);
    assert_true(lockout_next_event(l, NOW, &e));
    assert_int_equal(e.end, LOCKOUT_BEGUN);
    assert_int_equal(e.kind, LOCKOUT_PAIR);
    assert_int_equal(e.address.bytes[15], 9);
    assert_int_equal(e.length_ms, standard.block_ms);
    assert_true(e.name_is_known && e.name_len == 3 && memcmp(e.name, "bob", 3) == 0);
    assert_false(lockout_next_event(l, NOW + standard.block_ms - 1, &e));
    assert_int_equal(lockout_blocks(l), 1);
    assert_true(lockout_next_event(l, NOW + standard.block_ms, &e));
    assert_int_equal(e.end, LOCKOUT_EXPIRED);
    assert_false(lockout_next_event(l, NOW + HOUR, &e));
    assert_int_equal(lockout_blocks(l), 0);
    /* Over before anybody looked: a beginning and an end all the same. */
    fail_times(l, &standard, who(1, 9), 5, NOW + 2 * HOUR);
    assert_true(lockout_next_event(l, NOW + 9 * HOUR, &e) && e.end == LOCKOUT_BEGUN);
    assert_true(lockout_next_event(l, NOW + 9 * HOUR, &e) && e.end == LOCKOUT_EXPIRED);
    /* Pushed out of the table. */
    struct lockout_settings s = standard;
    s.failures_per_user = s.failures_per_address = 0;
    for (uint64_t i = 10; i < 19; i++) fail_times(l, &s, who(i, 1), 5, NOW + 10 * HOUR);
    unsigned begun = 0, evicted = 0;
    while (lockout_next_event(l, NOW + 10 * HOUR, &e)) {
        begun += e.end == LOCKOUT_BEGUN;
        evicted += e.end == LOCKOUT_EVICTED;
    }
    assert_int_equal(begun, 9);
    assert_true(evicted >= 1);
    lockout_free(l);
}

static void an_administrator_unlocks(void **state) {
    (void)state;
    struct lockout_settings s = standard;
    struct lockout *l = table_of(64);
    struct lockout_event e;
    s.failures_per_user = s.failures_per_address = 5;
    fail_times(l, &s, who(1, 1), 5, NOW);
    fail_times(l, &s, who(2, 2), 5, NOW);
    while (lockout_next_event(l, NOW, &e)) assert_int_equal(e.end, LOCKOUT_BEGUN);
    assert_int_equal(left(l, &s, who(1, 1), NOW), s.block_ms);
    assert_true(lockout_unlock(l, 1, NOW));
    assert_int_equal(left(l, &s, who(1, 1), NOW), 0); /* the pair, the user and the address */
    assert_int_equal(left(l, &s, who(2, 2), NOW), s.block_ms);
    assert_false(lockout_unlock(l, 1, NOW));
    unsigned unlocked = 0;
    while (lockout_next_event(l, NOW, &e)) unlocked += e.end == LOCKOUT_UNLOCKED;
    assert_int_equal(unlocked, 3);
    fail_times(l, &s, who(1, 1), 4, NOW);
    assert_int_equal(left(l, &s, who(1, 1), NOW), 0);
    lockout_free(l);
}

/* ---- against a model: one counter each, nothing ever leaves ---- */

#define USERS     4u
#define ADDRESSES 4u

struct counter {
    uint64_t window, until, keep;
    unsigned failures, strikes;
};

struct model {
    struct counter pair[USERS][ADDRESSES], user[USERS], address[ADDRESSES];
    uint64_t seen[USERS][ADDRESSES];
};

static void model_count(struct counter *c, const struct lockout_settings *s, unsigned limit,
                        uint64_t now) {
    if (c->keep <= now) *c = (struct counter){.window = now};
    if (c->until > now) return;
    if (now - c->window >= s->window_ms)
        *c = (struct counter){now, c->until, c->keep, 0, c->strikes};
    uint64_t keep = c->window + s->window_ms;
    if (++c->failures == limit) {
        uint64_t length = s->block_ms << c->strikes++;
        if (length > LOCKOUT_BLOCK_MAX_MS) length = LOCKOUT_BLOCK_MAX_MS;
        c->until = now + length;
        keep = c->until + length;
        c->failures = 0;
    }
    if (keep > c->keep) c->keep = keep;
}

static uint64_t model_left(const struct counter *c, uint64_t now) {
    return c->until > now ? c->until - now : 0;
}

static uint64_t model_of(const struct model *m, unsigned u, unsigned a, uint64_t now) {
    uint64_t pair = model_left(&m->pair[u][a], now), user = model_left(&m->user[u], now);
    uint64_t address = model_left(&m->address[a], now);
    if (m->seen[u][a] != 0 && now < m->seen[u][a] + LOCKOUT_KNOWN_MS) return pair;
    uint64_t others = user > address ? user : address;
    return pair > others ? pair : others;
}

static uint32_t next_random(uint64_t *seed) {
    *seed = *seed * 6364136223846793005u + 1442695040888963407u;
    return (uint32_t)(*seed >> 33);
}

static void model_of_the_lockout(void **state) {
    (void)state;
    struct lockout_settings s = {.failures = 3,
                                 .failures_per_user = 7,
                                 .failures_per_address = 8,
                                 .window_ms = MINUTE,
                                 .block_ms = 2 * MINUTE};
    struct lockout *l = table_of(256);
    static struct model m;
    struct lockout_event e;
    uint64_t seed = 20261123, now = NOW;
    unsigned locked = 0, begun = 0, ended = 0;
    for (unsigned i = 0; i < 200000; i++) {
        unsigned u = next_random(&seed) % USERS, a = next_random(&seed) % ADDRESSES;
        const struct lockout_who w = who(u + 1, (uint8_t)a);
        now += next_random(&seed) % 40 == 0 ? next_random(&seed) % (20 * MINUTE) : 3000;
        if (i % 20000 == 0) now += LOCKOUT_KNOWN_MS;
        uint64_t is = lockout_left_ms(l, &s, &w, now), expected = model_of(&m, u, a, now);
        if (is != expected)
            fail_msg("step %u: left %u, model %u", i, (unsigned)is, (unsigned)expected);
        locked += is > 0;
        if (is == 0 && next_random(&seed) % 50 == 0) {
            lockout_proved(l, &w, now);
            if (m.seen[u][a] == 0 || now >= m.seen[u][a] + LOCKOUT_KNOWN_STEP_MS)
                m.seen[u][a] = now;
        } else if (is == 0) {
            lockout_failed(l, &s, &w, STR("x"), false, now);
            model_count(&m.pair[u][a], &s, s.failures, now);
            model_count(&m.user[u], &s, s.failures_per_user, now);
            model_count(&m.address[a], &s, s.failures_per_address, now);
        }
        while (lockout_next_event(l, now, &e)) *(e.end == LOCKOUT_BEGUN ? &begun : &ended) += 1;
    }
    assert_in_range(locked, 1000, 199000); /* both happen */
    now += 3 * LOCKOUT_BLOCK_MAX_MS;
    while (lockout_next_event(l, now, &e)) *(e.end == LOCKOUT_BEGUN ? &begun : &ended) += 1;
    assert_int_equal(begun, ended);
    assert_true(begun > 1000);
    lockout_free(l);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(V25_blocked_to_the_millisecond),
        cmocka_unit_test(V25_a_window_that_ends_forgets),
        cmocka_unit_test(V25_each_block_is_twice_as_long),
        cmocka_unit_test(V25_zero_is_off),
        cmocka_unit_test(R26_where_a_person_was_seen_nobody_locks_them_out),
        cmocka_unit_test(R26_a_place_is_forgotten_after_30_days),
        cmocka_unit_test(places_are_bounded_and_outlive_a_restart),
        cmocka_unit_test(the_fewest_failures_leave_first),
        cmocka_unit_test(news_of_blocks),
        cmocka_unit_test(an_administrator_unlocks),
        cmocka_unit_test(model_of_the_lockout),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
