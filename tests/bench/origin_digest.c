#include "tests/bench/origin_digest.h"

#include <openssl/rand.h>
#include <stdio.h>
#include <string.h>

struct credentials {
    struct slice username, realm, nonce, uri, response, qop, nc, cnonce, algorithm;
};

static void credentials_parse(struct slice header, struct credentials *found) {
    *found = (struct credentials){0};
    if (header.len < 7 || !slice_is_nocase((struct slice){header.ptr, 7}, "Digest ")) return;
    const struct {
        const char *name;
        struct slice *value;
    } wanted[] = {{"username", &found->username},
                  {"realm", &found->realm},
                  {"nonce", &found->nonce},
                  {"uri", &found->uri},
                  {"response", &found->response},
                  {"qop", &found->qop},
                  {"nc", &found->nc},
                  {"cnonce", &found->cnonce},
                  {"algorithm", &found->algorithm}};
    struct slice rest = {header.ptr + 7, header.len - 7};
    struct slice name, value;
    while (digest_next(&rest, &name, &value))
        for (size_t i = 0; i < sizeof wanted / sizeof wanted[0]; i++)
            if (slice_is_nocase(name, wanted[i].name)) {
                *wanted[i].value = value;
                break;
            }
}

static struct digest_nonce *nonce_issue(struct digest_server *server) {
    uint32_t number = server->next_nonce++;
    struct digest_nonce *nonce = &server->nonces[number % DIGEST_NONCES];
    unsigned char random[(DIGEST_NONCE_LEN - 8) / 2];
    if (RAND_bytes(random, sizeof random) != 1) util_die("no random bytes");
    *nonce = (struct digest_nonce){.highest = 0};
    util_hex32(number, nonce->text);
    for (size_t i = 0; i < sizeof random; i += 4) {
        uint32_t word = 0;
        memcpy(&word, random + i, sizeof word);
        util_hex32(word, nonce->text + 8 + 2 * i);
    }
    return nonce;
}

/* Any 8 hex digits; false on anything else. */
static bool parse_hex32(struct slice text, uint32_t *value) {
    if (text.len != 8) return false;
    *value = 0;
    for (size_t i = 0; i < 8; i++) {
        const char *digits = "0123456789abcdef";
        const char *at = memchr(digits, text.ptr[i], 16);
        if (at == NULL) return false;
        *value = *value << 4 | (uint32_t)(at - digits);
    }
    return true;
}

static struct digest_nonce *nonce_find(struct digest_server *server, struct slice text) {
    uint32_t number = 0;
    if (text.len != DIGEST_NONCE_LEN || !parse_hex32((struct slice){text.ptr, 8}, &number))
        return NULL;
    struct digest_nonce *nonce = &server->nonces[number % DIGEST_NONCES];
    return memcmp(nonce->text, text.ptr, DIGEST_NONCE_LEN) == 0 ? nonce : NULL;
}

/* Mark nc as used; false when it was used before or lies behind the window. */
static bool nonce_take(struct digest_nonce *nonce, uint32_t nc) {
    if (nc == 0 || (uint64_t)nc + DIGEST_WINDOW <= nonce->highest) return false;
    uint32_t ahead = nc > nonce->highest ? nc - nonce->highest : 0;
    if (ahead >= DIGEST_WINDOW) memset(nonce->seen, 0, sizeof nonce->seen);
    for (uint32_t i = 0; ahead < DIGEST_WINDOW && i < ahead; i++)
        nonce->seen[(nc - i) % DIGEST_WINDOW / 64] &= ~(UINT64_C(1) << ((nc - i) % 64));
    nonce->highest += ahead;
    uint64_t bit = UINT64_C(1) << (nc % 64);
    uint64_t *word = &nonce->seen[nc % DIGEST_WINDOW / 64];
    if ((*word & bit) != 0) return false;
    *word |= bit;
    return true;
}

/* "METHOD:target" hashed; the last one is remembered, since a bench asks for the same again and
 * again. */
static const char *digest_ha2(struct digest_server *server, const struct digest_request *request) {
    char text[sizeof server->ha2_of];
    int len = snprintf(text, sizeof text, "%.*s:%.*s", (int)request->method.len,
                       request->method.ptr, (int)request->target.len, request->target.ptr);
    if (len < 0 || (size_t)len >= sizeof text) return "";
    if (strcmp(text, server->ha2_of) != 0) {
        hasher_hex(&server->hasher, (struct slice){text, (size_t)len}, server->ha2);
        memcpy(server->ha2_of, text, (size_t)len + 1);
    }
    return server->ha2;
}

static bool response_is_right(struct digest_server *server, const struct digest_request *request,
                              const struct credentials *found) {
    if (!slice_is(found->username, server->user) || !slice_is(found->realm, server->realm) ||
        !slice_is(found->qop, "auth") || found->cnonce.len == 0 || found->cnonce.len > 128 ||
        !slice_is_nocase(found->algorithm, server->algorithm) ||
        found->uri.len != request->target.len ||
        memcmp(found->uri.ptr, request->target.ptr, found->uri.len) != 0)
        return false;
    char text[512];
    int len = snprintf(text, sizeof text, "%s:%.*s:%.*s:%.*s:auth:%s", server->ha1,
                       (int)found->nonce.len, found->nonce.ptr, (int)found->nc.len, found->nc.ptr,
                       (int)found->cnonce.len, found->cnonce.ptr, digest_ha2(server, request));
    if (len < 0 || (size_t)len >= sizeof text) return false;
    char expected[HEX_MAX];
    hasher_hex(&server->hasher, (struct slice){text, (size_t)len}, expected);
    return slice_is(found->response, expected);
}

enum digest_verdict digest_server_check(struct digest_server *server,
                                        const struct digest_request *request) {
    struct credentials found;
    credentials_parse(request->authorization, &found);
    uint32_t nc = 0;
    if (found.nonce.len == 0 || !parse_hex32(found.nc, &nc)) return DIGEST_WRONG;
    struct digest_nonce *nonce = nonce_find(server, found.nonce);
    if (nonce == NULL) return DIGEST_STALE;
    if (!response_is_right(server, request, &found)) return DIGEST_WRONG;
    return nonce_take(nonce, nc) ? DIGEST_RIGHT : DIGEST_STALE;
}

void digest_server_init(struct digest_server *server, const char *user, const char *realm,
                        const char *password, const char *algorithm) {
    *server = (struct digest_server){.user = user, .realm = realm, .algorithm = algorithm};
    hasher_init(&server->hasher, strcmp(algorithm, "MD5") == 0 ? "MD5" : "SHA256");
    char text[512];
    int len = snprintf(text, sizeof text, "%s:%s:%s", user, realm, password);
    if (len < 0 || (size_t)len >= sizeof text) util_die("name or password too long");
    hasher_hex(&server->hasher, (struct slice){text, (size_t)len}, server->ha1);
}

void digest_server_challenge(struct digest_server *server, bool stale, char *out, size_t size) {
    const struct digest_nonce *nonce = nonce_issue(server);
    int len = snprintf(
        out, size,
        "WWW-Authenticate: Digest realm=\"%s\", nonce=\"%.*s\", qop=\"auth\", algorithm=%s%s\r\n",
        server->realm, DIGEST_NONCE_LEN, nonce->text, server->algorithm,
        stale ? ", stale=true" : "");
    if (len < 0 || (size_t)len >= size) util_die("challenge too long");
}
