/* Who may talk to a phone next: people take turns, and the gate's own requests wait behind them. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

/* Behind the headers that it needs. */
#include <cmocka.h>

#include "proxy/phone/phone.h"

#define WAITERS 8

struct fixture {
    struct worker worker;
    struct phone phone;
    struct phone_waiter waiters[WAITERS];
    char called[WAITERS + 1]; /* their numbers, in order */
    size_t count;
};

static struct fixture *current; /* cmocka's tests run one at a time */

static void on_called(struct phone_waiter *waiter) {
    current->called[current->count++] = (char)('0' + (waiter - current->waiters));
}

static void begin(struct fixture *f, unsigned concurrent) {
    memset(f, 0, sizeof(*f));
    current = f;
    assert_int_equal(uv_loop_init(&f->worker.loop), 0);
    mailbox_init(&f->worker.mailbox, &f->worker.loop);
    pthread_mutex_init(&f->phone.lock, NULL);
    f->phone.concurrent_max = concurrent;
    f->phone.queue_max = 4;
    for (size_t i = 0; i < WAITERS; i++)
        f->waiters[i] = (struct phone_waiter){
            .worker = &f->worker, .called = on_called, .person = i, .background = i >= 4};
}

static void end(struct fixture *f) {
    mailbox_close(&f->worker.mailbox);
    uv_run(&f->worker.loop, UV_RUN_DEFAULT);
    assert_int_equal(uv_loop_close(&f->worker.loop), 0);
    pthread_mutex_destroy(&f->phone.lock);
}

/* Waiters 0 to 3 are people, 4 to 7 the gate itself. */
static enum slot_verdict take(struct fixture *f, size_t i) {
    return phone_slot_take(&f->phone, &f->waiters[i]);
}

static void give(struct fixture *f, size_t i) {
    phone_slot_give(&f->phone, &f->waiters[i]);
    uv_run(&f->worker.loop, UV_RUN_NOWAIT);
}

static void people_go_before_the_gate_whoever_came_first(void **state) {
    (void)state;
    struct fixture f;
    begin(&f, 1);
    assert_int_equal(take(&f, 0), SLOT_GRANTED);
    assert_int_equal(take(&f, 4), SLOT_QUEUED);
    assert_int_equal(take(&f, 5), SLOT_QUEUED);
    assert_int_equal(take(&f, 1), SLOT_QUEUED);
    assert_int_equal(take(&f, 2), SLOT_QUEUED);
    give(&f, 0);
    assert_int_equal(take(&f, 3), SLOT_QUEUED);
    give(&f, 1);
    give(&f, 2);
    give(&f, 3);
    give(&f, 4);
    give(&f, 5);
    assert_string_equal(f.called, "12345");
    assert_int_equal(f.phone.in_flight + f.phone.background_in_flight, 0);
    end(&f);
}

static void a_person_waits_for_one_request_of_the_gate_at_most(void **state) {
    (void)state;
    struct fixture f;
    begin(&f, 1);
    assert_int_equal(take(&f, 4), SLOT_GRANTED);
    assert_int_equal(take(&f, 5), SLOT_QUEUED);
    assert_int_equal(take(&f, 0), SLOT_QUEUED);
    give(&f, 4);
    assert_string_equal(f.called, "0");
    give(&f, 0);
    give(&f, 5);
    assert_string_equal(f.called, "05");
    end(&f);
}

static void the_gate_has_one_slot_of_several(void **state) {
    (void)state;
    struct fixture f;
    begin(&f, 3);
    assert_int_equal(take(&f, 4), SLOT_GRANTED);
    assert_int_equal(take(&f, 5), SLOT_QUEUED);
    assert_int_equal(take(&f, 0), SLOT_GRANTED);
    give(&f, 0); /* a slot is free, and still not for a second one of the gate's */
    assert_string_equal(f.called, "");
    assert_int_equal(take(&f, 1), SLOT_GRANTED);
    assert_int_equal(take(&f, 2), SLOT_GRANTED);
    give(&f, 4);
    assert_string_equal(f.called, "5");
    give(&f, 1);
    give(&f, 2);
    give(&f, 5);
    assert_int_equal(f.phone.in_flight + f.phone.background_in_flight, 0);
    end(&f);
}

static void the_gate_does_not_fill_the_queue_of_people(void **state) {
    (void)state;
    struct fixture f;
    struct phone_waiter more = {.worker = &f.worker, .called = on_called, .background = true};
    begin(&f, 1);
    f.phone.queue_max = 1;
    assert_int_equal(take(&f, 0), SLOT_GRANTED);
    for (size_t i = 4; i < 8; i++) assert_int_equal(take(&f, i), SLOT_QUEUED);
    assert_int_equal(phone_slot_take(&f.phone, &more), SLOT_FULL);
    assert_int_equal(take(&f, 1), SLOT_QUEUED);
    assert_int_equal(take(&f, 2), SLOT_FULL);
    end(&f);
}

static void who_leaves_the_background_is_not_called(void **state) {
    (void)state;
    struct fixture f;
    begin(&f, 1);
    assert_int_equal(take(&f, 0), SLOT_GRANTED);
    assert_int_equal(take(&f, 4), SLOT_QUEUED);
    assert_int_equal(take(&f, 5), SLOT_QUEUED);
    assert_true(phone_slot_leave(&f.phone, &f.waiters[4]));
    assert_false(phone_slot_leave(&f.phone, &f.waiters[4]));
    assert_int_equal(f.phone.background_queued, 1);
    give(&f, 0);
    assert_string_equal(f.called, "5");
    assert_false(phone_slot_leave(&f.phone, &f.waiters[5])); /* it has the slot */
    give(&f, 5);
    assert_int_equal(f.phone.in_flight, 0);
    end(&f);
}

static void people_still_take_turns(void **state) {
    (void)state;
    struct fixture f;
    begin(&f, 1);
    f.waiters[2].person = f.waiters[1].person; /* 1 and 2 are of one person */
    assert_int_equal(take(&f, 0), SLOT_GRANTED);
    assert_int_equal(take(&f, 1), SLOT_QUEUED);
    assert_int_equal(take(&f, 2), SLOT_QUEUED);
    assert_int_equal(take(&f, 3), SLOT_QUEUED);
    give(&f, 0);
    give(&f, 1);
    give(&f, 3);
    assert_string_equal(f.called, "132");
    end(&f);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(people_go_before_the_gate_whoever_came_first),
        cmocka_unit_test(a_person_waits_for_one_request_of_the_gate_at_most),
        cmocka_unit_test(the_gate_has_one_slot_of_several),
        cmocka_unit_test(the_gate_does_not_fill_the_queue_of_people),
        cmocka_unit_test(who_leaves_the_background_is_not_called),
        cmocka_unit_test(people_still_take_turns),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
