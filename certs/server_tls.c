#include "certs/server_tls.h"

#include <arpa/inet.h>
#include <errno.h>
#include <openssl/core_names.h>
#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/rand.h>
#include <openssl/x509v3.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#include "certs/ssl_note.h"
#include "certs/ticket_keys.h"
#include "policy/base/bytes.h"

struct server_tls {
    SSL_CTX *ctx;
    X509 *leaf; /* belongs to ctx */
    struct ticket_keys tickets;
};

/* ECDHE with AEAD only (T10, T14); TLS 1.3 suites are all of that kind. */
static const char cipher_list[] = "ECDHE-ECDSA-AES128-GCM-SHA256:ECDHE-RSA-AES128-GCM-SHA256:"
                                  "ECDHE-ECDSA-AES256-GCM-SHA384:ECDHE-RSA-AES256-GCM-SHA384:"
                                  "ECDHE-ECDSA-CHACHA20-POLY1305:ECDHE-RSA-CHACHA20-POLY1305";
static const char cipher_suites[] =
    "TLS_AES_128_GCM_SHA256:TLS_AES_256_GCM_SHA384:TLS_CHACHA20_POLY1305_SHA256";
/* A name that cannot be in a certificate is longer than this (RFC 1035: 253 characters). */
enum { NAME_MAX_LEN = 253 };

/* ---- names ---- */

/* `host` without brackets and one trailing dot, NUL-terminated; false where it cannot be a name. */
static bool plain_name(struct str host, char out[NAME_MAX_LEN + 1]) {
    if (host.len >= 2 && host.ptr[0] == '[' && host.ptr[host.len - 1] == ']') {
        host = str_part(host, 1, host.len - 2);
    } else if (host.len > 1 && host.ptr[host.len - 1] == '.') {
        host.len--;
    }
    /* X509_check_host takes a leading dot for "anything below". */
    if (host.len == 0 || host.len > NAME_MAX_LEN || host.ptr[0] == '.') return false;
    if (memchr(host.ptr, '\0', host.len) != NULL || memchr(host.ptr, '*', host.len) != NULL) {
        return false;
    }
    memcpy(out, host.ptr, host.len);
    out[host.len] = '\0';
    return true;
}

static size_t address_of(const char *name, uint8_t address[16]) {
    if (inet_pton(AF_INET, name, address) == 1) return 4;
    return inet_pton(AF_INET6, name, address) == 1 ? 16 : 0;
}

static bool leaf_has_name(X509 *leaf, const char *name) {
    const unsigned flags =
        X509_CHECK_FLAG_NO_PARTIAL_WILDCARDS | X509_CHECK_FLAG_NEVER_CHECK_SUBJECT;
    return X509_check_host(leaf, name, strlen(name), flags, NULL) == 1;
}

bool server_tls_covers(const struct server_tls *tls, struct str host) {
    char name[NAME_MAX_LEN + 1];
    uint8_t address[16];
    if (!plain_name(host, name)) return false;
    size_t len = address_of(name, address);
    if (len > 0) return X509_check_ip(tls->leaf, address, len, 0) == 1;
    return leaf_has_name(tls->leaf, name);
}

bool server_tls_self_signed(const struct server_tls *tls) {
    return X509_self_signed(tls->leaf, 0) == 1;
}

/* ---- handshake callbacks ---- */

/* T07. An address is never legal in SNI (RFC 6066 section 3), so it is unknown whatever the
 * certificate says. */
static int on_sni(SSL *ssl, int *alert, void *user) {
    (void)user;
    const struct server_tls *tls = ssl_note_tied(ssl);
    const char *sni = SSL_get_servername(ssl, TLSEXT_NAMETYPE_host_name);
    if (sni == NULL) return SSL_TLSEXT_ERR_NOACK;
    char name[NAME_MAX_LEN + 1];
    uint8_t address[16];
    if (tls != NULL && plain_name(str_of(sni), name) && address_of(name, address) == 0 &&
        leaf_has_name(tls->leaf, name)) {
        return SSL_TLSEXT_ERR_OK;
    }
    ssl_note_refuse(ssl, "sni_unknown");
    *alert = SSL_AD_UNRECOGNIZED_NAME;
    return SSL_TLSEXT_ERR_ALERT_FATAL;
}

/* T08. Runs only where the client offers protocols; each is one length octet and its name. A client
 * that says it speaks HTTP/1.0 only is answered in that. */
// NOLINTNEXTLINE(readability-function-size): OpenSSL's shape
static int on_alpn(SSL *ssl, const unsigned char **out, unsigned char *out_len,
                   const unsigned char *in, unsigned in_len, void *user) {
    (void)user;
    static const char *const ours[] = {"http/1.1", "http/1.0"};
    for (size_t i = 0; i < ARRAY_LEN(ours); i++) {
        for (unsigned at = 0; at < in_len && in[at] < in_len - at; at += 1u + in[at]) {
            if (in[at] != 8 || memcmp(in + at + 1, ours[i], 8) != 0) continue;
            *out = in + at + 1;
            *out_len = 8;
            return SSL_TLSEXT_ERR_OK;
        }
    }
    ssl_note_refuse(ssl, "alpn_no_overlap");
    return SSL_TLSEXT_ERR_ALERT_FATAL; /* OpenSSL sends no_application_protocol */
}

static uint64_t boot_seconds(void) {
    struct timespec now;
    ENSURE(clock_gettime(CLOCK_BOOTTIME, &now) == 0);
    return (uint64_t)now.tv_sec;
}

static bool key_up(const struct ticket_key *key, unsigned char *iv, EVP_CIPHER_CTX *cipher,
                   EVP_MAC_CTX *mac, int seal) {
    uint8_t secret[sizeof(key->mac)];
    char digest[] = "SHA256";
    memcpy(secret, key->mac, sizeof(secret));
    const OSSL_PARAM params[] = {
        OSSL_PARAM_construct_octet_string(OSSL_MAC_PARAM_KEY, secret, sizeof(secret)),
        OSSL_PARAM_construct_utf8_string(OSSL_MAC_PARAM_DIGEST, digest, 0),
        OSSL_PARAM_construct_end(),
    };
    bool ok = EVP_CipherInit_ex(cipher, EVP_aes_256_cbc(), NULL, key->cipher, iv, seal) == 1 &&
              EVP_MAC_CTX_set_params(mac, params) == 1;
    bytes_wipe(secret, sizeof(secret));
    return ok;
}

/* Seal a new ticket or open one. 0: no such key, so a full handshake; 2: opened, give a new one, as
 * TLS 1.3 wants it each time: clients use a ticket once (RFC 8446 C.4). */
// NOLINTNEXTLINE(readability-function-size): OpenSSL's shape
static int on_ticket(SSL *ssl, unsigned char *name, unsigned char *iv, EVP_CIPHER_CTX *cipher,
                     EVP_MAC_CTX *mac, int seal) {
    struct server_tls *tls = ssl_note_tied(ssl);
    struct ticket_key key;
    int answer = -1;
    if (tls == NULL) return -1;
    uint64_t now_s = boot_seconds();
    if (seal) {
        if (!ticket_keys_current(&tls->tickets, now_s, &key)) return -1;
        memcpy(name, key.name, sizeof(key.name));
        if (RAND_bytes(iv, EVP_CIPHER_get_iv_length(EVP_aes_256_cbc())) == 1 &&
            key_up(&key, iv, cipher, mac, 1)) {
            answer = 1;
        }
    } else {
        if (!ticket_keys_find(&tls->tickets, now_s, name, &key)) return 0;
        bool old = now_s - key.made_s >= TICKET_KEY_TURN_S;
        bool again = old || SSL_version(ssl) == TLS1_3_VERSION;
        if (key_up(&key, iv, cipher, mac, 0)) answer = again ? 2 : 1;
    }
    bytes_wipe(&key, sizeof(key));
    return answer;
}

/* ---- building ---- */

static bool say(char *error, size_t error_len, const char *file, const char *what) {
    snprintf(error, error_len, "%s: %s", file, what);
    return false;
}

/* The first reason in OpenSSL's queue, the nearest to the cause; the queue is left empty. */
static const char *openssl_reason(const char *otherwise) {
    const char *reason = ERR_reason_error_string(ERR_peek_error());
    ERR_clear_error();
    return reason != NULL ? reason : otherwise;
}

/* Never ask at the terminal; remember that a pass phrase was wanted. */
// NOLINTNEXTLINE(readability-non-const-parameter): OpenSSL's shape
static int on_pass_phrase(char *buf, int size, int writing, void *user) {
    (void)buf, (void)size, (void)writing;
    if (user != NULL) *(bool *)user = true;
    return -1;
}

static bool load_chain(SSL_CTX *ctx, const char *file, char *error, size_t error_len) {
    FILE *probe = fopen(file, "re");
    if (probe == NULL) return say(error, error_len, file, strerror(errno));
    fclose(probe);
    SSL_CTX_set_default_passwd_cb(ctx, on_pass_phrase);
    if (SSL_CTX_use_certificate_chain_file(ctx, file) == 1) return true;
    int code = ERR_GET_REASON(ERR_peek_error());
    if (code == PEM_R_NO_START_LINE) {
        ERR_clear_error();
        return say(error, error_len, file, "no PEM certificate in it");
    }
    return say(error, error_len, file, openssl_reason("not a usable certificate"));
}

static EVP_PKEY *read_key(const char *file, char *error, size_t error_len) {
    BIO *bio = BIO_new_file(file, "re");
    if (bio == NULL) {
        say(error, error_len, file, strerror(errno));
        ERR_clear_error();
        return NULL;
    }
    bool encrypted = false;
    EVP_PKEY *key = PEM_read_bio_PrivateKey(bio, NULL, on_pass_phrase, &encrypted);
    BIO_free(bio);
    if (key != NULL) return key;
    ERR_clear_error();
    say(error, error_len, file,
        encrypted ? "the private key is encrypted with a pass phrase; store it without one, "
                    "readable by the service only"
                  : "no PEM private key in it");
    return NULL;
}

static bool load_key(SSL_CTX *ctx, const char *certificate, const char *file, char *error,
                     size_t error_len) {
    EVP_PKEY *key = read_key(file, error, error_len);
    if (key == NULL) return false;
    bool ok = X509_check_private_key(SSL_CTX_get0_certificate(ctx), key) == 1;
    if (!ok) {
        ERR_clear_error();
        snprintf(error, error_len, "%s: this key does not belong to the certificate in %s", file,
                 certificate);
    } else if (SSL_CTX_use_PrivateKey(ctx, key) != 1 || SSL_CTX_check_private_key(ctx) != 1) {
        ok = say(error, error_len, file, openssl_reason("not a usable key"));
    }
    EVP_PKEY_free(key);
    return ok;
}

/* Everything is set here and nothing left to the system's openssl.cnf, which may be laxer. */
static bool harden(SSL_CTX *ctx, int min_version) {
    /* No const: OpenSSL's macros cast it away. */
    char groups[] = "X25519:P-256:P-384";
    char signatures[] = "ed25519:ECDSA+SHA256:ECDSA+SHA384:ECDSA+SHA512:"
                        "rsa_pss_rsae_sha256:rsa_pss_rsae_sha384:rsa_pss_rsae_sha512:"
                        "rsa_pss_pss_sha256:rsa_pss_pss_sha384:rsa_pss_pss_sha512:"
                        "RSA+SHA256:RSA+SHA384:RSA+SHA512";
    SSL_CTX_set_security_level(ctx, 2); /* 112 bits: no RSA below 2048, no SHA-1 (T11) */
    SSL_CTX_clear_options(ctx, SSL_OP_ALL | SSL_OP_ALLOW_UNSAFE_LEGACY_RENEGOTIATION |
                                   SSL_OP_NO_TICKET | SSL_OP_NO_EXTENDED_MASTER_SECRET |
                                   SSL_OP_NO_TLSv1_2 | SSL_OP_NO_TLSv1_3 |
                                   SSL_OP_ALLOW_CLIENT_RENEGOTIATION);
    SSL_CTX_set_options(ctx, SSL_OP_NO_COMPRESSION | SSL_OP_NO_RENEGOTIATION |
                                 SSL_OP_CIPHER_SERVER_PREFERENCE | SSL_OP_PRIORITIZE_CHACHA);
    /* Whoever uses a connection may switch RELEASE_BUFFERS off while it is busy. */
    SSL_CTX_set_mode(ctx, SSL_MODE_RELEASE_BUFFERS | SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER);
    return SSL_CTX_set_min_proto_version(ctx, min_version) == 1 &&
           SSL_CTX_set_max_proto_version(ctx, TLS1_3_VERSION) == 1 &&
           SSL_CTX_set_cipher_list(ctx, cipher_list) == 1 &&
           SSL_CTX_set_ciphersuites(ctx, cipher_suites) == 1 &&
           SSL_CTX_set1_groups_list(ctx, groups) == 1 &&
           SSL_CTX_set1_sigalgs_list(ctx, signatures) == 1 &&
           SSL_CTX_set_max_early_data(ctx, 0) == 1 && SSL_CTX_set_recv_max_early_data(ctx, 0) == 1;
}

static void set_callbacks(SSL_CTX *ctx) {
    SSL_CTX_set_session_cache_mode(ctx, SSL_SESS_CACHE_OFF); /* tickets carry all state */
    SSL_CTX_set_num_tickets(ctx, 1);
    SSL_CTX_set_timeout(ctx, TICKET_KEY_TURN_S); /* never longer than a key opens */
    SSL_CTX_set_tlsext_ticket_key_evp_cb(ctx, on_ticket);
    SSL_CTX_set_tlsext_servername_callback(ctx, on_sni);
    SSL_CTX_set_alpn_select_cb(ctx, on_alpn, NULL);
}

static void destroy(void *object) {
    struct server_tls *tls = object;
    ticket_keys_deinit(&tls->tickets);
    free(tls);
}

struct server_tls *server_tls_new(const char *certificate, const char *key, int min_version,
                                  char *error, size_t error_len) {
    ENSURE(min_version == TLS1_2_VERSION || min_version == TLS1_3_VERSION);
    struct server_tls *tls = calloc(1, sizeof(*tls));
    ENSURE(tls != NULL);
    ticket_keys_init(&tls->tickets);
    ERR_clear_error();
    tls->ctx = SSL_CTX_new(TLS_server_method());
    ENSURE(tls->ctx != NULL && ssl_note_tie(tls->ctx, tls, destroy));
    if (!harden(tls->ctx, min_version)) {
        snprintf(error, error_len, "OpenSSL refuses our TLS settings: %s",
                 openssl_reason("unknown reason"));
        server_tls_free(tls);
        return NULL;
    }
    if (!load_chain(tls->ctx, certificate, error, error_len) ||
        !load_key(tls->ctx, certificate, key, error, error_len)) {
        server_tls_free(tls);
        return NULL;
    }
    tls->leaf = SSL_CTX_get0_certificate(tls->ctx);
    set_callbacks(tls->ctx);
    return tls;
}

void server_tls_free(struct server_tls *tls) {
    if (tls != NULL) SSL_CTX_free(tls->ctx);
}

SSL_CTX *server_tls_ctx(const struct server_tls *tls) {
    return tls->ctx;
}

const char *server_tls_refusal(const SSL *ssl) {
    const struct ssl_note *note = ssl_note_of(ssl);
    return note == NULL ? NULL : note->refusal;
}
