/* What is remembered of a phone's steps, by the sequences of tests/vectors/drift.txt. */
#include "policy/harden/drift.h"
#include "tests/unit/access_vectors.h"

#define STEP 3

static struct drift_view view_of(char letter) {
    struct drift_view view = {.passing = HARDEN_UNKNOWN};
    if (!drift_seen_from(letter, &view.steps[STEP])) fail_msg("%c is no look", letter);
    if (letter == 'a') view.passing = HARDEN_FAILS;
    if (letter == 'h') view.passing = HARDEN_HOLDS;
    return view;
}

static void every_sequence_of_the_table(void **state) {
    (void)state;
    struct vectors v;
    size_t rows = 0;
    vectors_open(&v, "drift.txt");
    for (; vectors_next(&v); rows++) {
        if (v.count != 4) fail_msg("drift.txt:%u: four columns", v.line);
        struct drift d = {.passing = 0};
        if (str_equal(v.column[0], STR("forgotten")) ||
            str_starts_with(v.column[0], STR("forgotten_")))
            drift_forget(&d);
        struct str looks = v.column[1];
        char memory[16], news[16];
        assert_true(looks.len < sizeof(memory));
        for (size_t i = 0; i < looks.len; i++) {
            struct drift_view view = view_of(looks.ptr[i]);
            struct drift_news new;
            drift_note(&d, &view, &new);
            assert_false(new.lost[STEP] && new.mended[STEP]);
            assert_int_equal(d.seen[STEP], view.steps[STEP]);
            memory[i] = drift_step_letter(d.steps[STEP]);
            news[i] = new.lost[STEP] ? 'L' : new.mended[STEP] ? 'M' : '.';
            /* The other steps were not seen. */
            for (unsigned other = 1; other < HARDEN_STEPS; other++)
                if (other != STEP) assert_false(new.lost[other] || new.mended[other]);
        }
        vectors_expect(&v, (struct str){memory, looks.len}, v.column[2]);
        vectors_expect(&v, (struct str){news, looks.len}, v.column[3]);
    }
    assert_true(rows > 30);
}

static void who_stays_in_administrator_mode_is_told_once(void **state) {
    (void)state;
    static const struct {
        enum harden_state seen;
        bool stays, over;
    } looks[] = {
        {HARDEN_HOLDS, false, false},   {HARDEN_FAILS, false, false},
        {HARDEN_HOLDS, false, false},   {HARDEN_FAILS, false, false},
        {HARDEN_FAILS, true, false},    {HARDEN_FAILS, false, false},
        {HARDEN_UNKNOWN, false, false}, {HARDEN_HOLDS, false, true},
        {HARDEN_HOLDS, false, false},   {HARDEN_FAILS, false, false},
        {HARDEN_UNKNOWN, false, false}, {HARDEN_FAILS, true, false},
    };
    struct drift d = {.passing = 0};
    for (size_t i = 0; i < ARRAY_LEN(looks); i++) {
        struct drift_view view = {.passing = looks[i].seen};
        struct drift_news news;
        drift_note(&d, &view, &news);
        assert_int_equal(news.stays, looks[i].stays);
        assert_int_equal(news.stays_no_more, looks[i].over);
    }
}

static void only_the_four_steps_restrict(void **state) {
    (void)state;
    for (unsigned step = 1; step < HARDEN_STEPS; step++) {
        for (int is = 0; is < DRIFT_STEP_COUNT; is++) {
            struct drift d = {.passing = DRIFT_PASSING_MAX};
            d.steps[step] = (enum drift_step)is;
            bool lost = is == DRIFT_LOST || is == DRIFT_LOST_SEEN || is == DRIFT_FORGOTTEN;
            assert_int_equal(drift_restricts(&d), lost && step != HARDEN_BEYOND);
        }
    }
    struct drift forgotten;
    drift_forget(&forgotten);
    assert_true(drift_restricts(&forgotten));
    assert_int_equal(forgotten.steps[HARDEN_BEYOND], DRIFT_UNKNOWN);
}

static void letters_are_read_as_they_are_written(void **state) {
    (void)state;
    enum drift_step step;
    enum drift_seen seen;
    for (int i = 0; i < DRIFT_STEP_COUNT; i++) {
        assert_true(drift_step_from(drift_step_letter((enum drift_step)i), &step));
        assert_int_equal(step, i);
    }
    for (int i = 0; i < DRIFT_SEEN_COUNT; i++) {
        assert_true(drift_seen_from(drift_seen_letter((enum drift_seen)i), &seen));
        assert_int_equal(seen, i);
    }
    assert_false(drift_step_from('H', &step) || drift_step_from('\0', &step));
    assert_false(drift_seen_from('-', &seen) || drift_seen_from('\0', &seen));
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_sequence_of_the_table),
        cmocka_unit_test(who_stays_in_administrator_mode_is_told_once),
        cmocka_unit_test(only_the_four_steps_restrict),
        cmocka_unit_test(letters_are_read_as_they_are_written),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
