/* Loading the gate's identity: what is wrong is said in one line; which hosts a certificate covers.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "certs/server_tls.h"
#include "tests/unit/tls_fixture.h"

/* One EC key and one RSA key over the same names. */
struct world {
    char dir[64];
    char cert[128], key[128], rsa_cert[128], rsa_key[128];
    struct server_tls *tls;
};

static const char names[] =
    "DNS:gate.example.com,DNS:*.phones.example.com,IP:192.0.2.1,IP:2001:db8::1";

static int set_up(void **state) {
    struct world *world = calloc(1, sizeof(*world));
    fixture_dir_make(world->dir);
    EVP_PKEY *key = fixture_ec_key();
    X509 *cert =
        fixture_cert_new((struct fixture_cert){.cn = "other.example", .sans = names, .key = key});
    fixture_write_cert(world->dir, "gate.crt", cert, world->cert);
    fixture_write_key(world->dir, "gate.key", key, NULL, world->key);
    EVP_PKEY *rsa = fixture_rsa_key(2048);
    X509 *rsa_cert = fixture_cert_new((struct fixture_cert){.cn = "x", .sans = names, .key = rsa});
    fixture_write_cert(world->dir, "rsa.crt", rsa_cert, world->rsa_cert);
    fixture_write_key(world->dir, "rsa.key", rsa, NULL, world->rsa_key);
    X509_free(cert), X509_free(rsa_cert);
    EVP_PKEY_free(key), EVP_PKEY_free(rsa);
    char error[256] = "";
    world->tls = server_tls_new(world->cert, world->key, TLS1_2_VERSION, error, sizeof(error));
    assert_string_equal(error, "");
    *state = world;
    return 0;
}

static int tear_down(void **state) {
    struct world *world = *state;
    server_tls_free(world->tls);
    fixture_dir_remove(world->dir);
    free(world);
    return 0;
}

static void T11_weak_rsa_key_is_refused_at_load(void **state) {
    struct world *world = *state;
    EVP_PKEY *key = fixture_rsa_key(1024);
    X509 *cert = fixture_cert_new((struct fixture_cert){.cn = "x", .sans = names, .key = key});
    char cert_file[128], key_file[128], error[256] = "";
    fixture_write_cert(world->dir, "weak.crt", cert, cert_file);
    fixture_write_key(world->dir, "weak.key", key, NULL, key_file);
    assert_null(server_tls_new(cert_file, key_file, TLS1_2_VERSION, error, sizeof(error)));
    assert_non_null(strstr(error, "too small"));
    X509_free(cert);
    EVP_PKEY_free(key);
}

static void load_fails(const char *cert, const char *key, const char *saying) {
    char error[256] = "";
    assert_null(server_tls_new(cert, key, TLS1_2_VERSION, error, sizeof(error)));
    if (strstr(error, saying) == NULL) fail_msg("\"%s\" does not say \"%s\"", error, saying);
    assert_null(strchr(error, '\n'));
}

static void loading_says_what_is_wrong(void **state) {
    struct world *world = *state;
    EVP_PKEY *other = fixture_ec_key();
    char other_key[128], locked[128];
    fixture_write_key(world->dir, "other.key", other, NULL, other_key);
    fixture_write_key(world->dir, "locked.key", other, "secret", locked);
    EVP_PKEY_free(other);
    load_fails("/nonexistent/gate.crt", world->key, "/nonexistent/gate.crt: No such file");
    load_fails(world->cert, "/nonexistent/gate.key", "/nonexistent/gate.key: No such file");
    load_fails(world->key, world->key, "no PEM certificate");
    load_fails(world->cert, world->cert, "no PEM private key");
    load_fails(world->cert, other_key, "does not belong to the certificate");
    load_fails(world->cert, world->rsa_key, "does not belong to the certificate");
    load_fails(world->cert, locked, "encrypted with a pass phrase");
    load_fails(world->dir, world->key, world->dir);
}

static void covers_hosts_and_addresses(void **state) {
    struct world *world = *state;
    const struct {
        const char *host;
        bool covered;
    } rows[] = {
        {"gate.example.com", true},
        {"GATE.example.COM", true},
        {"gate.example.com.", true},
        {"101.phones.example.com", true},
        {"192.0.2.1", true},
        {"2001:db8::1", true},
        {"[2001:DB8::1]", true},
        {"other.example", false}, /* the subject's name does not count (RFC 9525) */
        {"phones.example.com", false},
        {"a.b.phones.example.com", false},
        {"*.phones.example.com", false},
        {".phones.example.com", false},
        {".example.com", false},
        {"192.0.2.2", false},
        {"2001:db8::2", false},
        {"", false},
        {".", false},
        {"[]", false},
    };
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        if (server_tls_covers(world->tls, str_of(rows[i].host)) != rows[i].covered) {
            fail_msg("%s: expected %d", rows[i].host, rows[i].covered);
        }
    }
    assert_false(server_tls_covers(world->tls, STR("gate.example.com\0.evil.example")));
}

static void self_signed_is_seen(void **state) {
    struct world *world = *state;
    assert_true(server_tls_self_signed(world->tls));
    EVP_PKEY *ca_key = fixture_ec_key();
    EVP_PKEY *key = fixture_ec_key();
    X509 *ca = fixture_cert_new((struct fixture_cert){.cn = "CA", .key = ca_key, .ca = true});
    X509 *cert = fixture_cert_new((struct fixture_cert){
        .cn = "x", .sans = names, .key = key, .issuer = ca, .issuer_key = ca_key});
    char cert_file[128], key_file[128], error[256];
    fixture_write_cert(world->dir, "signed.crt", cert, cert_file);
    fixture_write_key(world->dir, "signed.key", key, NULL, key_file);
    struct server_tls *tls =
        server_tls_new(cert_file, key_file, TLS1_2_VERSION, error, sizeof(error));
    assert_non_null(tls);
    assert_false(server_tls_self_signed(tls));
    server_tls_free(tls);
    X509_free(ca), X509_free(cert);
    EVP_PKEY_free(ca_key), EVP_PKEY_free(key);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(T11_weak_rsa_key_is_refused_at_load),
        cmocka_unit_test(loading_says_what_is_wrong),
        cmocka_unit_test(covers_hosts_and_addresses),
        cmocka_unit_test(self_signed_is_seen),
    };
    return cmocka_run_group_tests(tests, set_up, tear_down);
}
