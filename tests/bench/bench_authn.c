/* bench_authn: what one check of a Digest answer costs, in CPU time of one thread.
 *
 * Each case checks answers that were made before the clock starts; the median of ROUNDS rounds is
 * printed. "known" and "stranger" must cost the same. */
#include <openssl/evp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "policy/auth/authn.h"
#include "policy/auth/digest.h"

#define REALM  "phones.example.com"
#define URI    "/phone/101/settings.htm?settings=show&l=en"
#define COUNT  512
#define ROUNDS 51

struct bench {
    struct users *users;
    struct nonce_table *nonces;
    struct hasher *hasher;
    struct digest_settings digest;
    struct authn_ctx ctx;
    char (*headers)[600];
    uint32_t counter;
};

static const uint64_t hash_key[2] = {11, 12};

static void ha1_of(struct bench *b, enum hash_alg alg, const char *name, const char *password,
                   uint8_t *ha1) {
    ENSURE(users_ha1(b->hasher, alg, str_of(name), STR(REALM), str_of(password), ha1));
}

static void add_user(struct bench *b, enum hash_alg alg, const char *name) {
    char line[256];
    uint8_t ha1[HASH_MAX_LEN];
    struct outbuf out;
    ha1_of(b, alg, name, "secret", ha1);
    outbuf_init(&out, line, sizeof(line));
    outbuf_put(&out, str_of(name));
    outbuf_put(&out, STR(":" REALM ":"));
    if (alg == HASH_SHA512_256) outbuf_put(&out, STR("SHA-512-256:"));
    outbuf_hex(&out, ha1, hash_len(alg));
    ENSURE(users_add_line(b->users, outbuf_str(&out)) == USERS_LINE_OK);
}

static void nonce_into(struct bench *b, char text[NONCE_TEXT_MAX]) {
    uint8_t random[NONCE_RANDOM_LEN] = {0};
    struct outbuf out;
    b->counter++;
    b->ctx.now_ms++;
    memcpy(random, &b->counter, sizeof(b->counter));
    outbuf_init(&out, text, NONCE_TEXT_MAX);
    nonce_issue(b->nonces, b->hasher, b->ctx.now_ms, random, &out);
}

struct row {
    const char *title;
    enum hash_alg alg;
    const char *name;
    const char *password;
    bool one_nonce;
    enum authn_reason reason;
    bool hashed; /* userhash */
};

/* COUNT answers, on one nonce with a rising nc or each on a nonce of its own. */
static void prepare(struct bench *b, const struct row *row) {
    char nonce[NONCE_TEXT_MAX];
    uint8_t ha1[HASH_MAX_LEN];
    uint8_t response[HASH_MAX_LEN];
    ha1_of(b, row->alg, row->name, row->password, ha1);
    nonce_into(b, nonce);
    for (unsigned i = 0; i < COUNT; i++) {
        char nc[9];
        char hex[HASH_MAX_HEX];
        struct outbuf out;
        if (!row->one_nonce) nonce_into(b, nonce);
        (void)snprintf(nc, sizeof(nc), "%08x", row->one_nonce ? i + 1 : 1);
        const struct digest_input input = {.algorithm = row->alg,
                                           .method = STR("GET"),
                                           .uri = STR(URI),
                                           .nonce = {nonce, sizeof(nonce)},
                                           .nc = str_of(nc),
                                           .cnonce = STR("0123456789abcdef"),
                                           .qop_auth = true};
        ENSURE(digest_response(b->hasher, &input, ha1, response));
        outbuf_init(&out, hex, sizeof(hex));
        outbuf_hex(&out, response, hash_len(row->alg));
        char name[HASH_MAX_HEX + 1] = {0};
        const struct str parts[] = {str_of(row->name), STR(":" REALM)};
        if (row->hashed)
            ENSURE(hash_parts_hex(b->hasher, row->alg, parts, ARRAY_LEN(parts), name));
        else
            (void)snprintf(name, sizeof(name), "%s", row->name);
        (void)snprintf(b->headers[i], sizeof(b->headers[i]),
                       "Digest username=\"%s\", realm=\"" REALM "\", nonce=\"%.*s\", uri=\"" URI
                       "\", algorithm=%.*s, response=\"%.*s\", qop=auth, nc=%s, "
                       "cnonce=\"0123456789abcdef\"%s",
                       name, (int)sizeof(nonce), nonce, STR_ARG(hash_name(row->alg)), (int)out.len,
                       hex, nc, row->hashed ? ", userhash=true" : "");
    }
}

static double cpu_us(void) {
    struct timespec ts;
    clock_gettime(CLOCK_THREAD_CPUTIME_ID, &ts);
    return (double)ts.tv_sec * 1e6 + (double)ts.tv_nsec / 1e3;
}

static int by_value(const void *a, const void *b) {
    const double *x = a;
    const double *y = b;
    return *x < *y ? -1 : *x > *y;
}

static double one_round(struct bench *b, const struct row *row) {
    struct header header = {STR("Authorization"), STR_NONE};
    struct request_view req = {.method = METHOD_GET,
                               .method_name = STR("GET"),
                               .target = STR(URI),
                               .path = STR("/phone/101/settings.htm"),
                               .headers = &header,
                               .header_count = 1};
    struct authn_result result;
    prepare(b, row);
    double start = cpu_us();
    for (unsigned i = 0; i < COUNT; i++) {
        header.value = str_of(b->headers[i]);
        authn_check(&b->ctx, &req, &result);
        ENSURE(result.reason == row->reason);
    }
    return (cpu_us() - start) / COUNT;
}

static void run(struct bench *b, const struct row *row) {
    double rounds[ROUNDS];
    for (unsigned i = 0; i < ROUNDS; i++) rounds[i] = one_round(b, row);
    qsort(rounds, ROUNDS, sizeof(rounds[0]), by_value);
    printf("%-44s %6.2f us  (best %.2f)\n", row->title, rounds[ROUNDS / 2], rounds[0]);
}

static void run_challenges(struct bench *b) {
    char text[1024];
    struct outbuf out;
    uint8_t random[NONCE_RANDOM_LEN] = {0};
    double start = cpu_us();
    for (unsigned i = 0; i < 100000; i++) {
        memcpy(random, &i, sizeof(i));
        outbuf_init(&out, text, sizeof(text));
        authn_write_challenge(&b->ctx, false, random, &out);
    }
    printf("%-44s %6.2f us\n", "challenge written", (cpu_us() - start) / 100000);
}

/* What authn_write_info adds to an answer. */
static void run_info(struct bench *b, const char *title, uint64_t age_ms) {
    static const struct row right = {"",   HASH_SHA256,     "alice", "secret",
                                     true, AUTHN_REASON_OK, false};
    char text[AUTHN_INFO_MAX];
    struct outbuf out;
    struct header header = {STR("Authorization"), STR_NONE};
    struct request_view req = {.method = METHOD_GET,
                               .method_name = STR("GET"),
                               .target = STR(URI),
                               .headers = &header,
                               .header_count = 1};
    struct authn_result result;
    uint8_t random[NONCE_RANDOM_LEN] = {0};
    prepare(b, &right);
    header.value = str_of(b->headers[0]);
    authn_check(&b->ctx, &req, &result);
    result.proof.at_ms += age_ms;
    double start = cpu_us();
    for (unsigned i = 0; i < 100000; i++) {
        outbuf_init(&out, text, sizeof(text));
        authn_write_info(&b->ctx, &result, random, &out);
    }
    ENSURE(out.len > 0);
    printf("%-44s %6.2f us\n", title, (cpu_us() - start) / 100000);
}

#define MANY 100000

/* Two lines each, as `phonegate user` writes them. */
static void run_load(struct bench *b) {
    size_t len = 0, cap = MANY * 192;
    char *text = malloc(cap);
    ENSURE(text != NULL);
    for (unsigned i = 0; i < MANY; i++)
        len += (size_t)snprintf(text + len, cap - len,
                                "person%u:" REALM ":%064x\nperson%u:" REALM ":%032x\n", i, i + 1, i,
                                i + 1);
    struct users *users = users_new(STR(REALM), hash_key);
    struct str rest = {text, len}, line;
    double start = cpu_us();
    while (str_split(&rest, '\n', &line)) {
        enum users_line verdict = users_add_line(users, line);
        ENSURE(verdict == USERS_LINE_OK || verdict == USERS_LINE_EMPTY);
    }
    users_hash_names(users, b->hasher);
    printf("%-44s %6.0f ms\n", "100,000 users of two lines loaded", (cpu_us() - start) / 1000);
    start = cpu_us();
    unsigned found = 0;
    for (unsigned i = 0; i < MANY; i++) {
        char name[32];
        (void)snprintf(name, sizeof(name), "person%u", i * 7919 % MANY * 2);
        found += users_find(users, str_of(name)) != NULL;
    }
    ENSURE(found == MANY / 2);
    printf("%-44s %6.2f us\n", "one of them looked up by name", (cpu_us() - start) / MANY);
    users_free(users);
    free(text);
}

int main(void) {
    static const struct row rows[] = {
        {"SHA-256, right, nonce in use", HASH_SHA256, "alice", "secret", true, AUTHN_REASON_OK,
         false},
        {"SHA-256, right, new nonce", HASH_SHA256, "alice", "secret", false, AUTHN_REASON_OK,
         false},
        {"SHA-256, wrong password", HASH_SHA256, "alice", "guess", false,
         AUTHN_REASON_WRONG_RESPONSE, false},
        {"SHA-256, unknown user", HASH_SHA256, "nobody", "guess", false, AUTHN_REASON_UNKNOWN_USER,
         false},
        {"SHA-256, right, hashed name", HASH_SHA256, "alice", "secret", true, AUTHN_REASON_OK,
         true},
        {"SHA-256, wrong password, hashed name", HASH_SHA256, "alice", "guess", false,
         AUTHN_REASON_WRONG_RESPONSE, true},
        {"SHA-256, unknown user, hashed name", HASH_SHA256, "nobody", "guess", false,
         AUTHN_REASON_UNKNOWN_USER, true},
        {"MD5, right, nonce in use", HASH_MD5, "alice", "secret", true, AUTHN_REASON_OK, false},
        {"SHA-512-256, right, nonce in use", HASH_SHA512_256, "alice", "secret", true,
         AUTHN_REASON_OK, false},
    };
    uint8_t key[NONCE_KEY_LEN] = {1};
    struct bench b = {
        .users = users_new(STR(REALM), hash_key),
        .nonces = nonce_table_new(65536, key, 1, hash_key, (struct policy_lock){0}),
        .hasher = hasher_new(),
        .digest = {.realm = STR(REALM),
                   .algorithms = {HASH_SHA256, HASH_MD5, HASH_SHA512_256},
                   .algorithm_count = 3,
                   .nonce_lifetime_ms = 300000},
        .headers = malloc(COUNT * sizeof(*b.headers)),
    };
    ENSURE(b.headers != NULL);
    b.ctx = (struct authn_ctx){.users = b.users,
                               .digest = &b.digest,
                               .nonces = b.nonces,
                               .hasher = b.hasher,
                               .now_ms = 1000000};
    /* As serve asks it: somebody has failed, so that the lockout looks for everybody. */
    static const struct authn_settings settings = {
        .lockout = {1000000, 1000000, 1000000, 60000, 300000}};
    b.ctx.guard = (struct authn_guard){
        .lockout = lockout_new(16384, 65536, hash_key, (struct policy_lock){0}),
        .sessions = sessions_new(131072, hash_key, (struct policy_lock){0}),
        .settings = &settings};
    const struct lockout_who other = {.user = 1};
    lockout_failed(b.ctx.guard.lockout, &settings.lockout, &other, STR_NONE, false, 1);

    add_user(&b, HASH_SHA256, "alice");
    add_user(&b, HASH_MD5, "alice");
    add_user(&b, HASH_SHA512_256, "alice");
    users_hash_names(b.users, b.hasher);
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        b.ctx.now_ms += 1000;
        run(&b, &rows[i]);
    }
    run_challenges(&b);
    run_info(&b, "Authentication-Info written", 0);
    run_info(&b, "the same with nextnonce", b.digest.nonce_lifetime_ms);
    run_load(&b);
    free(b.headers);
    hasher_free(b.hasher);
    lockout_free(b.ctx.guard.lockout);
    sessions_free(b.ctx.guard.sessions);
    nonce_table_free(b.nonces);
    users_free(b.users);
    return 0;
}
