#include "proxy/vault/vault_seal.h"

#include <string.h>

#include <openssl/evp.h>
#include <openssl/hmac.h>
#include <openssl/rand.h>
#include <openssl/sha.h>

#include "policy/base/bytes.h"
#include "policy/base/outbuf.h"

#define MAGIC     "phonegate-vault "
#define VERSION   "1"
#define SUM_LEN   8
#define CHECK_LEN 32
#define SCRYPT    "scrypt"

struct kdf {
    bool scrypt;
    uint64_t log2n, r, p;
    uint8_t salt[VAULT_SALT_LEN];
};

static bool hmac(const uint8_t key[VAULT_KEY_LEN], struct str label, struct str message,
                 uint8_t out[32]) {
    uint8_t text[VAULT_LINE_MAX + 64];
    ENSURE(label.len + message.len <= sizeof(text));
    memcpy(text, label.ptr, label.len);
    memcpy(text + label.len, message.ptr, message.len);
    unsigned len = 0;
    return HMAC(EVP_sha256(), key, VAULT_KEY_LEN, text, label.len + message.len, out, &len) !=
               NULL &&
           len == 32;
}

static const char *derive(const struct kdf *kdf, const struct vault_secret *secret,
                          uint8_t master[VAULT_KEY_LEN]) {
    if (kdf->scrypt != secret->passphrase)
        return kdf->scrypt ? "it was made with a passphrase, and a key is configured"
                           : "it was made with a key, and a passphrase is configured";
    if (!kdf->scrypt) {
        memcpy(master, secret->bytes.ptr, VAULT_KEY_LEN);
        return NULL;
    }
    /* 128 * N * r, and some more for the blocks of p. */
    uint64_t memory = (UINT64_C(128) << kdf->log2n) * kdf->r + (UINT64_C(1) << 20);
    if (EVP_PBE_scrypt(secret->bytes.ptr, secret->bytes.len, kdf->salt, VAULT_SALT_LEN,
                       UINT64_C(1) << kdf->log2n, kdf->r, kdf->p, memory, master,
                       VAULT_KEY_LEN) == 1)
        return NULL;
    return "scrypt failed: is there memory enough?";
}

static void write_kdf(const struct kdf *kdf, struct outbuf *out) {
    if (!kdf->scrypt) {
        outbuf_put(out, STR("key"));
        return;
    }
    outbuf_put(out, STR(SCRYPT ":"));
    outbuf_u64(out, kdf->log2n);
    outbuf_char(out, ':');
    outbuf_u64(out, kdf->r);
    outbuf_char(out, ':');
    outbuf_u64(out, kdf->p);
    outbuf_char(out, ':');
    outbuf_hex(out, kdf->salt, VAULT_SALT_LEN);
}

/* The whole header, and the key that seals: written for a new vault, compared for an old one, so
 * that there is one spelling of each. */
static const char *build(struct str id, const struct kdf *kdf, const struct vault_secret *secret,
                         struct vault_cipher *cipher) {
    uint8_t master[VAULT_KEY_LEN], check[CHECK_LEN], sum[SHA256_DIGEST_LENGTH];
    const char *problem = derive(kdf, secret, master);
    if (problem != NULL) return problem;
    struct outbuf out;
    outbuf_init(&out, cipher->header, sizeof(cipher->header));
    outbuf_put(&out, STR(MAGIC VERSION " "));
    outbuf_put(&out, id);
    outbuf_char(&out, ' ');
    write_kdf(kdf, &out);
    outbuf_char(&out, ' ');
    bool good = hmac(master, STR("phonegate vault header\n"), outbuf_str(&out), check) &&
                hmac(master, STR("phonegate vault records\n"), id, cipher->key);
    bytes_wipe(master, sizeof(master));
    outbuf_hex(&out, check, sizeof(check));
    outbuf_char(&out, ' ');
    ENSURE(SHA256((const uint8_t *)out.ptr, out.len, sum) != NULL);
    outbuf_hex(&out, sum, SUM_LEN);
    ENSURE(!out.full);
    cipher->header_len = out.len;
    return good ? NULL : "HMAC-SHA-256 failed";
}

static bool bounded(struct str text, uint64_t least, uint64_t most, uint64_t *value) {
    return str_to_u64(text, most, value) && *value >= least;
}

static const char *read_kdf(struct str text, struct kdf *kdf) {
    static const char *const unknown = "its header names an unknown way to make the key";
    struct str word;
    *kdf = (struct kdf){.scrypt = false};
    if (str_equal(text, STR("key"))) return NULL;
    kdf->scrypt = true;
    if (!str_split(&text, ':', &word) || !str_equal(word, STR(SCRYPT))) return unknown;
    bool good = str_split(&text, ':', &word) &&
                bounded(word, VAULT_SCRYPT_LOG2N_MIN, VAULT_SCRYPT_LOG2N_MAX, &kdf->log2n);
    good = good && str_split(&text, ':', &word) && bounded(word, 1, VAULT_SCRYPT_R_MAX, &kdf->r);
    good = good && str_split(&text, ':', &word) && bounded(word, 1, VAULT_SCRYPT_P_MAX, &kdf->p);
    if (!good) return "its header asks for more, or for less, of scrypt than is allowed";
    return bytes_from_hex(text, kdf->salt, VAULT_SALT_LEN) ? NULL : unknown;
}

/* What needs no key: the form, the version, the sum. */
static const char *read_form(struct str header, struct str *id, struct str *kdf) {
    struct str rest = header, word;
    if (!str_starts_with(header, STR(MAGIC))) return "this is no vault of phonegate";
    rest = str_part(rest, sizeof(MAGIC) - 1, rest.len);
    if (!str_split(&rest, ' ', &word) || !str_equal(word, STR(VERSION)))
        return "it has a version that this phonegate does not know, or its header is damaged";
    uint8_t sum[SHA256_DIGEST_LENGTH], said[SUM_LEN];
    size_t sum_at = header.len - 2 * (size_t)SUM_LEN; /* MAGIC alone is longer */
    ENSURE(SHA256((const uint8_t *)header.ptr, sum_at, sum) != NULL);
    if (!bytes_from_hex(str_part(header, sum_at, header.len), said, SUM_LEN) ||
        memcmp(sum, said, SUM_LEN) != 0)
        return "its header is damaged: put a copy in its place";
    if (!str_split(&rest, ' ', id) || !str_split(&rest, ' ', kdf)) return "its header is damaged";
    return NULL;
}

const char *vault_cipher_open(struct str header, const struct vault_secret *secret,
                              struct vault_cipher *cipher) {
    struct str id, text;
    struct kdf kdf;
    uint8_t octets[VAULT_ID_LEN];
    const char *problem = header.len >= VAULT_LINE_MAX ? "this is no vault of phonegate"
                                                       : read_form(header, &id, &text);
    if (problem == NULL && !bytes_from_hex(id, octets, VAULT_ID_LEN))
        problem = "its header is damaged";
    if (problem == NULL) problem = read_kdf(text, &kdf);
    if (problem == NULL) problem = build(id, &kdf, secret, cipher);
    if (problem != NULL) return problem;
    if (header.len == cipher->header_len && bytes_equal_ct(header.ptr, cipher->header, header.len))
        return NULL;
    bytes_wipe(cipher, sizeof(*cipher));
    return "the key is not the one that it was made with";
}

const char *vault_cipher_make(const struct vault_secret *secret, struct vault_cipher *cipher) {
    struct kdf kdf = {.scrypt = secret->passphrase,
                      .log2n = VAULT_SCRYPT_LOG2N,
                      .r = VAULT_SCRYPT_R,
                      .p = VAULT_SCRYPT_P};
    uint8_t octets[VAULT_ID_LEN];
    char id[2 * VAULT_ID_LEN];
    if (RAND_bytes(octets, sizeof(octets)) != 1 || RAND_bytes(kdf.salt, VAULT_SALT_LEN) != 1)
        return "the system gives no random octets";
    struct outbuf out;
    outbuf_init(&out, id, sizeof(id));
    outbuf_hex(&out, octets, sizeof(octets));
    return build(outbuf_str(&out), &kdf, secret, cipher);
}

#define OVERHEAD ((size_t)VAULT_NONCE_LEN + VAULT_TAG_LEN)

size_t vault_sealed_len(size_t len) {
    return BYTES_B64_LEN(len + OVERHEAD);
}

bool vault_opened_len(size_t sealed_len, size_t *len) {
    size_t octets = sealed_len * 3 / 4;
    if (octets < OVERHEAD || BYTES_B64_LEN(octets) != sealed_len) return false;
    *len = octets - OVERHEAD;
    return true;
}

bool vault_seal(const struct vault_cipher *cipher, struct str name, struct str text, char *sealed,
                uint8_t tag[VAULT_TAG_LEN]) {
    uint8_t *octets = malloc(text.len + OVERHEAD);
    EVP_CIPHER_CTX *ctx = EVP_CIPHER_CTX_new();
    ENSURE(octets != NULL && ctx != NULL && text.len < (1u << 30) && name.len < (1u << 16));
    uint8_t *body = octets + VAULT_NONCE_LEN;
    int len = 0, more = 0;
    bool good = RAND_bytes(octets, VAULT_NONCE_LEN) == 1 &&
                EVP_EncryptInit_ex(ctx, EVP_aes_256_gcm(), NULL, cipher->key, octets) == 1 &&
                EVP_EncryptUpdate(ctx, NULL, &len, (const uint8_t *)name.ptr, (int)name.len) == 1 &&
                EVP_EncryptUpdate(ctx, body, &len, (const uint8_t *)text.ptr, (int)text.len) == 1 &&
                EVP_EncryptFinal_ex(ctx, body + len, &more) == 1 &&
                (size_t)len + (size_t)more == text.len &&
                EVP_CIPHER_CTX_ctrl(ctx, EVP_CTRL_GCM_GET_TAG, VAULT_TAG_LEN, tag) == 1;
    EVP_CIPHER_CTX_free(ctx);
    if (good) {
        memcpy(body + text.len, tag, VAULT_TAG_LEN);
        bytes_to_b64(octets, text.len + OVERHEAD, sealed);
    }
    free(octets);
    return good;
}

bool vault_unseal(const struct vault_cipher *cipher, struct str name, struct str sealed, char *text,
                  uint8_t tag[VAULT_TAG_LEN]) {
    size_t text_len;
    if (!vault_opened_len(sealed.len, &text_len) || text_len >= (1u << 30)) return false;
    uint8_t *octets = malloc(text_len + OVERHEAD);
    EVP_CIPHER_CTX *ctx = EVP_CIPHER_CTX_new();
    ENSURE(octets != NULL && ctx != NULL);
    int len = 0, more = 0;
    bool good = bytes_from_b64(sealed, octets, text_len + OVERHEAD);
    if (good) memcpy(tag, octets + VAULT_NONCE_LEN + text_len, VAULT_TAG_LEN);
    good = good && EVP_DecryptInit_ex(ctx, EVP_aes_256_gcm(), NULL, cipher->key, octets) == 1 &&
           EVP_DecryptUpdate(ctx, NULL, &len, (const uint8_t *)name.ptr, (int)name.len) == 1 &&
           EVP_DecryptUpdate(ctx, (uint8_t *)text, &len, octets + VAULT_NONCE_LEN, (int)text_len) ==
               1 &&
           EVP_CIPHER_CTX_ctrl(ctx, EVP_CTRL_GCM_SET_TAG, VAULT_TAG_LEN, tag) == 1 &&
           EVP_DecryptFinal_ex(ctx, (uint8_t *)text + len, &more) == 1;
    EVP_CIPHER_CTX_free(ctx);
    free(octets);
    if (!good) bytes_wipe(text, text_len);
    return good;
}
