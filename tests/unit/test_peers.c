/* Connections are counted in all and by address; beyond a limit a small reserve is told so. */
#include "proxy/run/peers.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>

/* Behind the four headers that it needs. */
#include <cmocka.h>

#define MANY 1000

static const uint64_t hash_key[2] = {1, 2};

static struct peer_key key_of(const char *text) {
    struct sockaddr_in v4 = {.sin_family = AF_INET, .sin_port = htons(1)};
    struct sockaddr_in6 v6 = {.sin6_family = AF_INET6, .sin6_port = htons(1)};
    struct sockaddr_storage addr = {0};
    if (inet_pton(AF_INET, text, &v4.sin_addr) == 1) {
        memcpy(&addr, &v4, sizeof(v4));
    } else {
        assert_int_equal(inet_pton(AF_INET6, text, &v6.sin6_addr), 1);
        memcpy(&addr, &v6, sizeof(v6));
    }
    return peer_key_of((const struct sockaddr *)&addr);
}

static bool same(const char *a, const char *b) {
    struct peer_key one = key_of(a);
    struct peer_key two = key_of(b);
    return memcmp(one.bytes, two.bytes, sizeof(one.bytes)) == 0;
}

static void ipv6_counts_by_64(void **state) {
    (void)state;
    assert_true(same("2001:db8:1:2::1", "2001:db8:1:2:ffff:ffff:ffff:ffff"));
    assert_false(same("2001:db8:1:2::1", "2001:db8:1:3::1"));
    assert_false(same("192.0.2.1", "192.0.2.2"));
    assert_true(same("192.0.2.1", "::ffff:192.0.2.1"));
    assert_false(same("::ffff:192.0.2.1", "::ffff:192.0.2.2"));
    assert_false(same("::1", "192.0.2.1"));
}

static const struct peers_limits no_rate = {.total = MANY, .per_address = 3, .known_ms = 1000};

static enum peers_verdict add(struct peers *p, struct peers_limits limits, struct peer *peer,
                              const char *address, uint64_t now_ms) {
    *peer = (struct peer){.key = key_of(address)};
    return peers_add(p, &limits, peer, now_ms);
}

static void one_address_has_its_limit(void **state) {
    (void)state;
    struct peers *p = peers_new(hash_key);
    struct peer busy[12], other;
    for (int i = 0; i < 3; i++)
        assert_int_equal(add(p, no_rate, &busy[i], "192.0.2.1", 0), PEERS_OK);
    /* the reserve: eight are told */
    for (int i = 3; i < 11; i++)
        assert_int_equal(add(p, no_rate, &busy[i], "192.0.2.1", 0), PEERS_ADDRESS_FULL);
    assert_int_equal(add(p, no_rate, &busy[11], "192.0.2.1", 0), PEERS_ADDRESS_REFUSED);
    assert_int_equal(peers_total(p), 11);
    assert_int_equal(add(p, no_rate, &other, "192.0.2.2", 0), PEERS_OK);
    for (int i = 3; i < 12; i++) peers_remove(p, &busy[i], 0); /* the last is not counted */
    assert_int_equal(add(p, no_rate, &busy[3], "192.0.2.1", 0), PEERS_ADDRESS_FULL);
    peers_remove(p, &busy[3], 0);
    peers_remove(p, &busy[2], 0);
    assert_int_equal(add(p, no_rate, &busy[2], "192.0.2.1", 0), PEERS_OK);
    for (int i = 0; i < 3; i++) peers_remove(p, &busy[i], 0);
    peers_remove(p, &other, 0);
    assert_int_equal(peers_total(p), 0);
    peers_free(p);
}

/* Strangers leave the reserve alone; who signed in from an address lately finds room in it. */
static void the_reserve_is_not_for_strangers(void **state) {
    (void)state;
    struct peers *p = peers_new(hash_key);
    struct peers_limits limits = {.total = 10, .per_address = 20, .reserve = 4, .known_ms = 1000};
    struct peer person, later, strangers[7];
    assert_int_equal(add(p, limits, &person, "192.0.2.1", 5000), PEERS_OK);
    assert_false(person.known);
    assert_int_equal(peers_numbers(p).strangers, 1);
    peers_prove(p, &person, 5000);
    assert_int_equal(peers_numbers(p).strangers, 0);
    for (int i = 0; i < 6; i++)
        assert_int_equal(add(p, limits, &strangers[i], "198.51.100.1", 5000), PEERS_OK);
    assert_int_equal(add(p, limits, &strangers[6], "198.51.100.2", 5000), PEERS_FULL);
    peers_remove(p, &strangers[6], 5000);
    assert_int_equal(add(p, limits, &later, "192.0.2.1", 5999), PEERS_OK);
    assert_true(later.known);
    peers_remove(p, &later,
                 5999); /* nobody signed in over that one: the time is that of the first */
    assert_int_equal(add(p, limits, &later, "192.0.2.1", 6000), PEERS_FULL);
    assert_false(later.known);
    peers_remove(p, &later, 6000);
    peers_remove(p, &person, 9000); /* worked until then */
    assert_int_equal(add(p, limits, &later, "192.0.2.1", 9500), PEERS_OK);
    assert_true(later.known);
    /* Another worker's clock may be behind. */
    assert_int_equal(add(p, limits, &person, "192.0.2.1", 8000), PEERS_OK);
    assert_true(person.known);
    assert_int_equal(peers_numbers(p).strangers, 6);
    peers_free(p);
}

/* Strangers who are told 503 take no place of a person. */
static void who_is_told_does_not_fill_the_reserve(void **state) {
    (void)state;
    struct peers *p = peers_new(hash_key);
    struct peers_limits limits = {
        .total = 100, .per_address = 1000, .reserve = 20, .known_ms = 1000};
    struct peer strangers[93], people[21];
    assert_int_equal(add(p, limits, &people[0], "192.0.2.1", 0), PEERS_OK);
    peers_prove(p, &people[0], 0);
    for (int i = 0; i < 93; i++)
        assert_int_equal(add(p, limits, &strangers[i], "198.51.100.1", 0), i < 80 ? PEERS_OK
                                                                           : i < 92
                                                                               ? PEERS_FULL
                                                                               : PEERS_REFUSED);
    for (int i = 1; i < 20; i++)
        assert_int_equal(add(p, limits, &people[i], "192.0.2.1", 0), PEERS_OK);
    assert_int_equal(add(p, limits, &people[20], "192.0.2.1", 0), PEERS_REFUSED);
    peers_free(p);
}

/* The table of addresses where people were is bounded; the one longest unseen goes. */
static void known_addresses_are_bounded(void **state) {
    (void)state;
    struct peers *p = peers_new(hash_key);
    struct peers_limits limits = {.total = 1000000, .per_address = 9, .known_ms = UINT64_MAX};
    size_t known = 0;
    for (uint64_t round = 0; round < 2; round++) {
        for (uint32_t i = 0; i < 2 * PEERS_SETS * PEERS_WAYS; i++) {
            struct peer peer = {{{0}}, false, false, false};
            memcpy(peer.key.bytes + 4, &i, sizeof(i));
            assert_int_equal(peers_add(p, &limits, &peer, i), PEERS_OK);
            if (round == 0) peers_prove(p, &peer, i);
            if (round == 1) known += peer.known;
            if (i + 1 == 2 * PEERS_SETS * PEERS_WAYS && round == 1) assert_true(peer.known);
            peer.proved = false;
            peers_remove(p, &peer, i);
        }
    }
    assert_in_range(known, PEERS_SETS * PEERS_WAYS / 2, PEERS_SETS * PEERS_WAYS);
    assert_int_equal(peers_total(p), 0);
    peers_free(p);
}

/* A stranger's address may open `burst` at once and then `rate` a second; a person's any. */
static void strangers_have_a_rate(void **state) {
    (void)state;
    struct peers *p = peers_new(hash_key);
    struct peers_limits limits = {
        .total = MANY, .per_address = MANY, .rate = 10, .burst = 3, .known_ms = 100000};
    struct peer peer[8], other;
    for (int i = 0; i < 3; i++)
        assert_int_equal(add(p, limits, &peer[i], "192.0.2.1", 1000), PEERS_OK);
    assert_int_equal(add(p, limits, &peer[3], "192.0.2.1", 1000), PEERS_TOO_FAST);
    assert_false(peer[3].counted);
    assert_int_equal(add(p, limits, &peer[3], "192.0.2.1", 1099), PEERS_TOO_FAST);
    assert_int_equal(add(p, limits, &other, "192.0.2.2", 1099), PEERS_OK);
    assert_int_equal(add(p, limits, &peer[3], "192.0.2.1", 1100), PEERS_OK);
    assert_int_equal(add(p, limits, &peer[4], "192.0.2.1", 1100), PEERS_TOO_FAST);
    peers_prove(p, &peer[0], 1100);
    for (int i = 4; i < 8; i++)
        assert_int_equal(add(p, limits, &peer[i], "192.0.2.1", 1100), PEERS_OK);
    peers_free(p);
}

static void all_together_have_a_limit(void **state) {
    (void)state;
    struct peers *p = peers_new(hash_key);
    char text[32];
    for (int i = 0; i < 113; i++) {
        (void)snprintf(text, sizeof(text), "192.0.2.%d", i);
        enum peers_verdict want = i < 100 ? PEERS_OK : i < 112 ? PEERS_FULL : PEERS_REFUSED;
        struct peers_limits limits = {.total = 100, .per_address = 10};
        struct peer peer;
        assert_int_equal(add(p, limits, &peer, text, 0), want); /* told: an eighth of 100 */
    }
    assert_int_equal(peers_total(p), 112);
    peers_free(p); /* with entries: the leak check of the sanitizer looks on */
}

/* More addresses than buckets: chains are walked and unlinked. */
static void many_addresses(void **state) {
    (void)state;
    struct peers *p = peers_new(hash_key);
    for (int round = 0; round < 2; round++) {
        for (uint32_t i = 0; i < 20000; i++) {
            struct peers_limits limits = {.total = 30000, .per_address = 1};
            struct peer peer = {{{0}}, round == 1, false, false};
            memcpy(peer.key.bytes + 4, &i, sizeof(i));
            if (round == 0)
                assert_int_equal(peers_add(p, &limits, &peer, 0), PEERS_OK);
            else
                peers_remove(p, &peer, 0);
        }
        assert_int_equal(peers_total(p), round == 0 ? 20000 : 0);
    }
    peers_free(p);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(ipv6_counts_by_64),
        cmocka_unit_test(one_address_has_its_limit),
        cmocka_unit_test(the_reserve_is_not_for_strangers),
        cmocka_unit_test(who_is_told_does_not_fill_the_reserve),
        cmocka_unit_test(known_addresses_are_bounded),
        cmocka_unit_test(strangers_have_a_rate),
        cmocka_unit_test(all_together_have_a_limit),
        cmocka_unit_test(many_addresses),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
