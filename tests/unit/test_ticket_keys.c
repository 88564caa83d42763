/* Keys of session tickets turn every 12 hours and are gone after 24 (T05). */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "certs/ticket_keys.h"

enum { HOUR_S = 3600, START_S = 1000 };

static struct ticket_key current(struct ticket_keys *keys, uint64_t now_s) {
    struct ticket_key key;
    assert_true(ticket_keys_current(keys, now_s, &key));
    return key;
}

static bool opens(struct ticket_keys *keys, uint64_t now_s, const struct ticket_key *sealed) {
    struct ticket_key key;
    bool found = ticket_keys_find(keys, now_s, sealed->name, &key);
    if (found) assert_memory_equal(key.cipher, sealed->cipher, sizeof(key.cipher));
    return found;
}

static void T05_key_stays_for_12_hours(void **state) {
    (void)state;
    struct ticket_keys keys;
    ticket_keys_init(&keys);
    struct ticket_key first = current(&keys, START_S);
    struct ticket_key later = current(&keys, START_S + 12 * HOUR_S - 1);
    assert_memory_equal(first.name, later.name, sizeof(first.name));
    assert_memory_equal(first.mac, later.mac, sizeof(first.mac));
    ticket_keys_deinit(&keys);
}

static void T05_key_turns_after_12_hours(void **state) {
    (void)state;
    struct ticket_keys keys;
    ticket_keys_init(&keys);
    struct ticket_key first = current(&keys, START_S);
    struct ticket_key second = current(&keys, START_S + 12 * HOUR_S);
    assert_memory_not_equal(first.name, second.name, sizeof(first.name));
    assert_memory_not_equal(first.cipher, second.cipher, sizeof(first.cipher));
    assert_memory_not_equal(first.mac, second.mac, sizeof(first.mac));
    assert_true(opens(&keys, START_S + 12 * HOUR_S, &first));
    assert_true(opens(&keys, START_S + 12 * HOUR_S, &second));
    ticket_keys_deinit(&keys);
}

static void T05_key_is_gone_after_24_hours(void **state) {
    (void)state;
    struct ticket_keys keys;
    ticket_keys_init(&keys);
    struct ticket_key first = current(&keys, START_S);
    struct ticket_key second = current(&keys, START_S + 13 * HOUR_S);
    assert_true(opens(&keys, START_S + 24 * HOUR_S - 1, &first));
    assert_false(opens(&keys, START_S + 24 * HOUR_S, &first));
    assert_true(opens(&keys, START_S + 24 * HOUR_S, &second));
    uint8_t zero[sizeof(keys.previous.cipher)] = {0};
    assert_memory_equal(keys.previous.cipher, zero, sizeof(zero));
    ticket_keys_deinit(&keys);
}

static void T05_an_idle_week_leaves_no_key(void **state) {
    (void)state;
    struct ticket_keys keys;
    ticket_keys_init(&keys);
    struct ticket_key first = current(&keys, START_S);
    assert_false(opens(&keys, START_S + 7 * 24 * HOUR_S, &first));
    assert_false(keys.current.valid || keys.previous.valid);
    ticket_keys_deinit(&keys);
}

static void T05_foreign_name_opens_nothing(void **state) {
    (void)state;
    struct ticket_keys keys;
    ticket_keys_init(&keys);
    struct ticket_key key = {0};
    assert_false(opens(&keys, START_S, &key)); /* no key yet: zeros are no name */
    key = current(&keys, START_S);
    key.name[15] ^= 1;
    assert_false(opens(&keys, START_S, &key));
    ticket_keys_deinit(&keys);
}

static void T05_deinit_wipes(void **state) {
    (void)state;
    struct ticket_keys keys;
    ticket_keys_init(&keys);
    current(&keys, START_S);
    ticket_keys_deinit(&keys);
    struct ticket_key zero = {0};
    assert_memory_equal(&keys.current, &zero, sizeof(zero));
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(T05_key_stays_for_12_hours),
        cmocka_unit_test(T05_key_turns_after_12_hours),
        cmocka_unit_test(T05_key_is_gone_after_24_hours),
        cmocka_unit_test(T05_an_idle_week_leaves_no_key),
        cmocka_unit_test(T05_foreign_name_opens_nothing),
        cmocka_unit_test(T05_deinit_wipes),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
