/* What a phone's new object, or the next process, knows of refused passwords. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

/* Behind the headers that it needs. */
#include <cmocka.h>

#include "proxy/phone/phone_breaker.h"

#define AFTER_MS  1000
#define NOW_MS    1000000
#define LATEST_MS (NOW_MS + 60000)

static const uint8_t salt[PHONE_BREAKER_SALT] = {1, 2, 3};

/* One with this password, and this candidate where there is one. */
static struct phone make(const char *password, const char *candidate) {
    struct phone phone = {.id = STR("101"), .authority = STR("192.0.2.1")};
    struct phone_account *account = &phone.accounts[ACCOUNT_LOGIN];
    phone.candidate_after_ms = AFTER_MS;
    account->user = STR("gate");
    account->password = str_of(password);
    account->candidate = str_of(candidate);
    account->candidate_state = candidate[0] != '\0' ? CANDIDATE_KEPT : CANDIDATE_NONE;
    pthread_mutex_init(&phone.lock, NULL);
    return phone;
}

static bool remembers(struct phone *phone, struct phone_breaker *b) {
    return phone_breaker_of(phone, ACCOUNT_LOGIN, salt, b);
}

static enum login_verdict may_send(struct phone *phone, uint64_t now_ms) {
    struct phone_waiter waiter = {.state = WAITER_IDLE};
    return phone_login_begin(phone, ACCOUNT_LOGIN, &waiter, now_ms);
}

static void sends(struct phone *phone, const char *wanted) {
    assert_true(str_equal(phone_password(phone, ACCOUNT_LOGIN, NULL), str_of(wanted)));
}

/* One attempt, and what came of it. */
static void tries(struct phone *phone, enum login_outcome outcome, uint64_t now_ms) {
    unsigned turn;
    assert_int_equal(may_send(phone, now_ms), LOGIN_TRIAL);
    (void)phone_password(phone, ACCOUNT_LOGIN, &turn);
    (void)phone_login_end(phone, ACCOUNT_LOGIN, turn, outcome, now_ms);
}

static void a_password_that_was_not_refused_is_nothing_to_remember(void **state) {
    (void)state;
    struct phone_breaker b;
    struct phone phone = make("old", ""), waits = make("old", "new"), only = make("", "new");
    only.accounts[ACCOUNT_LOGIN].candidate_state = CANDIDATE_NEXT;
    assert_false(remembers(&phone, &b));
    assert_false(remembers(&waits, &b));
    assert_false(remembers(&only, &b));
    tries(&phone, LOGIN_NO_ANSWER, NOW_MS);
    assert_false(remembers(&phone, &b));
    tries(&phone, LOGIN_REJECTED, NOW_MS);
    assert_true(remembers(&phone, &b));
    tries(&phone, LOGIN_ACCEPTED, NOW_MS + PHONE_BREAKER_MS);
    assert_false(remembers(&phone, &b));
}

static void R19_the_next_one_waits_no_longer_than_it_is_told(void **state) {
    (void)state;
    struct phone_breaker b;
    struct phone phone = make("old", ""), next = make("old", ""), moved = make("old", "");
    tries(&phone, LOGIN_REJECTED, NOW_MS);
    assert_true(remembers(&phone, &b));
    phone_breaker_use(&next, ACCOUNT_LOGIN, &b, LATEST_MS);
    assert_int_equal(may_send(&next, LATEST_MS - 1), LOGIN_STOPPED);
    tries(&next, LOGIN_REJECTED, LATEST_MS); /* the second time: twice as long */
    assert_int_equal(may_send(&next, LATEST_MS + 2 * PHONE_BREAKER_MS - 1), LOGIN_STOPPED);
    phone_breaker_move(&phone, &moved);
    assert_int_equal(may_send(&moved, NOW_MS + PHONE_BREAKER_MS - 1), LOGIN_STOPPED);
    assert_int_equal(may_send(&moved, NOW_MS + PHONE_BREAKER_MS), LOGIN_TRIAL);
}

static void while_it_is_tried_again_it_is_remembered(void **state) {
    (void)state;
    struct phone_breaker b;
    struct phone phone = make("old", "");
    tries(&phone, LOGIN_REJECTED, NOW_MS);
    assert_int_equal(may_send(&phone, NOW_MS + PHONE_BREAKER_MS), LOGIN_TRIAL);
    assert_true(remembers(&phone, &b));
    assert_int_equal(b.rejections, 1);
}

static void a_candidate_keeps_its_turn(void **state) {
    (void)state;
    struct phone phone = make("old", "new"), next = make("old", "new"), last = make("old", "new");
    tries(&phone, LOGIN_REJECTED, NOW_MS);
    phone_breaker_move(&phone, &next);
    assert_int_equal(may_send(&next, NOW_MS + AFTER_MS - 1), LOGIN_STOPPED);
    sends(&next, "new");
    tries(&next, LOGIN_ACCEPTED, NOW_MS + AFTER_MS);
    phone_breaker_move(&next, &last); /* taken: it is sent at once */
    sends(&last, "new");
    assert_int_equal(may_send(&last, NOW_MS + AFTER_MS), LOGIN_TRIAL);
}

static void R19_neither_is_tried_again_by_the_next_one(void **state) {
    (void)state;
    struct phone phone = make("old", "new"), next = make("old", "new");
    tries(&phone, LOGIN_REJECTED, NOW_MS);
    tries(&phone, LOGIN_REJECTED, NOW_MS + AFTER_MS);
    phone_breaker_move(&phone, &next);
    sends(&next, "old");
    assert_int_equal(next.accounts[ACCOUNT_LOGIN].candidate_state, CANDIDATE_REFUSED);
    assert_int_equal(may_send(&next, NOW_MS + PHONE_BREAKER_MS), LOGIN_STOPPED);
}

static void what_is_another_account_or_password_begins_anew(void **state) {
    (void)state;
    struct phone phone = make("old", "");
    tries(&phone, LOGIN_REJECTED, NOW_MS);
    struct phone others[] = {make("newer", ""), make("old", "new"), make("old", ""),
                             make("old", ""), make("old", "")};
    others[2].id = STR("102");
    others[3].authority = STR("192.0.2.2");
    others[4].accounts[ACCOUNT_LOGIN].user = STR("gates");
    for (size_t i = 0; i < ARRAY_LEN(others); i++) {
        phone_breaker_move(&phone, &others[i]);
        assert_int_equal(may_send(&others[i], NOW_MS), LOGIN_TRIAL);
    }
    struct phone_breaker login, admin;
    phone.accounts[ACCOUNT_ADMIN] = phone.accounts[ACCOUNT_LOGIN];
    assert_true(remembers(&phone, &login));
    assert_true(phone_breaker_of(&phone, ACCOUNT_ADMIN, salt, &admin));
    assert_false(phone_breaker_same(&login, &admin));
}

static void a_state_that_the_account_cannot_be_in_is_passed_over(void **state) {
    (void)state;
    struct phone_breaker b = {.candidate = CANDIDATE_TAKEN, .retry_ms = LATEST_MS};
    struct phone phone = make("old", "");
    phone_breaker_use(&phone, ACCOUNT_LOGIN, &b, LATEST_MS);
    sends(&phone, "old");
    assert_int_equal(may_send(&phone, NOW_MS), LOGIN_TRIAL);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_password_that_was_not_refused_is_nothing_to_remember),
        cmocka_unit_test(R19_the_next_one_waits_no_longer_than_it_is_told),
        cmocka_unit_test(while_it_is_tried_again_it_is_remembered),
        cmocka_unit_test(a_candidate_keeps_its_turn),
        cmocka_unit_test(R19_neither_is_tried_again_by_the_next_one),
        cmocka_unit_test(what_is_another_account_or_password_begins_anew),
        cmocka_unit_test(a_state_that_the_account_cannot_be_in_is_passed_over),
    };
    return cmocka_run_group_tests_name("phone_breaker", tests, NULL, NULL);
}
