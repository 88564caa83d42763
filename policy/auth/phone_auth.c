#include "policy/auth/phone_auth.h"

#include <string.h>

#include "policy/auth/authparam.h"
#include "policy/auth/digest.h"
#include "policy/auth/users.h"
#include "policy/base/bytes.h"

/* Values with backslashes in one field; more than a challenge may be long is refused anyway. */
#define UNESCAPED_MAX 1024
#define CNONCE_RANDOM 16

/* ---- What a challenge keeps ---- */

struct str phone_challenge_realm(const struct phone_challenge *c) {
    return (struct str){c->text, c->realm_len};
}

static struct str challenge_nonce(const struct phone_challenge *c) {
    return (struct str){c->text + c->realm_len, c->nonce_len};
}

static struct str challenge_opaque(const struct phone_challenge *c) {
    return (struct str){c->text + c->realm_len + c->nonce_len, c->opaque_len};
}

static bool keep_texts(struct phone_challenge *c, struct str realm, struct str nonce,
                       struct str opaque) {
    struct outbuf text;
    outbuf_init(&text, c->text, sizeof(c->text));
    outbuf_put(&text, realm);
    outbuf_put(&text, nonce);
    outbuf_put(&text, opaque);
    c->realm_len = (uint16_t)realm.len;
    c->nonce_len = (uint16_t)nonce.len;
    c->opaque_len = (uint16_t)opaque.len;
    return !text.full;
}

/* ---- Choosing ---- */

static struct str param_value(const struct authparams *params, struct str name) {
    const struct authparam *param = authparam_find(params, name);
    return param == NULL ? STR_NONE : param->value;
}

/* Absent means MD5; the -sess variants and what we do not know are unsupported. */
static bool find_algorithm(const struct authparams *params, const struct hasher *h,
                           struct phone_challenge *c) {
    const struct authparam *param = authparam_find(params, STR("algorithm"));
    c->algorithm = HASH_MD5;
    c->algorithm_named = param != NULL;
    if (param == NULL) return hasher_has(h, HASH_MD5);
    for (size_t i = 0; i < HASH_ALGS; i++) {
        c->algorithm = (enum hash_alg)i;
        if (str_equal_icase(param->value, hash_name(c->algorithm)))
            return hasher_has(h, c->algorithm);
    }
    return false;
}

/* Without qop, or with an empty one, the phone speaks RFC 2069; with others than auth only, we
 * cannot answer (C04). */
static bool find_qop(const struct authparams *params, struct phone_challenge *c) {
    struct str qop = param_value(params, STR("qop"));
    c->qop_auth = str_list_has(qop, STR("auth"));
    return c->qop_auth || str_trim(qop).len == 0;
}

static enum phone_auth_verdict read_digest(const struct authparams *params, const struct hasher *h,
                                           struct phone_challenge *c) {
    *c = (struct phone_challenge){.scheme = PHONE_LOGIN_DIGEST};
    const struct authparam *realm = authparam_find(params, STR("realm"));
    const struct authparam *opaque = authparam_find(params, STR("opaque"));
    struct str nonce = param_value(params, STR("nonce"));
    if (realm == NULL || nonce.len == 0) return PHONE_AUTH_MALFORMED;
    if (!find_algorithm(params, h, c) || !find_qop(params, c)) return PHONE_AUTH_UNSUPPORTED;
    c->stale = str_equal_icase(param_value(params, STR("stale")), STR("true"));
    c->has_opaque = opaque != NULL;
    if (!keep_texts(c, realm->value, nonce, opaque != NULL ? opaque->value : STR_NONE))
        return PHONE_AUTH_MALFORMED;
    return PHONE_AUTH_OK;
}

static enum phone_auth_verdict read_basic(const struct authparams *params, enum phone_login wanted,
                                          struct phone_challenge *c) {
    if (wanted != PHONE_LOGIN_BASIC) return PHONE_AUTH_WEAKER;
    *c = (struct phone_challenge){.scheme = PHONE_LOGIN_BASIC};
    struct str realm = param_value(params, STR("realm"));
    return keep_texts(c, realm, STR_NONE, STR_NONE) ? PHONE_AUTH_OK : PHONE_AUTH_MALFORMED;
}

/* Higher is stronger; 0 is no challenge at all. */
static int strength(const struct phone_challenge *c) {
    if (c->scheme != PHONE_LOGIN_DIGEST) return 1;
    int hash = c->algorithm == HASH_SHA256 ? 4 : c->algorithm == HASH_SHA512_256 ? 3 : 2;
    return 2 * hash + (c->qop_auth ? 1 : 0);
}

/* Of several reasons to refuse, the one an operator must hear first. */
static int weight(enum phone_auth_verdict verdict) {
    switch (verdict) {
    case PHONE_AUTH_OK:
        return 4;
    case PHONE_AUTH_WEAKER:
        return 3;
    case PHONE_AUTH_UNSUPPORTED:
        return 2;
    case PHONE_AUTH_MALFORMED:
        return 1;
    case PHONE_AUTH_NONE:
        return 0;
    }
    return 0;
}

struct chooser {
    const struct hasher *hasher;
    enum phone_login wanted;
    enum phone_auth_verdict verdict;
    struct phone_challenge *best;
};

static void consider(struct chooser *chooser, const struct authparams *params) {
    struct phone_challenge c;
    enum phone_auth_verdict verdict = PHONE_AUTH_UNSUPPORTED;
    if (str_equal_icase(params->scheme, STR("Digest")))
        verdict = read_digest(params, chooser->hasher, &c);
    else if (str_equal_icase(params->scheme, STR("Basic")))
        verdict = read_basic(params, chooser->wanted, &c);
    if (verdict == PHONE_AUTH_OK) {
        if (chooser->verdict != PHONE_AUTH_OK || strength(&c) > strength(chooser->best))
            *chooser->best = c;
    }
    if (weight(verdict) > weight(chooser->verdict)) chooser->verdict = verdict;
}

static void consider_field(struct chooser *chooser, struct str field) {
    char unescaped[UNESCAPED_MAX];
    struct outbuf memory;
    struct authparams params;
    outbuf_init(&memory, unescaped, sizeof(unescaped));
    for (;;) {
        switch (authparam_next(&field, AUTHPARAM_TOLERANT, &memory, &params)) {
        case AUTHPARAM_END:
            return;
        case AUTHPARAM_OK:
            consider(chooser, &params);
            break;
        case AUTHPARAM_MALFORMED:
        case AUTHPARAM_REPEATED:
            if (chooser->verdict == PHONE_AUTH_NONE) chooser->verdict = PHONE_AUTH_MALFORMED;
            return;
        }
    }
}

enum phone_auth_verdict phone_auth_choose(const struct header *headers, size_t count,
                                          enum phone_login wanted, const struct hasher *h,
                                          struct phone_challenge *challenge) {
    *challenge = (struct phone_challenge){.scheme = PHONE_LOGIN_NONE};
    if (wanted != PHONE_LOGIN_DIGEST && wanted != PHONE_LOGIN_BASIC) return PHONE_AUTH_UNSUPPORTED;
    struct chooser chooser = {
        .hasher = h, .wanted = wanted, .verdict = PHONE_AUTH_NONE, .best = challenge};
    for (size_t i = 0; i < count; i++) {
        if (str_equal_icase(headers[i].name, STR("WWW-Authenticate")))
            consider_field(&chooser, headers[i].value);
    }
    return chooser.verdict;
}

/* ---- Answering ---- */

/* RFC 7616 3.4 and RFC 7617 2: control characters, and a colon in the name, cannot be sent. */
static bool can_be_sent(struct str text) {
    for (size_t i = 0; i < text.len; i++) {
        unsigned char c = (unsigned char)text.ptr[i];
        if (c < 0x20 || c == 0x7f) return false;
    }
    return true;
}

/* Base64 with padding (RFC 4648 section 4), as Basic has it; fed octet by octet. */
struct base64 {
    struct outbuf *out;
    uint32_t bits;
    unsigned have; /* bits that are not written yet: 0, 2 or 4 between octets */
};

static void base64_digit(struct base64 *b, uint32_t value) {
    static const char digits[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    outbuf_char(b->out, digits[value & 63]);
}

static void base64_put(struct base64 *b, struct str text) {
    for (size_t i = 0; i < text.len; i++) {
        b->bits = (b->bits << 8 | (unsigned char)text.ptr[i]) & 0xffff;
        for (b->have += 8; b->have >= 6; b->have -= 6) base64_digit(b, b->bits >> (b->have - 6));
    }
}

static void base64_end(struct base64 *b) {
    if (b->have > 0) base64_digit(b, b->bits << (6 - b->have));
    if (b->have == 2) outbuf_put(b->out, STR("=="));
    if (b->have == 4) outbuf_char(b->out, '=');
}

static void put_basic(struct outbuf *out, struct str user, struct str password) {
    struct base64 b = {.out = out};
    outbuf_put(out, STR("Authorization: Basic "));
    base64_put(&b, user);
    base64_put(&b, STR(":"));
    base64_put(&b, password);
    base64_end(&b);
    outbuf_put(out, STR("\r\n"));
}

/* H(A1) of the account, computed once for a challenge. */
static bool know_ha1(struct phone_challenge *c, struct hasher *h, struct str user,
                     struct str password) {
    if (c->has_ha1) return true;
    c->has_ha1 = users_ha1(h, c->algorithm, user, phone_challenge_realm(c), password, c->ha1);
    return c->has_ha1;
}

static void write_nc(uint32_t nc, char text[8]) {
    for (unsigned i = 0; i < 8; i++) text[i] = "0123456789abcdef"[nc >> (28 - 4 * i) & 15];
}

static void put_digest(const struct phone_challenge *c, struct str user,
                       const struct digest_input *input, struct str response, struct outbuf *out) {
    outbuf_put(out, STR("Authorization: Digest "));
    authparam_put_quoted(out, STR("username"), user);
    authparam_put_quoted(out, STR(", realm"), phone_challenge_realm(c));
    authparam_put_quoted(out, STR(", nonce"), input->nonce);
    authparam_put_quoted(out, STR(", uri"), input->uri);
    if (c->algorithm_named) {
        outbuf_put(out, STR(", algorithm="));
        outbuf_put(out, hash_name(c->algorithm));
    }
    authparam_put_quoted(out, STR(", response"), response);
    if (c->has_opaque) authparam_put_quoted(out, STR(", opaque"), challenge_opaque(c));
    if (c->qop_auth) {
        outbuf_put(out, STR(", qop=auth, nc="));
        outbuf_put(out, input->nc);
        authparam_put_quoted(out, STR(", cnonce"), input->cnonce);
    }
    outbuf_put(out, STR("\r\n"));
}

// NOLINTNEXTLINE(readability-function-size): each of the eight is named at its one call
bool phone_auth_answer(struct phone_challenge *c, struct hasher *h, struct str user,
                       struct str password, struct str method, struct str uri,
                       const uint8_t random[16], struct outbuf *out) {
    if (!can_be_sent(user) || !can_be_sent(password) || str_find(user, ':', 0) != user.len)
        return false;
    if (c->scheme == PHONE_LOGIN_BASIC) {
        put_basic(out, user, password);
        return !out->full;
    }
    if (c->scheme != PHONE_LOGIN_DIGEST || c->nc == UINT32_MAX) return false;
    c->nc++;
    char nc[8];
    _Static_assert(sizeof(c->cnonce) == BYTES_B64_LEN(CNONCE_RANDOM), "room for one cnonce");
    bytes_to_b64(random, CNONCE_RANDOM, c->cnonce);
    write_nc(c->nc, nc);
    const struct digest_input input = {.algorithm = c->algorithm,
                                       .method = method,
                                       .uri = uri,
                                       .nonce = challenge_nonce(c),
                                       .nc = {nc, sizeof(nc)},
                                       .cnonce = {c->cnonce, sizeof(c->cnonce)},
                                       .qop_auth = c->qop_auth};
    uint8_t raw[HASH_MAX_LEN];
    char response[HASH_MAX_HEX];
    struct outbuf hex;
    if (!know_ha1(c, h, user, password) || !digest_response(h, &input, c->ha1, raw)) return false;
    outbuf_init(&hex, response, sizeof(response));
    outbuf_hex(&hex, raw, hash_len(c->algorithm));
    put_digest(c, user, &input, outbuf_str(&hex), out);
    return !out->full;
}

/* ---- After the answer ---- */

/* The sum of the last answer with an empty method (RFC 7616 3.5). */
static bool rspauth_is_right(struct phone_challenge *c, struct hasher *h, struct str uri,
                             struct str rspauth) {
    char nc[8];
    uint8_t expected[HASH_MAX_LEN];
    uint8_t given[HASH_MAX_LEN];
    size_t len = hash_len(c->algorithm);
    write_nc(c->nc, nc);
    const struct digest_input input = {.algorithm = c->algorithm,
                                       .method = STR(""),
                                       .uri = uri,
                                       .nonce = challenge_nonce(c),
                                       .nc = {nc, sizeof(nc)},
                                       .cnonce = {c->cnonce, sizeof(c->cnonce)},
                                       .qop_auth = true};
    return digest_response(h, &input, c->ha1, expected) && bytes_from_hex(rspauth, given, len) &&
           bytes_equal_ct(expected, given, len);
}

/* One that is the nonce in use goes on counting: no nc is sent twice with a nonce (C05). */
static void take_nextnonce(struct phone_challenge *c, struct str nextnonce) {
    struct phone_challenge next = *c;
    if (str_equal(nextnonce, challenge_nonce(c))) return;
    if (!keep_texts(&next, phone_challenge_realm(c), nextnonce, challenge_opaque(c))) return;
    next.nc = 0;
    next.stale = false;
    *c = next;
}

bool phone_auth_info(struct phone_challenge *c, struct hasher *h, struct str uri,
                     struct str value) {
    char unescaped[UNESCAPED_MAX];
    struct outbuf memory;
    struct authparams params;
    outbuf_init(&memory, unescaped, sizeof(unescaped));
    if (c->scheme != PHONE_LOGIN_DIGEST) return true;
    if (authparam_list(value, AUTHPARAM_TOLERANT, &memory, &params) != AUTHPARAM_OK) return false;
    const struct authparam *rspauth = authparam_find(&params, STR("rspauth"));
    bool checkable = rspauth != NULL && c->qop_auth && c->has_ha1;
    if (checkable && !rspauth_is_right(c, h, uri, rspauth->value)) return false;
    struct str nextnonce = param_value(&params, STR("nextnonce"));
    if (nextnonce.len > 0) take_nextnonce(c, nextnonce);
    return true;
}

void phone_challenge_wipe(struct phone_challenge *c) {
    bytes_wipe(c, sizeof(*c));
}

const char *phone_auth_verdict_str(enum phone_auth_verdict verdict) {
    switch (verdict) {
    case PHONE_AUTH_OK:
        return "ok";
    case PHONE_AUTH_NONE:
        return "phone_no_challenge";
    case PHONE_AUTH_WEAKER:
        return "phone_weaker_scheme";
    case PHONE_AUTH_UNSUPPORTED:
        return "phone_challenge_unsupported";
    case PHONE_AUTH_MALFORMED:
        return "phone_challenge_malformed";
    }
    return "unknown";
}
