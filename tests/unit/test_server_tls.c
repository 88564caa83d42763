/* The gate's own identity: the T rows of the TLS requirements that a handshake in memory shows. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include <openssl/err.h>
#include <openssl/sslerr.h>

#include "certs/server_tls.h"
#include "certs/ticket_keys.h"
#include "tests/unit/tls_fixture.h"

/* One identity for all tests: an EC key and an RSA key over the same names. */
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

/* What a client is like; the zero value is a plain modern one without SNI and ALPN. */
struct client {
    const char *sni, *ciphers, *groups, *sigalgs;
    const char *alpn; /* in wire form */
    int min_version, max_version;
    SSL_SESSION *session;
};

struct pair {
    SSL_CTX *ctx;
    SSL *client, *server;
    bool through;
};

static SSL *client_ssl(SSL_CTX *ctx, const struct client *how) {
    SSL_CTX_set_security_level(ctx, 0); /* the client asks for whatever it likes */
    assert_int_equal(SSL_CTX_set_min_proto_version(ctx, how->min_version), 1);
    assert_int_equal(SSL_CTX_set_max_proto_version(ctx, how->max_version), 1);
    if (how->ciphers) assert_int_equal(SSL_CTX_set_cipher_list(ctx, how->ciphers), 1);
    SSL *ssl = SSL_new(ctx);
    assert_non_null(ssl);
    char text[64];
    if (how->groups) {
        snprintf(text, sizeof(text), "%s", how->groups);
        assert_int_equal(SSL_set1_groups_list(ssl, text), 1);
    }
    if (how->sigalgs) {
        snprintf(text, sizeof(text), "%s", how->sigalgs);
        assert_int_equal(SSL_set1_sigalgs_list(ssl, text), 1);
    }
    if (how->sni) {
        snprintf(text, sizeof(text), "%s", how->sni);
        SSL_ctrl(ssl, SSL_CTRL_SET_TLSEXT_HOSTNAME, TLSEXT_NAMETYPE_host_name, text);
    }
    if (how->alpn) {
        SSL_set_alpn_protos(ssl, (const unsigned char *)how->alpn, (unsigned)strlen(how->alpn));
    }
    if (how->session) assert_int_equal(SSL_set_session(ssl, how->session), 1);
    return ssl;
}

static int keep_session(SSL *ssl, SSL_SESSION *session) {
    SSL_SESSION **kept = SSL_get_app_data(ssl);
    if (kept == NULL) return 0;
    SSL_SESSION_free(*kept);
    *kept = session;
    return 1;
}

static struct pair pair_run(const struct server_tls *tls, struct client how, SSL_SESSION **kept) {
    struct pair pair = {.ctx = SSL_CTX_new(TLS_client_method())};
    SSL_CTX_set_session_cache_mode(pair.ctx, SSL_SESS_CACHE_CLIENT | SSL_SESS_CACHE_NO_INTERNAL);
    SSL_CTX_sess_set_new_cb(pair.ctx, keep_session);
    pair.client = client_ssl(pair.ctx, &how);
    SSL_set_app_data(pair.client, kept);
    pair.server = SSL_new(server_tls_ctx(tls));
    pair.through = fixture_handshake(pair.client, pair.server);
    return pair;
}

static void pair_free(struct pair *pair) {
    SSL_shutdown(pair->client);
    SSL_free(pair->client);
    SSL_free(pair->server);
    SSL_CTX_free(pair->ctx);
}

/* Run one handshake and say only whether it went through. */
static bool reaches(const struct server_tls *tls, struct client how) {
    struct pair pair = pair_run(tls, how, NULL);
    bool through = pair.through;
    pair_free(&pair);
    return through;
}

static void T01_prefers_1_3_and_takes_1_2(void **state) {
    struct world *world = *state;
    struct pair pair = pair_run(world->tls, (struct client){0}, NULL);
    assert_true(pair.through);
    assert_int_equal(SSL_version(pair.server), TLS1_3_VERSION);
    pair_free(&pair);
    pair = pair_run(world->tls, (struct client){.max_version = TLS1_2_VERSION}, NULL);
    assert_true(pair.through);
    assert_int_equal(SSL_version(pair.server), TLS1_2_VERSION);
    pair_free(&pair);
}

static void T01_refuses_1_1_and_1_0(void **state) {
    struct world *world = *state;
    struct client how = {.min_version = TLS1_VERSION, .max_version = TLS1_1_VERSION};
    assert_false(reaches(world->tls, how));
    assert_int_equal(fixture_client_reason(), SSL_R_TLSV1_ALERT_PROTOCOL_VERSION);
}

static void T01_min_version_1_3_refuses_1_2(void **state) {
    struct world *world = *state;
    char error[256];
    struct server_tls *tls =
        server_tls_new(world->cert, world->key, TLS1_3_VERSION, error, sizeof(error));
    assert_non_null(tls);
    assert_false(reaches(tls, (struct client){.max_version = TLS1_2_VERSION}));
    assert_true(reaches(tls, (struct client){0}));
    server_tls_free(tls);
}

static void T04_no_compression(void **state) {
    struct world *world = *state;
    struct pair pair = pair_run(world->tls, (struct client){.max_version = TLS1_2_VERSION}, NULL);
    assert_null(SSL_get_current_compression(pair.server));
    assert_true(SSL_get_options(pair.server) & SSL_OP_NO_COMPRESSION);
    pair_free(&pair);
}

/* Connect twice with the session of the first time. */
static bool resumes(const struct server_tls *first, const struct server_tls *second,
                    struct client how) {
    SSL_SESSION *kept = NULL;
    struct pair pair = pair_run(first, how, &kept);
    assert_true(pair.through);
    assert_non_null(kept);
    assert_in_range(SSL_SESSION_get_ticket_lifetime_hint(kept), 1, TICKET_KEY_TURN_S);
    pair_free(&pair);
    how.session = kept;
    pair = pair_run(second, how, NULL);
    assert_true(pair.through);
    bool reused = SSL_session_reused(pair.server);
    pair_free(&pair);
    SSL_SESSION_free(kept);
    return reused;
}

static void T05_tickets_resume(void **state) {
    struct world *world = *state;
    assert_true(resumes(world->tls, world->tls, (struct client){0}));
    assert_true(resumes(world->tls, world->tls, (struct client){.max_version = TLS1_2_VERSION}));
}

static void T05_ticket_of_another_identity_gives_a_full_handshake(void **state) {
    struct world *world = *state;
    char error[256];
    struct server_tls *other =
        server_tls_new(world->cert, world->key, TLS1_2_VERSION, error, sizeof(error));
    assert_false(resumes(world->tls, other, (struct client){0}));
    assert_false(resumes(world->tls, other, (struct client){.max_version = TLS1_2_VERSION}));
    server_tls_free(other);
}

static void T05_resumed_connection_still_judges_sni(void **state) {
    struct world *world = *state;
    SSL_SESSION *kept = NULL;
    struct pair pair = pair_run(world->tls, (struct client){.sni = "gate.example.com"}, &kept);
    assert_true(pair.through);
    pair_free(&pair);
    pair = pair_run(world->tls, (struct client){.sni = "evil.example", .session = kept}, NULL);
    assert_false(pair.through);
    assert_string_equal(server_tls_refusal(pair.server), "sni_unknown");
    pair_free(&pair);
    SSL_SESSION_free(kept);
}

static int count_session(SSL *ssl, SSL_SESSION *session) {
    (void)session;
    ++*(int *)SSL_get_app_data(ssl);
    return 0;
}

static void T05_one_ticket_and_no_stored_session(void **state) {
    struct world *world = *state;
    int tickets = 0;
    SSL_CTX *ctx = SSL_CTX_new(TLS_client_method());
    SSL_CTX_set_session_cache_mode(ctx, SSL_SESS_CACHE_CLIENT);
    SSL_CTX_sess_set_new_cb(ctx, count_session);
    struct client how = {0};
    struct pair pair = {.ctx = ctx, .client = client_ssl(ctx, &how)};
    SSL_set_app_data(pair.client, &tickets);
    pair.server = SSL_new(server_tls_ctx(world->tls));
    assert_true(fixture_handshake(pair.client, pair.server));
    assert_int_equal(tickets, 1);
    assert_int_equal(SSL_CTX_sess_number(server_tls_ctx(world->tls)), 0);
    pair_free(&pair);
}

static void T06_secure_renegotiation_and_master_secret_but_none_done(void **state) {
    struct world *world = *state;
    struct pair pair = pair_run(world->tls, (struct client){.max_version = TLS1_2_VERSION}, NULL);
    assert_int_equal(SSL_get_secure_renegotiation_support(pair.client), 1);
    assert_int_equal(SSL_get_extms_support(pair.client), 1);
    assert_int_equal(SSL_renegotiate(pair.client), 1);
    fixture_pump(pair.client, pair.server);
    assert_int_equal(fixture_client_reason(), SSL_R_NO_RENEGOTIATION);
    assert_int_equal(SSL_num_renegotiations(pair.server), 0);
    pair_free(&pair);
}

static void T07_names_of_the_certificate_are_welcome(void **state) {
    struct world *world = *state;
    const char *good[] = {"gate.example.com", "GATE.Example.COM", "101.phones.example.com"};
    for (size_t i = 0; i < ARRAY_LEN(good); i++) {
        assert_true(reaches(world->tls, (struct client){.sni = good[i]}));
        assert_true(
            reaches(world->tls, (struct client){.sni = good[i], .max_version = TLS1_2_VERSION}));
    }
    assert_true(reaches(world->tls, (struct client){0}));
}

static void T07_other_names_get_unrecognized_name(void **state) {
    struct world *world = *state;
    const char *bad[] = {"other.example",
                         "phones.example.com",
                         "a.b.phones.example.com",
                         "gate.example.com.evil.example",
                         ".example.com",
                         "192.0.2.1",
                         "2001:db8::1",
                         "x"};
    for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
        struct pair pair = pair_run(world->tls, (struct client){.sni = bad[i]}, NULL);
        assert_false(pair.through);
        assert_int_equal(fixture_client_reason(), SSL_R_TLSV1_UNRECOGNIZED_NAME);
        assert_string_equal(server_tls_refusal(pair.server), "sni_unknown");
        pair_free(&pair);
    }
}

static void T08_alpn_http_1_1_before_1_0(void **state) {
    struct world *world = *state;
    const struct {
        const char *offer, *chosen;
    } rows[] = {
        {"\x08http/1.1", "http/1.1"},
        {"\x02h2\x08http/1.1", "http/1.1"},
        {"\x08http/1.0\x08http/1.1", "http/1.1"},
        {"\x02h2\x08http/1.0", "http/1.0"},
    };
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        struct pair pair = pair_run(world->tls, (struct client){.alpn = rows[i].offer}, NULL);
        const unsigned char *chosen;
        unsigned len;
        assert_true(pair.through);
        SSL_get0_alpn_selected(pair.client, &chosen, &len);
        assert_int_equal(len, 8);
        assert_memory_equal(chosen, rows[i].chosen, 8);
        assert_null(server_tls_refusal(pair.server));
        pair_free(&pair);
    }
}

static void T08_nothing_in_common(void **state) {
    struct world *world = *state;
    const char *offers[] = {"\x02h2", "\x08http/0.9", "\x09http/1.1x", "\x08HTTP/1.1"};
    for (size_t i = 0; i < ARRAY_LEN(offers); i++) {
        struct pair pair = pair_run(world->tls, (struct client){.alpn = offers[i]}, NULL);
        assert_false(pair.through);
        assert_int_equal(fixture_client_reason(), SSL_R_TLSV1_ALERT_NO_APPLICATION_PROTOCOL);
        assert_string_equal(server_tls_refusal(pair.server), "alpn_no_overlap");
        pair_free(&pair);
    }
}

static void T09_no_early_data(void **state) {
    struct world *world = *state;
    SSL_SESSION *kept = NULL;
    struct pair pair = pair_run(world->tls, (struct client){0}, &kept);
    assert_non_null(kept);
    assert_int_equal(SSL_SESSION_get_max_early_data(kept), 0);
    pair_free(&pair);
    SSL_SESSION_free(kept);
}

static void T10_only_ecdhe_with_aead(void **state) {
    struct world *world = *state;
    char error[256];
    struct server_tls *rsa =
        server_tls_new(world->rsa_cert, world->rsa_key, TLS1_2_VERSION, error, sizeof(error));
    assert_non_null(rsa);
    const char *bad[] = {
        "AES128-GCM-SHA256",       "AES128-SHA",           "DHE-RSA-AES128-GCM-SHA256",
        "ECDHE-RSA-AES128-SHA",    "NULL-SHA256",          "ECDHE-RSA-AES256-SHA384",
        "ECDHE-ECDSA-AES128-SHA",  "AECDH-AES128-SHA",     "ECDHE-ECDSA-AES128-CCM",
        "ECDHE-ECDSA-AES128-CCM8", "PSK-AES128-GCM-SHA256"};
    for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
        struct client how = {.ciphers = bad[i], .max_version = TLS1_2_VERSION};
        assert_false(reaches(rsa, how));
        assert_false(reaches(world->tls, how));
    }
    const char *good[] = {"AES128-GCM-SHA256", "AES256-GCM-SHA384", "CHACHA20-POLY1305"};
    for (size_t i = 0; i < ARRAY_LEN(good); i++) {
        char name[64];
        struct client how = {.ciphers = name, .max_version = TLS1_2_VERSION};
        snprintf(name, sizeof(name), "ECDHE-RSA-%s", good[i]);
        assert_true(reaches(rsa, how));
        snprintf(name, sizeof(name), "ECDHE-ECDSA-%s", good[i]);
        assert_true(reaches(world->tls, how));
    }
    server_tls_free(rsa);
}

static void T11_groups(void **state) {
    struct world *world = *state;
    const char *good[] = {"X25519", "P-256", "P-384"};
    for (size_t i = 0; i < ARRAY_LEN(good); i++) {
        assert_true(reaches(world->tls, (struct client){.groups = good[i]}));
    }
    const char *bad[] = {"P-224", "P-192"};
    for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
        struct client how = {.groups = bad[i], .max_version = TLS1_2_VERSION};
        assert_false(reaches(world->tls, how));
    }
}

static void T11_no_sha1_signature(void **state) {
    struct world *world = *state;
    struct client how = {.sigalgs = "ECDSA+SHA1", .max_version = TLS1_2_VERSION};
    assert_false(reaches(world->tls, how));
    how.sigalgs = "ECDSA+SHA256";
    assert_true(reaches(world->tls, how));
}

static void T14_mandatory_set(void **state) {
    struct world *world = *state;
    struct client how = {.groups = "P-256", .sigalgs = "ECDSA+SHA256"};
    struct pair pair = pair_run(world->tls, how, NULL);
    assert_true(pair.through);
    pair_free(&pair);
    SSL_CTX *ctx = SSL_CTX_new(TLS_client_method());
    assert_int_equal(SSL_CTX_set_ciphersuites(ctx, "TLS_AES_128_GCM_SHA256"), 1);
    pair = (struct pair){.ctx = ctx, .client = SSL_new(ctx)};
    pair.server = SSL_new(server_tls_ctx(world->tls));
    assert_true(fixture_handshake(pair.client, pair.server));
    assert_string_equal(SSL_get_cipher_name(pair.server), "TLS_AES_128_GCM_SHA256");
    pair_free(&pair);
}

static void connections_outlive_the_identity(void **state) {
    struct world *world = *state;
    char error[256];
    struct server_tls *tls =
        server_tls_new(world->cert, world->key, TLS1_2_VERSION, error, sizeof(error));
    SSL_CTX *ctx = SSL_CTX_new(TLS_client_method());
    struct pair pair = {.ctx = ctx, .client = SSL_new(ctx), .server = SSL_new(server_tls_ctx(tls))};
    server_tls_free(tls); /* as a reload does in the middle of a handshake */
    assert_true(fixture_handshake(pair.client, pair.server));
    pair_free(&pair);
    server_tls_free(NULL);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(T01_prefers_1_3_and_takes_1_2),
        cmocka_unit_test(T01_refuses_1_1_and_1_0),
        cmocka_unit_test(T01_min_version_1_3_refuses_1_2),
        cmocka_unit_test(T04_no_compression),
        cmocka_unit_test(T05_tickets_resume),
        cmocka_unit_test(T05_ticket_of_another_identity_gives_a_full_handshake),
        cmocka_unit_test(T05_resumed_connection_still_judges_sni),
        cmocka_unit_test(T05_one_ticket_and_no_stored_session),
        cmocka_unit_test(T06_secure_renegotiation_and_master_secret_but_none_done),
        cmocka_unit_test(T07_names_of_the_certificate_are_welcome),
        cmocka_unit_test(T07_other_names_get_unrecognized_name),
        cmocka_unit_test(T08_alpn_http_1_1_before_1_0),
        cmocka_unit_test(T08_nothing_in_common),
        cmocka_unit_test(T09_no_early_data),
        cmocka_unit_test(T10_only_ecdhe_with_aead),
        cmocka_unit_test(T11_groups),
        cmocka_unit_test(T11_no_sha1_signature),
        cmocka_unit_test(T14_mandatory_set),
        cmocka_unit_test(connections_outlive_the_identity),
    };
    return cmocka_run_group_tests(tests, set_up, tear_down);
}
