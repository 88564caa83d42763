#include "policy/auth/authn.h"

#include "policy/auth/authn_guard.h"
#include "policy/auth/authparam.h"
#include "policy/auth/digest.h"
#include "policy/base/bytes.h"

/* The longest answer of a browser is below 1 KiB with a target of ordinary length. */
#define CNONCE_MAX 256
#define NC_DIGITS  8

/* What RFC 7616 3.4 puts into an answer; the first NEEDED are required here, and one of the two
 * names. */
enum field {
    FIELD_REALM,
    FIELD_NONCE,
    FIELD_URI,
    FIELD_RESPONSE,
    FIELD_CNONCE,
    FIELD_NC,
    FIELD_QOP,
    NEEDED,
    FIELD_USERNAME = NEEDED,
    FIELD_USERNAME_EXT,
    FIELD_ALGORITHM,
    FIELD_OPAQUE,
    FIELD_USERHASH,
    FIELDS
};

static const struct str field_names[FIELDS] = {
    [FIELD_USERNAME] = {"username", 8},
    [FIELD_REALM] = {"realm", 5},
    [FIELD_NONCE] = {"nonce", 5},
    [FIELD_URI] = {"uri", 3},
    [FIELD_RESPONSE] = {"response", 8},
    [FIELD_CNONCE] = {"cnonce", 6},
    [FIELD_NC] = {"nc", 2},
    [FIELD_QOP] = {"qop", 3},
    [FIELD_ALGORITHM] = {"algorithm", 9},
    [FIELD_OPAQUE] = {"opaque", 6},
    [FIELD_USERHASH] = {"userhash", 8},
    [FIELD_USERNAME_EXT] = {"username*", 9},
};

struct answer {
    const struct authparam *fields[FIELDS]; /* NULL where absent */
    enum hash_alg algorithm;
    uint32_t nc;
    uint8_t response[HASH_MAX_LEN];
};

static struct str value_of(const struct answer *a, enum field field) {
    return a->fields[field] == NULL ? STR_NONE : a->fields[field]->value;
}

static void set(struct authn_result *result, enum authn_verdict verdict, enum authn_reason reason) {
    result->verdict = verdict;
    result->reason = reason;
}

static bool refuse(struct authn_result *result, enum authn_reason reason) {
    set(result, AUTHN_BAD, reason);
    return false;
}

static bool challenge(struct authn_result *result, enum authn_reason reason) {
    set(result, AUTHN_CHALLENGE, reason);
    return false;
}

/* ---- Shape: what a client of RFC 7616 never sends is a 400 ---- */

/* The one Authorization field, read into `params`. */
static bool read_header(const struct request_view *req, struct outbuf *memory,
                        struct authparams *params, struct authn_result *result) {
    const struct str name = STR("Authorization");
    size_t count = request_header_count(req, name);
    if (count == 0) return challenge(result, AUTHN_REASON_NO_CREDENTIALS);
    if (count > 1) return refuse(result, AUTHN_REASON_REPEATED);
    struct str value = request_header(req, name);
    if (value.len > AUTHN_HEADER_MAX) return refuse(result, AUTHN_REASON_TOO_LONG);

    struct str rest = value;
    enum authparam_verdict verdict = authparam_next(&rest, AUTHPARAM_STRICT, memory, params);
    /* Before the grammar is judged: what another scheme carries is not ours to judge. */
    if (params->scheme.len > 0 && !str_equal_icase(params->scheme, STR("Digest")))
        return challenge(result, AUTHN_REASON_OTHER_SCHEME);
    if (verdict == AUTHPARAM_REPEATED) return refuse(result, AUTHN_REASON_REPEATED);
    if (verdict != AUTHPARAM_OK || params->token68.len > 0 || str_trim(rest).len > 0)
        return refuse(result, AUTHN_REASON_MALFORMED);
    return true;
}

/* FIELDS where the name is none of ours: ignored (RFC 7616 3.4). */
static size_t field_called(struct str name) {
    size_t f = 0;
    while (f < FIELDS && !str_equal_icase(name, field_names[f])) f++;
    return f;
}

static void sort_fields(const struct authparams *params, struct answer *a) {
    for (size_t f = 0; f < FIELDS; f++) a->fields[f] = NULL;
    for (size_t i = 0; i < params->count; i++) {
        size_t f = field_called(params->items[i].name);
        if (f < FIELDS) a->fields[f] = &params->items[i];
    }
}

static bool fields_are_there(const struct answer *a) {
    for (size_t f = 0; f < NEEDED; f++) {
        if (a->fields[f] == NULL) return false;
    }
    return a->fields[FIELD_USERNAME] != NULL || a->fields[FIELD_USERNAME_EXT] != NULL;
}

/* Eight hex digits, not zero (V07). */
static bool read_nc(struct str text, uint32_t *nc) {
    uint8_t bytes[NC_DIGITS / 2];
    if (!bytes_from_hex(text, bytes, sizeof(bytes))) return false;
    *nc = (uint32_t)bytes[0] << 24 | (uint32_t)bytes[1] << 16 | (uint32_t)bytes[2] << 8 | bytes[3];
    return *nc != 0;
}

/* Absent means MD5 (RFC 7616 3.4); the -sess variants are none of ours. */
static bool read_algorithm(const struct answer *a, enum hash_alg *alg) {
    *alg = HASH_MD5;
    if (a->fields[FIELD_ALGORITHM] == NULL) return true;
    for (size_t i = 0; i < HASH_ALGS; i++) {
        *alg = (enum hash_alg)i;
        if (str_equal_icase(value_of(a, FIELD_ALGORITHM), hash_name(*alg))) return true;
    }
    return false;
}

/* Absent means false (RFC 7616 3.4). */
static bool read_userhash(const struct answer *a, bool *hashed) {
    struct str value = value_of(a, FIELD_USERHASH);
    *hashed = str_equal_icase(value, STR("true"));
    return *hashed || a->fields[FIELD_USERHASH] == NULL || str_equal_icase(value, STR("false"));
}

/* Whom an answer names. */
struct claim {
    const struct user *user; /* NULL: nobody we know */
    struct str name;         /* as a name; empty where it was given as a hash */
    uint8_t hash[HASH_MAX_LEN];
    size_t hash_len; /* above 0: given as this hash */
};

/* By the hash of the name (V16). */
static bool find_hashed(const struct users *users, const struct answer *a, struct claim *claim) {
    enum hash_alg alg;
    if (!read_algorithm(a, &alg)) return false;
    claim->hash_len = hash_len(alg);
    if (!bytes_from_hex(value_of(a, FIELD_USERNAME), claim->hash, claim->hash_len)) return false;
    claim->user = users_find_hashed(users, alg, claim->hash);
    return true;
}

/* Whom the answer names, in one of three spellings: in clear, as a hash, extended (V10, V16). False
 * where it names nobody in a way that can be read. */
static bool find_user(const struct users *users, const struct answer *a, struct outbuf *memory,
                      struct claim *claim) {
    bool extended = a->fields[FIELD_USERNAME_EXT] != NULL;
    bool hashed;
    if (extended && a->fields[FIELD_USERNAME] != NULL) return false;
    if (!read_userhash(a, &hashed) || (hashed && extended)) return false;
    if (hashed) return find_hashed(users, a, claim);
    struct str name = value_of(a, FIELD_USERNAME);
    if (extended && !authparam_extended(a->fields[FIELD_USERNAME_EXT], memory, &name)) return false;
    claim->name = name;
    claim->user = users_find(users, name);
    return name.len > 0;
}

/* For the record too, so whatever else is wrong with the answer. */
static bool read_claim(const struct users *users, const struct answer *a, struct outbuf *memory,
                       struct claim *claim, struct authn_result *result) {
    const struct authparam *given = a->fields[FIELD_USERNAME];
    if (given == NULL) given = a->fields[FIELD_USERNAME_EXT];
    if (given == NULL) return false;
    bool readable = find_user(users, a, memory, claim);
    const struct user *user = claim->user;
    result->claimed_is_known = user != NULL;
    result->claimed = str_part(user != NULL ? user->name : given->raw, 0, AUTHN_CLAIMED_MAX);
    return readable;
}

static bool read_fields(struct answer *a, bool named, struct authn_result *result) {
    if (!fields_are_there(a)) return refuse(result, AUTHN_REASON_MISSING_FIELD);
    if (!str_equal_icase(value_of(a, FIELD_QOP), STR("auth")))
        return refuse(result, AUTHN_REASON_QOP_NOT_OFFERED);
    if (!read_algorithm(a, &a->algorithm))
        return refuse(result, AUTHN_REASON_ALGORITHM_NOT_OFFERED);
    result->algorithm = a->algorithm;
    size_t cnonce_len = value_of(a, FIELD_CNONCE).len;
    if (!named || !read_nc(value_of(a, FIELD_NC), &a->nc) || cnonce_len < 1 ||
        cnonce_len > CNONCE_MAX || value_of(a, FIELD_REALM).len == 0 ||
        value_of(a, FIELD_NONCE).len == 0 ||
        !bytes_from_hex(value_of(a, FIELD_RESPONSE), a->response, hash_len(a->algorithm)))
        return refuse(result, AUTHN_REASON_BAD_FIELD);
    return true;
}

/* Byte for byte, query included (V14). In the absolute form clients hash the part behind the
 * authority as well as the whole. */
static bool uri_is_target(const struct request_view *req, struct str uri) {
    if (str_equal(uri, req->target)) return true;
    if (!req->absolute_form || !str_starts_with(uri, req->path)) return false;
    struct str rest = str_part(uri, req->path.len, uri.len);
    if (req->query.ptr == NULL) return rest.len == 0;
    return rest.len > 0 && rest.ptr[0] == '?' && str_equal(str_part(rest, 1, rest.len), req->query);
}

static bool is_offered(const struct digest_settings *digest, enum hash_alg alg) {
    for (size_t i = 0; i < digest->algorithm_count; i++) {
        if (digest->algorithms[i] == alg) return true;
    }
    return false;
}

/* An answer to a challenge that is not ours or no longer ours, as after a change of the
 * configuration: the client gets a fresh challenge. A client that drops opaque is not sent away for
 * it: the nonce carries everything that we need to know. */
static bool fits_challenge(const struct digest_settings *digest, const struct answer *a,
                           struct authn_result *result) {
    if (!str_equal(value_of(a, FIELD_REALM), digest->realm))
        return challenge(result, AUTHN_REASON_REALM_MISMATCH);
    if (a->fields[FIELD_OPAQUE] != NULL && !str_equal(value_of(a, FIELD_OPAQUE), digest->opaque))
        return challenge(result, AUTHN_REASON_OPAQUE_MISMATCH);
    if (!is_offered(digest, a->algorithm))
        return challenge(result, AUTHN_REASON_ALGORITHM_NOT_OFFERED);
    return true;
}

/* ---- Proof ---- */

/* Is the response right? A user whom we do not know, or not with this algorithm, costs the same
 * sums over an HA1 of zeros, and is refused whatever they give (V26). */
static bool response_is_right(const struct authn_ctx *ctx, const struct request_view *req,
                              const struct answer *a, const struct user *user) {
    static const uint8_t nobody[HASH_MAX_LEN] = {0};
    bool known = user != NULL && user->has[a->algorithm];
    const struct digest_input input = {.algorithm = a->algorithm,
                                       .method = req->method_name,
                                       .uri = value_of(a, FIELD_URI),
                                       .nonce = value_of(a, FIELD_NONCE),
                                       .nc = value_of(a, FIELD_NC),
                                       .cnonce = value_of(a, FIELD_CNONCE),
                                       .qop_auth = true};
    uint8_t expected[HASH_MAX_LEN];
    bool done =
        digest_response(ctx->hasher, &input, known ? user->ha1[a->algorithm] : nobody, expected);
    bool equal = done && bytes_equal_ct(expected, a->response, hash_len(a->algorithm));
    bytes_wipe(expected, sizeof(expected));
    return equal && known;
}

/* Where no backslash was undone, values are slices of the header and outlive authn_check. */
static struct authn_proof proof_of(const struct answer *a, uint64_t now_ms) {
    static const enum field fields[] = {FIELD_URI, FIELD_NONCE, FIELD_NC, FIELD_CNONCE};
    for (size_t i = 0; i < ARRAY_LEN(fields); i++) {
        const struct authparam *param = a->fields[fields[i]];
        if (param->value.ptr != param->raw.ptr) return (struct authn_proof){.uri = STR_NONE};
    }
    return (struct authn_proof){.uri = value_of(a, FIELD_URI),
                                .nonce = value_of(a, FIELD_NONCE),
                                .nc = value_of(a, FIELD_NC),
                                .cnonce = value_of(a, FIELD_CNONCE),
                                .at_ms = now_ms};
}

/* The response was right; may this nonce and nc be used (again)? */
static void judge_nonce(const struct authn_ctx *ctx, const struct answer *a,
                        enum nonce_verdict nonce, struct authn_result *result) {
    if (nonce == NONCE_EXPIRED) {
        set(result, AUTHN_STALE, AUTHN_REASON_NONCE_EXPIRED);
        return;
    }
    if (nonce != NONCE_FRESH) {
        set(result, AUTHN_STALE, AUTHN_REASON_NONCE_OTHER_INSTANCE);
        return;
    }
    switch (nonce_use(ctx->nonces, value_of(a, FIELD_NONCE),
                      nonce_user_key(ctx->nonces, result->user->name), a->nc, ctx->now_ms,
                      ctx->digest->nonce_lifetime_ms)) {
    case NONCE_USE_OK:
        set(result, AUTHN_OK, AUTHN_REASON_OK);
        result->proof = proof_of(a, ctx->now_ms);
        break;
    case NONCE_USE_REPLAYED:
        set(result, AUTHN_STALE, AUTHN_REASON_NC_REPLAYED);
        break;
    case NONCE_USE_EVICTED:
        set(result, AUTHN_STALE, AUTHN_REASON_NONCE_EVICTED);
        break;
    }
}

enum authn_reason authn_account(const struct user *user, uint64_t now_ms) {
    const struct user_limits *limits = &user->limits;
    if (limits->disabled) return AUTHN_REASON_USER_DISABLED;
    if (limits->ends_ms > 0 && now_ms >= limits->ends_ms) return AUTHN_REASON_USER_EXPIRED;
    return AUTHN_REASON_OK;
}

static enum authn_reason why_wrong(const struct answer *a, const struct user *user) {
    if (user == NULL) return AUTHN_REASON_UNKNOWN_USER;
    if (a->algorithm == HASH_MD5 && user->limits.md5_is_off)
        return AUTHN_REASON_ALGORITHM_SWITCHED_OFF;
    return user->has[a->algorithm] ? AUTHN_REASON_WRONG_RESPONSE : AUTHN_REASON_UNKNOWN_USER;
}

static void prove(const struct authn_ctx *ctx, const struct request_view *req,
                  const struct answer *a, const struct user *user, struct authn_result *result) {
    enum nonce_verdict nonce = nonce_check(ctx->nonces, ctx->hasher, value_of(a, FIELD_NONCE),
                                           ctx->now_ms, ctx->digest->nonce_lifetime_ms);
    if (nonce == NONCE_FORGED) {
        set(result, AUTHN_CHALLENGE, AUTHN_REASON_NONCE_UNKNOWN);
        return;
    }
    bool right = response_is_right(ctx, req, a, user);
    if (user == NULL || !right) {
        set(result, AUTHN_CHALLENGE, why_wrong(a, user));
        result->counts_as_failure = true;
        return;
    }
    /* Before the nonce is judged: `stale` would tell that the password was right, and so would a
     * lockout that never comes. */
    enum authn_reason account = authn_account(user, ctx->now_ms);
    if (account != AUTHN_REASON_OK) {
        set(result, AUTHN_CHALLENGE, account);
        result->counts_as_failure = true;
        return;
    }
    result->user = user;
    judge_nonce(ctx, a, nonce, result);
}

/* What the lockout counts this claim under: the hash of the name, whoever it is and however it is
 * spelt. Were known names counted another way than unknown ones, wrong answers in two spellings
 * would tell which exist (V25). */
static bool hash_claim(const struct authn_ctx *ctx, struct claim *claim) {
    if (claim->hash_len > 0) return true;
    claim->hash_len = hash_len(HASH_SHA256);
    return users_name_hash(ctx->hasher, HASH_SHA256, claim->name, ctx->digest->realm, claim->hash);
}

void authn_check(const struct authn_ctx *ctx, const struct request_view *req,
                 struct authn_result *result) {
    char unescaped[AUTHN_HEADER_MAX];
    struct outbuf memory;
    struct authparams params;
    struct answer a;
    *result = (struct authn_result){
        .verdict = AUTHN_CHALLENGE, .reason = AUTHN_REASON_NO_CREDENTIALS, .algorithm = HASH_MD5};
    outbuf_init(&memory, unescaped, sizeof(unescaped));
    if (!read_header(req, &memory, &params, result)) return;
    sort_fields(&params, &a);

    struct claim claim = {.user = NULL};
    bool named = read_claim(ctx->users, &a, &memory, &claim, result);
    if (!read_fields(&a, named, result)) return;
    if (!uri_is_target(req, value_of(&a, FIELD_URI))) {
        (void)refuse(result, AUTHN_REASON_URI_MISMATCH);
        return;
    }
    if (!fits_challenge(ctx->digest, &a, result)) return;
    if (!hash_claim(ctx, &claim)) return; /* without its count nobody is let in: a challenge */
    const struct lockout_who who =
        authn_guard_who(ctx, (struct str){(const char *)claim.hash, claim.hash_len});
    if (!authn_guard_admits(ctx, &who, result)) return;
    prove(ctx, req, &a, claim.user, result);
    authn_guard_settle(ctx, &who, value_of(&a, FIELD_NONCE), result);
}

const char *authn_reason_str(enum authn_reason reason) {
    static const char *const texts[] = {
#define X(name, text) [AUTHN_REASON_##name] = (text),
        AUTHN_REASONS(X)
#undef X
    };
    return (size_t)reason < ARRAY_LEN(texts) ? texts[reason] : "unknown";
}
