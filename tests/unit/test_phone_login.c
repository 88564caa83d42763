/* What an answer says of a password: of the one that was sent, not of the one whose turn it is. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

/* Behind the headers that it needs. */
#include <cmocka.h>

#include "proxy/phone/phone_session.h"

#define AFTER_MS 1000

struct fixture {
    struct worker worker;
    struct phone phone;
    struct phone_account *account;
    struct phone_waiter waiters[2];
    uint64_t now_ms;
};

static void on_called(struct phone_waiter *waiter) {
    (void)waiter;
}

static void begin(struct fixture *f) {
    memset(f, 0, sizeof(*f));
    assert_int_equal(uv_loop_init(&f->worker.loop), 0);
    mailbox_init(&f->worker.mailbox, &f->worker.loop);
    pthread_mutex_init(&f->phone.lock, NULL);
    f->phone.candidate_after_ms = AFTER_MS;
    f->account = &f->phone.accounts[ACCOUNT_LOGIN];
    f->account->password = STR("old");
    f->account->candidate = STR("new");
    f->account->candidate_state = CANDIDATE_KEPT;
    f->account->candidate_told = true;
    f->now_ms = 1000000;
    for (size_t i = 0; i < ARRAY_LEN(f->waiters); i++)
        f->waiters[i] = (struct phone_waiter){.worker = &f->worker, .called = on_called};
}

static void end(struct fixture *f) {
    mailbox_close(&f->worker.mailbox);
    uv_run(&f->worker.loop, UV_RUN_DEFAULT);
    assert_int_equal(uv_loop_close(&f->worker.loop), 0);
    pthread_mutex_destroy(&f->phone.lock);
}

static enum login_verdict may_send(struct fixture *f) {
    return phone_login_begin(&f->phone, ACCOUNT_LOGIN, &f->waiters[0], f->now_ms);
}

/* Whose turn it is, where the password that is sent now is `wanted`. */
static unsigned sends(struct fixture *f, const char *wanted) {
    unsigned turn;
    assert_true(str_equal(phone_password(&f->phone, ACCOUNT_LOGIN, &turn), str_of(wanted)));
    return turn;
}

static bool ends(struct fixture *f, unsigned turn, enum login_outcome outcome) {
    return phone_login_end(&f->phone, ACCOUNT_LOGIN, turn, outcome, f->now_ms);
}

/* Two requests are under way with the old password when the phone gets the new one; the answer to
 * the first makes the candidate's turn come, and the candidate is tried. */
static void two_are_under_way(struct fixture *f, unsigned *old, unsigned *fresh) {
    begin(f);
    assert_int_equal(may_send(f), LOGIN_TRIAL);
    *old = sends(f, "old");
    assert_false(ends(f, *old, LOGIN_ACCEPTED));
    assert_int_equal(may_send(f), LOGIN_GO);
    assert_true(ends(f, *old, LOGIN_REJECTED));
    assert_int_equal(f->account->candidate_state, CANDIDATE_NEXT);
    f->now_ms += AFTER_MS;
    assert_int_equal(may_send(f), LOGIN_TRIAL);
    *fresh = sends(f, "new");
}

static void a_late_rejection_of_the_old_password_does_not_refuse_the_candidate(void **state) {
    (void)state;
    struct fixture f;
    unsigned old, fresh;
    two_are_under_way(&f, &old, &fresh);
    assert_false(ends(&f, old, LOGIN_REJECTED));
    assert_int_equal(f.account->candidate_state, CANDIDATE_NEXT);
    assert_int_equal(f.account->state, LOGIN_TRYING); /* the trial is somebody else's */
    assert_false(ends(&f, fresh, LOGIN_ACCEPTED));
    assert_int_equal(f.account->candidate_state, CANDIDATE_TAKEN);
    end(&f);
}

static void nor_does_one_that_comes_after_the_candidate_was_taken(void **state) {
    (void)state;
    struct fixture f;
    unsigned old, fresh;
    two_are_under_way(&f, &old, &fresh);
    assert_false(ends(&f, fresh, LOGIN_ACCEPTED));
    assert_false(ends(&f, old, LOGIN_REJECTED));
    assert_int_equal(f.account->state, LOGIN_PROVEN);
    assert_int_equal(may_send(&f), LOGIN_GO);
    assert_int_equal(sends(&f, "new"), fresh);
    end(&f);
}

static void a_late_yes_to_the_old_password_does_not_make_the_candidate_the_phones(void **state) {
    (void)state;
    struct fixture f;
    unsigned old, fresh;
    two_are_under_way(&f, &old, &fresh);
    assert_false(ends(&f, old, LOGIN_ACCEPTED));
    assert_int_equal(f.account->candidate_state, CANDIDATE_NEXT);
    assert_true(ends(&f, fresh, LOGIN_REJECTED));
    assert_int_equal(f.account->candidate_state, CANDIDATE_REFUSED);
    assert_true(sends(&f, "old") != old);
    end(&f);
}

/* 60 s, then one at a time and twice as long between them; what is accepted forgets all of it. */
static void a_password_that_nobody_answers_is_spaced_not_given_up(void **state) {
    (void)state;
    struct fixture f;
    begin(&f);
    f.account->candidate_state = CANDIDATE_NONE;
    unsigned turn = sends(&f, "old");
    for (unsigned i = 1; i < PHONE_LOGIN_UNANSWERED_MAX; i++)
        assert_false(phone_session_unanswered(&f.phone, ACCOUNT_LOGIN, PHONE_LOGIN_UNANSWERED_MAX));
    for (unsigned pause = PHONE_SILENT_MS; pause <= 4 * PHONE_SILENT_MS; pause *= 2) {
        assert_int_equal(may_send(&f), LOGIN_TRIAL);
        assert_true(phone_session_unanswered(&f.phone, ACCOUNT_LOGIN, PHONE_LOGIN_UNANSWERED_MAX));
        assert_true(ends(&f, turn, LOGIN_SILENT));
        f.now_ms += pause - 1;
        assert_int_equal(may_send(&f), LOGIN_STOPPED);
        f.now_ms++;
    }
    assert_int_equal(may_send(&f), LOGIN_TRIAL);
    assert_false(ends(&f, turn, LOGIN_ACCEPTED));
    assert_int_equal(f.account->unanswered + f.account->rejections, 0);
    end(&f);
}

static void a_trial_without_an_answer_is_over(void **state) {
    (void)state;
    struct fixture f;
    unsigned old, fresh;
    two_are_under_way(&f, &old, &fresh);
    assert_false(ends(&f, old, LOGIN_NO_ANSWER));
    assert_int_equal(f.account->state, LOGIN_TRYING);
    assert_false(ends(&f, fresh, LOGIN_NO_ANSWER));
    assert_int_equal(may_send(&f), LOGIN_TRIAL);
    end(&f);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_late_rejection_of_the_old_password_does_not_refuse_the_candidate),
        cmocka_unit_test(nor_does_one_that_comes_after_the_candidate_was_taken),
        cmocka_unit_test(a_late_yes_to_the_old_password_does_not_make_the_candidate_the_phones),
        cmocka_unit_test(a_password_that_nobody_answers_is_spaced_not_given_up),
        cmocka_unit_test(a_trial_without_an_answer_is_over),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
