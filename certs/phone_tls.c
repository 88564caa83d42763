#include "certs/phone_tls.h"

#include <arpa/inet.h>
#include <openssl/err.h>
#include <openssl/x509v3.h>
#include <pthread.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#include "certs/ssl_note.h"
#include "policy/base/bytes.h"

/* Enough for a phone whose profile takes a few requests at once; most take one. */
enum { SESSIONS_KEPT = 4, PIN_LEN = 32, NAME_MAX_LEN = 253, MIN_KEY_BITS = 112 };

struct phone_tls {
    SSL_CTX *ctx;
    uint8_t (*pins)[PIN_LEN];
    uint64_t *until_s; /* NULL: no pin has an end */
    size_t pin_count;
    bool use_ca;
    pthread_mutex_t lock;
    SSL_SESSION *sessions[SESSIONS_KEPT]; /* newest first, NULL behind the last; under lock */
};

/* Forward secrecy always (T10); CBC only because old phones know nothing newer at TLS 1.2. AES-128
 * first: phones have no AES in hardware, and 256 bits cost them 14 rounds instead of 10. */
static const char cipher_suites[] =
    "TLS_AES_128_GCM_SHA256:TLS_AES_256_GCM_SHA384:TLS_CHACHA20_POLY1305_SHA256";
static const char cipher_list[] =
    "ECDHE+AESGCM+AES128:ECDHE+AESGCM:ECDHE+CHACHA20:DHE+AESGCM:ECDHE+AES:DHE+AES:"
    "!aNULL:!eNULL:!PSK:!SRP:!aDSS";

/* ---- names and pins ---- */

static bool plain_name(struct str host, char out[NAME_MAX_LEN + 1]) {
    if (host.len > 1 && host.ptr[host.len - 1] == '.') host.len--;
    if (host.len == 0 || host.len > NAME_MAX_LEN || host.ptr[0] == '.') return false;
    if (memchr(host.ptr, '\0', host.len) != NULL) return false;
    memcpy(out, host.ptr, host.len);
    out[host.len] = '\0';
    return true;
}

static bool is_address(const char *name) {
    uint8_t address[16];
    return inet_pton(AF_INET, name, address) == 1 || inet_pton(AF_INET6, name, address) == 1;
}

/* SHA-256 over the SubjectPublicKeyInfo as it stands in the certificate (RFC 7469 section 2.4). */
static bool pin_of(X509 *leaf, uint8_t pin[PIN_LEN]) {
    uint8_t *der = NULL;
    int len = i2d_X509_PUBKEY(X509_get_X509_PUBKEY(leaf), &der);
    if (len <= 0) return false;
    bool ok = EVP_Digest(der, (size_t)len, pin, NULL, EVP_sha256(), NULL) == 1;
    OPENSSL_free(der);
    return ok;
}

/* Every pin is looked at, whichever equals. An old one beside a new one has an end. */
static bool pin_is_known(const struct phone_tls *tls, const uint8_t pin[PIN_LEN]) {
    bool known = false;
    const uint64_t now = (uint64_t)time(NULL);
    for (size_t i = 0; i < tls->pin_count; i++) {
        bool over = tls->until_s != NULL && tls->until_s[i] > 0 && tls->until_s[i] <= now;
        known |= bytes_equal_ct(tls->pins[i], pin, PIN_LEN) && !over;
    }
    return known;
}

/* ---- verification ---- */

static const char *refusal_of(int error) {
    switch (error) {
    case X509_V_ERR_HOSTNAME_MISMATCH:
    case X509_V_ERR_IP_ADDRESS_MISMATCH:
        return "name_mismatch";
    case X509_V_ERR_CERT_HAS_EXPIRED:
    case X509_V_ERR_CERT_NOT_YET_VALID:
        return "expired";
    case X509_V_ERR_EE_KEY_TOO_SMALL:
    case X509_V_ERR_CA_KEY_TOO_SMALL:
    case X509_V_ERR_CA_MD_TOO_WEAK:
        return "weak_key";
    default:
        return "ca_mismatch";
    }
}

/* NULL where `leaf` (and the chain in `store`) is what this phone's entry asks for. */
static const char *judge(const struct phone_tls *tls, X509_STORE_CTX *store, X509 *leaf,
                         const struct ssl_note *note) {
    if (tls->pin_count == 0 && !tls->use_ca) return NULL; /* verify_none, said in the settings */
    if (tls->pin_count > 0 && !(note->pin_seen && pin_is_known(tls, note->pin))) {
        return "pin_mismatch";
    }
    EVP_PKEY *key = X509_get0_pubkey(leaf);
    if (key == NULL || EVP_PKEY_get_security_bits(key) < MIN_KEY_BITS) return "weak_key";
    if (tls->use_ca && X509_verify_cert(store) != 1) {
        return refusal_of(X509_STORE_CTX_get_error(store));
    }
    return NULL;
}

/* Stands in the place of OpenSSL's own verification; 0 ends the handshake. */
static int on_verify(X509_STORE_CTX *store, void *user) {
    const struct phone_tls *tls = user;
    SSL *ssl = X509_STORE_CTX_get_ex_data(store, SSL_get_ex_data_X509_STORE_CTX_idx());
    X509 *leaf = X509_STORE_CTX_get0_cert(store);
    struct ssl_note *note = ssl == NULL ? NULL : ssl_note_make(ssl);
    const char *refusal = "ca_mismatch";
    if (note != NULL && leaf != NULL) {
        note->pin_seen = pin_of(leaf, note->pin);
        refusal = judge(tls, store, leaf, note);
    }
    if (refusal == NULL) {
        X509_STORE_CTX_set_error(store, X509_V_OK);
        return 1;
    }
    if (ssl != NULL) ssl_note_refuse(ssl, refusal);
    if (X509_STORE_CTX_get_error(store) == X509_V_OK) {
        X509_STORE_CTX_set_error(store, X509_V_ERR_APPLICATION_VERIFICATION);
    }
    return 0;
}

const char *phone_tls_refusal(const SSL *ssl) {
    const struct ssl_note *note = ssl_note_of(ssl);
    return note == NULL ? NULL : note->refusal;
}

bool phone_tls_seen_pin(const SSL *ssl, uint8_t pin[32]) {
    const struct ssl_note *note = ssl_note_of(ssl);
    if (note != NULL && note->pin_seen) {
        memcpy(pin, note->pin, PIN_LEN);
        return true;
    }
    X509 *leaf = SSL_get0_peer_certificate(ssl); /* a resumed session carries it */
    return leaf != NULL && pin_of(leaf, pin);
}

/* ---- sessions ---- */

/* A resumed handshake shows no certificate, so what can change since the full one is looked at
 * here: the pin again, and whether the certificate has run out. */
static bool still_good(const struct phone_tls *tls, SSL_SESSION *session) {
    if (SSL_SESSION_is_resumable(session) != 1) return false;
    if (tls->pin_count == 0 && !tls->use_ca) return true;
    X509 *leaf = SSL_SESSION_get0_peer(session);
    uint8_t pin[PIN_LEN];
    if (leaf == NULL) return false;
    if (tls->pin_count > 0 && !(pin_of(leaf, pin) && pin_is_known(tls, pin))) return false;
    return !tls->use_ca || X509_cmp_current_time(X509_get0_notAfter(leaf)) > 0;
}

/* A copy is kept: OpenSSL marks the connection's own one as dead when the phone hangs up without
 * close_notify. */
static int on_session(SSL *ssl, SSL_SESSION *session) {
    struct phone_tls *tls = ssl_note_tied(ssl);
    SSL_SESSION *copy = tls == NULL ? NULL : SSL_SESSION_dup(session);
    if (copy == NULL) return 0;
    ENSURE(pthread_mutex_lock(&tls->lock) == 0);
    SSL_SESSION *oldest = tls->sessions[SESSIONS_KEPT - 1];
    for (size_t i = SESSIONS_KEPT - 1; i > 0; i--) tls->sessions[i] = tls->sessions[i - 1];
    tls->sessions[0] = copy;
    ENSURE(pthread_mutex_unlock(&tls->lock) == 0);
    SSL_SESSION_free(oldest);
    return 0; /* OpenSSL keeps its reference */
}

/* The newest session, or NULL. One of TLS 1.3 leaves the store (RFC 8446 C.4: single use); one of
 * TLS 1.2 stays and a copy goes out, so that no two connections share an object. */
static SSL_SESSION *take_session(struct phone_tls *tls) {
    ENSURE(pthread_mutex_lock(&tls->lock) == 0);
    SSL_SESSION *session = tls->sessions[0];
    bool again = session != NULL && SSL_SESSION_get_protocol_version(session) < TLS1_3_VERSION;
    if (again) {
        session = SSL_SESSION_dup(session);
    } else {
        for (size_t i = 1; i < SESSIONS_KEPT; i++) tls->sessions[i - 1] = tls->sessions[i];
        tls->sessions[SESSIONS_KEPT - 1] = NULL;
    }
    ENSURE(pthread_mutex_unlock(&tls->lock) == 0);
    return session;
}

/* ---- building ---- */

static bool use_ca(struct phone_tls *tls, const struct phone_tls_settings *settings, char *error,
                   size_t error_len) {
    char name[NAME_MAX_LEN + 1];
    if (!plain_name(settings->name, name)) {
        snprintf(error, error_len, "a CA needs the name that the certificate must cover");
        return false;
    }
    if (SSL_CTX_load_verify_file(tls->ctx, settings->ca_file) != 1) {
        ERR_clear_error();
        snprintf(error, error_len, "%s: no readable PEM certificate in it", settings->ca_file);
        return false;
    }
    X509_VERIFY_PARAM *param = SSL_CTX_get0_param(tls->ctx);
    /* The file is what the operator trusts, an intermediate or the phone's own included. A name in
     * the subject counts where there is no dNSName: factory certificates of phones have only it. */
    X509_VERIFY_PARAM_set_flags(param, X509_V_FLAG_PARTIAL_CHAIN);
    X509_VERIFY_PARAM_set_hostflags(param, X509_CHECK_FLAG_NO_PARTIAL_WILDCARDS);
    tls->use_ca = true;
    int set = is_address(name) ? X509_VERIFY_PARAM_set1_ip_asc(param, name)
                               : X509_VERIFY_PARAM_set1_host(param, name, 0);
    ENSURE(set == 1);
    return true;
}

/* Everything is set here and nothing left to the system's openssl.cnf, which may be laxer. */
static void harden(SSL_CTX *ctx) {
    char groups[] = "X25519:P-256:P-384:P-521"; /* no const: OpenSSL's macro casts it away */
    SSL_CTX_set_security_level(ctx, 2);
    SSL_CTX_clear_options(ctx, SSL_OP_ALLOW_UNSAFE_LEGACY_RENEGOTIATION |
                                   SSL_OP_LEGACY_SERVER_CONNECT | SSL_OP_NO_TICKET |
                                   SSL_OP_NO_EXTENDED_MASTER_SECRET | SSL_OP_NO_TLSv1_2 |
                                   SSL_OP_NO_TLSv1_3 | SSL_OP_IGNORE_UNEXPECTED_EOF);
    SSL_CTX_set_options(ctx, SSL_OP_NO_COMPRESSION | SSL_OP_NO_RENEGOTIATION);
    /* Whoever uses a connection may switch RELEASE_BUFFERS off while it is busy. */
    SSL_CTX_set_mode(ctx, SSL_MODE_RELEASE_BUFFERS | SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER);
    ENSURE(SSL_CTX_set_min_proto_version(ctx, TLS1_2_VERSION) == 1);
    ENSURE(SSL_CTX_set_max_proto_version(ctx, TLS1_3_VERSION) == 1);
    ENSURE(SSL_CTX_set_cipher_list(ctx, cipher_list) == 1);
    ENSURE(SSL_CTX_set_ciphersuites(ctx, cipher_suites) == 1);
    ENSURE(SSL_CTX_set1_groups_list(ctx, groups) == 1);
}

/* Everything that OpenSSL still speaks. */
static void soften(SSL_CTX *ctx) {
    SSL_CTX_set_security_level(ctx, 0);
    SSL_CTX_set_options(ctx, SSL_OP_LEGACY_SERVER_CONNECT);
    ENSURE(SSL_CTX_set_min_proto_version(ctx, TLS1_VERSION) == 1);
    ENSURE(SSL_CTX_set_cipher_list(ctx, "ALL:!aNULL:!eNULL") == 1);
}

static void destroy(void *object) {
    struct phone_tls *tls = object;
    for (size_t i = 0; i < SESSIONS_KEPT; i++) SSL_SESSION_free(tls->sessions[i]);
    pthread_mutex_destroy(&tls->lock);
    free(tls->pins);
    free(tls->until_s);
    free(tls);
}

static void copy_ends(struct phone_tls *tls, const struct phone_tls_settings *settings) {
    tls->until_s = calloc(settings->pin_count, sizeof(*tls->until_s));
    ENSURE(tls->until_s != NULL);
    memcpy(tls->until_s, settings->pin_until_s, settings->pin_count * sizeof(*tls->until_s));
}

static struct phone_tls *bare_new(const struct phone_tls_settings *settings) {
    struct phone_tls *tls = calloc(1, sizeof(*tls));
    ENSURE(tls != NULL && pthread_mutex_init(&tls->lock, NULL) == 0);
    if (settings->pin_count > 0) {
        tls->pins = calloc(settings->pin_count, sizeof(*tls->pins));
        ENSURE(tls->pins != NULL);
        memcpy(tls->pins, settings->pins, settings->pin_count * sizeof(*tls->pins));
        tls->pin_count = settings->pin_count;
        if (settings->pin_until_s != NULL) copy_ends(tls, settings);
    }
    tls->ctx = SSL_CTX_new(TLS_client_method());
    ENSURE(tls->ctx != NULL && ssl_note_tie(tls->ctx, tls, destroy));
    harden(tls->ctx);
    if (settings->any_version && settings->verify_none) soften(tls->ctx);
    SSL_CTX_set_verify(tls->ctx, SSL_VERIFY_PEER, NULL);
    SSL_CTX_set_cert_verify_callback(tls->ctx, on_verify, tls);
    SSL_CTX_set_session_cache_mode(tls->ctx, SSL_SESS_CACHE_CLIENT | SSL_SESS_CACHE_NO_INTERNAL);
    SSL_CTX_sess_set_new_cb(tls->ctx, on_session);
    return tls;
}

struct phone_tls *phone_tls_new(const struct phone_tls_settings *settings, char *error,
                                size_t error_len) {
    bool verifies = settings->pin_count > 0 || settings->ca_file != NULL;
    if (verifies == settings->verify_none) {
        snprintf(error, error_len, "%s",
                 verifies ? "verify = \"none\" beside a pin or a CA: which one counts?"
                          : "neither a pin nor a CA, and verify = \"none\" is not said");
        return NULL;
    }
    ERR_clear_error();
    struct phone_tls *tls = bare_new(settings);
    if (settings->ca_file != NULL && !use_ca(tls, settings, error, error_len)) {
        phone_tls_free(tls);
        return NULL;
    }
    return tls;
}

void phone_tls_free(struct phone_tls *tls) {
    if (tls != NULL) SSL_CTX_free(tls->ctx);
}

/* By SSL_ctrl, since the macro for it casts a const away. */
static bool set_sni(SSL *ssl, char *name) {
    return is_address(name) ||
           SSL_ctrl(ssl, SSL_CTRL_SET_TLSEXT_HOSTNAME, TLSEXT_NAMETYPE_host_name, name) == 1;
}

SSL *phone_tls_connect(struct phone_tls *tls, struct str host) {
    char name[NAME_MAX_LEN + 1];
    if (!plain_name(host, name)) return NULL;
    SSL *ssl = SSL_new(tls->ctx);
    if (ssl == NULL) return NULL;
    if (!set_sni(ssl, name)) {
        SSL_free(ssl);
        return NULL;
    }
    SSL_SESSION *session = take_session(tls);
    if (session != NULL && still_good(tls, session)) SSL_set_session(ssl, session);
    SSL_SESSION_free(session);
    SSL_set_connect_state(ssl);
    return ssl;
}
