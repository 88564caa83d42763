#include "policy/base/hash.h"

#include <openssl/evp.h>
#include <string.h>

#include "policy/base/bytes.h"

struct hasher {
    EVP_MD *md[HASH_ALGS];
    EVP_MD_CTX *ctx;
};

struct hash_info {
    const char *openssl_name;
    struct str token;
    size_t len;
};

static const struct hash_info infos[HASH_ALGS] = {
    [HASH_MD5] = {"MD5", {"MD5", 3}, 16},
    [HASH_SHA256] = {"SHA256", {"SHA-256", 7}, 32},
    /* Not SHA-512 cut in half: its own initial values (RFC 7616 erratum 4897). */
    [HASH_SHA512_256] = {"SHA512-256", {"SHA-512-256", 11}, 32},
};

struct hasher *hasher_new(void) {
    struct hasher *h = calloc(1, sizeof(*h));
    ENSURE(h != NULL);
    for (size_t i = 0; i < HASH_ALGS; i++)
        h->md[i] = EVP_MD_fetch(NULL, infos[i].openssl_name, NULL);
    h->ctx = EVP_MD_CTX_new();
    ENSURE(h->ctx != NULL);
    return h;
}

void hasher_free(struct hasher *h) {
    if (h == NULL) return;
    for (size_t i = 0; i < HASH_ALGS; i++) EVP_MD_free(h->md[i]);
    EVP_MD_CTX_free(h->ctx);
    free(h);
}

bool hasher_has(const struct hasher *h, enum hash_alg alg) {
    return h->md[alg] != NULL;
}

size_t hash_len(enum hash_alg alg) {
    return infos[alg].len;
}

struct str hash_name(enum hash_alg alg) {
    return infos[alg].token;
}

/* What goes into a Digest response is shorter; one call into libcrypto is cheaper than ten. */
#define GATHER_MAX 512

/* Put the parts into one buffer; 0 where they do not fit, and then nothing is left in it. */
static size_t gather(const struct str *parts, size_t count, uint8_t buffer[GATHER_MAX]) {
    size_t len = 0;
    for (size_t i = 0; i < count; i++) {
        if (parts[i].len > GATHER_MAX - len) {
            bytes_wipe(buffer, len);
            return 0;
        }
        if (parts[i].len == 1) /* every other one is a colon */
            buffer[len] = (uint8_t)parts[i].ptr[0];
        else if (parts[i].len > 1)
            memcpy(buffer + len, parts[i].ptr, parts[i].len);
        len += parts[i].len;
    }
    return len;
}

static bool update_parts(EVP_MD_CTX *ctx, const struct str *parts, size_t count) {
    for (size_t i = 0; i < count; i++) {
        if (parts[i].len > 0 && EVP_DigestUpdate(ctx, parts[i].ptr, parts[i].len) != 1)
            return false;
    }
    return true;
}

bool hash_parts(struct hasher *h, enum hash_alg alg, const struct str *parts, size_t count,
                uint8_t out[HASH_MAX_LEN]) {
    uint8_t buffer[GATHER_MAX];
    if (h->md[alg] == NULL) return false;
    if (EVP_DigestInit_ex2(h->ctx, h->md[alg], NULL) != 1) return false;
    size_t gathered = gather(parts, count, buffer);
    bool done = gathered > 0 ? EVP_DigestUpdate(h->ctx, buffer, gathered) == 1
                             : update_parts(h->ctx, parts, count);
    bytes_wipe(buffer, gathered);
    unsigned len = 0;
    return done && EVP_DigestFinal_ex(h->ctx, out, &len) == 1 && len == infos[alg].len;
}

bool hash_parts_hex(struct hasher *h, enum hash_alg alg, const struct str *parts, size_t count,
                    char out[HASH_MAX_HEX]) {
    uint8_t raw[HASH_MAX_LEN];
    if (!hash_parts(h, alg, parts, count, raw)) return false;
    str_put_hex(raw, infos[alg].len, out);
    bytes_wipe(raw, sizeof(raw));
    return true;
}

bool hash_hmac_sha256(struct hasher *h, const uint8_t key[32], struct str message,
                      uint8_t out[32]) {
    uint8_t inner_pad[64];
    uint8_t outer_pad[64];
    memset(inner_pad, 0x36, sizeof(inner_pad));
    memset(outer_pad, 0x5c, sizeof(outer_pad));
    for (size_t i = 0; i < 32; i++) {
        inner_pad[i] ^= key[i];
        outer_pad[i] ^= key[i];
    }
    uint8_t inner[HASH_MAX_LEN];
    struct str first[2] = {{(const char *)inner_pad, 64}, message};
    struct str second[2] = {{(const char *)outer_pad, 64}, {(const char *)inner, 32}};
    bool done =
        hash_parts(h, HASH_SHA256, first, 2, inner) && hash_parts(h, HASH_SHA256, second, 2, out);
    bytes_wipe(inner_pad, sizeof(inner_pad));
    bytes_wipe(outer_pad, sizeof(outer_pad));
    return done;
}
