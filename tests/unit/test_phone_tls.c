/* Proving that a phone is the phone: pins, CA and name, sessions (T13, T16, T01, T06, T10, T11). */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>
#include <openssl/sslerr.h>

#include "certs/phone_tls.h"
#include "tests/unit/tls_fixture.h"

struct world {
    char dir[64];
    char ca_file[128], other_ca_file[128];
    EVP_PKEY *ca_key, *key, *weak_key;
    X509 *ca, *other_ca;
    uint8_t pin[32];
};

static int set_up(void **state) {
    struct world *world = calloc(1, sizeof(*world));
    fixture_dir_make(world->dir);
    world->ca_key = fixture_ec_key();
    world->key = fixture_ec_key();
    world->weak_key = fixture_rsa_key(1024);
    world->ca =
        fixture_cert_new((struct fixture_cert){.cn = "CA", .key = world->ca_key, .ca = true});
    world->other_ca =
        fixture_cert_new((struct fixture_cert){.cn = "Other", .key = world->key, .ca = true});
    fixture_write_cert(world->dir, "ca.crt", world->ca, world->ca_file);
    fixture_write_cert(world->dir, "other.crt", world->other_ca, world->other_ca_file);
    fixture_pin(world->key, world->pin);
    *state = world;
    return 0;
}

static int tear_down(void **state) {
    struct world *world = *state;
    X509_free(world->ca), X509_free(world->other_ca);
    EVP_PKEY_free(world->ca_key), EVP_PKEY_free(world->key), EVP_PKEY_free(world->weak_key);
    fixture_dir_remove(world->dir);
    free(world);
    return 0;
}

/* A phone's web server: TLS with this certificate and laxer settings than ours. */
static SSL_CTX *phone_new(X509 *cert, EVP_PKEY *key) {
    SSL_CTX *ctx = SSL_CTX_new(TLS_server_method());
    SSL_CTX_set_security_level(ctx, 0);
    SSL_CTX_set_min_proto_version(ctx, TLS1_VERSION);
    assert_int_equal(SSL_CTX_use_certificate(ctx, cert), 1);
    assert_int_equal(SSL_CTX_use_PrivateKey(ctx, key), 1);
    return ctx;
}

static SSL_CTX *phone_with(const struct world *world, struct fixture_cert spec) {
    if (spec.key == NULL) spec.key = world->key;
    if (spec.cn == NULL) spec.cn = "phone";
    X509 *cert = fixture_cert_new(spec);
    SSL_CTX *ctx = phone_new(cert, spec.key);
    X509_free(cert);
    return ctx;
}

static SSL_CTX *phone_of_ca(const struct world *world, struct fixture_cert spec) {
    spec.issuer = world->ca;
    spec.issuer_key = world->ca_key;
    return phone_with(world, spec);
}

static struct phone_tls *tls_new(struct phone_tls_settings settings) {
    char error[256] = "";
    struct phone_tls *tls = phone_tls_new(&settings, error, sizeof(error));
    assert_string_equal(error, "");
    assert_non_null(tls);
    return tls;
}

static struct phone_tls *tls_with_pin(const uint8_t pin[32]) {
    uint8_t pins[1][32];
    memcpy(pins[0], pin, sizeof(pins[0]));
    return tls_new((struct phone_tls_settings){.pins = (const uint8_t(*)[32])pins, .pin_count = 1});
}

struct result {
    bool through, reused, has_pin, server_done;
    const char *refusal;
    int version;
    uint8_t pin[32];
};

/* One connection; `clean` says whether both ends part with close_notify. */
static struct result connect_once(struct phone_tls *tls, SSL_CTX *phone, bool clean) {
    SSL *client = phone_tls_connect(tls, STR("phone.example.com"));
    SSL *server = SSL_new(phone);
    assert_non_null(client);
    struct result result = {.through = fixture_handshake(client, server)};
    result.reused = SSL_session_reused(client);
    result.refusal = phone_tls_refusal(client);
    result.has_pin = phone_tls_seen_pin(client, result.pin);
    result.version = SSL_version(client);
    result.server_done = SSL_is_init_finished(server);
    if (clean) SSL_shutdown(client), SSL_shutdown(server);
    SSL_free(client);
    SSL_free(server);
    return result;
}

/* The handshake must end before the phone can read anything of ours. */
static void is_refused(struct phone_tls *tls, SSL_CTX *phone, const char *reason) {
    for (int version = TLS1_2_VERSION; version <= TLS1_3_VERSION; version++) {
        SSL_CTX_set_max_proto_version(phone, version);
        struct result result = connect_once(tls, phone, true);
        assert_false(result.through);
        assert_false(result.server_done);
        assert_non_null(result.refusal);
        assert_string_equal(result.refusal, reason);
        assert_true(result.has_pin);
    }
    phone_tls_free(tls);
    SSL_CTX_free(phone);
}

static void is_accepted(struct phone_tls *tls, SSL_CTX *phone) {
    for (int version = TLS1_2_VERSION; version <= TLS1_3_VERSION; version++) {
        SSL_CTX_set_max_proto_version(phone, version);
        struct result result = connect_once(tls, phone, true);
        assert_true(result.through);
        assert_int_equal(result.version, version);
        assert_null(result.refusal);
    }
    phone_tls_free(tls);
    SSL_CTX_free(phone);
}

static void T13_pin_equal(void **state) {
    struct world *world = *state;
    is_accepted(tls_with_pin(world->pin), phone_with(world, (struct fixture_cert){0}));
}

static void T13_pin_of_an_expired_certificate_counts(void **state) {
    struct world *world = *state;
    struct fixture_cert expired = {.from_days = -20, .to_days = -10};
    is_accepted(tls_with_pin(world->pin), phone_with(world, expired));
}

static void T13_pin_differs(void **state) {
    struct world *world = *state;
    uint8_t pin[32];
    memcpy(pin, world->pin, sizeof(pin));
    pin[31] ^= 1;
    is_refused(tls_with_pin(pin), phone_with(world, (struct fixture_cert){0}), "pin_mismatch");
}

static void T13_one_of_two_pins(void **state) {
    struct world *world = *state;
    uint8_t pins[2][32] = {{1}};
    memcpy(pins[1], world->pin, sizeof(pins[1]));
    struct phone_tls_settings settings = {.pins = (const uint8_t(*)[32])pins, .pin_count = 2};
    is_accepted(tls_new(settings), phone_with(world, (struct fixture_cert){0}));
}

static void T13_pin_in_the_chain_but_not_of_the_leaf(void **state) {
    struct world *world = *state;
    uint8_t pin[32];
    fixture_pin(world->ca_key, pin);
    SSL_CTX *phone = phone_of_ca(world, (struct fixture_cert){0});
    assert_int_equal(SSL_CTX_add1_chain_cert(phone, world->ca), 1);
    is_refused(tls_with_pin(pin), phone, "pin_mismatch");
}

static void T11_pinned_weak_key(void **state) {
    struct world *world = *state;
    uint8_t pin[32];
    fixture_pin(world->weak_key, pin);
    struct fixture_cert weak = {.key = world->weak_key};
    is_refused(tls_with_pin(pin), phone_with(world, weak), "weak_key");
}

static struct phone_tls *tls_with_ca(const struct world *world, const char *name) {
    return tls_new((struct phone_tls_settings){.ca_file = world->ca_file, .name = str_of(name)});
}

static void T13_ca_and_name(void **state) {
    struct world *world = *state;
    struct fixture_cert spec = {.sans = "DNS:phone.example.com,IP:192.0.2.101,IP:2001:db8::5"};
    const char *names[] = {"phone.example.com", "Phone.Example.Com.", "192.0.2.101", "2001:db8::5"};
    for (size_t i = 0; i < ARRAY_LEN(names); i++) {
        is_accepted(tls_with_ca(world, names[i]), phone_of_ca(world, spec));
    }
    /* Factory certificates of phones carry their name in the subject only. */
    is_accepted(tls_with_ca(world, "000413aabbcc"),
                phone_of_ca(world, (struct fixture_cert){.cn = "000413AABBCC"}));
}

static void T13_name_differs(void **state) {
    struct world *world = *state;
    struct fixture_cert spec = {.cn = "subject.example.com",
                                .sans = "DNS:phone.example.com,IP:192.0.2.101"};
    const char *names[] = {"phone2.example.com", "example.com", "192.0.2.102",
                           "subject.example.com"};
    for (size_t i = 0; i < ARRAY_LEN(names); i++) {
        is_refused(tls_with_ca(world, names[i]), phone_of_ca(world, spec), "name_mismatch");
    }
}

static void T13_other_ca(void **state) {
    struct world *world = *state;
    struct fixture_cert spec = {.sans = "DNS:phone.example.com"};
    struct phone_tls_settings settings = {.ca_file = world->other_ca_file,
                                          .name = STR("phone.example.com")};
    is_refused(tls_new(settings), phone_of_ca(world, spec), "ca_mismatch");
    is_refused(tls_with_ca(world, "phone.example.com"), phone_with(world, spec), "ca_mismatch");
}

static void T13_expired(void **state) {
    struct world *world = *state;
    struct fixture_cert spec = {.sans = "DNS:phone.example.com", .from_days = -9, .to_days = -1};
    is_refused(tls_with_ca(world, "phone.example.com"), phone_of_ca(world, spec), "expired");
    spec.from_days = 1, spec.to_days = 9;
    is_refused(tls_with_ca(world, "phone.example.com"), phone_of_ca(world, spec), "expired");
}

static void T11_weak_key_under_a_ca(void **state) {
    struct world *world = *state;
    struct fixture_cert spec = {.sans = "DNS:phone.example.com", .key = world->weak_key};
    is_refused(tls_with_ca(world, "phone.example.com"), phone_of_ca(world, spec), "weak_key");
}

static void T13_pin_and_ca_must_both_hold(void **state) {
    struct world *world = *state;
    uint8_t pins[1][32];
    memcpy(pins[0], world->pin, sizeof(pins[0]));
    struct phone_tls_settings settings = {.pins = (const uint8_t(*)[32])pins,
                                          .pin_count = 1,
                                          .ca_file = world->ca_file,
                                          .name = STR("phone.example.com")};
    struct fixture_cert spec = {.sans = "DNS:phone.example.com"};
    is_accepted(tls_new(settings), phone_of_ca(world, spec));
    is_refused(tls_new(settings), phone_with(world, spec), "ca_mismatch");
    pins[0][0] ^= 1;
    is_refused(tls_new(settings), phone_of_ca(world, spec), "pin_mismatch");
}

static void T13_none_only_where_said(void **state) {
    struct world *world = *state;
    struct phone_tls_settings none = {.verify_none = true};
    is_accepted(tls_new(none), phone_with(world, (struct fixture_cert){.key = world->weak_key}));
}

static void settings_fail(struct phone_tls_settings settings, const char *saying) {
    char error[256] = "";
    assert_null(phone_tls_new(&settings, error, sizeof(error)));
    if (strstr(error, saying) == NULL) fail_msg("\"%s\" does not say \"%s\"", error, saying);
}

static void T13_settings_that_decide_nothing_are_refused(void **state) {
    struct world *world = *state;
    const uint8_t pins[1][32] = {{0}};
    settings_fail((struct phone_tls_settings){0}, "neither a pin nor a CA");
    settings_fail((struct phone_tls_settings){.pins = pins, .pin_count = 1, .verify_none = true},
                  "beside");
    settings_fail((struct phone_tls_settings){.ca_file = world->ca_file}, "needs the name");
    settings_fail((struct phone_tls_settings){.ca_file = "/nonexistent", .name = STR("a")},
                  "/nonexistent");
}

static void T01_phone_below_1_2(void **state) {
    struct world *world = *state;
    struct phone_tls *tls = tls_with_pin(world->pin);
    SSL_CTX *phone = phone_with(world, (struct fixture_cert){0});
    SSL_CTX_set_max_proto_version(phone, TLS1_1_VERSION);
    struct result result = connect_once(tls, phone, true);
    assert_false(result.through);
    assert_false(result.has_pin);
    phone_tls_free(tls);
    SSL_CTX_free(phone);
}

static void T10_phone_without_forward_secrecy(void **state) {
    struct world *world = *state;
    EVP_PKEY *key = fixture_rsa_key(2048);
    struct phone_tls *tls = tls_new((struct phone_tls_settings){.verify_none = true});
    SSL_CTX *phone = phone_with(world, (struct fixture_cert){.key = key});
    SSL_CTX_set_max_proto_version(phone, TLS1_2_VERSION);
    SSL_CTX_set_cipher_list(phone, "kRSA");
    assert_false(connect_once(tls, phone, true).through);
    SSL_CTX_set_cipher_list(phone, "ECDHE-RSA-AES128-SHA");
    assert_true(connect_once(tls, phone, true).through);
    phone_tls_free(tls);
    SSL_CTX_free(phone);
    EVP_PKEY_free(key);
}

static void T10_aes_128_is_offered_first(void **state) {
    struct world *world = *state;
    struct phone_tls *tls = tls_with_pin(world->pin);
    SSL *ssl = phone_tls_connect(tls, STR("phone"));
    assert_string_equal(SSL_get_cipher_list(ssl, 0), "TLS_AES_128_GCM_SHA256");
    /* Behind the three of TLS 1.3. */
    assert_non_null(strstr(SSL_get_cipher_list(ssl, 3), "AES128-GCM"));
    SSL_free(ssl), phone_tls_free(tls);
}

/* Resumed three times in a row after one full handshake. */
static void resumes(const struct world *world, int version, bool clean) {
    struct phone_tls *tls = tls_with_pin(world->pin);
    SSL_CTX *phone = phone_with(world, (struct fixture_cert){0});
    SSL_CTX_set_max_proto_version(phone, version);
    for (int i = 0; i < 4; i++) {
        struct result result = connect_once(tls, phone, clean);
        assert_true(result.through);
        assert_int_equal(result.reused, i > 0);
        assert_true(result.has_pin);
        assert_memory_equal(result.pin, world->pin, sizeof(result.pin));
    }
    phone_tls_free(tls);
    SSL_CTX_free(phone);
}

static void sessions_resume(void **state) {
    resumes(*state, TLS1_2_VERSION, true);
    resumes(*state, TLS1_3_VERSION, true);
}

static void sessions_resume_after_a_phone_hung_up(void **state) {
    resumes(*state, TLS1_2_VERSION, false);
    resumes(*state, TLS1_3_VERSION, false);
}

static void tickets_of_1_3_are_offered_once(void **state) {
    struct world *world = *state;
    struct phone_tls *tls = tls_with_pin(world->pin);
    SSL_CTX *phone = phone_with(world, (struct fixture_cert){0});
    SSL_CTX_set_num_tickets(phone, 1);
    assert_true(connect_once(tls, phone, true).through);
    SSL *first = phone_tls_connect(tls, STR("phone"));
    SSL *second = phone_tls_connect(tls, STR("phone"));
    assert_non_null(SSL_get_session(first));
    assert_null(SSL_get_session(second));
    SSL_free(first);
    SSL_free(second);
    phone_tls_free(tls);
    SSL_CTX_free(phone);
}

static void sessions_stay_with_their_settings(void **state) {
    struct world *world = *state;
    uint8_t wrong[32] = {0};
    struct phone_tls *none = tls_new((struct phone_tls_settings){.verify_none = true});
    struct phone_tls *pinned = tls_with_pin(wrong);
    SSL_CTX *phone = phone_with(world, (struct fixture_cert){0});
    assert_true(connect_once(none, phone, true).through);
    struct result result = connect_once(pinned, phone, true);
    assert_false(result.through || result.reused);
    assert_string_equal(result.refusal, "pin_mismatch");
    phone_tls_free(none);
    phone_tls_free(pinned);
    SSL_CTX_free(phone);
}

static void sni_for_names_only(void **state) {
    (void)state;
    const struct {
        const char *host, *sni;
    } rows[] = {{"phone.example.com", "phone.example.com"},
                {"phone.example.com.", "phone.example.com"},
                {"192.0.2.101", NULL},
                {"2001:db8::5", NULL}};
    struct phone_tls *tls = tls_new((struct phone_tls_settings){.verify_none = true});
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        SSL *ssl = phone_tls_connect(tls, str_of(rows[i].host));
        const char *sni = SSL_get_servername(ssl, TLSEXT_NAMETYPE_host_name);
        if (rows[i].sni == NULL) {
            assert_null(sni);
        } else {
            assert_string_equal(sni, rows[i].sni);
        }
        SSL_free(ssl);
    }
    assert_null(phone_tls_connect(tls, STR("")));
    assert_null(phone_tls_connect(tls, STR("a\0b")));
    phone_tls_free(tls);
}

static void T06_phone_may_not_renegotiate(void **state) {
    struct world *world = *state;
    struct phone_tls *tls = tls_with_pin(world->pin);
    SSL_CTX *phone = phone_with(world, (struct fixture_cert){0});
    SSL_CTX_set_max_proto_version(phone, TLS1_2_VERSION);
    SSL *client = phone_tls_connect(tls, STR("phone"));
    SSL *server = SSL_new(phone);
    assert_true(fixture_handshake(client, server));
    assert_int_equal(SSL_renegotiate(server), 1);
    SSL_do_handshake(server);
    fixture_pump(client, server);
    assert_int_equal(SSL_num_renegotiations(client), 0);
    assert_int_equal(SSL_num_renegotiations(server), 1); /* asked, and got none */
    assert_false(SSL_is_init_finished(server));
    SSL_free(client);
    SSL_free(server);
    phone_tls_free(tls);
    SSL_CTX_free(phone);
}

static void connections_outlive_the_settings(void **state) {
    struct world *world = *state;
    struct phone_tls *tls = tls_with_pin(world->pin);
    SSL_CTX *phone = phone_with(world, (struct fixture_cert){0});
    SSL *client = phone_tls_connect(tls, STR("phone"));
    SSL *server = SSL_new(phone);
    phone_tls_free(tls);
    assert_true(fixture_handshake(client, server));
    SSL_free(client);
    SSL_free(server);
    SSL_CTX_free(phone);
    phone_tls_free(NULL);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(T13_pin_equal),
        cmocka_unit_test(T13_pin_of_an_expired_certificate_counts),
        cmocka_unit_test(T13_pin_differs),
        cmocka_unit_test(T13_one_of_two_pins),
        cmocka_unit_test(T13_pin_in_the_chain_but_not_of_the_leaf),
        cmocka_unit_test(T11_pinned_weak_key),
        cmocka_unit_test(T13_ca_and_name),
        cmocka_unit_test(T13_name_differs),
        cmocka_unit_test(T13_other_ca),
        cmocka_unit_test(T13_expired),
        cmocka_unit_test(T11_weak_key_under_a_ca),
        cmocka_unit_test(T13_pin_and_ca_must_both_hold),
        cmocka_unit_test(T13_none_only_where_said),
        cmocka_unit_test(T13_settings_that_decide_nothing_are_refused),
        cmocka_unit_test(T01_phone_below_1_2),
        cmocka_unit_test(T10_phone_without_forward_secrecy),
        cmocka_unit_test(T10_aes_128_is_offered_first),
        cmocka_unit_test(sessions_resume),
        cmocka_unit_test(sessions_resume_after_a_phone_hung_up),
        cmocka_unit_test(tickets_of_1_3_are_offered_once),
        cmocka_unit_test(sessions_stay_with_their_settings),
        cmocka_unit_test(sni_for_names_only),
        cmocka_unit_test(T06_phone_may_not_renegotiate),
        cmocka_unit_test(connections_outlive_the_settings),
    };
    return cmocka_run_group_tests(tests, set_up, tear_down);
}
