/* Who has to go first when there is no room: the oldest over whose connection nobody signed in. */
#include "proxy/run/crowd.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

/* Behind the four headers that it needs. */
#include <cmocka.h>

static const uint64_t hash_key[2] = {3, 4};

static struct peer peer_at(uint32_t address, bool known) {
    struct peer peer = {.known = known};
    memcpy(peer.key.bytes + 12, &address, sizeof(address));
    return peer;
}

static void the_oldest_goes_first(void **state) {
    (void)state;
    struct crowd crowd;
    crowd_init(&crowd, hash_key);
    struct guest guests[4] = {{.list = NULL}};
    struct peer one = peer_at(1, false), two = peer_at(2, false), office = peer_at(3, true);
    crowd_join(&crowd, &guests[0], &office, 1000);
    crowd_join(&crowd, &guests[1], &one, 1001);
    crowd_join(&crowd, &guests[2], &two, 1002);
    crowd_join(&crowd, &guests[3], &one, 1003);
    uint64_t old = 1003 + CROWD_AGE_MS;
    assert_ptr_equal(crowd_oldest_stranger(&crowd, old), &guests[1]);
    assert_ptr_equal(crowd_oldest(&crowd, old), &guests[1]); /* strangers before others */
    assert_ptr_equal(crowd_oldest_of(&crowd, &two.key, old), &guests[2]);
    assert_ptr_equal(crowd_oldest_of(&crowd, &office.key, old), &guests[0]);
    crowd_leave(&crowd, &guests[1]);
    crowd_leave(&crowd, &guests[1]); /* twice is fine */
    assert_ptr_equal(crowd_oldest_stranger(&crowd, old), &guests[2]);
    assert_ptr_equal(crowd_oldest_of(&crowd, &one.key, old), &guests[3]);
    crowd_leave(&crowd, &guests[2]);
    assert_null(crowd_oldest_of(&crowd, &two.key, old));
    crowd_leave(&crowd, &guests[3]);
    assert_null(crowd_oldest_stranger(&crowd, old));
    assert_ptr_equal(crowd_oldest(&crowd, old), &guests[0]);
    crowd_leave(&crowd, &guests[0]);
    assert_null(crowd_oldest(&crowd, old));
    crowd_deinit(&crowd);
}

static void nobody_goes_at_once(void **state) {
    (void)state;
    struct crowd crowd;
    crowd_init(&crowd, hash_key);
    struct guest guest = {.list = NULL};
    struct peer peer = peer_at(1, false);
    crowd_join(&crowd, &guest, &peer, 1000);
    assert_null(crowd_oldest(&crowd, 1000 + CROWD_AGE_MS - 1));
    assert_null(crowd_oldest_of(&crowd, &peer.key, 1000 + CROWD_AGE_MS - 1));
    assert_non_null(crowd_oldest(&crowd, 1000 + CROWD_AGE_MS));
    crowd_leave(&crowd, &guest);
    crowd_deinit(&crowd);
}

static void handshakes_of_one_address(void **state) {
    (void)state;
    struct crowd crowd;
    crowd_init(&crowd, hash_key);
    struct guest guests[4] = {{.list = NULL}};
    struct peer one = peer_at(1, false), two = peer_at(2, false);
    for (int i = 0; i < 3; i++) crowd_join(&crowd, &guests[i], &one, 0);
    crowd_join(&crowd, &guests[3], &two, 0);
    assert_true(crowd_handshake_begin(&guests[0], 2));
    assert_true(crowd_handshake_begin(&guests[1], 2));
    assert_false(crowd_handshake_begin(&guests[2], 2));
    assert_true(crowd_handshake_begin(&guests[3], 2));
    crowd_handshake_end(&guests[0]);
    crowd_handshake_end(&guests[0]);
    assert_true(crowd_handshake_begin(&guests[2], 2));
    assert_false(crowd_handshake_begin(&guests[0], 2));
    crowd_leave(&crowd, &guests[1]); /* its connection ends during the handshake */
    assert_true(crowd_handshake_begin(&guests[0], 2));
    for (int i = 0; i < 4; i++) crowd_leave(&crowd, &guests[i]);
    crowd_deinit(&crowd);
}

/* More addresses than buckets. */
static void many_addresses(void **state) {
    (void)state;
    enum { COUNT = 3 * CROWD_BUCKETS };
    struct crowd crowd;
    crowd_init(&crowd, hash_key);
    struct guest *guests = calloc(COUNT, sizeof(*guests));
    assert_non_null(guests);
    for (uint32_t i = 0; i < COUNT; i++) {
        struct peer peer = peer_at(i, false);
        crowd_join(&crowd, &guests[i], &peer, i);
    }
    for (uint32_t i = 0; i < COUNT; i++) {
        struct peer peer = peer_at(i, false);
        assert_ptr_equal(crowd_oldest_of(&crowd, &peer.key, COUNT + CROWD_AGE_MS), &guests[i]);
        assert_ptr_equal(crowd_oldest(&crowd, COUNT + CROWD_AGE_MS), &guests[i]);
        crowd_leave(&crowd, &guests[i]);
    }
    free(guests);
    crowd_deinit(&crowd);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_oldest_goes_first),
        cmocka_unit_test(nobody_goes_at_once),
        cmocka_unit_test(handshakes_of_one_address),
        cmocka_unit_test(many_addresses),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
