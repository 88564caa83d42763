/* auth_helper.h: a small gate for the tests of authentication, and a client that can be wrong on
 * purpose. The sums are made here a second time, from the text of RFC 7616 and libcrypto's one-shot
 * calls, so that no test compares the code with itself. */
#ifndef TESTS_UNIT_AUTH_HELPER_H
#define TESTS_UNIT_AUTH_HELPER_H

#include <openssl/evp.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>

/* Behind the four headers that it needs. */
#include <cmocka.h>

#include "policy/auth/authn.h"

#define REALM "phones.example.com"
#define START 1000000u
#define LIFE  300000u

static inline const char *ssl_name(enum hash_alg alg) {
    return alg == HASH_MD5 ? "MD5" : alg == HASH_SHA256 ? "SHA256" : "SHA512-256";
}

/* Lower-case hex of the hash of a printed text, NUL behind it. */
__attribute__((format(printf, 3, 4))) static inline void hex_of(enum hash_alg alg, char out[65],
                                                                const char *format, ...) {
    char text[8192];
    va_list args;
    va_start(args, format);
    int len = vsnprintf(text, sizeof(text), format, args);
    va_end(args);
    assert_in_range(len, 0, sizeof(text) - 1);
    unsigned char raw[EVP_MAX_MD_SIZE];
    size_t raw_len = 0;
    assert_int_equal(EVP_Q_digest(NULL, ssl_name(alg), NULL, text, (size_t)len, raw, &raw_len), 1);
    for (size_t i = 0; i < raw_len; i++) (void)snprintf(out + 2 * i, 3, "%02x", raw[i]);
}

static inline const char *or_else(const char *text, const char *otherwise) {
    return text == NULL ? otherwise : text;
}

/* Everything that goes into a response. */
struct sums {
    enum hash_alg alg;
    const char *user, *realm, *password, *method, *uri, *nonce, *nc, *cnonce, *body;
};

enum sum { SUM_AUTH, SUM_SESS, SUM_NOQOP, SUM_INT, SUM_INT_BODY, SUM_NOHA1, SUM_RSPAUTH };

static inline void response_of(const struct sums *s, enum sum kind, char out[65]) {
    char ha1[65], ha2[65], body[65];
    hex_of(s->alg, ha1, "%s:%s:%s", s->user, s->realm, s->password);
    if (kind == SUM_SESS) {
        char plain[65];
        memcpy(plain, ha1, sizeof(plain));
        hex_of(s->alg, ha1, "%s:%s:%s", plain, s->nonce, s->cnonce);
    }
    if (kind == SUM_NOHA1) ha1[0] = '\0';
    hex_of(s->alg, body, "%s", kind == SUM_INT_BODY ? or_else(s->body, "") : "");
    if (kind == SUM_INT || kind == SUM_INT_BODY)
        hex_of(s->alg, ha2, "%s:%s:%s", s->method, s->uri, body);
    else
        hex_of(s->alg, ha2, "%s:%s", kind == SUM_RSPAUTH ? "" : s->method, s->uri);
    if (kind == SUM_NOQOP)
        hex_of(s->alg, out, "%s:%s:%s", ha1, s->nonce, ha2);
    else
        hex_of(s->alg, out, "%s:%s:%s:%s:%s:%s", ha1, s->nonce, s->nc, s->cnonce,
               kind == SUM_INT || kind == SUM_INT_BODY ? "auth-int" : "auth", ha2);
}

/* ---- The gate ---- */

struct gate {
    struct users *users;
    struct digest_settings digest;
    struct hasher *hasher;
    struct nonce_table *nonces;
    struct authn_ctx ctx;
    uint8_t random[NONCE_RANDOM_LEN]; /* counts up: each nonce differs */
    struct authn_result result;       /* of the last check */
    char text[4097];                  /* of the last answer */
};

static const uint64_t test_hash_key[2] = {0x0706050403020100u, 0x0f0e0d0c0b0a0908u};

static inline struct nonce_table *table_of(size_t capacity, uint8_t key_byte, uint64_t instance) {
    uint8_t key[NONCE_KEY_LEN];
    memset(key, key_byte, sizeof(key));
    return nonce_table_new(capacity, key, instance, test_hash_key, (struct policy_lock){0});
}

static inline void add_user(struct gate *g, enum hash_alg alg, const char *name,
                            const char *password) {
    char ha1[65];
    char line[512];
    hex_of(alg, ha1, "%s:%s:%s", name, REALM, password);
    (void)snprintf(line, sizeof(line), "%s:%s:%s%s", name, REALM,
                   alg == HASH_SHA512_256 ? "SHA-512-256:" : "", ha1);
    assert_int_equal(users_add_line(g->users, str_of(line)), USERS_LINE_OK);
}

static inline void gate_open(struct gate *g) {
    memset(g, 0, sizeof(*g));
    g->users = users_new(STR(REALM), test_hash_key);
    add_user(g, HASH_SHA256, "alice", "secret");
    add_user(g, HASH_MD5, "alice", "secret");
    add_user(g, HASH_MD5, "md5only", "secret");
    add_user(g, HASH_SHA256, "bob", "other");
    add_user(g, HASH_SHA256, "J\xc3\xa4s\xc3\xb8n \"Doe\" \\", "s\xc3\xa9same");
    g->digest = (struct digest_settings){.realm = STR(REALM),
                                         .algorithms = {HASH_SHA256, HASH_MD5},
                                         .algorithm_count = 2,
                                         .nonce_lifetime_ms = LIFE};
    g->hasher = hasher_new();
    users_hash_names(g->users, g->hasher);
    g->nonces = table_of(1024, 7, 42);
    g->ctx = (struct authn_ctx){.users = g->users,
                                .digest = &g->digest,
                                .nonces = g->nonces,
                                .hasher = g->hasher,
                                .now_ms = START};
}

static inline void gate_close(struct gate *g) {
    users_free(g->users);
    hasher_free(g->hasher);
    nonce_table_free(g->nonces);
}

struct nonce_text {
    char text[NONCE_TEXT_MAX + 1];
};

static inline struct nonce_text nonce_from(const struct nonce_table *t, struct hasher *h,
                                           uint64_t now, uint8_t random[NONCE_RANDOM_LEN]) {
    struct nonce_text n = {{0}};
    struct outbuf out;
    for (size_t i = 0; i < NONCE_RANDOM_LEN && ++random[i] == 0;) i++;
    outbuf_init(&out, n.text, NONCE_TEXT_MAX);
    nonce_issue(t, h, now, random, &out);
    assert_false(out.full);
    return n;
}

static inline struct nonce_text gate_nonce(struct gate *g) {
    return nonce_from(g->nonces, g->hasher, g->ctx.now_ms, g->random);
}

/* ---- The client ---- */

/* NULL members get the right value. */
struct client {
    const char *user, *password, *method, *target, *nc;
    const char *nonce; /* must be given */
    enum hash_alg alg; /* HASH_MD5 is the zero value: name it */
};

static inline void request_for(struct request_view *req, const char *method, const char *target) {
    struct str t = str_of(target);
    size_t query = str_find(t, '?', 0);
    *req = (struct request_view){.method_name = str_of(method), .target = t, .minor = 1};
    assert_true(method_from(req->method_name, &req->method));
    req->path = str_part(t, 0, query);
    if (query < t.len) req->query = str_part(t, query + 1, t.len);
}

static inline enum authn_verdict check_value(struct gate *g, const char *method, const char *target,
                                             const char *value) {
    const struct header header = {STR("Authorization"), str_of(value)};
    struct request_view req;
    request_for(&req, method, target);
    req.headers = &header;
    req.header_count = value == NULL ? 0 : 1;
    authn_check(&g->ctx, &req, &g->result);
    return g->result.verdict;
}

static inline void escaped(const char *text, char out[512]) {
    for (; *text != '\0'; text++) {
        if (*text == '"' || *text == '\\') *out++ = '\\';
        *out++ = *text;
    }
    *out = '\0';
}

/* The answer of a client that does it right; kept in g->text. */
static inline const char *answer_of(struct gate *g, const struct client *c) {
    static const char *const names[HASH_ALGS] = {"MD5", "SHA-256", "SHA-512-256"};
    const struct sums sums = {.alg = c->alg,
                              .user = or_else(c->user, "alice"),
                              .realm = REALM,
                              .password = or_else(c->password, "secret"),
                              .method = or_else(c->method, "GET"),
                              .uri = or_else(c->target, "/a?x=1"),
                              .nonce = c->nonce,
                              .nc = or_else(c->nc, "00000001"),
                              .cnonce = "Y25vbmNl"};
    char response[65];
    char user[512];
    response_of(&sums, SUM_AUTH, response);
    escaped(sums.user, user);
    (void)snprintf(g->text, sizeof(g->text),
                   "Digest username=\"%s\", realm=\"" REALM "\", nonce=\"%s\", uri=\"%s\", "
                   "algorithm=%s, response=\"%s\", qop=auth, nc=%s, cnonce=\"%s\"",
                   user, sums.nonce, sums.uri, names[c->alg], response, sums.nc, sums.cnonce);
    return g->text;
}

static inline enum authn_verdict check_client(struct gate *g, const struct client *c) {
    const char *value = answer_of(g, c);
    return check_value(g, or_else(c->method, "GET"), or_else(c->target, "/a?x=1"), value);
}

#define assert_reason(g, name)                                                                     \
    assert_string_equal(authn_reason_str((g)->result.reason), authn_reason_str(AUTHN_REASON_##name))

#endif
