/* What is remembered of phones' hardening, as a file, and when phones are looked at again. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Behind the headers that it needs. */
#include <cmocka.h>

#include "proxy/harden/held_plan.h"
#include "proxy/harden/held_state.h"

/* ---- the file ---- */

static void what_is_written_is_read(void **state) {
    (void)state;
    struct held_memory m = {
        .id = "lab-1.a_B", .tried_s = 1785000000, .answered_s = 1784000000, .restricted = true};
    m.drift.steps[1] = DRIFT_LOST;
    m.drift.steps[4] = DRIFT_FORGOTTEN;
    m.drift.seen[2] = DRIFT_SEEN_PASSING;
    m.drift.passing = 2;
    held_trouble_set(&m, "phone_refused");
    char memory[HELD_LINE_MAX];
    struct outbuf out;
    outbuf_init(&out, memory, sizeof(memory));
    held_state_put(&m, &out);
    assert_false(out.full);
    struct str line = outbuf_str(&out);
    assert_true(str_equal(line, STR("phone lab-1.a_B 1785000000 1784000000 d--x- ?a??? 2 1 "
                                    "phone_refused\n")));
    struct held_memory again;
    assert_true(held_state_line(str_part(line, 0, line.len - 1), &again));
    assert_memory_equal(&m.drift, &again.drift, sizeof(m.drift));
    assert_string_equal(again.id, m.id);
    assert_string_equal(again.trouble, m.trouble);
    assert_int_equal(again.tried_s, m.tried_s);
    assert_int_equal(again.answered_s, m.answered_s);
    assert_true(again.restricted);
}

static void the_longest_line_fits(void **state) {
    (void)state;
    struct held_memory m = {.tried_s = UINT64_MAX, .answered_s = UINT64_MAX};
    char memory[HELD_LINE_MAX];
    struct outbuf out;
    memset(m.id, 'x', HELD_ID_MAX);
    memset(m.trouble, 'x', HELD_TROUBLE_MAX);
    outbuf_init(&out, memory, sizeof(memory));
    held_state_put(&m, &out);
    assert_false(out.full);
}

static void trouble_is_a_stable_name_or_unknown(void **state) {
    (void)state;
    struct held_memory m = {.tried_s = 0};
    held_trouble_set(&m, NULL);
    assert_string_equal(m.trouble, "");
    held_trouble_set(&m, "locked_out");
    assert_string_equal(m.trouble, "locked_out");
    held_trouble_set(&m, "Two words");
    assert_string_equal(m.trouble, "unknown");
    held_trouble_set(&m, "a_name_that_is_longer_than_any_that_somebody_would_look_for");
    assert_int_equal(strlen(m.trouble), HELD_TROUBLE_MAX);
}

struct found {
    char ids[64];
};

static void collect(void *user, const struct held_memory *m) {
    struct found *found = user;
    size_t len = strlen(found->ids);
    (void)snprintf(found->ids + len, sizeof(found->ids) - len, "%s,", m->id);
}

#define LINE(id) "phone " id " 2 1 hhhhf hhhhf 0 0 -\n"

static void a_wrong_line_costs_one_phone(void **state) {
    (void)state;
    static const struct {
        const char *text, *ids;
        bool good;
    } rows[] = {
        {"phonegate-held 1\n", "", true},
        {"phonegate-held 1\n" LINE("101") LINE("102"), "101,102,", true},
        {"", "", false},
        {"phonegate-held 1", "", false},
        {"phonegate-held 2\n" LINE("101"), "", false},
        {LINE("101"), "", false},
        {"phonegate-held 1\n" LINE("101") "phone 102 2 1 hhhhf hhhhf 0 0 -", "101,", false},
        {"phonegate-held 1\nnonsense\n" LINE("102"), "102,", false},
        {"phonegate-held 1\n\n" LINE("102"), "102,", false},
        {"phonegate-held 1\nphone 101\n" LINE("102"), "102,", false},
        {"phonegate-held 1\nphone 1/1 2 1 hhhhf hhhhf 0 0 -\n", "", false},
        {"phonegate-held 1\nphone  2 1 hhhhf hhhhf 0 0 -\n", "", false},
        {"phonegate-held 1\nphone 101 x 1 hhhhf hhhhf 0 0 -\n", "", false},
        {"phonegate-held 1\nphone 101 2 -1 hhhhf hhhhf 0 0 -\n", "", false},
        {"phonegate-held 1\nphone 101 2 99999999999999 hhhhf hhhhf 0 0 -\n", "", false},
        {"phonegate-held 1\nphone 101 2 1 hhhh hhhhf 0 0 -\n", "", false},
        {"phonegate-held 1\nphone 101 2 1 hhhhff hhhhf 0 0 -\n", "", false},
        {"phonegate-held 1\nphone 101 2 1 hhhhz hhhhf 0 0 -\n", "", false},
        {"phonegate-held 1\nphone 101 2 1 hhhhf hhhhd 0 0 -\n", "", false},
        {"phonegate-held 1\nphone 101 2 1 hhhhf hhhhf 3 0 -\n", "", false},
        {"phonegate-held 1\nphone 101 2 1 hhhhf hhhhf 0 2 -\n", "", false},
        {"phonegate-held 1\nphone 101 2 1 hhhhf hhhhf 0 0\n", "", false},
        {"phonegate-held 1\nphone 101 2 1 hhhhf hhhhf 0 0 \n", "", false},
        {"phonegate-held 1\nphone 101 2 1 hhhhf hhhhf 0 0 - more\n", "", false},
        {"phonegate-held 1\nphone 101 2 1 hhhhf hhhhf 0 0 Trouble\n", "", false},
    };
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        struct found found = {.ids = ""};
        bool good = held_state_read(str_of(rows[i].text), collect, &found);
        if (good != rows[i].good || strcmp(found.ids, rows[i].ids) != 0)
            fail_msg("row %zu: %s [%s]", i, good ? "good" : "wrong", found.ids);
    }
}

/* ---- the plan ---- */

#define HOUR UINT64_C(3600000)

static void the_first_round_is_spread(void **state) {
    (void)state;
    const uint64_t now = 1785000000123;
    static const uint64_t intervals[] = {1000, 60000, 600000, 6 * HOUR, 720 * HOUR};
    for (size_t i = 0; i < ARRAY_LEN(intervals); i++) {
        uint64_t round = intervals[i] < HELD_FIRST_ROUND_MS ? intervals[i] : HELD_FIRST_ROUND_MS;
        uint64_t low = UINT64_MAX, high = 0;
        for (uint64_t phone = 0; phone < 5000; phone++) {
            /* Not random: the same each time. */
            uint64_t due = held_plan_soon(now, intervals[i], phone * UINT64_C(0x9e3779b97f4a7c15));
            assert_true(due >= now + round / 10 && due <= now + round);
            if (due < low) low = due;
            if (due > high) high = due;
        }
        assert_true(high - low > round * 8 / 10);
    }
}

static void every_interval_at_the_same_place(void **state) {
    (void)state;
    static const uint64_t phases[] = {0, 1, 12345678901234567u, UINT64_MAX};
    for (size_t i = 0; i < ARRAY_LEN(phases); i++) {
        uint64_t last = 1785000000123, every = 6 * HOUR;
        uint64_t due = held_plan_next(last, every, phases[i]);
        assert_true(due >= last + every / 2 && due < last + every / 2 + every);
        assert_int_equal(due % every, phases[i] % every);
        /* Checked at its time, or some minutes later: once an interval, nothing creeps. */
        assert_int_equal(held_plan_next(due, every, phases[i]), due + every);
        assert_int_equal(held_plan_next(due + 600000, every, phases[i]), due + every);
    }
}

static void in_any_hour_about_as_many(void **state) {
    (void)state;
    unsigned hours[6] = {0};
    for (uint64_t phone = 0; phone < 6000; phone++) {
        uint64_t due =
            held_plan_next(1785000000123, 6 * HOUR, phone * UINT64_C(0x9e3779b97f4a7c15));
        hours[due / HOUR % 6]++;
    }
    for (size_t i = 0; i < 6; i++) assert_true(hours[i] > 900 && hours[i] < 1100);
}

static void what_was_lost_is_looked_at_again_soon(void **state) {
    (void)state;
    assert_int_equal(held_plan_confirm(1000, 6 * HOUR), 1000 + HELD_CONFIRM_MS);
    assert_int_equal(held_plan_confirm(1000, 1000), 1250);
}

static void a_restart_asks_nobody_again(void **state) {
    (void)state;
    const uint64_t now = 1785000000123, every = 6 * HOUR;
    for (uint64_t phase = 1; phase < UINT64_MAX / 2; phase *= 7) {
        /* Looked at just now: not before half an interval is over. */
        assert_true(held_plan_resume(now, 0, every, phase) >= now + every / 2);
        /* Overdue, or never: in the first round. */
        uint64_t due = held_plan_resume(now, 100 * every, every, phase);
        assert_true(due > now && due <= now + HELD_FIRST_ROUND_MS);
        due = held_plan_resume(now, now + 1, every, phase);
        assert_true(due > now && due <= now + HELD_FIRST_ROUND_MS);
        /* In between: never in the past, never later than an interval and a half after the last. */
        for (uint64_t age = 0; age < 2 * every; age += HOUR / 3) {
            due = held_plan_resume(now, age, every, phase);
            assert_true(due > now);
            assert_true(due <= now - age + every / 2 + every || due <= now + HELD_FIRST_ROUND_MS);
        }
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_is_written_is_read),
        cmocka_unit_test(the_longest_line_fits),
        cmocka_unit_test(trouble_is_a_stable_name_or_unknown),
        cmocka_unit_test(a_wrong_line_costs_one_phone),
        cmocka_unit_test(the_first_round_is_spread),
        cmocka_unit_test(every_interval_at_the_same_place),
        cmocka_unit_test(in_any_hour_about_as_many),
        cmocka_unit_test(what_was_lost_is_looked_at_again_soon),
        cmocka_unit_test(a_restart_asks_nobody_again),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
