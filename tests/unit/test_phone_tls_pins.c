/* Pins that have an end (T13). */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

/* Behind the headers that it needs. */
#include <cmocka.h>

#include "certs/phone_tls.h"
#include "tests/unit/tls_fixture.h"

struct world {
    EVP_PKEY *key;
    SSL_CTX *phone;
    uint8_t pins[2][32]; /* the second one is the phone's */
    uint64_t until[2];
};

static int set_up(void **state) {
    struct world *world = calloc(1, sizeof(*world));
    world->key = fixture_ec_key();
    fixture_pin(world->key, world->pins[1]);
    X509 *cert = fixture_cert_new((struct fixture_cert){.cn = "phone", .key = world->key});
    world->phone = SSL_CTX_new(TLS_server_method());
    assert_int_equal(SSL_CTX_use_certificate(world->phone, cert), 1);
    assert_int_equal(SSL_CTX_use_PrivateKey(world->phone, world->key), 1);
    X509_free(cert);
    *state = world;
    return 0;
}

static int tear_down(void **state) {
    struct world *world = *state;
    SSL_CTX_free(world->phone);
    EVP_PKEY_free(world->key);
    free(world);
    return 0;
}

static struct phone_tls *tls_new(const struct world *world) {
    char error[256] = "";
    const struct phone_tls_settings settings = {
        .pins = world->pins, .pin_count = 2, .pin_until_s = world->until};
    struct phone_tls *tls = phone_tls_new(&settings, error, sizeof(error));
    assert_string_equal(error, "");
    return tls;
}

/* One connection: NULL where it stands, else why not. */
static const char *refusal(struct phone_tls *tls, const struct world *world, bool *reused) {
    SSL *client = phone_tls_connect(tls, STR("phone.example.com")), *server = SSL_new(world->phone);
    assert_non_null(client);
    bool through = fixture_handshake(client, server);
    const char *why = phone_tls_refusal(client);
    *reused = SSL_session_reused(client) == 1;
    assert_int_equal(through, why == NULL);
    if (through) SSL_shutdown(client), SSL_shutdown(server);
    SSL_free(client);
    SSL_free(server);
    return why;
}

static uint64_t now_s(void) {
    return (uint64_t)time(NULL);
}

static void T13_a_pin_counts_until_its_time_has_come(void **state) {
    struct world *world = *state;
    bool reused;
    world->until[1] = now_s() + 1000;
    struct phone_tls *tls = tls_new(world);
    assert_null(refusal(tls, world, &reused));
    phone_tls_free(tls);
    world->until[1] = now_s();
    tls = tls_new(world);
    assert_string_equal(refusal(tls, world, &reused), "pin_mismatch");
    phone_tls_free(tls);
}

static void T13_the_end_of_the_other_pin_is_not_its_own(void **state) {
    struct world *world = *state;
    bool reused;
    world->until[0] = 1;
    struct phone_tls *tls = tls_new(world);
    assert_null(refusal(tls, world, &reused));
    phone_tls_free(tls);
}

static void T16_a_session_ends_with_its_pin(void **state) {
    struct world *world = *state;
    bool reused;
    world->until[1] = now_s() + 2;
    struct phone_tls *tls = tls_new(world);
    assert_null(refusal(tls, world, &reused));
    assert_null(refusal(tls, world, &reused));
    assert_true(reused);
    while (now_s() < world->until[1]) usleep(20000);
    assert_string_equal(refusal(tls, world, &reused), "pin_mismatch");
    assert_false(reused);
    phone_tls_free(tls);
}

int main(void) {
#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
    const struct CMUnitTest tests[] = {
        TEST(T13_a_pin_counts_until_its_time_has_come),
        TEST(T13_the_end_of_the_other_pin_is_not_its_own),
        TEST(T16_a_session_ends_with_its_pin),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
