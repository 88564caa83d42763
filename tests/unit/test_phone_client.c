/* certs/phone_client.h */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include <openssl/err.h>

#include "certs/phone_client.h"
#include "tests/unit/tls_fixture.h"

#define MAC "000413A1B2C3"

struct world {
    char dir[64];
    struct server_tls *tls;
    EVP_PKEY *ca_key, *other_key, *phone_key;
    X509 *ca, *other;
};

static struct server_tls *server(const char *dir, const char *cert, const char *key) {
    char error[256] = "", path[128];
    struct server_tls *tls = server_tls_new(cert, key, TLS1_2_VERSION, error, sizeof(error));
    assert_string_equal(error, "");
    snprintf(path, sizeof(path), "%s/ca.crt", dir);
    assert_true(phone_client_ask(tls, path, error, sizeof(error)));
    return tls;
}

static int set_up(void **state) {
    struct world *w = calloc(1, sizeof(*w));
    char path[128], key_path[128];
    fixture_dir_make(w->dir);
    w->ca_key = fixture_ec_key();
    w->other_key = fixture_ec_key();
    w->phone_key = fixture_ec_key();
    w->ca = fixture_cert_new((struct fixture_cert){.cn = "Phones", .key = w->ca_key, .ca = true});
    w->other =
        fixture_cert_new((struct fixture_cert){.cn = "Phones", .key = w->other_key, .ca = true});
    X509 *gate = fixture_cert_new(
        (struct fixture_cert){.cn = "gate", .sans = "DNS:gate.example.com", .key = w->other_key});
    fixture_write_cert(w->dir, "ca.crt", w->ca, path);
    fixture_write_key(w->dir, "gate.key", w->other_key, NULL, key_path);
    fixture_write_cert(w->dir, "gate.crt", gate, path);
    X509_free(gate);
    w->tls = server(w->dir, path, key_path);
    *state = w;
    return 0;
}

static int tear_down(void **state) {
    struct world *w = *state;
    server_tls_free(w->tls);
    fixture_dir_remove(w->dir);
    X509_free(w->ca);
    X509_free(w->other);
    EVP_PKEY_free(w->ca_key);
    EVP_PKEY_free(w->other_key);
    EVP_PKEY_free(w->phone_key);
    free(w);
    return 0;
}

/* The MAC that a phone with this certificate (NULL: none) proves; "" for none. Both versions of
 * TLS say the same. */
static const char *proven_by(struct world *w, X509 *cert, char mac[MAC_HEX + 1]) {
    char first[MAC_HEX + 1] = "";
    static const int versions[] = {TLS1_2_VERSION, TLS1_3_VERSION};
    for (size_t i = 0; i < ARRAY_LEN(versions); i++) {
        SSL_CTX *ctx = SSL_CTX_new(TLS_client_method());
        assert_int_equal(SSL_CTX_set_max_proto_version(ctx, versions[i]), 1);
        if (cert != NULL) assert_int_equal(SSL_CTX_use_certificate(ctx, cert), 1);
        if (cert != NULL) assert_int_equal(SSL_CTX_use_PrivateKey(ctx, w->phone_key), 1);
        SSL *client = SSL_new(ctx), *ssl = SSL_new(server_tls_ctx(w->tls));
        assert_true(fixture_handshake(client, ssl)); /* whatever it is: others ways may follow */
        memset(mac, 0, MAC_HEX + 1);
        if (!phone_client_mac(ssl, mac)) mac[0] = '\0';
        assert_int_equal(SSL_session_reused(ssl), 0);
        SSL_free(client);
        SSL_free(ssl);
        SSL_CTX_free(ctx);
        if (i == 0) memcpy(first, mac, sizeof(first));
    }
    assert_string_equal(first, mac);
    return mac;
}

static const char *proven(struct world *w, struct fixture_cert how, char mac[MAC_HEX + 1]) {
    how.key = w->phone_key;
    X509 *cert = fixture_cert_new(how);
    proven_by(w, cert, mac);
    X509_free(cert);
    return mac;
}

static void the_name_is_the_mac_in_any_spelling(void **state) {
    static const char *const names[] = {"000413A1B2C3", "000413a1b2c3", "00:04:13:A1:b2:C3"};
    struct world *w = *state;
    char mac[MAC_HEX + 1];
    for (size_t i = 0; i < ARRAY_LEN(names); i++)
        assert_string_equal(
            proven(w,
                   (struct fixture_cert){.cn = names[i], .issuer = w->ca, .issuer_key = w->ca_key},
                   mac),
            MAC);
    struct fixture_cert san = {.cn = "phone",
                               .sans = "DNS:phone.example.com,DNS:000413a1b2c3,IP:192.0.2.1",
                               .issuer = w->ca,
                               .issuer_key = w->ca_key};
    assert_string_equal(proven(w, san, mac), MAC);
    san.cn = MAC;
    assert_string_equal(proven(w, san, mac), MAC);
}

static void what_proves_nothing(void **state) {
    struct world *w = *state;
    char mac[MAC_HEX + 1];
    const struct fixture_cert cases[] = {
        {.cn = MAC},                                                 /* signed by itself */
        {.cn = MAC, .issuer = w->other, .issuer_key = w->other_key}, /* same name, other key */
        {.cn = MAC, .issuer = w->ca, .issuer_key = w->other_key},    /* a forged signature */
        {.cn = MAC, .issuer = w->ca, .issuer_key = w->ca_key, .from_days = -9, .to_days = -2},
        {.cn = MAC, .issuer = w->ca, .issuer_key = w->ca_key, .from_days = 2, .to_days = 9},
        {.cn = "phone", .issuer = w->ca, .issuer_key = w->ca_key}, /* no MAC */
        {.cn = MAC ".example.com", .issuer = w->ca, .issuer_key = w->ca_key},
        {.cn = MAC, .sans = "DNS:000413a1b2c4", .issuer = w->ca, .issuer_key = w->ca_key},
        {.cn = "x",
         .sans = "DNS:000413a1b2c3,DNS:000413a1b2c4",
         .issuer = w->ca,
         .issuer_key = w->ca_key},
        {.cn = "FFFFFFFFFFFF", .issuer = w->ca, .issuer_key = w->ca_key},
    };
    assert_string_equal(proven_by(w, NULL, mac), "");
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        print_message("case %zu\n", i);
        assert_string_equal(proven(w, cases[i], mac), "");
    }
}

static void a_file_without_authorities_is_refused(void **state) {
    struct world *w = *state;
    char error[256], path[128];
    fixture_write_key(w->dir, "no.crt", w->ca_key, NULL, path);
    assert_false(phone_client_ask(w->tls, path, error, sizeof(error)));
    assert_non_null(strstr(error, "no certificates of an authority"));
    assert_false(phone_client_ask(w->tls, "/nowhere", error, sizeof(error)));
    assert_int_equal(ERR_peek_error(), 0);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(the_name_is_the_mac_in_any_spelling, set_up, tear_down),
        cmocka_unit_test_setup_teardown(what_proves_nothing, set_up, tear_down),
        cmocka_unit_test_setup_teardown(a_file_without_authorities_is_refused, set_up, tear_down),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
