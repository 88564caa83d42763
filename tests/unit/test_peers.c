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

static void one_address_has_its_limit(void **state) {
    (void)state;
    struct peers *p = peers_new(hash_key);
    struct peer_key busy = key_of("192.0.2.1");
    struct peer_key other = key_of("192.0.2.2");
    for (int i = 0; i < 3; i++) assert_int_equal(peers_add(p, &busy, MANY, 3), PEERS_OK);
    /* the reserve: eight are told */
    for (int i = 0; i < 8; i++) assert_int_equal(peers_add(p, &busy, MANY, 3), PEERS_ADDRESS_FULL);
    assert_int_equal(peers_add(p, &busy, MANY, 3), PEERS_REFUSED);
    assert_int_equal(peers_total(p), 11);
    assert_int_equal(peers_add(p, &other, MANY, 3), PEERS_OK);
    for (int i = 0; i < 8; i++) peers_remove(p, &busy);
    assert_int_equal(peers_add(p, &busy, MANY, 3), PEERS_ADDRESS_FULL);
    peers_remove(p, &busy);
    peers_remove(p, &busy);
    assert_int_equal(peers_add(p, &busy, MANY, 3), PEERS_OK);
    for (int i = 0; i < 3; i++) peers_remove(p, &busy);
    peers_remove(p, &other);
    assert_int_equal(peers_total(p), 0);
    peers_free(p);
}

static void all_together_have_a_limit(void **state) {
    (void)state;
    struct peers *p = peers_new(hash_key);
    char text[32];
    for (int i = 0; i < 113; i++) {
        (void)snprintf(text, sizeof(text), "192.0.2.%d", i);
        struct peer_key key = key_of(text);
        enum peers_verdict want = i < 100 ? PEERS_OK : i < 112 ? PEERS_FULL : PEERS_REFUSED;
        assert_int_equal(peers_add(p, &key, 100, 10), want); /* reserve: an eighth of 100 */
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
            struct peer_key key = {{0}};
            memcpy(key.bytes + 4, &i, sizeof(i));
            if (round == 0)
                assert_int_equal(peers_add(p, &key, 30000, 1), PEERS_OK);
            else
                peers_remove(p, &key);
        }
        assert_int_equal(peers_total(p), round == 0 ? 20000 : 0);
    }
    peers_free(p);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(ipv6_counts_by_64),
        cmocka_unit_test(one_address_has_its_limit),
        cmocka_unit_test(all_together_have_a_limit),
        cmocka_unit_test(many_addresses),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
